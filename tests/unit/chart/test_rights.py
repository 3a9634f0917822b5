"""Each right of the operator has a place in the code that needs it, and the audit log is read rightly."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from support.helm import CHECKOUT, Manifest
from support.rights import Right, granted, of_the_operator, used

ACCOUNT = "system:serviceaccount:regsweep-system:regsweep"
SOURCE = CHECKOUT / "operator" / "src" / "regsweep"


def table() -> list[tuple[Right, str, str]]:
    """The rows of docs/security.md: right, module, and the call within it."""
    text = (CHECKOUT / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| `([^`]*)` \| ([a-z, ]+) \| `([\w/]+\.py)`: `([^`]+)` \|", text, re.MULTILINE)
    return [(Right(resource, verb), module, call) for resource, verb, module, call in rows]


def test_the_table_has_every_right_once_and_no_other(defaults: Sequence[Manifest]) -> None:
    rights = [right for right, _, _ in table()]
    assert sorted(rights) == sorted(granted(of_the_operator(defaults)))


def test_the_code_that_a_right_is_for_is_where_the_table_says() -> None:
    for right, module, call in table():
        code = re.sub(r"\s+", "", (SOURCE / module).read_text())
        assert re.sub(r"\s+", "", call) in code, f"{right}: {module} has no {call}"


def entry(verb: str, resource: str, *, account: str = ACCOUNT, decision: str = "allow", **target: str) -> str:
    """A line of the audit log."""
    reference = {"resource": resource, "apiVersion": "v1", **target}
    return json.dumps(
        {
            "user": {"username": account},
            "verb": verb,
            "objectRef": reference,
            "annotations": {"authorization.k8s.io/decision": decision},
        }
    )


def test_what_was_used_is_what_was_asked_for_by_the_account_and_permitted() -> None:
    log = "\n".join(
        (
            entry("list", "pods"),
            entry("list", "pods"),
            entry("update", "regularizationsweeps", apiGroup="regsweep.dev", subresource="status"),
            entry("create", "jobs", apiGroup="batch", account="system:serviceaccount:regsweep-system:other"),
            entry("get", "secrets", decision="forbid"),
        )
    )
    assert used(log, ACCOUNT) == (
        {Right("/pods", "list"), Right("regsweep.dev/regularizationsweeps/status", "update")},
        {Right("/secrets", "get")},
    )
