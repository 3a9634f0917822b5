"""Prometheus: what it is asked, and which of its answers may be ranked on."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.core.identity import run_name
from regsweep.core.results.queries import PART_SERIES, TargetLabels, final_values_query, most_bytes, parse_answer
from regsweep.core.results.scrapes import Sample
from regsweep.core.runs import ObservedPod, PodPhase
from regsweep.errors import MetricsError

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LABELS = TargetLabels()
RUN = "cancer-0123456789ab"


def _pod(started: float | None, ended: float | None = None) -> ObservedPod:
    """A pod that started and ended so many minutes before noon; None: it has not."""
    return ObservedPod(
        name="p",
        uid="u",
        index=0,
        phase=PodPhase.PENDING if started is None else PodPhase.RUNNING if ended is None else PodPhase.SUCCEEDED,
        created_at=NOON - timedelta(days=1),
        started_at=None if started is None else NOON - timedelta(minutes=started),
        ended_at=None if ended is None else NOON - timedelta(minutes=ended),
    )


def test_one_query_asks_for_all_series_of_the_sweeps_runs() -> None:
    assert final_values_query("team-a", RUN, [_pod(1)], NOON, LABELS) == (
        'last_over_time({__name__=~"regsweep_trainer_(metric|complete|epoch|epochs|best|best_epoch)",'
        'namespace="team-a",run=~"cancer\\\\-[0-9a-f]{12}"}[120s])'
    )


def test_the_label_of_the_namespace_is_a_setting() -> None:
    query = final_values_query("team-a", RUN, [_pod(1)], NOON, TargetLabels("exported_namespace", "pod"))
    assert query is not None
    assert 'exported_namespace="team-a"' in query


def test_a_namespace_that_prometheus_enforces_is_asked_for_in_place_of_the_pods() -> None:
    query = final_values_query("team-a", RUN, [_pod(1)], NOON, TargetLabels(enforced_namespace="monitoring"))
    assert query is not None
    assert 'namespace="monitoring"' in query and "team-a" not in query


@pytest.mark.parametrize(
    ("pods", "minutes"),
    [
        pytest.param([_pod(0)], 1, id="a pod that just started: room for clocks that differ"),
        pytest.param([_pod(3)], 4, id="never before the pod's start"),
        pytest.param([_pod(600)], 6, id="a pod that trains all day: one scrape interval"),
        pytest.param([_pod(600, ended=20)], 26, id="a pod that has ended: one interval before its end"),
        pytest.param([_pod(22, ended=20)], 23, id="a short pod: since its start"),
        pytest.param([_pod(1), _pod(600, ended=20), _pod(3)], 26, id="of several pods the one that reaches back most"),
        pytest.param([_pod(None), _pod(1)], 2, id="a pod that has not started asks for nothing"),
    ],
)
def test_the_window_reaches_back_as_far_as_some_pods_last_sample_may_be(pods: list[ObservedPod], minutes: int) -> None:
    query = final_values_query("team-a", RUN, pods, NOON, LABELS)
    assert query is not None
    assert query.endswith(f"[{minutes * 60}s])")


@pytest.mark.parametrize("pods", [pytest.param([], id="no pods"), pytest.param([_pod(None)], id="none has started")])
def test_without_a_started_pod_nothing_is_asked(pods: list[ObservedPod]) -> None:
    assert final_values_query("team-a", RUN, pods, NOON, LABELS) is None


@pytest.mark.parametrize(
    ("sweep", "other", "selected"),
    [
        pytest.param("cancer", "cancer", True, id="its own runs"),
        pytest.param("cancer", "cancer-wide", False, id="not a sweep whose name begins alike"),
        pytest.param("cancer", "my-cancer", False, id="not a sweep whose name ends alike"),
        pytest.param("cancer", "cancer-0123456789ab", False, id="not a sweep that is called like a run"),
        pytest.param(
            "a" * 45, "a" * 41, True, id="a name that is alike in 40 characters: told apart by the pods' names"
        ),
    ],
)
def test_which_runs_the_query_selects(sweep: str, other: str, selected: bool) -> None:
    query = final_values_query("team-a", run_name(sweep, "uid", "abc", 0, 0), [_pod(1)], NOON, LABELS)
    assert query is not None
    pattern = re.search(r'run=~"([^"]*)"', query)
    assert pattern is not None
    shape = pattern[1].replace("\\\\", "\\")
    assert bool(re.fullmatch(shape, run_name(other, "other-uid", "def", 5, 2))) is selected


def _series(
    name: str, value: object, pod: str | None = "pod-1", replicate: str = "0", **labels: str
) -> dict[str, object]:
    target = {"namespace": "team-a", "sweep": "cancer", "run": RUN, "replicate": replicate, "instance": "10.0.0.1:9090"}
    if pod is not None:
        target["pod"] = pod
    return {"metric": {"__name__": f"regsweep_trainer_{name}", **target, **labels}, "value": [1763899200.123, value]}


def _body(*series: dict[str, object], **more: object) -> str:
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": list(series)}, **more})


def _loss(value: str, **labels: str) -> dict[str, object]:
    return _series("metric", value, metric="average_loss", split="val", **labels)


def test_series_become_one_sample_per_pod_and_replicate() -> None:
    body = _body(
        _loss("0.25"),
        _series("metric", "0.01", metric="regularization_loss"),
        _series("complete", "1"),
        _series("epoch", "30"),
        _series("epochs", "100"),
        _series("best", "0.1", split="train"),
        _series("best", "0.2", split="val"),
        _series("best_epoch", "21"),
        _series("epoch", "3", replicate="1"),
        _series("complete", "0", replicate="1"),
        _series("epoch", "4", pod="pod-2"),
    )
    assert parse_answer(body, LABELS) == {
        ("pod-1", 0): Sample(
            True,
            30,
            100,
            {"val_average_loss": 0.25, "regularization_loss": 0.01},
            best_epoch=21,
            best_train=0.1,
            best_val=0.2,
        ),
        ("pod-1", 1): Sample(False, 3, 0, {}),
        ("pod-2", 0): Sample(False, 4, 0, {}),
    }


def test_nothing_scraped_is_no_failure() -> None:
    assert parse_answer(_body(), LABELS) == {}


def test_a_nan_stays_a_nan() -> None:
    sample = parse_answer(_body(_loss("NaN"), _series("metric", "+Inf", metric="loss", split="train")), LABELS)[
        "pod-1", 0
    ]
    assert math.isnan(sample.metrics["val_average_loss"])
    assert sample.metrics["train_loss"] == math.inf


@pytest.mark.parametrize(
    ("value", "complete"),
    [
        pytest.param("1", True, id="one is complete"),
        pytest.param("0", False, id="zero is not"),
        pytest.param("NaN", False, id="NaN is not"),
        pytest.param("0.5", False, id="a mean over targets is not"),
    ],
)
def test_only_complete_1_is_complete(value: str, complete: bool) -> None:
    assert parse_answer(_body(_loss("0.25"), _series("complete", value)), LABELS)["pod-1", 0].complete is complete


def test_values_without_the_complete_series_are_not_final() -> None:
    assert not parse_answer(_body(_loss("0.25")), LABELS)["pod-1", 0].complete


def test_two_targets_of_one_pod_are_never_mixed() -> None:
    body = _body(
        *(_loss("0.3", job="annotations"), _series("epoch", "29", job="annotations")),
        *(_series("complete", "0", job="annotations"),),
        *(_loss("0.2", job="monitor"), _series("epoch", "30", job="monitor"), _series("complete", "1", job="monitor")),
    )
    assert parse_answer(body, LABELS) == {("pod-1", 0): Sample(True, 30, 0, {"val_average_loss": 0.2})}


@given(st.permutations(range(6)))
def test_two_prometheus_servers_that_scrape_one_pod_give_what_the_better_one_has(order: list[int]) -> None:
    a, b = ({"prometheus_replica": name} for name in "ab")
    duplicated = [
        *(_loss("0.3", **a), _series("epoch", "29", **a), _series("complete", "0", **a)),
        *(_loss("0.2", **b), _series("epoch", "30", **b), _series("complete", "1", **b)),
    ]
    body = _body(*(duplicated[index] for index in order))
    assert parse_answer(body, LABELS) == {("pod-1", 0): Sample(True, 30, 0, {"val_average_loss": 0.2})}


@pytest.mark.parametrize(
    "series",
    [
        pytest.param(_series("info", "1"), id="a series that was not asked for"),
        pytest.param(_series("epoch", "1", replicate="first"), id="a replicate that is no number"),
        pytest.param(_series("epoch", "1", replicate="9" * 40), id="a replicate of 40 digits"),
    ],
)
def test_series_that_are_none_of_a_trainers_are_passed_over(series: dict[str, object]) -> None:
    assert parse_answer(_body(series), LABELS) == {}


@pytest.mark.parametrize("value", ["NaN", "-3", "1e300", "+Inf"])
def test_an_epoch_that_is_no_number_counts_as_none(value: str) -> None:
    sample = parse_answer(_body(_series("epoch", value), _series("best_epoch", value)), LABELS)["pod-1", 0]
    assert (sample.epoch, sample.best_epoch) == (0, None)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param("<html>502 Bad Gateway</html>", "body: Invalid JSON", id="a proxy's page"),
        pytest.param("", "body: Invalid JSON", id="nothing"),
        pytest.param("{}", "status: Field required", id="another program's answer"),
        pytest.param(
            '{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}',
            "timeout: query timed out in expression evaluation",
            id="a query that timed out",
        ),
        pytest.param('{"status":"error"}', "error: no message", id="an error without words"),
        pytest.param('{"status":"success"}', "no data", id="success without data"),
        pytest.param(
            _body(_loss("0.2"), warnings=["PromQL warning: store 10.0.0.7 is down"]),
            "may be partial: PromQL warning: store 10.0.0.7 is down",
            id="a warning: some stores did not answer",
        ),
        pytest.param(
            '{"status":"success","data":{"resultType":"matrix","result":[]}}', "data.resultType", id="a range instead"
        ),
        pytest.param(_body(_loss("many")), "the value 'many', which is not a number", id="a value that is no number"),
        pytest.param(
            '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}}',
            "data.result.0.value: Field required",
            id="a histogram",
        ),
        pytest.param(
            _body(_series("epoch", "1", pod=None)), "no label pod, which should name the pod", id="no label for the pod"
        ),
    ],
)
def test_an_answer_that_must_not_be_ranked_on_is_an_error_in_words(body: str, words: str) -> None:
    with pytest.raises(MetricsError) as raised:
        parse_answer(body, LABELS)
    assert raised.value.reason == "QueryFailed"
    assert words in str(raised.value)
    assert str(raised.value).startswith("Prometheus gave no final values: ")


def test_a_strangers_series_hides_none_that_comes_after_it() -> None:
    stranger: dict[str, object] = {"metric": {"__name__": "up", "pod": "pod-0"}, "value": [1763899200.123, "1"]}
    alone = parse_answer(_body(_loss("0.25")), LABELS)
    assert alone
    assert parse_answer(_body(stranger, _loss("0.25")), LABELS) == alone


def test_remarks_on_the_query_are_no_warning() -> None:
    assert len(parse_answer(_body(_loss("0.2"), infos=["metric might not be a counter"]), LABELS)) == 1


@given(
    labels=st.lists(st.text(alphabet='ab"\\]},{:', max_size=8), max_size=8),
    blanks=st.booleans(),
    more=st.sampled_from([{}, {"infos": ['],{"metric":{']}]),
)
def test_an_answer_that_is_read_in_parts_says_what_it_says_as_a_whole(
    labels: list[str], blanks: bool, more: dict[str, object]
) -> None:
    odd = [_loss("0.1", pod=f"p{place}", odd=label, key=']},{"metric":{') for place, label in enumerate(labels)]
    many = [_loss(str(place), pod=f"pod-{place}", replicate=str(place % 7)) for place in range(2 * PART_SERIES)]
    body = {"status": "success", "data": {"resultType": "vector", "result": [*odd, *many]}, **more}
    separators = None if blanks else (",", ":")
    read = parse_answer(json.dumps(body, separators=separators), LABELS)
    assert read == parse_answer(json.dumps(body, indent=1), LABELS)
    assert len(read) == len(odd) + len(many)


def test_a_part_of_an_answer_that_is_not_as_it_should_be_is_an_error_like_a_whole_one() -> None:
    series = [_loss("0.1", pod=f"pod-{place}") for place in range(2 * PART_SERIES)]
    series[PART_SERIES]["value"] = "0.1"
    with pytest.raises(MetricsError, match="does not match its HTTP API"):
        parse_answer(json.dumps(json.loads(_body(*series)), separators=(",", ":")), LABELS)


@pytest.mark.parametrize(("pods", "most"), [(1, 1_572_864), (100, 53_477_376), (10_000, 67_108_864)])
def test_an_answer_may_be_as_large_as_its_pods_may_make_it(pods: int, most: int) -> None:
    assert most_bytes(pods) == most


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(_body(warnings=["store " + "x" * 100_000]), id="a warning"),
        pytest.param(json.dumps({"status": "error", "error": "x" * 100_000}), id="an error"),
        pytest.param(_body(_loss("x" * 100_000)), id="a value"),
        pytest.param(_body(_series("epoch", "1", pod=None, **{"x" * 100_000: "1"})), id="a label"),
    ],
)
def test_what_is_said_about_an_answer_is_short_however_long_its_texts_are(body: str) -> None:
    with pytest.raises(MetricsError) as caught:
        parse_answer(body, LABELS)
    assert len(str(caught.value)) < 1100
