"""The final evaluation: what is said of the picks on the test rows."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from regsweep.api.analysis import FinalEvaluation, PickRole
from regsweep.api.findings import Note, NoteType, SeedsAloneReason, Subject
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.final import FinalTraining, evaluate_final
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.pigeonhole import block_losses, resampled_means, stretched_interval, two_way_interval
from regsweep.core.results.records import Outcome, Record, TestLosses

BEST, PICK = PickRole.BEST, PickRole.ONE_STANDARD_ERROR
PICKED = Combination("0123456789ab", {"l2": 0.1}, 0)


def encoded(multiples: Floats | Sequence[float]) -> str:
    return base64.b64encode(np.asarray(multiples, dtype="<f2").tobytes()).decode()


def table(replicates: int = 5, blocks: int = 40, seed: int = 1, shift: float = 0.0) -> Floats:
    rng = np.random.default_rng(seed)
    rows, cells = rng.random(blocks), np.random.default_rng(seed + 1).random((replicates, blocks))
    return np.asarray(shift + rows + 0.2 * cells + 0.1 * rng.random((replicates, 1)))


def records(losses: Floats, rows: str = "rows", scored: bool = True) -> dict[int, Record]:
    return {
        k: Record(
            "key",
            k,
            Outcome.OK,
            "run",
            metrics={"test_average_loss": float(row.mean()), "test_accuracy": 0.9, "val_average_loss": 7.0},
            test=TestLosses(rows, encoded(row / row.mean())) if scored else None,
        )
        for k, row in enumerate(losses)
    }


def training(of: Mapping[int, Record], *roles: PickRole) -> FinalTraining:
    return FinalTraining(roles or (BEST,), PICKED, of)


def final(*trainings: FinalTraining) -> FinalEvaluation:
    found = evaluate_final(trainings)
    assert found is not None
    return found


def test_a_pick_has_its_loss_over_seeds_and_rows_and_the_means_of_the_test_metrics() -> None:
    losses = table()
    (result,) = final(training(records(losses), BEST, PICK)).results
    assert result.combination == PICKED.id
    assert (result.label, result.roles, result.replicates, result.diverged) == ("l2=0.1", [BEST, PICK], 5, 0)
    assert result.metrics == {"test_accuracy": pytest.approx(0.9), "test_average_loss": pytest.approx(losses.mean())}
    assert result.loss is not None
    exact = two_way_interval(losses)
    assert exact is not None
    assert result.loss.mean == pytest.approx(losses.mean(), rel=1e-9), "half-precision moves no mean"
    assert result.loss.standard_error == pytest.approx(exact.standard_error, rel=0.02)
    assert result.loss.low < result.loss.mean < result.loss.high


def test_the_difference_is_pick_minus_best_and_paired_in_seeds_and_rows() -> None:
    best, pick = table(), table(shift=0.05)
    found = final(training(records(best)), training(records(pick), PICK))
    assert found.difference is not None and found.results[0].loss is not None
    assert found.difference.mean == pytest.approx(0.05)
    assert found.difference.standard_error < 0.05 * found.results[0].loss.standard_error
    assert found.notes == []


def test_picks_that_never_differ_have_no_interval_of_width_0() -> None:
    found = final(training(records(table())), training(records(table()), PICK))
    assert found.difference is None
    assert [(note.type, note.subject) for note in found.notes] == [(NoteType.ALL_EQUAL, Subject.DIFFERENCE)]


def test_a_loss_that_few_rows_carry_has_a_wider_interval_and_a_note() -> None:
    cells = np.full((5, 30), 0.01)
    cells[:, :2] = 3 + np.random.default_rng(1).uniform(size=(5, 2))
    found = final(training(records(cells)))
    (result,) = found.results
    plain = stretched_interval(cells, resampled_means(cells, 10_000))
    assert result.loss is not None and plain is not None
    assert result.loss.high > 1.2 * plain.high
    assert [(note.type, note.subject, note.count) for note in found.notes] == [(NoteType.FEW_ROWS, Subject.BEST, 2)]


def test_a_loss_that_all_rows_carry_has_no_such_note() -> None:
    assert final(training(records(table()))).notes == []


def test_one_combination_in_both_roles_has_no_difference() -> None:
    assert final(training(records(table()), BEST, PICK)).difference is None


def test_the_difference_is_over_the_replicates_that_both_have() -> None:
    best, pick = records(table(6)), records(table(6, shift=0.05))
    del best[0], pick[5]
    found = final(training(best), training(pick, PICK))
    assert found.difference is not None
    assert found.difference.mean == pytest.approx(0.05)


def spoilt(of: dict[int, Record], k: int, test: TestLosses | None) -> dict[int, Record]:
    old = of[k]
    return of | {k: Record("key", k, Outcome.OK, "run", metrics=old.metrics, test=test)}


@pytest.mark.parametrize(
    ("of", "why"),
    [
        pytest.param(records(table(), scored=False), SeedsAloneReason.NO_BLOCKS, id="no blocks"),
        pytest.param(spoilt(records(table()), 2, None), SeedsAloneReason.NO_BLOCKS, id="one without blocks"),
        pytest.param(
            spoilt(records(table()), 2, TestLosses("other", encoded(np.ones(40)))),
            SeedsAloneReason.ROWS_DIFFER,
            id="other rows",
        ),
        pytest.param(
            spoilt(records(table()), 2, TestLosses("rows", encoded(np.ones(39)))),
            SeedsAloneReason.ROWS_DIFFER,
            id="other blocks",
        ),
        pytest.param(
            spoilt(records(table()), 2, TestLosses("rows", "?")), SeedsAloneReason.UNREADABLE_BLOCKS, id="no base64"
        ),
        pytest.param(
            {k: spoilt(records(table()), k, TestLosses("rows", encoded([1.0])))[k] for k in range(5)},
            SeedsAloneReason.ONE_BLOCK,
            id="one block",
        ),
    ],
)
def test_without_comparable_blocks_the_interval_is_over_seeds_alone_and_a_note_says_so(
    of: dict[int, Record], why: SeedsAloneReason
) -> None:
    found = final(training(of))
    losses = table().mean(axis=1)
    assert found.results[0].loss is not None
    assert found.results[0].loss.standard_error == pytest.approx(losses.std(ddof=1) / np.sqrt(5))
    assert found.notes == [Note(type=NoteType.SEEDS_ALONE, subject=Subject.BEST, reason=why)]


def test_picks_scored_on_different_rows_are_compared_over_seeds_alone() -> None:
    found = final(training(records(table())), training(records(table(shift=0.1), rows="other"), PICK))
    assert found.difference is not None
    assert found.notes == [
        Note(type=NoteType.SEEDS_ALONE, subject=Subject.DIFFERENCE, reason=SeedsAloneReason.PICKS_ROWS_DIFFER)
    ]


def test_picks_with_different_blocks_are_compared_over_seeds_alone() -> None:
    found = final(training(records(table(blocks=40))), training(records(table(blocks=41)), PICK))
    assert [note.reason for note in found.notes] == [SeedsAloneReason.PICKS_BLOCKS_DIFFER]


def test_an_interval_of_a_loss_is_never_below_nothing() -> None:
    losses = np.array([[0.001, 0.001], [0.02, 0.02], [0.3, 0.001]])
    (result,) = final(training(records(losses))).results
    assert result.loss is not None
    assert (result.loss.low, result.loss.cut) == (0.0, True)


def test_a_diverged_replicate_leaves_no_mean_to_show() -> None:
    of = records(table()) | {5: Record("key", 5, Outcome.DIVERGED, "run")}
    found = final(training(records(table(6))), training(of, PICK))
    assert (found.results[1].replicates, found.results[1].diverged, found.results[1].loss) == (6, 1, None)
    assert found.results[0].loss is not None and found.difference is None
    assert found.notes == [Note(type=NoteType.FINAL_DIVERGED, subject=Subject.PICK, count=1, of=6)]


@pytest.mark.parametrize("n", [1, 2])
def test_fewer_than_three_replicates_have_no_interval(n: int) -> None:
    found = final(training(records(table(n))), training(records(table(n)), PICK))
    assert (found.results[0].loss, found.difference) == (None, None)
    assert found.results[0].metrics["test_accuracy"] == pytest.approx(0.9)
    assert found.notes == [
        Note(type=NoteType.FINAL_TOO_FEW, subject=subject, count=n, of=n) for subject in (Subject.BEST, Subject.PICK)
    ]


def test_nothing_is_said_before_the_first_result() -> None:
    failed = {0: Record("key", 0, Outcome.FAILED, "run")}
    assert evaluate_final([]) is None
    assert evaluate_final([training({}), training(failed, PICK)]) is None


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        pytest.param(encoded([0.5, 1.5]), [1.0, 3.0], id="multiples of the loss"),
        pytest.param(encoded([0.6, 1.6]), [12 / 11, 32 / 11], id="scaled to the loss as their mean"),
        pytest.param("", None, id="nothing"),
        pytest.param("!!", None, id="no base64"),
        pytest.param("AAAA", None, id="half a number"),
        pytest.param(encoded([1.0, np.inf]), None, id="infinite"),
        pytest.param(encoded([1.0, np.nan]), None, id="no number"),
        pytest.param(encoded([-1.0, 0.5]), None, id="a mean below 0 is no multiple of itself"),
    ],
)
def test_blocks_are_read_or_refused(losses: str, expected: list[float] | None) -> None:
    found = block_losses(2.0, TestLosses("rows", losses))
    if expected is None:
        assert found is None
    else:
        assert found is not None
        np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_a_loss_of_nothing_has_blocks_of_nothing() -> None:
    found = block_losses(0.0, TestLosses("rows", encoded([0.0, 0.0])))
    assert found is not None and found.tolist() == [0.0, 0.0]


def test_the_same_table_always_gives_the_same_interval() -> None:
    assert two_way_interval(table()) == two_way_interval(table())


def test_resampled_means_have_the_pigeonhole_bootstraps_variance() -> None:
    """Exactly: sum of squares of rows / R^2, of columns / B^2, and of what is left / (R B)^2."""
    cells = table(6, 30)
    rows, columns = cells.mean(axis=1) - cells.mean(), cells.mean(axis=0) - cells.mean()
    left = cells - cells.mean() - rows[:, None] - columns
    expected = (rows**2).sum() / 36 + (columns**2).sum() / 900 + (left**2).sum() / 180**2
    means = resampled_means(cells, 40_000)
    assert means.var() == pytest.approx(expected, rel=0.05)
    assert means.mean() == pytest.approx(cells.mean(), abs=5 * np.sqrt(expected / 40_000))


def two_way(rng: np.random.Generator, replicates: int, of_seeds: float, of_rows: float, own: float) -> Floats:
    blocks = 40
    cells = of_rows * rng.standard_normal(blocks) + own * rng.standard_normal((replicates, blocks))
    return np.asarray(cells + of_seeds * rng.standard_normal((replicates, 1)))


@pytest.mark.parametrize(
    ("replicates", "of_seeds", "of_rows"),
    [
        pytest.param(5, 0.5, 3.0, id="rows and seeds matter alike"),
        pytest.param(5, 1.0, 0.0, id="five seeds alone matter"),
        pytest.param(10, 0.2, 3.0, id="rows matter most"),
    ],
)
def test_the_interval_covers_where_one_over_seeds_alone_does_not(
    replicates: int, of_seeds: float, of_rows: float
) -> None:
    """Truth is 0. 300 simulated evaluations: 95 % but for three Monte-Carlo errors."""
    rng = np.random.default_rng(7)
    joint = seeds = 0
    for _ in range(300):
        cells = two_way(rng, replicates, of_seeds, of_rows, 1.0)
        interval = two_way_interval(cells, resamples=1000)
        assert interval is not None
        joint += interval.low <= 0 <= interval.high
        alone = cells.mean(axis=1)
        seeds += abs(alone.mean()) <= 2.776 * alone.std(ddof=1) / np.sqrt(replicates)
    assert joint >= (0.95 - 3 * np.sqrt(0.95 * 0.05 / 300)) * 300
    if of_rows:
        assert seeds < 0.85 * 300


def test_the_final_evaluation_needs_neither_numpy_nor_scipy_before_there_is_something() -> None:
    code = "import sys, regsweep.core.judging.stats.final; sys.exit(bool({'numpy', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
