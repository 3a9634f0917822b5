"""A sweep is accepted anew when something has changed that its acceptance rests on, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.adapters.kubeapi import KubeObject
from regsweep.api.constants import RETRY_ANNOTATION
from regsweep.api.status import Resolved
from regsweep.controller.acceptance import Acceptance, Rules
from regsweep.core.accept import Defaults
from regsweep.errors import InvalidSweep
from unit.controller.fake_cluster import sweep_object

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
        pytest.param((sweep(), None, False), False, id="nothing has changed"),
        pytest.param((sweep(generation=2), None, False), True, id="an edit"),
        pytest.param((sweep(retry="1"), None, False), True, id="a retry"),
        pytest.param((sweep(), pinned("trainer:1"), False), True, id="what is pinned"),
        pytest.param((sweep(), None, True), True, id="the first Job"),
    ],
)
def test_a_sweep_is_accepted_anew(second: tuple[KubeObject, Resolved | None, bool], anew: bool) -> None:
    acceptance = Acceptance()
    first = acceptance.accept(sweep(), None, False, RULES)
    assert (acceptance.accept(*second, RULES) is not first) == anew


def test_an_edit_is_followed() -> None:
    acceptance = Acceptance()
    acceptance.accept(sweep(), None, False, RULES)
    edited = acceptance.accept(sweep(generation=2, replicates=5), None, False, RULES)
    assert edited.sweep.spec.replicates == 5


def test_an_edit_of_what_is_pinned_is_named_and_not_followed() -> None:
    accepted = Acceptance().accept(sweep(), pinned("trainer:0"), True, RULES)
    assert accepted.sweep.resolved.image == "trainer:0"
    assert not accepted.edits
    accepted = Acceptance().accept(sweep(trainer={"gpus": 0, "image": "trainer:2"}), pinned("trainer:0"), True, RULES)
    assert accepted.sweep.resolved.image == "trainer:0"
    assert [edit.field for edit in accepted.edits] == ["spec.trainer.image"]


def test_a_spec_that_breaks_rules_is_refused_each_time() -> None:
    acceptance = Acceptance()
    for _ in range(2):
        with pytest.raises(InvalidSweep, match="replicates"):
            acceptance.accept(sweep(replicates=-1), None, False, RULES)


def test_the_installations_limit_of_combinations_holds() -> None:
    with pytest.raises(InvalidSweep, match="4 combinations"):
        Acceptance().accept(sweep(), None, False, Rules(RULES.defaults, max_combinations=3))


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
    assert Acceptance().accept(sweep(retry=text), None, False, RULES).sweep.retry == retry
