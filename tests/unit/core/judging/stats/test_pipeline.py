"""The analysis of a whole sweep: labels, findings, optimism, notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep.api.analysis import Analysis, Fit
from regsweep.api.findings import FindingType, NoteType, Subject
from regsweep.api.spec import EpochChoice, Flags, Goal
from regsweep.api.status import ObjectiveStatus
from regsweep.core.grid import label
from regsweep.core.judging.stats.ranking import rank
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record, Records
from unit.core.judging.stats.sweeps import (
    ACCURACY,
    AT_BEST,
    LOSS,
    analysis,
    flags_of,
    notes_of,
    on_rows,
    sweep,
    trained,
)


@pytest.mark.parametrize(
    ("l2", "fit"),
    [
        pytest.param(0.0, Fit.OVERFITS, id="no l2 overfits"),
        pytest.param(0.01, Fit.BALANCED, id="some l2 is balanced"),
        pytest.param(0.1, Fit.BALANCED, id="more l2 is balanced"),
        pytest.param(1.0, Fit.UNDERFITS, id="much l2 underfits"),
    ],
)
def test_labels_say_what_a_larger_loss_is_made_of(l2: float, fit: Fit) -> None:
    for objective in (LOSS, AT_BEST):
        result = analysis(sweep(), objective=objective)
        assert {c.fit for c in result.comparisons if flags_of(c.combination)["l2"] == l2} == {fit}


@pytest.mark.parametrize(
    "objective",
    [
        pytest.param(ACCURACY, id="accuracy: a network may be worse in it and have a better loss"),
        pytest.param(LOSS.model_copy(update={"metric": "train_average_loss"}), id="training loss"),
    ],
)
def test_of_another_objective_no_reason_is_given(objective: ObjectiveStatus) -> None:
    def on_train(flags: Flags, k: int, record: Record) -> Record:
        """Where the values were decomposed all the same, they would give every label."""
        train = {"train_accuracy": record.metrics["train_average_loss"] - 1}
        return replace(record, metrics={**record.metrics, **train})

    result = analysis(sweep(change=on_train), objective=objective)
    assert {c.fit for c in result.comparisons} <= {Fit.BALANCED, Fit.UNDETERMINED}


def test_at_the_best_epoch_its_own_losses_are_decomposed() -> None:
    """At the last epoch l2=1 underfits; at the best one its gap is what is larger."""

    def swapped(flags: Flags, k: int, record: Record) -> Record:
        val = record.metrics["val_average_loss"]
        return replace(record, best=BestEpoch(60, 0.2 + 0.001 * k, val)) if flags["l2"] == 1.0 else record

    for objective, fit in ((LOSS, Fit.UNDERFITS), (AT_BEST, Fit.OVERFITS)):
        result = analysis(sweep(change=swapped), objective=objective)
        assert {c.fit for c in result.comparisons if flags_of(c.combination)["l2"] == 1.0} == {fit}


def test_what_is_worse_by_equal_parts_has_a_label_of_its_own() -> None:
    def equal_parts(flags: Flags, k: int, record: Record) -> Record:
        if flags["l2"] != 1.0:
            return record
        noise = 0.02 * (-1) ** k
        train = 0.5 + noise
        return replace(
            record,
            metrics={**record.metrics, "train_average_loss": train, "val_average_loss": train + 0.36 - 2 * noise},
        )

    result = analysis(sweep(change=equal_parts))
    assert {c.fit for c in result.comparisons if flags_of(c.combination)["l2"] == 1.0} == {Fit.BOTH}


def test_comparisons_name_each_combination_by_id_and_label_in_the_order_of_the_ranking() -> None:
    ranking = rank(trained(sweep()))
    assert [(c.combination, c.label) for c in analysis(sweep()).comparisons] == [
        (row.combination.id, label(row.combination.flags)) for row in ranking.rows
    ]


def test_the_tied_set_is_what_makes_no_difference_and_comes_by_id() -> None:
    result = analysis(sweep())
    in_order_of_ids = ["l2=0.01, dropout=0", "l2=0.01, dropout=0.3", "l2=0.1, dropout=0", "l2=0.1, dropout=0.3"]
    assert (result.tied_with_best, result.tied_count) == (in_order_of_ids, 4)
    assert {c.label for c in result.comparisons if c.tied} == set(in_order_of_ids)
    assert result.tied_by_accuracy == result.tied_with_best
    assert analysis(sweep(), objective=ACCURACY).tied_by_accuracy is None


def test_the_pick_is_tied_and_at_least_as_simple_as_the_best() -> None:
    result = analysis(sweep(change=on_rows(400, 100)))
    assert result.pick is not None and result.best is not None
    best, pick = flags_of(result.comparisons[0].combination), flags_of(result.pick.combination)
    assert result.pick.label == label(pick)  # type: ignore[arg-type]  # flags are what labels are made of
    assert (pick["l2"], pick["dropout"]) >= (best["l2"], best["dropout"])
    assert result.best.given_data and result.best.new_data
    assert result.best.new_data.standard_error > result.best.given_data.standard_error


def test_a_diverged_combination_is_neither_best_nor_tied_nor_picked_and_leaves_the_effects() -> None:
    def diverge(flags: Flags, k: int, record: Record) -> Record:
        broken = flags["l2"] == 0.01 and k == 2
        return replace(record, outcome=Outcome.DIVERGED) if broken else record

    result = analysis(sweep(change=diverge))
    assert {c.combination for c in result.comparisons}.isdisjoint({"02", "03"})
    assert result.effects is not None
    assert result.effects.left_out == 2


def test_two_replicates_give_a_ranking_and_effects_but_no_errors() -> None:
    result = analysis(sweep(2), 2)
    assert (result.best, result.pick, result.tied_with_best, result.comparisons) == (None, None, [], [])
    assert NoteType.TOO_FEW_REPLICATES in notes_of(result)
    assert result.effects is not None


@pytest.mark.parametrize(("of_l2", "few"), [((), 0), ((0.01,), 2), ((0.0, 0.01), 4), ((0.0, 0.01, 0.1, 1.0), 8)])
def test_the_note_on_few_replicates_counts_the_combinations_that_it_is_true_of(
    of_l2: tuple[float, ...], few: int
) -> None:
    def fail(flags: Flags, k: int, record: Record) -> Record:
        return replace(record, outcome=Outcome.FAILED) if flags["l2"] in of_l2 and k == 4 else record

    found = [n for n in analysis(sweep(5, change=fail), 5).notes if n.type == NoteType.FEW_REPLICATES]
    assert [(n.count, n.of) for n in found] == ([(few, 8)] if few else [])


def test_before_the_first_result_there_is_nothing_and_no_error() -> None:
    result = analysis(Records())
    assert (result.comparisons, result.effects, result.findings) == ([], None, [])


def test_what_is_mixed_is_said_and_unpaired_errors_are_larger() -> None:
    def devices(flags: Flags, k: int, record: Record) -> Record:
        return replace(record, environment=Environment(backend="tensorflow", device="cpu" if k else "H100"))

    mixed, same = analysis(sweep(change=devices)), analysis(sweep())
    (note,) = [note for note in mixed.notes if note.type is NoteType.MIXED]
    assert note.mixed is not None and [(each.kind, each.values) for each in note.mixed] == [
        ("devices", ["H100", "cpu"])
    ]
    assert (mixed.paired, same.paired) == (False, True)
    assert NoteType.MIXED not in notes_of(same)
    for one, other in zip(mixed.comparisons, same.comparisons, strict=True):
        assert one.difference == pytest.approx(other.difference)
        if one.standard_error is not None:  # all but the best itself
            assert other.standard_error is not None and one.standard_error > other.standard_error


def test_the_picks_difference_is_unpaired_where_replicates_are() -> None:
    def data(flags: Flags, k: int, record: Record) -> Record:
        return replace(record, environment=Environment(data="aa" if k % 2 else "bb", train_rows=400, val_rows=100))

    picks = [analysis(sweep(change=each)).pick for each in (data, on_rows(400, 100))]
    (mixed_given, mixed_new), (given_data, new_data) = (
        (pick.difference.given_data, pick.difference.new_data) for pick in picks if pick is not None
    )
    assert mixed_given and mixed_new and given_data and new_data
    assert mixed_given.mean == pytest.approx(given_data.mean)
    assert mixed_given.standard_error > given_data.standard_error
    assert mixed_new.standard_error > mixed_given.standard_error


def test_one_kind_of_device_changes_nothing() -> None:
    one = Environment("tensorflow", "cpu", "sha256:1", "ab")
    assert analysis(sweep(change=lambda flags, k, record: replace(record, environment=one))) == analysis(sweep())


def test_the_rows_of_the_best_decide_whether_there_is_an_interval_for_new_data() -> None:
    def of_the_worst_alone(flags: Flags, k: int, record: Record) -> Record:
        return on_rows(400, 100)(flags, k, record) if flags["l2"] == 1.0 else record

    assert NoteType.ROWS_UNKNOWN in notes_of(analysis(sweep()))
    assert NoteType.ROWS_UNKNOWN in notes_of(analysis(sweep(change=of_the_worst_alone)))
    known = analysis(sweep(change=on_rows(400, 100)))
    assert NoteType.ROWS_UNKNOWN not in notes_of(known)
    assert known.best and known.best.new_data and known.pick and known.pick.level.new_data


def test_a_difference_for_new_data_takes_the_larger_share_of_validation_rows() -> None:
    def rows(flags: Flags, k: int, record: Record) -> Record:
        return on_rows(100, 100 if flags["l2"] == 0.1 else 10)(flags, k, record)

    result = analysis(sweep(change=rows))
    assert result.pick is not None and not result.pick.is_best
    given, new = result.pick.difference.given_data, result.pick.difference.new_data
    assert given is not None and new is not None
    assert new.standard_error / given.standard_error == pytest.approx(np.sqrt((1 / 5 + 1) * 5))


def test_bias_and_variance_stand_where_records_have_them_and_else_a_note() -> None:
    def audited(flags: Flags, k: int, record: Record) -> Record:
        audit = {"audit_squared_error": 0.3} | ({"audit_spread": 0.1} if k else {})
        return replace(record, metrics={**record.metrics, **audit}) if flags["l2"] == 0.1 else record

    assert NoteType.NO_BIAS_VARIANCE in notes_of(analysis(sweep()))
    result = analysis(sweep(change=audited))
    assert NoteType.NO_BIAS_VARIANCE not in notes_of(result)
    told = {flags_of(c.combination)["l2"] for c in result.comparisons if c.spread is not None}
    assert told == {0.1}


def found(result: Analysis) -> set[FindingType]:
    return {finding.type for finding in result.findings}


def test_a_quiet_sweep_has_no_findings() -> None:
    assert found(analysis(sweep())) == set()


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        pytest.param(
            lambda flags, k, r: replace(r, metrics={**r.metrics, "train_average_loss": 0.001 * (k + 1)}),
            FindingType.ALL_OVERFIT,
            id="all overfit where most of every validation loss is gap",
        ),
        pytest.param(
            lambda flags, k, r: replace(
                r,
                metrics={name: v + 0.7 * (1 - 2 * (name == "val_accuracy")) for name, v in r.metrics.items()}
                | {"val_label_mean": 0.4},
            ),
            FindingType.NO_BETTER_THAN_PRIOR,
            id="no better than prior where neither loss nor accuracy is",
        ),
        pytest.param(
            lambda flags, k, r: replace(
                r,
                metrics={"val_average_loss": 0.7 + 0.001 * k, "val_accuracy": 0.68, "val_label_mean": 0.32},
            ),
            FindingType.NO_BETTER_THAN_PRIOR,
            id="no better than prior where all predict the larger class, whatever 0.68 - (1 - 0.32) is",
        ),
        pytest.param(
            lambda flags, k, r: replace(r, best=BestEpoch(97, 0.1, r.metrics["val_average_loss"])),
            FindingType.NOT_CONVERGED,
            id="not converged where the best epoch is among the last",
        ),
        pytest.param(
            lambda flags, k, r: replace(r, best=BestEpoch(9, 0.1, 0.2 + 0.001 * k + 0.01 * (flags["l2"] == 0.1))),
            FindingType.OBJECTIVE_SENSITIVE,
            id="objective sensitive where early epochs tell another story",
        ),
    ],
)
def test_findings(change: Callable[[Flags, int, Record], Record], finding: FindingType) -> None:
    assert finding in found(analysis(sweep(change=change)))


def test_what_diverged_was_swept_too_and_moves_no_edge() -> None:
    """The best of what kept whole has l2=0.1; l2=1 was swept, and broke."""

    def diverge(flags: Flags, k: int, record: Record) -> Record:
        broken = flags["l2"] == 1.0 and k == 2
        better = {**record.metrics, "val_average_loss": record.metrics["val_average_loss"] - (flags["l2"] == 0.1) * 0.1}
        return replace(record, metrics=better, outcome=Outcome.DIVERGED if broken else record.outcome)

    result = analysis(sweep(change=diverge))
    assert flags_of(result.comparisons[0].combination)["l2"] == 0.1
    assert "l2" not in {finding.flag for finding in result.findings}


def test_the_best_and_the_pick_have_findings_of_their_own() -> None:
    def dropout_helps(flags: Flags, k: int, record: Record) -> Record:
        gain = 0.15 * (flags["dropout"] == 0.3)
        return replace(
            record, metrics={**record.metrics, "val_average_loss": record.metrics["val_average_loss"] - gain}
        )

    result = analysis(sweep(change=dropout_helps))
    assert result.pick is not None and not result.pick.is_best
    edges = {(each.subject, each.flag) for each in result.findings if each.type is FindingType.AT_GRID_EDGE}
    assert edges == {(Subject.BEST, "dropout"), (Subject.PICK, "dropout")}


def test_what_a_flag_does_far_from_the_best_is_no_reason_to_sweep_on() -> None:
    """Dropout takes half of the overfitting without l2, and changes nothing where the best and the pick are."""

    def dropout_helps_without_l2(flags: Flags, k: int, record: Record) -> Record:
        gain = 0.3 * (flags["dropout"] == 0.3 and flags["l2"] == 0.0)
        return replace(
            record, metrics={**record.metrics, "val_average_loss": record.metrics["val_average_loss"] - gain}
        )

    result = analysis(sweep(change=dropout_helps_without_l2))
    assert result.effects is not None
    assert "dropout" in {flag for each in result.effects.shares if (each.p_value or 0) < 0.05 for flag in each.flags}
    assert result.pick is not None and flags_of(result.pick.combination)["dropout"] == 0.3
    assert FindingType.AT_GRID_EDGE not in found(result)


def test_an_edge_of_a_flag_that_does_not_surely_matter_is_no_finding() -> None:
    """dropout=0.3 is better by a one-sided test alone, and does not account for more than chance."""

    def helps_at_times(flags: Flags, k: int, record: Record) -> Record:
        gain = (0.2, 0.1, 0.05, 0.05, 0.0)[k] * (flags["dropout"] == 0.3)
        return replace(
            record, metrics={**record.metrics, "val_average_loss": record.metrics["val_average_loss"] - gain}
        )

    result = analysis(sweep(change=helps_at_times))
    assert flags_of(result.comparisons[0].combination)["dropout"] == 0.3
    assert FindingType.AT_GRID_EDGE not in found(result)


TOTAL = ObjectiveStatus(metric="val_loss", goal=Goal.MINIMIZE, epoch=EpochChoice.LAST)


def penalised(penalty: float) -> Callable[[Flags, int, Record], Record]:
    """`val_loss` as a trainer reports it: the data loss and a penalty that is least at l2=0.1."""

    def add(flags: Flags, k: int, record: Record) -> Record:
        l2 = flags["l2"]
        assert isinstance(l2, float)
        return replace(
            record,
            metrics={**record.metrics, "val_loss": record.metrics["val_average_loss"] + penalty * (0.1 - l2) ** 2},
        )

    return add


@pytest.mark.parametrize(
    ("penalty", "objective", "expected"),
    [
        pytest.param(0.0, TOTAL, None, id="no penalty, no note"),
        pytest.param(1e-4, TOTAL, ("val_average_loss", None), id="a penalty that leaves the best where it was"),
        pytest.param(
            50.0, TOTAL, ("val_average_loss", "l2=0.01, dropout=0.3"), id="a penalty that makes another one the best"
        ),
        pytest.param(50.0, LOSS, None, id="an objective without it"),
        pytest.param(
            50.0,
            TOTAL.model_copy(update={"epoch": EpochChoice.BEST}),
            (None, None),
            id="it is not known at the best epoch",
        ),
        pytest.param(
            50.0,
            TOTAL.model_copy(update={"metric": "train_loss"}),
            (None, None),
            id="nothing is known without the penalty",
        ),
    ],
)
def test_a_penalty_in_the_objective_is_said_and_whether_it_decides(
    penalty: float, objective: ObjectiveStatus, expected: tuple[str | None, str | None] | None
) -> None:
    def change(flags: Flags, k: int, record: Record) -> Record:
        found = penalised(penalty)(flags, k, record)
        if objective.metric != "train_loss":
            return found
        metrics = {name: value for name, value in found.metrics.items() if name != "train_average_loss"}
        return replace(found, metrics={**metrics, "train_loss": found.metrics["val_loss"]})

    notes = [
        n for n in analysis(sweep(change=change), objective=objective).notes if n.type is NoteType.PENALTY_IN_OBJECTIVE
    ]
    assert [(note.metric, note.label) for note in notes] == ([expected] if expected else [])


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_runs_changes_nothing(random: Random) -> None:
    records = list(sweep())
    random.shuffle(records)
    assert analysis(Records(records)) == analysis(sweep())
