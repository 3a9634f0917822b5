"""The status: its states, and that what an older version wrote is read whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from regsweep.adapters.kubeapi import KubeObject
from regsweep.api.crd import SWEEP_COLUMNS, sweep_schema
from regsweep.api.findings import NoteType, Subject
from regsweep.api.status import SweepState, SweepStatus
from regsweep.cli.results import status_of
from regsweep.controller.writers.status_writer import prior_status
from regsweep.metrics import SWEEPS

OLDER: Final[dict[str, Any]] = json.loads(
    Path(__file__).with_name("golden").joinpath("status-without-ids.json").read_text()
)
"""Of a sweep with a final evaluation, as it was written before combinations had ids, and notes and findings types."""


@pytest.mark.parametrize(
    "read", [pytest.param(prior_status, id="operator"), pytest.param(status_of, id="command line")]
)
def test_a_status_of_an_older_version_is_read_whole(read: Any) -> None:
    obj: KubeObject = {"metadata": {"name": "demo", "namespace": "lab"}, "status": OLDER}
    status: SweepStatus = read(obj)
    assert _as_before(status.to_json()) == OLDER
    assert status.state is SweepState.COMPLETE
    assert status.final is not None and [pick.flags["l2"] for pick in status.final.picks] == [0.1, 0.2]


def _as_before(value: Any) -> Any:
    """The status without fields that the older version did not have, which hold their defaults; notes as sentences."""
    new = {
        "cut": False,
        "subject": "Sweep",
        "reductions": [],
        "means": [],
        "interplays": [],
        "references": [],
        "nested": [],
    }
    if isinstance(value, list):
        return [_as_before(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"type", "message"} and value["type"] == "Other":
        return value["message"]
    return {k: _as_before(v) for k, v in value.items() if k not in new or v != new[k]}


def test_an_older_finding_keeps_its_type_and_an_older_note_its_words() -> None:
    analysis = SweepStatus.model_validate(OLDER).analysis
    assert analysis is not None
    assert [(each.type, each.subject) for each in analysis.findings] == [("AtGridEdge", Subject.SWEEP)]
    assert {note.type for note in analysis.notes} == {NoteType.OTHER}
    assert {each.combination for each in analysis.comparisons} == {None}


def test_the_states_of_a_sweep_are_named_in_one_place() -> None:
    columns: dict[str, str] = {name: description for name, _, _, description in SWEEP_COLUMNS}
    assert columns["State"] == "Pending, Running, Suspended, Complete, Failed or Invalid."
    state = sweep_schema()["properties"]["status"]["properties"]["state"]
    assert state["enum"] == [each.value for each in SweepState]
    assert SWEEPS.labels["state"] == "Pending, Running, Suspended, Complete, Failed, Invalid", "the metric's values"
    assert state["description"] == columns["State"]
