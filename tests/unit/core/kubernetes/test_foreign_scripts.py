"""Scripts that know nothing of regsweep: what is written of them in a spec, in a point's key and in a pod."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.api.objective import objective_status
from regsweep.api.spec import SweepSpec
from regsweep.api.validation import changed_pinned_fields, parse_sweep
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.kubernetes.expansion import expand
from regsweep.core.kubernetes.podtemplate import JobDefaults, contract_environment, pod_template
from regsweep.core.runs import RunRequest
from regsweep.core.sweep import Sweep
from regsweep.errors import InvalidSweep

CSV = {"format": "CSVLogger", "path": "log.csv", "metrics": {"val_average_loss": "val_loss"}}


def spec(flags: dict[str, list[Any]] | None = None, **trainer: Any) -> SweepSpec:
    grid = [{"name": name, "values": values} for name, values in (flags or {"l2": [0.01]}).items()]
    return parse_sweep({"spec": {"flags": grid, "trainer": trainer}})


def sweep(flags: dict[str, list[Any]] | None = None, **trainer: Any) -> Sweep:
    return accept(Identity("s", "n", "u", 1), spec(flags, **trainer), Defaults("image", "nvidia.com/gpu", "0"))[0]


def request(of: Sweep) -> RunRequest:
    return RunRequest("r", of.points[0], 0, 1, 1, 0, linger_seconds=0)


def environment(of: Sweep) -> dict[str, str]:
    return contract_environment(of, request(of), objective_status(of.spec.objective))


def container(of: Sweep) -> dict[str, Any]:
    template: Any = pod_template(of, request(of), objective_status(of.spec.objective), None, JobDefaults())
    found: dict[str, Any] = template["spec"]["containers"][0]
    return found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.01, "0.01"),
        (1.0, "1"),
        ("relu", "relu"),
        (True, "true"),
        ([64, 32], "[64,32]"),
        ("a b$(X)", "a b$(X)"),
    ],
)
def test_a_flags_value_is_a_variable_for_arguments(value: Any, text: str) -> None:
    of = sweep({"my-flag.x": [value]}, args=["--flag=$(REGSWEEP_ARG_MY_FLAG_X)"])
    assert environment(of)["REGSWEEP_ARG_MY_FLAG_X"] == text
    assert expand("--flag=$(REGSWEEP_ARG_MY_FLAG_X)", environment(of)) == f"--flag={text}"


def test_parameters_are_variables_too_and_a_flag_takes_precedence() -> None:
    of = sweep({"l2": [3]}, parameters={"l2": 1, "epochs": 9}, args=["x"])
    own = {name: value for name, value in environment(of).items() if name.startswith("REGSWEEP_ARG_")}
    assert own == {"REGSWEEP_ARG_L2": "3", "REGSWEEP_ARG_EPOCHS": "9"}


def test_the_container_has_the_arguments_and_the_kubelet_expands_what_flags_contain_once() -> None:
    of = sweep({"text": ["$(REGSWEEP_RUN)"]}, args=["--text=$(REGSWEEP_ARG_TEXT)"], report=CSV)
    assert container(of)["args"] == ["--text=$(REGSWEEP_ARG_TEXT)"]
    variables = {entry["name"]: entry["value"] for entry in container(of)["env"]}
    assert variables["REGSWEEP_ARG_TEXT"] == "$$(REGSWEEP_RUN)"
    assert json.loads(variables["REGSWEEP_REPORT"].replace("$$", "$")) == CSV


def test_other_trainers_get_neither_arguments_nor_variables() -> None:
    of = sweep()
    assert "args" not in container(of)
    assert not [name for name in environment(of) if name.startswith(("REGSWEEP_ARG_", "REGSWEEP_REPORT"))]


def test_arguments_and_reports_determine_results_and_are_pinned() -> None:
    keys = {sweep(**trainer).points[0].key for trainer in ({}, {"args": ["a"]}, {"args": ["b"]}, {"report": CSV})}
    assert len(keys) == 4
    pinned = sweep(args=["a"], report=CSV).resolved
    changed = [problem.field for problem in changed_pinned_fields(spec(args=["b"]), pinned)]
    assert changed == ["spec.trainer.args", "spec.trainer.report"]
    assert changed_pinned_fields(spec(args=["a"], report=CSV), pinned) == []


def test_a_sweep_without_them_keeps_its_keys() -> None:
    of = sweep()
    assert of.points[0].key == "b0e9c825e906c7ac"


@pytest.mark.parametrize(
    ("flags", "trainer", "field", "words"),
    [
        ({"l2": [1], "L2": [1]}, {"args": ["x"]}, "spec.trainer.args", '"l2" and "L2" would both be the variable REGSWEEP_ARG_L2'),
        ({"a-b": [1]}, {"args": ["x"], "parameters": {"a_b": 1}}, "spec.trainer.args", "would both be the variable REGSWEEP_ARG_A_B"),
        (None, {"args": []}, "spec.trainer.args", "must have from 1 to 100 entries"),
        (None, {"report": {"format": "CSVLogger"}}, "spec.trainer.report.path", "is required with format CSVLogger"),
        (None, {"report": {"format": "Stdout", "path": "x"}}, "spec.trainer.report.path", "is not allowed with format Stdout"),
        (None, {"report": {"format": "CSV", "path": "x"}}, "spec.trainer.report.format", "CSVLogger"),
        (None, {"report": {**CSV, "metrics": {"auc": "auc"}}}, "spec.trainer.report.metrics.auc", "must begin with train_, val_"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(flags: Any, trainer: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidSweep) as refused:
        spec(flags, **trainer)
    problems = {problem.field: problem.message for problem in refused.value.problems}
    assert words in problems[field]


def test_names_alike_matter_only_where_there_are_arguments() -> None:
    spec({"l2": [1], "L2": [1]})


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)$(B)", "1$(A)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(missing) $A $ $(A", "$(missing) $A $ $(A"),
        ("", ""),
    ],
)
def test_variables_are_expanded_as_the_kubelet_does(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1", "B": "$(A)"}) == expanded


@given(st.text(alphabet="$()AB x", max_size=20))
def test_a_doubled_dollar_protects_every_text(text: str) -> None:
    assert expand(text.replace("$", "$$"), {"A": "1"}) == text
