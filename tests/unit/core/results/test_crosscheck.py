"""Prometheus and the record joined: whose values are stored, and when a person hears that they differ."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.core.results.crosscheck import merge_sample
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record, Source
from regsweep.core.results.scrapes import Sample
from regsweep.core.runs import ObservedRun

NAN = math.nan
RUN = ObservedRun(
    name="cancer-0123456789ab",
    uid="job-uid",
    point_key="abcdef",
    first_replicate=0,
    replicates=5,
    replicates_per_pod=5,
    attempt=2,
    created_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
)
DISAGREE = "Prometheus and the record of replicate 3 of run cancer-0123456789ab disagree; the record is used: "


def _record(metrics: Mapping[str, float], outcome: Outcome = Outcome.OK, best: BestEpoch | None = None) -> Record:
    return Record(
        "abcdef",
        3,
        outcome,
        RUN.name,
        2,
        epochs=30,
        metrics=metrics,
        best=best,
        environment=Environment(backend="jax", device="cpu"),
    )


def _sample(
    metrics: Mapping[str, float],
    epoch: int = 30,
    best: tuple[int | None, float | None, float | None] = (None, None, None),
) -> Sample:
    return Sample(True, epoch, 30, metrics, *best)


@pytest.mark.parametrize(
    ("record", "sample", "metrics"),
    [
        pytest.param(
            _record({"val_average_loss": 0.123457}),
            _sample({"val_average_loss": 0.12345678901}),
            {"val_average_loss": 0.12345678901},
            id="values alike to six digits: Prometheus' full precision",
        ),
        pytest.param(
            _record({"val_average_loss": 0.5}),
            _sample({"val_average_loss": 0.5, "val_recall": 0.75}),
            {"val_average_loss": 0.5, "val_recall": 0.75},
            id="a metric that the message had no room for comes from Prometheus",
        ),
        pytest.param(
            _record({"val_average_loss": 0.5, "val_recall": 0.75}),
            _sample({"val_average_loss": 0.5}),
            {"val_average_loss": 0.5, "val_recall": 0.75},
            id="a metric that is not exposed comes from the record",
        ),
        pytest.param(
            _record({"val_average_loss": 0.5}),
            _sample({"val_average_loss": 0.5, "val_auc": NAN}),
            {"val_average_loss": 0.5},
            id="a NaN is the record's absent value",
        ),
        pytest.param(
            _record({}, Outcome.DIVERGED),
            _sample({"val_average_loss": NAN, "train_average_loss": math.inf}),
            {},
            id="a diverged replicate has no values in either",
        ),
        pytest.param(
            _record({"regularization_loss": 0.0}),
            _sample({"regularization_loss": 1e-120}),
            {"regularization_loss": 1e-120},
            id="a zero is a value too small for the message",
        ),
    ],
)
def test_sources_that_agree_give_the_value_of_prometheus(
    record: Record, sample: Sample, metrics: Mapping[str, float]
) -> None:
    merged, text = merge_sample(record, sample, RUN, 3)
    assert text is None
    assert merged == replace(record, metrics=metrics, source=Source.PROMETHEUS)


@pytest.mark.parametrize(
    ("record", "sample", "text"),
    [
        pytest.param(
            _record({"val_average_loss": 0.5, "val_accuracy": 0.9}),
            _sample({"val_average_loss": 0.6, "val_accuracy": 0.9, "val_recall": 1.0}),
            "val_average_loss 0.6 and 0.5",
            id="another value",
        ),
        pytest.param(
            _record({"val_average_loss": 1.0}),
            _sample({"val_average_loss": 1.00002}),
            "val_average_loss 1.00002 and 1",
            id="another fifth digit",
        ),
        pytest.param(
            _record({"val_average_loss": 0.5}),
            _sample({"val_average_loss": NAN}),
            "val_average_loss nan and 0.5",
            id="a NaN where the record has a number",
        ),
        pytest.param(_record({"a": 0.5}), _sample({"a": 0.5}, epoch=29), "epochs 29 and 30", id="another last epoch"),
        pytest.param(
            _record({"a": 0.5}, best=BestEpoch(7, 0.1, 0.2)),
            _sample({"a": 0.5}, best=(8, 0.1, 0.3)),
            "best epoch 8 and 7; best val 0.3 and 0.2",
            id="another best epoch",
        ),
        pytest.param(
            _record(dict.fromkeys("abcdefg", 0.0)),
            _sample(dict.fromkeys("abcdefg", 1.0)),
            "a 1 and 0; b 1 and 0; c 1 and 0; d 1 and 0; e 1 and 0; and 2 more",
            id="many values: the first five are named",
        ),
        pytest.param(
            _record(dict.fromkeys("abcdef", 0.0)),
            _sample(dict.fromkeys("abcdef", 1.0)),
            "a 1 and 0; b 1 and 0; c 1 and 0; d 1 and 0; e 1 and 0; and 1 more",
            id="six values: one is counted",
        ),
        pytest.param(
            _record(dict.fromkeys("abcde", 0.0)),
            _sample(dict.fromkeys("abcde", 1.0)),
            "a 1 and 0; b 1 and 0; c 1 and 0; d 1 and 0; e 1 and 0",
            id="five values: all are named",
        ),
    ],
)
def test_where_they_disagree_the_record_stands_whole_and_the_text_says_so(
    record: Record, sample: Sample, text: str
) -> None:
    assert merge_sample(record, sample, RUN, 3) == (record, DISAGREE + text)


def test_the_best_epoch_is_taken_at_full_precision_too() -> None:
    merged, _ = merge_sample(_record({}, best=BestEpoch(7, 0.333333, None)), _sample({}, best=(7, 1 / 3, NAN)), RUN, 3)
    assert merged.best == BestEpoch(7, 1 / 3, None)


@pytest.mark.parametrize(
    ("recorded", "scraped", "kept"),
    [
        pytest.param(None, (7, 0.1, 0.2), BestEpoch(7, 0.1, 0.2), id="only Prometheus knows it"),
        pytest.param(BestEpoch(7, 0.1, 0.2), (None, None, None), BestEpoch(7, 0.1, 0.2), id="only the record knows it"),
        pytest.param(BestEpoch(7, None, 0.2), (7, 0.1, None), BestEpoch(7, 0.1, None), id="each knows one value"),
    ],
)
def test_a_best_epoch_that_one_source_lacks_is_no_disagreement(
    recorded: BestEpoch | None, scraped: tuple[int | None, float | None, float | None], kept: BestEpoch
) -> None:
    merged, text = merge_sample(_record({"a": 0.5}, best=recorded), _sample({"a": 0.5}, best=scraped), RUN, 3)
    assert text is None
    assert merged.best == kept


def test_a_sample_without_any_value_leaves_the_record_its_source() -> None:
    record = _record({"val_average_loss": 0.5})
    assert merge_sample(record, _sample({}), RUN, 3) == (record, None)


@pytest.mark.parametrize(
    ("metrics", "outcome", "kept"),
    [
        pytest.param({"val_average_loss": 0.5}, Outcome.OK, {"val_average_loss": 0.5}, id="numbers make a result"),
        pytest.param(
            {"val_average_loss": NAN, "val_auc": 0.5},
            Outcome.DIVERGED,
            {"val_auc": 0.5},
            id="a NaN loss means divergence",
        ),
        pytest.param({"train_loss": math.inf}, Outcome.DIVERGED, {}, id="an infinite loss too"),
        pytest.param(
            {"val_auc": NAN, "val_average_loss": 1.0}, Outcome.OK, {"val_average_loss": 1.0}, id="a NaN AUC does not"
        ),
    ],
)
def test_without_a_record_the_complete_sample_makes_one(
    metrics: Mapping[str, float], outcome: Outcome, kept: Mapping[str, float]
) -> None:
    assert merge_sample(None, _sample(metrics, epoch=12, best=(4, 0.1, 0.2)), RUN, 3) == (
        Record(
            "abcdef",
            3,
            outcome,
            RUN.name,
            2,
            epochs=12,
            metrics=kept,
            best=BestEpoch(4, 0.1, 0.2),
            source=Source.PROMETHEUS,
        ),
        None,
    )


def test_a_sample_that_is_not_complete_is_refused() -> None:
    with pytest.raises(ValueError, match="not complete"):
        merge_sample(None, Sample(False, 3, 30, {}), RUN, 3)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e98, max_value=1e98))
def test_rounding_to_six_digits_is_never_a_disagreement(value: float) -> None:
    written = float(f"{value:.6g}") if abs(value) >= 1e-99 else 0.0
    merged, text = merge_sample(_record({"a": written}), _sample({"a": value}), RUN, 3)
    assert text is None
    assert merged.metrics == {"a": value}
