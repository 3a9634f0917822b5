"""Of a whole sweep: practical equivalence, what regularisation cuts, accuracies, and what more replicates show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regsweep.api.findings import NoteType
from regsweep.api.objective import EpochRule
from regsweep.api.spec import EpochChoice, Flags, Goal
from regsweep.api.status import ObjectiveStatus
from regsweep.core.judging.stats.compared import AnalysisSettings
from regsweep.core.results.records import BestEpoch, Record
from unit.core.judging.stats.sweeps import ACCURACY, LOSS, analysis, flags_of, notes_of, on_rows, sweep


def test_without_a_minimum_difference_nothing_is_said_of_practical_equivalence() -> None:
    result = analysis(sweep(change=on_rows(400, 100)))
    assert result.minimum_difference is None
    assert all(c.beside_best is None and c.beside_unregularized is None for c in result.comparisons)


def test_each_combination_is_compared_with_the_best_and_with_the_network_without_regularisation() -> None:
    result = analysis(sweep(change=on_rows(400, 100)), settings=AnalysisSettings(minimum_difference=0.05))
    plain = next(c for c in result.comparisons if flags_of(c.combination) == {"l2": 0.0, "dropout": 0.0})
    assert (result.unregularized, result.minimum_difference) == (plain.combination, 0.05)
    assert plain.beside_unregularized is None and plain.beside_best is not None and plain.beside_best.worse > 0.99
    best = result.comparisons[0]
    assert (
        best.beside_best is None and best.beside_unregularized is not None and best.beside_unregularized.better > 0.99
    )
    others = [c for c in result.comparisons[1:] if flags_of(c.combination)["l2"] in (0.01, 0.1)]
    assert others and all(c.beside_best is not None and c.beside_best.equivalent > 0.95 for c in others)


def test_where_large_is_good_better_is_still_better() -> None:
    settings = AnalysisSettings(minimum_difference=0.05)
    result = analysis(sweep(change=on_rows(400, 100)), objective=ACCURACY, settings=settings)
    worst = result.comparisons[-1].beside_best
    assert worst is not None and worst.worse > 0.99


@pytest.mark.parametrize("rows", [pytest.param((None, None), id="unknown"), pytest.param((400, None), id="half known")])
def test_without_the_numbers_of_rows_there_are_no_probabilities(rows: tuple[int | None, int | None]) -> None:
    result = analysis(sweep(change=on_rows(*rows)), settings=AnalysisSettings(minimum_difference=0.05))
    assert all(c.beside_best is None for c in result.comparisons) and NoteType.ROWS_UNKNOWN in notes_of(result)


def test_what_regularisation_cuts_is_said_at_the_last_and_at_the_best_epoch() -> None:
    def stopped(flags: Flags, k: int, record: Record) -> Record:
        """At its best epoch every network is equally good."""
        return replace(record, best=BestEpoch(20, 0.2, 0.25 + 0.01 * k))

    found = {(r.metric, r.epoch): r for r in analysis(sweep(change=stopped)).reductions}
    last, at_best = found["val_average_loss", EpochChoice.LAST], found["val_average_loss", EpochChoice.BEST]
    assert last.share == pytest.approx(1 - 0.26 / 0.62, abs=0.05) and 0 < last.low < last.share < last.high
    assert (at_best.share, at_best.low, at_best.high) == pytest.approx((0, 0, 0), abs=1e-6)
    assert found["overfit_gap", EpochChoice.LAST].share > 0.8


@pytest.mark.parametrize(
    ("objective", "rule", "read"),
    [
        pytest.param(LOSS, None, True, id="an old record's best epoch is the objective's"),
        pytest.param(ACCURACY, None, False, id="of another objective it is another metric's"),
        pytest.param(LOSS, EpochRule("val_accuracy", Goal.MAXIMIZE), False, id="a best epoch of another rule"),
        pytest.param(ACCURACY, EpochRule("val_average_loss", Goal.MINIMIZE), True, id="the rule names the loss"),
    ],
)
def test_a_best_epoch_is_read_only_where_it_is_the_loss(
    objective: ObjectiveStatus, rule: EpochRule | None, read: bool
) -> None:
    def ruled(flags: Flags, k: int, record: Record) -> Record:
        return replace(record, best=BestEpoch(20, 0.2, 0.25 + 0.01 * k, rule))

    epochs = {r.epoch for r in analysis(sweep(change=ruled), objective=objective).reductions}
    assert (EpochChoice.BEST in epochs) is read


def test_where_the_best_is_without_regularisation_nothing_is_cut() -> None:
    def turned(flags: Flags, k: int, record: Record) -> Record:
        extra = 0.0 if flags == {"l2": 0.0, "dropout": 0.0} else 1.0
        return replace(
            record, metrics={**record.metrics, "val_average_loss": record.metrics["val_average_loss"] + extra}
        )

    result = analysis(sweep(change=turned))
    assert result.reductions == [] and result.unregularized == result.comparisons[0].combination


def test_accuracies_have_their_range_and_their_baseline() -> None:
    binary = analysis(sweep()).accuracy
    assert binary is not None and binary.baseline == pytest.approx(0.6)
    assert 0.7 < binary.low < binary.high < 0.8

    def many_classes(flags: Flags, k: int, record: Record) -> Record:
        metrics = {name: value for name, value in record.metrics.items() if name != "val_label_mean"}
        return replace(record, metrics={**metrics, "val_accuracy_baseline": 0.1 + 0.01 * k})

    found = analysis(sweep(change=many_classes)).accuracy
    assert found is not None and found.baseline == pytest.approx(0.12)


def test_a_regression_has_no_accuracy_and_its_r_squared() -> None:
    def regression(flags: Flags, k: int, record: Record) -> Record:
        metrics = {name: value for name, value in record.metrics.items() if name != "val_accuracy"}
        return replace(record, metrics={**metrics, "val_r2": 0.9 + 0.04 * (k - 2)})

    result = analysis(sweep(change=regression))
    assert result.accuracy is None and result.r_squared is not None
    assert result.r_squared.mean == pytest.approx(0.9) and 0.8 < result.r_squared.low < result.r_squared.high <= 1
    assert analysis(sweep()).r_squared is None


def test_more_replicates_are_planned_from_the_spread_of_differences() -> None:
    planning = analysis(sweep(), settings=AnalysisSettings(minimum_difference=0.002)).planning
    assert planning is not None and planning.replicates == 5 and planning.minimum_difference is not None
    assert 0.005 < planning.detectable < 0.03  # paired noise is 0.005, the replicates' own 0.02
    assert (planning.minimum_difference.replicates or 1001) > 30


def test_with_two_replicates_nothing_is_planned() -> None:
    assert analysis(sweep(n=2), n=2).planning is None
