"""The tables of means: which are shown, and how they read."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from regsweep.api.analysis import Effects, Interplay, InterplayCell, Interval, MarginalMean
from regsweep.report.means import means_tables
from unit.report.builders import share


def interval(mean: float, error: float) -> Interval:
    return Interval(mean=mean, standard_error=error, low=mean - 2 * error, high=mean + 2 * error)


def marginal(flag: str, value: JsonValue, mean: float, worse: float | None = None) -> MarginalMean:
    beside = None if worse is None else interval(worse, 0.01)
    return MarginalMean(
        flag=flag, value=value, combinations=2, mean=mean, level=interval(mean, 0.02), beside_best=beside
    )


L2 = [marginal("l2", 0, 0.25, 0.12), marginal("l2", 0.01, 0.13), marginal("l2", 0.1, 0.236, 0.106)]
DROPOUT = [marginal("dropout", 0, 0.2, 0.01), marginal("dropout", 0.5, 0.19)]
PAIR = Interplay(
    flags=["l2", "dropout"],
    cells=[
        InterplayCell(values=[l2, dropout], mean=0.1 + l2 + dropout / 10, level=interval(0.1 + l2, 0.02))
        for l2 in (0, 0.01)
        for dropout in (0, 0.5)
    ],
)


def tables(effects: Effects, *, everything: bool = False) -> list[list[str]]:
    return list(means_tables(effects, "val loss", everything))


def effects(p_of_pair: float = 0.6, eta_of_pair: float = 0.04, log_scale: bool = False) -> Effects:
    return Effects(
        shares=[
            share("l2", eta=0.77),
            share("dropout", eta=0.12, p=0.6),
            share("l2", "dropout", eta=eta_of_pair, by_chance=0.01, p=p_of_pair),
        ],
        means=[*L2, *DROPOUT],
        interplays=[PAIR] if p_of_pair <= 0.05 else [],
        log_scale=log_scale,
    )


def test_a_flag_that_surely_matters_has_a_line_for_each_value() -> None:
    assert tables(effects()) == [
        [
            "l2     mean val loss   worse than its best value by (95 % together)",
            "0      0.250 ± 0.020   0.120 (0.100 to 0.140)",
            "0.01   0.130 ± 0.020   best",
            "0.1    0.236 ± 0.020   0.106 (0.086 to 0.126)",
        ]
    ]


def test_on_request_every_flag_has_its_lines() -> None:
    assert [table[0].split()[0] for table in tables(effects(), everything=True)] == ["l2", "dropout"]


def test_a_pair_that_matters_much_is_shown_as_a_matrix() -> None:
    *_, matrix = tables(effects(p_of_pair=0.01, eta_of_pair=0.3))
    assert matrix == [
        "Mean val loss by l2 and dropout, which matter together",
        "l2     dropout=0   dropout=0.5",
        "0          0.100         0.150",
        "0.01       0.110         0.160",
    ]


@pytest.mark.parametrize(("everything", "count"), [(False, 1), (True, 3)])
def test_a_pair_that_matters_little_is_shown_on_request(everything: bool, count: int) -> None:
    assert len(tables(effects(p_of_pair=0.01, eta_of_pair=0.02), everything=everything)) == count


def test_of_many_values_the_first_are_shown_and_the_rest_is_counted() -> None:
    many = Effects(
        shares=[share("l2", eta=0.9)], means=[marginal("l2", row, 0.1 + row, 0.1 + row) for row in range(30)]
    )
    (table,) = tables(many)
    assert len(table) == 12 and table[-1] == "20 more values: --means shows all."
    assert len(tables(many, everything=True)[0]) == 31


def test_of_logarithms_the_means_are_called_geometric_and_the_differences_are_factors() -> None:
    table, matrix = tables(effects(p_of_pair=0.01, eta_of_pair=0.3, log_scale=True))
    assert table[0].split("   ") == ["l2", "  geometric mean val loss", "times its best value (95 % together)"]
    assert table[1].endswith("1.12 (1.1 to 1.14)")
    assert matrix[0] == "Geometric mean val loss by l2 and dropout, which matter together"


def test_of_a_partial_grid_it_is_said_what_the_means_are_over() -> None:
    partial = effects().model_copy(update={"adds_up": False})
    assert "   mean val loss where all were trained   " in tables(partial)[0][0]
    bare = [mean.model_copy(update={"level": None, "beside_best": None}) for mean in partial.means]
    assert tables(partial.model_copy(update={"means": bare}))[0][0] == "l2     adjusted mean val loss"


def test_a_pair_that_matters_and_is_not_shown_is_named() -> None:
    three = effects(p_of_pair=0.01, eta_of_pair=0.2)
    three = three.model_copy(update={"shares": [*three.shares, share("dropout", "units", eta=0.1, by_chance=0.01)]})
    assert tables(three)[-1] == ["Also matter together: dropout and units. --means shows all."]
    assert len(tables(three)) == 3


def test_without_errors_there_are_means_alone() -> None:
    bare = [MarginalMean(flag="l2", value=value, combinations=1, mean=0.1 + value) for value in (0, 1)]
    (table,) = tables(Effects(shares=[share("l2", eta=0.9)], means=bare), everything=True)
    assert table[0] == "l2   mean val loss"
    assert [line.split() for line in table[1:]] == [["0", "0.1000"], ["1", "1.1000"]]
