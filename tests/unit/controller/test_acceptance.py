"""A sweep is accepted anew when something has changed that its acceptance rests on, and only then."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from regsweep.adapters.kubeapi import KubeObject
from regsweep.api.constants import RETRY_ANNOTATION
from regsweep.api.spec import EpochChoice, Goal
from regsweep.api.status import ObjectiveStatus, Resolved
from regsweep.controller.passes.acceptance import Acceptance, Rules
from regsweep.core.accept import Defaults, Past
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.runs import ObservedRun
from regsweep.errors import InvalidSweep
from unit.controller.fake_cluster import sweep_object

LOSS = ObjectiveStatus(metric="val_average_loss", goal=Goal.MINIMIZE, epoch=EpochChoice.LAST)
ACCURACY = ObjectiveStatus(metric="val_accuracy", goal=Goal.MAXIMIZE, epoch=EpochChoice.LAST)
RUN = ObservedRun("demo-1", "job", "ab", 0, 1, 1, attempt=0, created_at=datetime(2026, 11, 23, tzinfo=UTC))
RULES = Rules(Defaults("trainer:1", "nvidia.com/gpu", "1"), max_combinations=100)


def sweep(generation: int = 1, retry: str | None = None, **spec: Any) -> KubeObject:
    made = sweep_object(**spec)
    made["metadata"] |= {"uid": "uid", "generation": generation}
    if retry is not None:
        made["metadata"]["annotations"] = {RETRY_ANNOTATION: retry}
    return made


def pinned(image: str) -> Resolved:
    return Resolved(image=image, parameters={}, gpus=0, gpu_resource="nvidia.com/gpu", seed=0, operator_version="1")


@pytest.mark.parametrize(
    ("second", "anew"),
    [
        pytest.param((sweep(), Past()), False, id="nothing has changed"),
        pytest.param((sweep(generation=2), Past()), True, id="an edit"),
        pytest.param((sweep(retry="1"), Past()), True, id="a retry"),
        pytest.param((sweep(), Past(pinned("trainer:1"))), True, id="what is pinned"),
        pytest.param((sweep(), Past(runs=(RUN,))), True, id="the first Job"),
        pytest.param((sweep(), Past(objective=LOSS)), True, id="the objective in force"),
    ],
)
def test_a_sweep_is_accepted_anew(second: tuple[KubeObject, Past], anew: bool) -> None:
    acceptance = Acceptance()
    first = acceptance.accept(sweep(), Past(), RULES)
    assert (acceptance.accept(*second, RULES) is not first) == anew


@pytest.mark.parametrize(
    ("objective", "anew"),
    [
        pytest.param(LOSS, False, id="never while the objective is the one in force"),
        pytest.param(ACCURACY, True, id="each time while it is not"),
    ],
)
def test_what_was_trained_meanwhile_decides_on_an_edited_objective_alone(
    objective: ObjectiveStatus, anew: bool
) -> None:
    acceptance = Acceptance()
    record = Record("ab", 0, Outcome.OK, run="demo-1")
    first = acceptance.accept(sweep(), Past(objective=objective, runs=(RUN,)), RULES)
    then = acceptance.accept(sweep(), Past(objective=objective, runs=(RUN,), records=Records([record])), RULES)
    assert (then is not first) == anew


def test_an_edit_is_followed() -> None:
    acceptance = Acceptance()
    acceptance.accept(sweep(), Past(), RULES)
    edited = acceptance.accept(sweep(generation=2, replicates=5), Past(), RULES)
    assert edited.sweep.spec.replicates == 5


def test_an_edit_of_what_is_pinned_is_named_and_not_followed() -> None:
    accepted = Acceptance().accept(sweep(), Past(pinned("trainer:0"), runs=(RUN,)), RULES)
    assert accepted.sweep.resolved.image == "trainer:0"
    assert not accepted.edits
    accepted = Acceptance().accept(
        sweep(trainer={"gpus": 0, "image": "trainer:2"}), Past(pinned("trainer:0"), runs=(RUN,)), RULES
    )
    assert accepted.sweep.resolved.image == "trainer:0"
    assert [edit.field for edit in accepted.edits] == ["spec.trainer.image"]


def test_a_spec_that_breaks_rules_is_refused_each_time() -> None:
    acceptance = Acceptance()
    for _ in range(2):
        with pytest.raises(InvalidSweep, match="replicates"):
            acceptance.accept(sweep(replicates=-1), Past(), RULES)


def test_the_installations_limit_of_combinations_holds() -> None:
    with pytest.raises(InvalidSweep, match="4 combinations"):
        Acceptance().accept(sweep(), Past(), Rules(RULES.defaults, max_combinations=3))


@pytest.mark.parametrize(
    ("text", "retry"),
    [
        pytest.param("2", 2, id="a number"),
        pytest.param("999999", 999999, id="of at most six digits"),
        pytest.param("1000000", 0, id="not of seven"),
        pytest.param("-1", 0, id="not a negative one"),
        pytest.param("\N{SUPERSCRIPT TWO}", 0, id="not one of other digits"),
        pytest.param("yes", 0, id="not a word"),
        pytest.param("", 0, id="nothing"),
    ],
)
def test_the_retry_annotation_is_read(text: str, retry: int) -> None:
    assert Acceptance().accept(sweep(retry=text), Past(), RULES).sweep.retry == retry
