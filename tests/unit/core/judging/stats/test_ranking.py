"""The order of combinations: what a user may rely on."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.api.spec import Constraint, EpochChoice, Goal
from regsweep.api.status import ObjectiveStatus
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.ranking import Ranking, TrainedGrid, rank
from regsweep.core.results.records import BestEpoch, Outcome, Record, Records, Source

LOSS = ObjectiveStatus(metric="val_average_loss", goal=Goal.MINIMIZE, epoch=EpochChoice.LAST)
ACCURACY = ObjectiveStatus(metric="val_accuracy", goal=Goal.MAXIMIZE, epoch=EpochChoice.LAST)

DIVERGED = "diverged"
FAILED = "failed"
Cell = float | str | None
"""A value of the objective, or how the replicate ended without one; None: not trained yet."""


def combination(name: str, index: int = 0) -> Combination:
    return Combination(name, {"l2": index}, index)


def record(point: str, replicate: int, cell: Cell, metric: str = "val_average_loss") -> Record:
    if cell == DIVERGED:
        return Record(point, replicate, Outcome.DIVERGED, "run")
    if cell == FAILED:
        return Record(point, replicate, Outcome.FAILED, "run")
    assert isinstance(cell, float | int)
    return Record(point, replicate, Outcome.OK, "run", metrics={metric: float(cell)})


def ranking(
    cells: Mapping[str, Sequence[Cell]],
    objective: ObjectiveStatus = LOSS,
    replicates: int | None = None,
    reverse: bool = False,
) -> Ranking:
    names = sorted(cells, reverse=reverse)
    records = [
        record(f"key-{name}", replicate, cell, objective.metric)
        for name in names
        for replicate, cell in enumerate(cells[name])
        if cell is not None
    ]
    if reverse:
        records.reverse()
    return rank(
        TrainedGrid(
            [combination(name, index) for index, name in enumerate(names)],
            {name: f"key-{name}" for name in names},
            Records(records),
            objective,
            max(map(len, cells.values())) if replicates is None else replicates,
        )
    )


def order(ranking: Ranking) -> str:
    return " ".join(row.combination.id for row in ranking.rows)


@pytest.mark.parametrize(
    ("cells", "objective", "expected"),
    [
        pytest.param({"a": [3, 3], "b": [1, 1], "c": [2, 2]}, LOSS, "b c a", id="a loss: the smallest is first"),
        pytest.param(
            {"a": [3, 3], "b": [1, 1], "c": [2, 2]}, ACCURACY, "a c b", id="an accuracy: the largest is first"
        ),
        pytest.param({"b": [1, 2], "a": [2, 1], "c": [0, 3]}, LOSS, "a b c", id="equal means come in the ids' order"),
        pytest.param(
            {"a": [0.1, DIVERGED], "b": [9, 9]}, LOSS, "b a", id="diverged once is behind all that never diverged"
        ),
        pytest.param(
            {"a": [0.1, DIVERGED, DIVERGED], "b": [9, 9, DIVERGED]},
            LOSS,
            "b a",
            id="more diverged replicates are worse",
        ),
        pytest.param(
            {"a": [DIVERGED, DIVERGED], "b": [9, DIVERGED]}, LOSS, "b a", id="without any number a combination is last"
        ),
        pytest.param({"a": [math.nan, 1], "b": [9, 9]}, LOSS, "b a", id="NaN once is behind all that are numbers"),
        pytest.param({"a": [-math.inf, 1], "b": [9, 9]}, LOSS, "b a", id="minus infinity is no small loss"),
        pytest.param({"a": [math.inf, 1], "b": [0, 0]}, ACCURACY, "b a", id="infinity is no large accuracy"),
        pytest.param({"a": [1e39, 1], "b": [9, 9]}, LOSS, "b a", id="an overflow of float32 is no number"),
        pytest.param({"a": [], "b": [None, 7], "c": [4, 6]}, LOSS, "c b a", id="what has no result yet is last"),
        pytest.param({"a": [FAILED, 5], "b": [1, 6]}, LOSS, "a b", id="a failed replicate is missing, not bad"),
        pytest.param(
            {"a": [10, 20, None], "b": [11, 21, 31], "c": [12, 22, 32]},
            LOSS,
            "a b c",
            id="a missing hard replicate: compared on what is common",
        ),
        pytest.param(
            {"a": [None, 20, 30], "b": [11, 21, 31], "c": [9, 19, 29]},
            LOSS,
            "c a b",
            id="a missing easy replicate does not push a combination back",
        ),
        pytest.param(
            {"a": [2.0, None, 2.1], "b": [2.2, 1.9, 2.3], "c": [2.4, 2.1, 2.5], "d": [2e6, 9e6, 1e6]},
            LOSS,
            "a b c d",
            id="a combination that explodes moves nobody else",
        ),
    ],
)
def test_the_order(cells: Mapping[str, Sequence[Cell]], objective: ObjectiveStatus, expected: str) -> None:
    assert order(ranking(cells, objective)) == expected


def test_an_exploded_combination_leaves_the_adjusted_means_alone() -> None:
    cells: dict[str, Sequence[Cell]] = {"a": [2.0, None, 2.1], "b": [2.2, 1.9, 2.3], "c": [2.4, 2.1, 2.5]}
    without = {row.combination.id: row.adjusted_mean for row in ranking(cells).rows}
    with_it = {row.combination.id: row.adjusted_mean for row in ranking({**cells, "d": [2e6, 9e6, 1e6]}).rows}
    assert {name: with_it[name] for name in without} == without


@pytest.mark.parametrize(
    ("cells", "best"),
    [
        pytest.param({"a": [1, 2], "b": [3, 4]}, "a", id="the first"),
        pytest.param({"a": [1, DIVERGED], "b": [DIVERGED, 4]}, None, id="nobody, where every combination diverged"),
        pytest.param({"a": [], "b": []}, None, id="nobody, before the first result"),
    ],
)
def test_what_may_be_called_best(cells: Mapping[str, Sequence[Cell]], best: str | None) -> None:
    row = ranking(cells).best
    assert (row.combination.id if row else None) == best


def test_a_row_says_what_it_rests_on() -> None:
    row = ranking({"a": [1.0, 2.0, 6.0, DIVERGED, FAILED, None]}).rows[0]
    assert (row.rank, row.replicates, row.diverged, row.failed, row.complete) == (1, 4, 1, 1, False)
    assert row.objective is not None
    assert (row.objective.mean, row.objective.n) == (3.0, 3)
    assert row.objective.standard_error == pytest.approx(math.sqrt(7 / 3), rel=1e-12)


@pytest.mark.parametrize("n", [pytest.param(n, id=f"{n} replicates") for n in (1, 2)])
def test_no_standard_error_below_three_replicates(n: int) -> None:
    row = ranking({"a": [1.0, 2.0][:n]}).rows[0]
    assert row.objective is not None
    assert row.objective.standard_error is None


def test_the_gap_is_paired_within_a_replicate_and_has_its_own_error() -> None:
    pairs = [(0.10, 0.30), (0.50, 0.72), (0.90, 1.09)]
    records = Records(
        Record("key", k, Outcome.OK, "run", metrics={"train_average_loss": train, "val_average_loss": val})
        for k, (train, val) in enumerate(pairs)
    )
    gap = rank(TrainedGrid([combination("a")], {"a": "key"}, records, LOSS, 3)).rows[0].overfit_gap
    assert gap is not None
    assert gap.mean == pytest.approx((0.20 + 0.22 + 0.19) / 3, rel=1e-12)
    assert gap.standard_error == pytest.approx(0.015275252316519467 / math.sqrt(3), rel=1e-9)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        pytest.param("val_average_loss", 0.4, id="on val"),
        pytest.param("train_average_loss", 0.2, id="on train"),
    ],
)
def test_epoch_best_takes_the_objective_from_the_best_epoch_and_the_gap_from_the_last(
    metric: str, expected: float
) -> None:
    last = {"train_average_loss": 0.1, "val_average_loss": 0.9}
    records = Records([Record("key", 0, Outcome.OK, "run", metrics=last, best=BestEpoch(3, 0.2, 0.4))])
    objective = ObjectiveStatus(metric=metric, goal=Goal.MINIMIZE, epoch=EpochChoice.BEST)
    row = rank(TrainedGrid([combination("a")], {"a": "key"}, records, objective, 1)).rows[0]
    assert row.objective is not None and row.overfit_gap is not None
    assert (row.objective.mean, row.overfit_gap.mean) == (expected, 0.8)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        pytest.param([], None, id="no result"),
        pytest.param([Source.RECORD, Source.RECORD], "Record", id="all from the pods' records"),
        pytest.param([Source.PROMETHEUS, Source.PROMETHEUS], "Prometheus", id="all from Prometheus"),
        pytest.param([Source.PROMETHEUS, Source.RECORD], "Mixed", id="some of each"),
    ],
)
def test_where_the_values_come_from(sources: Sequence[Source], expected: str | None) -> None:
    records = Records(
        Record("key", k, Outcome.OK, "run", metrics={"val_average_loss": 1.0}, source=source)
        for k, source in enumerate(sources)
    )
    assert rank(TrainedGrid([combination("a")], {"a": "key"}, records, LOSS, 2)).rows[0].source == expected


def test_what_violates_a_constraint_ranks_behind_what_keeps_it_and_is_never_best() -> None:
    records = Records(
        [
            Record("a", 0, Outcome.OK, "run", metrics={"val_average_loss": 0.1, "val_recall": 0.5}),
            Record("b", 0, Outcome.OK, "run", metrics={"val_average_loss": 0.2, "val_recall": 0.9}),
            Record("c", 0, Outcome.OK, "run", metrics={"val_average_loss": 0.05}),
        ]
    )
    names = ["a", "b", "c"]
    recall = Constraint(metric="val_recall", min=0.8)
    result = rank(TrainedGrid([combination(n) for n in names], {n: n for n in names}, records, LOSS, 1), [recall])
    assert order(result) == "b c a"
    assert [row.violated for row in result.rows] == [(), (recall,), (recall,)]
    assert [row.eligible for row in result.rows] == [True, False, False]


def test_what_a_race_dropped_ranks_behind_what_still_races_and_before_nothing_else() -> None:
    records = Records(
        [
            Record("a", 0, Outcome.OK, "run", metrics={"val_average_loss": 0.1, "val_recall": 0.9}),
            Record("b", 0, Outcome.OK, "run", metrics={"val_average_loss": 0.2, "val_recall": 0.9}),
            Record("c", 0, Outcome.OK, "run", metrics={"val_average_loss": 0.3, "val_recall": 0.9}),
            Record("d", 0, Outcome.OK, "run", metrics={"val_average_loss": 0.0, "val_recall": 0.5}),
            Record("e", 0, Outcome.DIVERGED, "run"),
        ]
    )
    names = ["a", "b", "c", "d", "e"]
    recall = Constraint(metric="val_recall", min=0.8)
    keys = {n: n for n in names}
    result = rank(
        TrainedGrid([combination(n) for n in names], keys, records, LOSS, 1), [recall], frozenset({"a", "c", "e"})
    )
    assert order(result) == "b a c d e"
    assert [row.dropped for row in result.rows] == [False, True, True, False, True]
    assert [row.eligible for row in result.rows] == [True, False, False, False, False]
    assert [row.comparable for row in result.rows] == [True, True, True, False, False]


def test_replicates_beyond_those_asked_for_are_not_looked_at() -> None:
    row = ranking({"a": [1.0, 2.0, 90.0]}, replicates=2).rows[0]
    assert row.objective is not None
    assert (row.objective.mean, row.complete) == (1.5, True)


Cells = st.dictionaries(
    st.text("0123456789abcdef", min_size=1, max_size=3),
    st.lists(
        st.one_of(
            st.none(), st.sampled_from([DIVERGED, FAILED, math.nan, math.inf, -math.inf, 1.0]), st.floats(-1e6, 1e6)
        ),
        max_size=5,
    ),
    min_size=1,
    max_size=8,
)


@given(Cells)
def test_the_order_of_runs_and_of_the_grid_changes_nothing(cells: Mapping[str, Sequence[Cell]]) -> None:
    forth, back = ranking(cells), ranking(cells, reverse=True)
    assert order(forth) == order(back)
    assert [(row.rank, row.objective, row.adjusted_mean) for row in forth.rows] == [
        (row.rank, row.objective, row.adjusted_mean) for row in back.rows
    ]


@given(Cells)
def test_the_order_is_total_whatever_is_absent_infinite_or_equal(cells: Mapping[str, Sequence[Cell]]) -> None:
    rows = ranking(cells).rows
    assert sorted(row.combination.id for row in rows) == sorted(cells)
    numbered = [row.rank for row in rows if row.objective is not None]
    assert numbered == list(range(1, len(numbered) + 1))
    assert all(row.rank is None for row in rows[len(numbered) :])
    broken = [row.diverged + row.undefined for row in rows[: len(numbered)]]
    assert broken == sorted(broken)
    for row in rows:
        assert row.objective is None or math.isfinite(row.objective.mean)


@given(
    st.dictionaries(
        st.text("0123456789abcdef", min_size=1, max_size=3),
        st.lists(st.one_of(st.none(), st.just(DIVERGED), st.integers(-1000, 1000)), min_size=4, max_size=4),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([0.25, 2.0, 1024.0]),
    st.integers(-100, 100),
)
def test_units_and_origin_of_the_metric_change_no_place(
    cells: Mapping[str, Sequence[Cell]], scale: float, shift: int
) -> None:
    # powers of two and small integers: exact in binary, so that equal means stay equal
    moved = {
        name: [cell * scale + shift if isinstance(cell, int) else cell for cell in row] for name, row in cells.items()
    }
    before, after = ranking(cells), ranking(moved)
    places = {row.combination.id: row for row in after.rows}
    for row in before.rows:
        other = places[row.combination.id]
        if row.adjusted_mean is None or other.adjusted_mean is None:
            assert row.adjusted_mean is other.adjusted_mean is None
        else:
            assert other.adjusted_mean == pytest.approx(row.adjusted_mean * scale + shift, rel=1e-9, abs=1e-7 * scale)


@given(st.lists(st.lists(st.integers(-1000, 1000), min_size=3, max_size=3), min_size=1, max_size=6))
def test_minimizing_the_negative_is_maximizing(rows: Sequence[Sequence[int]]) -> None:
    cells = {f"{place:03x}": row for place, row in enumerate(rows)}
    negative = {name: [-cell for cell in row] for name, row in cells.items()}
    assert order(ranking(cells, ACCURACY)) == order(ranking(negative, LOSS))


def test_ranking_needs_neither_numpy_nor_scipy() -> None:
    code = "import sys, regsweep.core.judging.stats.ranking; sys.exit(bool({'numpy', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
