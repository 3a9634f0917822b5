"""People with few rights: a service account that has one ClusterRole in one namespace, and its kubeconfig."""

from __future__ import annotations

from pathlib import Path

import yaml

from cluster import Cluster


def kubeconfig_of(cluster: Cluster, namespace: str, role: str, folder: Path) -> Path:
    """The kubeconfig of somebody new who has this ClusterRole in the namespace, and nothing else. folder: where it is written."""
    name, here = role.replace(".", "-"), ("--namespace", namespace)
    cluster.kubectl(*here, "create", "serviceaccount", name)
    bound = (f"--clusterrole={role}", f"--serviceaccount={namespace}:{name}")
    cluster.kubectl(*here, "create", "rolebinding", name, *bound)
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    (user,), (context,) = config["users"], config["contexts"]
    user["user"] = {"token": cluster.kubectl(*here, "create", "token", name).strip()}
    context["context"]["namespace"] = namespace
    path = folder / f"{name}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path
