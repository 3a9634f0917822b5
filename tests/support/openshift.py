"""OpenShift's restricted-v2, played by Kubernetes' own admission policies.

In namespaces with its label a pod that names no user gets one of the namespace's range, and the same number as group of its volumes; its
own group is then 0, as the container runtime has it for a user that no image knows. A pod that names another user is refused.
"""

from __future__ import annotations

from typing import Final

from support.stage import Json

FIRST: Final = 1_000_650_000
LAST: Final = FIRST + 9_999
LABEL: Final = "range-of-users=assigned"
_NAME: Final = "restricted-v2"
_MATCHED: Final[Json] = {
    "namespaceSelector": {"matchLabels": dict([LABEL.split("=")])},
    "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
}
_WITHIN: Final = f"({FIRST} <= id && id <= {LAST})"


def policies() -> list[Json]:
    """The policies with their bindings."""
    assigning = (
        "Object{spec: Object.spec{securityContext: Object.spec.securityContext{"
        f"runAsUser: {FIRST}, fsGroup: object.spec.securityContext.?fsGroup.orValue({FIRST})"
        "}}}"
    )
    ids = "[object.spec.securityContext.?runAsUser, object.spec.securityContext.?fsGroup]"
    containers = f"object.spec.containers.map(c, c.?securityContext.?runAsUser.orValue({FIRST}))"
    refused = f"must be in the ranges: [{FIRST}, {LAST}]"
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1beta1",
            "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": _NAME},
            "spec": {
                "matchConstraints": _MATCHED,
                "matchConditions": [
                    {"name": "names-no-user", "expression": "!has(object.spec.securityContext.runAsUser)"}
                ],
                "failurePolicy": "Fail",
                "reinvocationPolicy": "Never",
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": assigning}}],
            },
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1beta1",
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": _NAME},
            "spec": {"policyName": _NAME},
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": _NAME},
            "spec": {
                "matchConstraints": _MATCHED,
                "failurePolicy": "Fail",
                "validations": [
                    {"expression": f"{ids}.all(one, [one.orValue(0)].all(id, {_WITHIN}))", "message": refused},
                    {"expression": f"{containers}.all(id, {_WITHIN})", "message": refused},
                ],
            },
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": _NAME},
            "spec": {"policyName": _NAME, "validationActions": ["Deny"]},
        },
    ]
