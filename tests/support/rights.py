"""Rights of the operator: what its roles grant, and what the API server's audit log says that it used."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple


class Right(NamedTuple):
    """One verb on one resource."""

    resource: str
    """Group and plural with subresource, such as `batch/jobs` and `/pods`."""
    verb: str


def granted(roles: Iterable[Mapping[str, Any]]) -> set[Right]:
    """What the roles allow."""
    return {
        Right(f"{group}/{resource}", verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(audit_log: str, account: str) -> tuple[set[Right], set[Right]]:
    """(what the account asked for and was permitted, what was denied to it in a namespace where it was never permitted), by the lines
    of the audit log.

    account: such as `system:serviceaccount:regsweep-system:regsweep`. A request that is permitted and then fails was used too. An API
    server that has just started denies for a moment what it grants: it has not read its roles yet.
    """
    permitted: set[tuple[Right, str]] = set()
    denied: set[tuple[Right, str]] = set()
    for line in audit_log.splitlines():
        entry = json.loads(line)
        if entry["user"]["username"] != account:
            continue
        target = entry["objectRef"]
        resource = "/".join(filter(None, (target["resource"], target.get("subresource"))))
        right = Right(f"{target.get('apiGroup', '')}/{resource}", entry["verb"])
        allowed = entry.get("annotations", {}).get("authorization.k8s.io/decision") == "allow"
        (permitted if allowed else denied).add((right, target.get("namespace", "")))
    return {right for right, _ in permitted}, {right for right, _ in denied - permitted}


def of_the_operator(objects: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The roles of an installation that are bound to a service account."""
    bound = {(o["roleRef"]["kind"], o["roleRef"]["name"]) for o in objects if o["kind"].endswith("Binding")}
    return [o for o in objects if (o["kind"], o["metadata"]["name"]) in bound]
