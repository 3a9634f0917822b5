"""A replicate's two sources joined: what Prometheus scraped, and the record that its pod left.

Prometheus is the source and the record checks it: the record is exact, so where they disagree it wins, and the text says
so. It is used if no complete sample arrived in time. A value that is not a number is absent from a record, and a NaN
in Prometheus, so these two agree.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from regsweep.api.objective import EpochRule
from regsweep.core.results.records import BestEpoch, Outcome, Record, Source
from regsweep.core.results.scrapes import Sample
from regsweep.core.runs import ObservedRun

RELATIVE_TOLERANCE: Final = 1e-5
"""Records have 6 significant digits: rounding changes a value by at most 5e-6 of it; the rest is for float arithmetic."""
SMALLEST: Final = 1e-99
"""Below it a trainer writes 0, at its inverse and above null (docs/trainer-contract.md)."""


def merge_sample(record: Record | None, sample: Sample, run: ObservedRun, replicate: int) -> tuple[Record, str | None]:
    """What is to be stored of the replicate, and in words where its two sources disagree (None where they do not).

    record: what the pod left; None: nothing that can be read. sample: a complete one; without one the record is used as
    it is, and there is nothing to merge. Where both agree the values are Prometheus' (full precision) and what it lacks
    is the record's; with any disagreement the whole record is used, since a scrape that is wrong about one value may be
    so about others.

    Raises ValueError for a sample that is not complete: its values are not final.
    """
    if not sample.complete:
        raise ValueError(f"the sample of replicate {replicate} of run {run.name} is not complete")
    if record is None:
        return _from_sample(sample, run, replicate), None
    differences = list(_differences(record, sample))
    if differences:
        text = (
            f"Prometheus and the record of replicate {replicate} of run {run.name} disagree; the record is used: "
            + "; ".join(differences[:5])
            + (f"; and {len(differences) - 5} more" if len(differences) > 5 else "")
        )
        return record, text
    return _agreed(record, sample, run), None


def _from_sample(sample: Sample, run: ObservedRun, replicate: int) -> Record:
    """A record from Prometheus alone. A loss or an objective that is not finite means that the replicate diverged."""
    ranked = run.rule.metric if run.rule is not None else None
    diverged = any(
        (name == ranked or name.lower().endswith("loss")) and not math.isfinite(value)
        for name, value in sample.metrics.items()
    )
    return Record(
        point_key=run.point_key,
        replicate=replicate,
        outcome=Outcome.DIVERGED if diverged else Outcome.OK,
        run=run.name,
        attempt=run.attempt,
        epochs=sample.epoch,
        metrics=_finite(sample.metrics),
        best=_best(sample, run.rule),
        source=Source.PROMETHEUS,
    )


def _agreed(record: Record, sample: Sample, run: ObservedRun) -> Record:
    scraped = _finite(sample.metrics)
    if record.outcome is Outcome.DIVERGED:
        # A diverged record's absent values are not numbers: a value beside them is no last epoch's.
        scraped = {name: value for name, value in scraped.items() if name in record.metrics}
    if record.metrics and not scraped:
        return record
    return replace(
        record,
        metrics={**record.metrics, **scraped},
        best=_best(sample, record.best.rule if record.best is not None else run.rule) or record.best,
        source=Source.PROMETHEUS,
    )


def _differences(record: Record, sample: Sample) -> Iterator[str]:
    """Where the two disagree; what only one of them reports is no disagreement."""
    if sample.epoch != record.epochs:
        yield f"epochs {sample.epoch} and {record.epochs}"
    for name, recorded in record.metrics.items():
        scraped = sample.metrics.get(name)
        if scraped is not None and not _same(recorded, scraped):
            yield f"{name} {scraped:.6g} and {recorded:.6g}"
    if record.best is None or sample.best_epoch is None:
        return
    if record.best.epoch != sample.best_epoch:
        yield f"best epoch {sample.best_epoch} and {record.best.epoch}"
    for split, kept, seen in (
        ("train", record.best.train, sample.best_train),
        ("val", record.best.val, sample.best_val),
    ):
        if kept is not None and seen is not None and not _same(kept, seen):
            yield f"best {split} {seen:.6g} and {kept:.6g}"


def _same(recorded: float, scraped: float) -> bool:
    """Whether the two are one value but for the record's 6 digits; a NaN is never a recorded number."""
    return math.isclose(recorded, scraped, rel_tol=RELATIVE_TOLERANCE, abs_tol=SMALLEST)


def _best(sample: Sample, rule: EpochRule | None) -> BestEpoch | None:
    if sample.best_epoch is None:
        return None
    return BestEpoch(sample.best_epoch, _number(sample.best_train), _number(sample.best_val), rule)


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
