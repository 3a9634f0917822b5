"""A metric's name as its framework gives it goes the whole way: spec, environment, report, message, scrape, store, ranking, columns."""

from __future__ import annotations

import csv
import json
import math
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from regsweep.api.constants import METRIC_NAME
from regsweep.api.objective import epoch_rule, metric_bounds, objective_goal, objective_status
from regsweep.api.spec import Objective, SweepSpec
from regsweep.api.status import SweepState, SweepStatus
from regsweep.api.validation import parse_sweep
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.kubernetes.podtemplate import contract_environment
from regsweep.core.results.crosscheck import merge_sample
from regsweep.core.results.messages import Message, parse_message, records_of
from regsweep.core.results.queries import PodReplicate, TargetLabels, parse_answer
from regsweep.core.results.records import Outcome, Record, Source
from regsweep.core.results.scrapes import Sample
from regsweep.core.results.segments import append, load
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase, RunRequest
from regsweep.core.sweep import Sweep
from regsweep.errors import InvalidSweep
from regsweep.local.inventory import inventory
from regsweep.local.runrows import columns_of, rows
from regsweep.local.selection import ordered, parse_conditions, selected
from regsweep.report.build import results_of
from regsweep.report.outputs import Output
from regsweep.report.render import render
from regsweep_kit import message as wire
from regsweep_kit import objective as kit
from regsweep_kit.contract import read_contract
from regsweep_kit.exposition import Exposition, Run
from regsweep_kit.script.course import Course, columns, metric_name, reported
from support.kept_runs import keep_run

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
NAMES = st.from_regex(METRIC_NAME, fullmatch=True).map(lambda name: name[:57])
"""With `train_` before it a name has at most 63 characters."""


def sweep_ranked_by(name: str, goal: str = "Maximize") -> Sweep:
    """Accepted, of two combinations, with a bound on the same metric of the training rows."""
    spec = {
        "flags": [{"name": "l2", "values": [0, 0.1]}],
        "replicates": 1,
        "objective": {
            "metric": f"val_{name}",
            "goal": goal,
            "epoch": "Best",
            "constraints": [{"metric": f"train_{name}", "min": -5}],
        },
    }
    defaults = Defaults(trainer_image="trainer:1", gpu_resource="nvidia.com/gpu", version="0.1.0")
    parsed = parse_sweep({"spec": spec, "metadata": {"name": "demo"}})
    sweep, edits = accept(Identity("demo", "default", "uid-1", 1, 0), parsed, defaults)
    assert not edits
    return sweep


def request_of(sweep: Sweep, place: int = 0) -> RunRequest:
    return RunRequest(f"demo-{place:012x}", sweep.points[place], 0, 1, 1, attempt=0, linger_seconds=0)


def run_of(sweep: Sweep, request: RunRequest) -> ObservedRun:
    pod = ObservedPod(name="pod", uid="u", index=0, phase=PodPhase.SUCCEEDED, created_at=NOON, started_at=NOON)
    rule = epoch_rule(objective_status(sweep.spec.objective))
    return ObservedRun(request.name, "job", request.point.key, 0, 1, 1, 0, NOON, rule=rule, pods=(pod,))


def trained(sweep: Sweep, request: RunRequest, name: str, value: float) -> tuple[bytes, str]:
    """(termination message, /metrics) of a script of the kit that reports this metric alone."""
    contract = read_contract(contract_environment(sweep, request, objective_status(sweep.spec.objective)))
    told = reported(1, {name: value / 2}, {name: value}, {name: value / 4}, None, None)
    course = Course(contract.objective).after(told, {"train": 20, "val": 10})
    record = course.record(0)
    header = wire.Header(columns=columns(told, contract), rule=contract.objective.rule)
    shown = Exposition(Run("demo", request.name, [0], 1, {"l2": "0"}))
    shown.show(0, course.progress(), complete=True)
    return wire.encode(header, [record]), shown.text().decode()


def scraped(metrics: str) -> dict[PodReplicate, Sample]:
    """What Prometheus answers when it has scraped this."""
    samples = [each for family in text_string_to_metric_families(metrics) for each in family.samples]
    series = [
        {"metric": each.labels | {"__name__": each.name, "pod": "pod"}, "value": [0, str(each.value)]}
        for each in samples
    ]
    answer = {"status": "success", "data": {"resultType": "vector", "result": series}}
    return parse_answer(json.dumps(answer), TargetLabels())


@given(NAMES, st.sampled_from(["Minimize", "Maximize"]))
@example("F1-macro", "Maximize")
@example("AUC", "Maximize")
@example("average_loss", "Minimize")
@example("val_x", "Minimize")
def test_a_metric_is_ranked_by_under_the_name_that_it_is_reported_by(name: str, goal: str) -> None:
    sweep = sweep_ranked_by(name, goal)
    stored: list[Record] = []
    for place in range(len(sweep.points)):
        request = request_of(sweep, place)
        message, metrics = trained(sweep, request, name, place + 0.5)
        read, run = parse_message(message.decode()), run_of(sweep, request)
        assert isinstance(read, Message), read
        (record,) = records_of(run, run.pods[0], read)
        merged, difference = merge_sample(record, scraped(metrics)["pod", 0], run, 0)
        assert difference is None
        assert merged.source is Source.PROMETHEUS
        assert merged.metrics == {f"train_{name}": place / 2 + 0.25, f"val_{name}": place + 0.5}
        stored.append(merged)
    flags = {point.key: point.combination.flags for point in sweep.points}
    records = load(write.manifest for write in append([], stored, flags, sweep))
    assert {record.metrics[f"val_{name}"] for point in sweep.points for record in records.of(point.key).values()} == {
        0.5,
        1.5,
    }
    report = results_of(
        sweep, records, SweepStatus(state=SweepState.COMPLETE, objective=objective_status(sweep.spec.objective))
    )
    best = {"Minimize": 0.5, "Maximize": 1.5}[goal]
    assert [row.objective.mean for row in report.ranking if row.rank == 1 and row.objective] == [best]
    assert json.loads(render(report, Output.JSON))["objective"]["metric"] == f"val_{name}"
    assert next(csv.DictReader(render(report, Output.CSV).splitlines()))["objective"] == str(best)


@given(NAMES)
@example("F1-macro")
@example("AUC")
def test_kept_runs_are_filtered_and_ordered_by_it(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for l2, value in ((0, 0.5), (1, 0.75)):
            keep_run(Path(folder), {"l2": l2}, (value, value), columns=(f"train_{name}", f"val_{name}"))
        table = rows(inventory(Path(folder)).runs)
    known = columns_of(table)
    column = f"eval_{name}"
    assert [row["flag_l2"] for row in selected(table, parse_conditions(f"{column} > 0.6"), known)] == [1]
    assert [row["flag_l2"] for row in ordered(table, [column], known, decreasing=True)] == [1, 0]


@given(NAMES)
def test_the_kit_takes_the_names_that_the_operator_takes_and_no_others(name: str) -> None:
    assert kit.METRIC_NAME == METRIC_NAME
    assert reported(1, {name: 1}, {name: 1}, None, None, None).val == {name: 1}
    assert metric_name(name) == name.lstrip("_.-").rstrip("_") or not name.strip("_.-")


@pytest.mark.parametrize("name", ["F1 macro", "f1/macro", "recall@5", "précision", "-f1", ".f1", "", "AUC\n"])
def test_any_other_name_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(InvalidSweep) as refused:
        sweep_ranked_by(name)
    (problem, *_) = refused.value.problems
    assert problem.field == "spec.objective.metric"
    assert problem.message.startswith(
        "must be the name of a metric with its split first, such as `val_average_loss` or `val_AUC`: letters, digits, `_`, `.` and `-` "
        "after `train_` or `val_`, got "
    )


@pytest.mark.parametrize(
    ("metric", "goal"),
    [
        pytest.param("val_AUC", "Maximize", id="case does not matter"),
        pytest.param("val_F1-macro", "Maximize", id="a hyphen parts words"),
        pytest.param("val_RMSE.original", "Minimize", id="a dot parts words"),
        pytest.param("val_MacroF", None, id="a metric of one's own"),
        pytest.param("val_neg_log_loss", None, id="scikit-learn's negated losses are better when larger"),
        pytest.param("val_1-AUC", None, id="a complement is better the other way"),
        pytest.param("val_one_minus_f1", None, id="a complement in words"),
        pytest.param("val_AUC-baseline", None, id="what describes the data"),
    ],
)
def test_a_goal_is_derived_only_where_the_name_says_it(metric: str, goal: str | None) -> None:
    objective = Objective(metric=metric)
    if goal is None:
        with pytest.raises(InvalidSweep, match="does not tell whether smaller or larger is better"):
            objective_goal(objective)
    else:
        assert objective_goal(objective) == goal


def test_what_is_negated_has_no_bound() -> None:
    assert metric_bounds("val_AUC") == (0, 1)
    assert metric_bounds("val_neg_log_loss") == (-math.inf, math.inf)


def test_keys_of_sweeps_do_not_depend_on_how_a_goal_was_found() -> None:
    spec = {"flags": [{"name": "l2", "values": [0]}], "objective": {"metric": "val_auc", "epoch": "Best"}}
    given_goal = {**spec, "objective": {**spec["objective"], "goal": "Maximize"}}  # type: ignore[dict-item]
    keys = []
    for each in (spec, given_goal):
        sweep, _ = accept(
            Identity("demo", "default", "uid-1", 1, 0),
            SweepSpec.model_validate(each),
            Defaults(trainer_image="trainer:1", gpu_resource="nvidia.com/gpu", version="0.1.0"),
        )
        keys.append([point.key for point in sweep.points])
    assert keys[0] == keys[1]


@pytest.mark.parametrize("name", ["val_AUC", "val_own"])
def test_a_scraped_objective_that_is_no_number_is_divergence(name: str) -> None:
    sweep = sweep_ranked_by(name.removeprefix("val_"))
    sample = Sample(complete=True, epoch=3, epochs=3, metrics={name: math.nan, "val_other": math.nan})
    record, _ = merge_sample(None, sample, run_of(sweep, request_of(sweep)), 0)
    assert record.outcome is Outcome.DIVERGED
