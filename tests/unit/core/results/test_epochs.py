"""What Prometheus saw of each replicate's course."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.core.results.epochs import LEAST_STEP_SECONDS, MOST_POINTS, epochs_query, parse_epochs, step_seconds
from regsweep.core.results.queries import TargetLabels
from regsweep.errors import MetricsError

START = datetime(2026, 11, 25, tzinfo=UTC)


def series(name: str, values: list[tuple[float, str]], **labels: str) -> dict[str, object]:
    who = {"__name__": f"regsweep_trainer_{name}", "run": "mine-1", "replicate": "0", **labels}
    return {"metric": who, "values": values}


def answer(*result: dict[str, object]) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


def loss(*values: tuple[float, str], split: str = "val", **labels: str) -> dict[str, object]:
    return series("metric", list(values), metric="average_loss", split=split, **labels)


def test_values_and_epochs_of_one_scrape_belong_together() -> None:
    epochs = series("epoch", [(0, "0"), (15, "3"), (30, "3"), (45, "8")])
    found = parse_epochs(
        answer(epochs, loss((0, "0.9"), (15, "0.5"), (30, "0.5"), (45, "0.25")), loss((45, "0.125"), split="train"))
    )
    assert [(each.epoch, each.values) for each in found] == [
        (3, {"val_average_loss": 0.5}),
        (8, {"val_average_loss": 0.25, "train_average_loss": 0.125}),
    ]


def test_replicates_and_runs_are_kept_apart() -> None:
    seen = (("a", "0", "1"), ("a", "1", "2"), ("b", "0", "3"))
    epochs = (series("epoch", [(15, epoch)], run=run, replicate=k) for run, k, epoch in seen)
    losses = (loss((15, "0.5"), run=run, replicate=k) for run, k, _ in seen)
    found = parse_epochs(answer(*epochs, *losses))
    assert [(each.run, each.replicate, each.epoch) for each in found] == [("a", 0, 1), ("a", 1, 2), ("b", 0, 3)]


def test_two_prometheus_servers_that_scrape_one_pod_give_each_value_its_own_epoch() -> None:
    """At one moment they have met different epochs: a value of the one beside the epoch of the other would be a wrong figure."""
    first, second = {"prometheus_replica": "a"}, {"prometheus_replica": "b"}
    found = parse_epochs(
        answer(
            series("epoch", [(15, "3"), (30, "5")], **first),
            series("epoch", [(15, "2"), (30, "5")], **second),
            loss((15, "0.3"), (30, "0.1"), **first),
            loss((15, "0.4"), (30, "0.1"), **second),
        )
    )
    assert [(each.epoch, each.values["val_average_loss"]) for each in found] == [(2, 0.4), (3, 0.3), (5, 0.1)]


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(loss((15, "0.5")), id="no epoch beside it"),
        pytest.param(loss((15, "half")), id="no number"),
        pytest.param(loss((15, "0.5"), replicate="first"), id="no replicate"),
        pytest.param(series("metric", [(15, "1")]), id="no name of the metric"),
        pytest.param(series("else", [(15, "1")]), id="another series"),
    ],
)
def test_what_says_nothing_of_an_epoch_is_left_out(odd: dict[str, object]) -> None:
    assert parse_epochs(answer(odd)) == []


@pytest.mark.parametrize("at", [float("inf"), -float("inf"), float("nan"), 1e308, -1.0])
def test_a_time_of_no_age_of_ours_is_left_out(at: float) -> None:
    """Whoever draws or exports the course turns it into a date, or into milliseconds."""
    assert parse_epochs(answer(series("epoch", [(at, "1")]), loss((at, "0.5")))) == []


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"status":"error"}', b'{"status":"success","data":{"result":[{}]}}']
)
def test_what_is_no_answer_of_prometheus_is_said(body: bytes) -> None:
    with pytest.raises(MetricsError, match=r"not an answer of Prometheus"):
        parse_epochs(body)


def test_a_part_of_an_answer_is_no_course() -> None:
    whole = json.loads(answer(series("epoch", [(15, "1")]), loss((15, "0.5"))))
    body = json.dumps({**whole, "warnings": ["store 10.0.0.7 is down"]}).encode()
    with pytest.raises(MetricsError, match=r"may be partial: store 10\.0\.0\.7 is down"):
        parse_epochs(body)


def test_the_query_names_namespace_sweep_and_metrics_whatever_they_hold() -> None:
    text = epochs_query('team"a', "mine", ["average_loss", "a.b"], TargetLabels(namespace="kubernetes_namespace"))
    assert text == (
        'regsweep_trainer_metric{kubernetes_namespace="team\\"a",sweep="mine",split=~"train|val",metric=~"average_loss|a\\\\.b"}'
        ' or regsweep_trainer_epoch{kubernetes_namespace="team\\"a",sweep="mine"}'
    )


def test_the_query_follows_a_namespace_that_prometheus_enforces() -> None:
    text = epochs_query("team-a", "mine", ["loss"], TargetLabels(enforced_namespace="monitoring"))
    assert text.count('{namespace="monitoring",sweep="mine"') == 2 and "team-a" not in text


@given(st.integers(0, 10**8))
def test_a_query_asks_for_as_many_points_as_prometheus_gives(seconds: int) -> None:
    step = step_seconds(START, START + timedelta(seconds=seconds))
    assert step >= LEAST_STEP_SECONDS
    assert seconds / step <= MOST_POINTS + 1
