"""Each right of the operator has a place in the code that needs it, and the audit log is read rightly."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pytest

from support.helm import CHECKOUT, Helm, Manifest, one
from support.rights import Right, granted, of_the_operator, used

ACCOUNT = "system:serviceaccount:regsweep-system:regsweep"
SOURCE = CHECKOUT / "operator" / "src" / "regsweep"


def table(begins: str) -> list[tuple[Right, str, str]]:
    """The rows of the first table of docs/security.md after this line: right, module, and the call within it."""
    text = (CHECKOUT / "docs" / "security.md").read_text()
    (after,) = re.findall(rf"^{re.escape(begins)}.*?^\|---[^\n]*\n((?:\|[^\n]*\n)+)", text, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| `([^`]*)` \| ([a-z]+) \| `([\w/]+\.py)`: `([^`]+)` \|", after, re.MULTILINE)
    assert len(rows) == len(after.splitlines())
    return [(Right(resource, verb), module, call) for resource, verb, module, call in rows]


OWN, KUEUE, IMPORTER = (
    "### Each of its rights, and the code that needs it",
    "With `kueue.enabled`, and only then",
    "## Whoever may import",
)


def rights(begins: str) -> list[Right]:
    return sorted(right for right, _, _ in table(begins))


def test_the_table_has_every_right_once_and_no_other(defaults: Sequence[Manifest]) -> None:
    assert rights(OWN) == sorted(granted(of_the_operator(defaults)))


def test_what_a_value_adds_stands_in_a_table_of_its_own(helm: Helm, defaults: Sequence[Manifest]) -> None:
    with_kueue = granted(of_the_operator(helm.template("--set", "kueue.enabled=true")))
    assert rights(KUEUE) == sorted(with_kueue - granted(of_the_operator(defaults)))
    with_importer = helm.template("--set", "rbac.importer.create=true")
    assert granted(of_the_operator(with_importer)) == granted(of_the_operator(defaults))
    role = one(with_importer, "ClusterRole", "regsweep-import.regsweep-system")
    assert rights(IMPORTER) == sorted(granted([role]))


@pytest.mark.parametrize("begins", [OWN, KUEUE, IMPORTER])
def test_the_code_that_a_right_is_for_is_where_the_table_says(begins: str) -> None:
    for right, module, call in table(begins):
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


def test_what_is_denied_for_a_moment_counts_only_where_it_is_never_permitted() -> None:
    log = "\n".join(
        (
            entry("watch", "pods", namespace="team-a", decision="forbid"),
            entry("watch", "pods", namespace="team-b", decision="forbid"),
            entry("watch", "pods", namespace="team-a"),
        )
    )
    assert used(log, ACCOUNT) == ({Right("/pods", "watch")}, {Right("/pods", "watch")})
    assert used(log.replace("team-b", "team-a"), ACCOUNT) == ({Right("/pods", "watch")}, set())
