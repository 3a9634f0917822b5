"""Which of several operators runs a sweep."""

from __future__ import annotations

import pytest

from regsweep.api.status import ManagedBy
from regsweep.core.claims import LeaseState, Standing, standing

OWN = ManagedBy(name="regsweep.dev/operator", lease="ops/regsweep-operator")
OTHER = ManagedBy(name="regsweep.dev/operator", lease="team-a/regsweep-operator")


@pytest.mark.parametrize(
    ("name", "claim", "lease", "expected"),
    [
        pytest.param(OWN.name, None, LeaseState.HELD, Standing.UNCLAIMED, id="a new sweep"),
        pytest.param(OWN.name, OWN, LeaseState.HELD, Standing.OURS, id="our own"),
        pytest.param(OWN.name, OTHER, LeaseState.HELD, Standing.CLAIMED, id="another's, who leads"),
        pytest.param(OWN.name, OTHER, LeaseState.OVER, Standing.UNCLAIMED, id="another's, who is gone"),
        pytest.param(
            OWN.name, OTHER, LeaseState.UNREADABLE, Standing.CLAIMED, id="another's, of whom nothing is known"
        ),
        pytest.param(
            OWN.name,
            OWN.model_copy(update={"name": "regsweep.dev/team-a"}),
            LeaseState.HELD,
            Standing.CLAIMED,
            id="one under a name that we had before",
        ),
        pytest.param("regsweep.dev/team-a", None, LeaseState.HELD, Standing.NAMED, id="for operators of another name"),
        pytest.param("regsweep.dev/team-a", OTHER, LeaseState.OVER, Standing.NAMED, id="for them, though nobody acts"),
        pytest.param("regsweep.dev/team-a", OWN, LeaseState.HELD, Standing.NAMED, id="for them, though it was ours"),
    ],
)
def test_what_an_operator_is_to_a_sweep(
    name: str, claim: ManagedBy | None, lease: LeaseState, expected: Standing
) -> None:
    assert standing(name, claim, OWN, lease) is expected
