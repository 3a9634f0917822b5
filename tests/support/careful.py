"""What a careful platform team puts into a namespace before anybody trains there."""

from __future__ import annotations

import re
from typing import Final

import yaml

from support.helm import CHECKOUT
from support.stage import Json, Lab

RESTRICTED: Final = "pod-security.kubernetes.io/enforce=restricted"
DENY: Final[Json] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "default-deny"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
}
"""No traffic, but what another policy opens."""
QUOTA: Final[Json] = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "team"},
    "spec": {
        "hard": {
            "count/jobs.batch": "20",
            "pods": "6",
            "requests.cpu": "1",
            "requests.memory": "4Gi",
            "limits.memory": "8Gi",
            "requests.nvidia.com/gpu": "4",
        }
    },
}
"""Of memory and processors it counts what pods ask for, and so refuses a pod that asks for nothing."""
LIMITS: Final[Json] = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "defaults"},
    "spec": {
        "limits": [
            {
                "type": "Container",
                "defaultRequest": {"cpu": "100m", "memory": "256Mi"},
                "default": {"memory": "2Gi"},
                "max": {"memory": "4Gi"},
            }
        ]
    },
}
"""What a container asks for that says nothing of it."""


def guard(lab: Lab, *policies: Json) -> None:
    """Pod Security `restricted` enforced, all traffic denied but what these policies open, a quota and limits."""
    lab.kubectl("label", "--overwrite", "namespace", lab.namespace, RESTRICTED)
    lab.apply(DENY, QUOTA, LIMITS, *policies)
    lab.until("the quota is in force", lambda: "hard" in lab.all("api/v1/{}/resourcequotas")[0].get("status", {}))


def told_policy() -> Json:
    """The NetworkPolicy that docs/install.md tells the owner of a namespace to create."""
    text = (CHECKOUT / "docs" / "install.md").read_text()
    (block,) = re.findall(r"^    apiVersion: networking.*\n(?:    .*\n)+", text, re.MULTILINE)
    policy: Json = yaml.safe_load(block)
    return policy
