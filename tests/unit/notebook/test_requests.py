"""From the arguments of `tuning_run` to a manifest."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy
import pandas
import pytest

from regsweep.core.grid import combinations
from regsweep.errors import InvalidSweep, RegsweepError
from regsweep.notebook.requests import Wishes, request_of

MANIFEST = """\
apiVersion: regsweep.dev/v1alpha1
kind: RegularizationSweep
metadata: {name: theirs}
spec:
  flags: [{name: l2, values: [0, 0.1]}]
  replicates: 7
  trainer: {parameters: {dataset: iris, epochs: 3}}
"""


def labels(flags: object, **wishes: object) -> list[dict[str, object]]:
    request = request_of(None, flags, Wishes(**wishes))  # type: ignore[arg-type]
    return [dict(each.flags) for each in combinations(request.manifest.spec)]


def test_a_run_per_combination() -> None:
    found = labels({"dropout": [0.2, 0.3, 0.4, 0.5], "activation": ["relu", "softmax"]})
    assert len(found) == 8
    assert found[0] == {"dropout": 0.2, "activation": "relu"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (0.2, [0.2]),
        ([0.2], [0.2]),
        ((0.2, 0.5), [0.2, 0.5]),
        (range(1, 3), [1, 2]),
        (numpy.array([0.25, 0.5]), [0.25, 0.5]),
        (numpy.float64(0.25), [0.25]),
        (pandas.Series([8, 16]), [8, 16]),
        ([[8, 8], [16]], [[8, 8], [16]]),
        ({"from": 0, "to": 1, "points": 3}, [0, 0.5, 1]),
        ("relu", ["relu"]),
        (True, [True]),
    ],
)
def test_values_come_in_any_form_that_python_has(values: object, expected: list[object]) -> None:
    assert [each["x"] for each in labels({"x": values})] == expected


@pytest.mark.parametrize("as_frame", [True, False])
def test_chosen_combinations_are_trained_and_no_others(as_frame: bool) -> None:
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 2, "b": "x"}]
    assert labels(pandas.DataFrame(rows) if as_frame else rows) == [
        {"a": 1, "b": "x"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]


def test_a_sample_is_a_part_of_the_grid() -> None:
    assert len(labels({"a": [1, 2, 3, 4], "b": [1, 2]}, sample=0.5)) == 4
    assert len(labels({"a": [1, 2, 3]}, sample=0.5)) == 2, "rounded up"


@pytest.mark.parametrize(
    ("flags", "wishes", "said"),
    [
        (None, {}, "flags: is missing"),
        ([], {}, "flags: has no combination"),
        ([{"a": 1}, {"b": 1}], {}, "combinations have different flags"),
        ([1, 2], {}, "is no combination"),
        ([{"a": k, "b": k} for k in range(40)], {}, "1,560 combinations are left out"),
        ({"a": [1, 2]}, {"sample": 0}, "sample: got 0"),
        ({"a": [1, 2]}, {"sample": 2}, "sample: got 2"),
        ({"a": [1, 2]}, {"name": "My Sweep"}, "name: got 'My Sweep'"),
    ],
)
def test_what_cannot_be_trained_is_said(flags: object, wishes: dict[str, object], said: str) -> None:
    with pytest.raises(RegsweepError) as caught:
        labels(flags, **wishes)
    assert said in str(caught.value)


@pytest.mark.parametrize("flags", [{"a": object()}, {"a": [float("nan")]}, {"a": []}, {"a": [1, "x"]}, {1: [2]}])
def test_the_rules_of_the_api_hold_here_too(flags: object) -> None:
    with pytest.raises(InvalidSweep):
        labels(flags)


def test_a_manifest_is_taken_as_it_is_but_for_what_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(MANIFEST)
    plain = request_of(path, None, Wishes())
    assert (plain.manifest.name, plain.manifest.spec.replicates, plain.trainer.is_reference) == ("theirs", 7, True)
    wishes = Wishes(parameters={"epochs": 9}, replicates=3, objective="val_accuracy", name="mine")
    changed = request_of(path, {"dropout": [0.2, 0.3]}, wishes)
    spec = changed.manifest.spec
    assert (changed.manifest.name, spec.replicates, spec.objective.metric) == ("mine", 3, "val_accuracy")
    assert spec.trainer.parameters == {"dataset": "iris", "epochs": 9}
    assert [flag.name for flag in spec.flags] == ["dropout"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_manifests_content_does_as_well(whole: bool) -> None:
    spec = {"flags": [{"name": "l2", "values": [0, 0.1]}], "replicates": 4}
    content = {"metadata": {"name": "theirs"}, "spec": spec} if whole else spec
    found = request_of(content, None, Wishes()).manifest
    assert (found.name, found.spec.replicates) == ("theirs" if whole else "tuning", 4)


def test_a_script_is_run_by_this_interpreter_and_gives_the_sweep_its_name(tmp_path: Path) -> None:
    script = tmp_path / "My Model_2.py"
    script.write_text("")
    request = request_of(script, {"l2": [0, 1]}, Wishes())
    assert request.manifest.name == "my-model-2"
    assert request.trainer.arguments == (sys.executable, str(script))
    own = request_of(script, {"l2": [0, 1]}, Wishes(trainer_command="python other.py"))
    assert own.trainer.arguments == ("python", "other.py")


def test_a_file_that_there_is_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegsweepError, match=r"nowhere\.py: no such file"):
        request_of(tmp_path / "nowhere.py", {"l2": [0]}, Wishes())
