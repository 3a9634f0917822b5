"""What a page says where there is nothing to compare, or nothing to be sure of: the true reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from regsweep.api.findings import NoteType, Subject
from regsweep.api.spec import Constraint, Flags
from regsweep.core.judging.stats.compared import AnalysisSettings
from regsweep.core.judging.stats.ranking import rank
from regsweep.core.judging.words.notes import note_message
from regsweep.core.results.records import Environment, Outcome, Record, Records
from unit.core.judging.stats.sweeps import ACCURACY, COMBINATIONS, analysis, notes_of, sweep, trained

STRICT = AnalysisSettings(constraints=[Constraint(metric="val_accuracy", min=0.999)])


def half_diverge(flags: Flags, k: int, record: Record) -> Record:
    return replace(record, outcome=Outcome.DIVERGED) if flags["dropout"] and k == 1 else record


def all_diverge(_flags: Flags, k: int, record: Record) -> Record:
    return replace(record, outcome=Outcome.DIVERGED) if k == 1 else record


@pytest.mark.parametrize(
    ("change", "settings", "words"),
    [
        pytest.param(
            lambda _flags, _k, record: record,
            STRICT,
            "No combination meets the constraints on val_accuracy: none is called best, tied or picked.",
            id="all break a constraint",
        ),
        pytest.param(
            all_diverge,
            AnalysisSettings(),
            "In every combination a replicate diverged or has no value: none is called best, tied or picked.",
            id="all diverge",
        ),
        pytest.param(
            half_diverge,
            STRICT,
            "In 4 of 8 combinations a replicate diverged or has no value, and no other meets the constraints on val_accuracy: none is "
            "called best, tied or picked.",
            id="each has one of the two",
        ),
    ],
)
def test_where_nothing_may_be_called_best_a_note_says_why(
    change: Callable[[Flags, int, Record], Record], settings: AnalysisSettings, words: str
) -> None:
    result = analysis(sweep(change=change), settings=settings)
    (note,) = [each for each in result.notes if each.type is NoteType.NO_CANDIDATE]
    assert note_message(note) == words
    assert (result.best, result.tied_with_best) == (None, [])


def test_where_one_may_there_is_no_such_note() -> None:
    assert NoteType.NO_CANDIDATE not in notes_of(analysis(sweep(change=half_diverge)))


def test_a_saturated_best_has_no_interval_and_a_note() -> None:
    def saturated(flags: Flags, _k: int, record: Record) -> Record:
        accuracy = 1.0 if flags["l2"] == 0.01 else record.metrics["val_accuracy"]
        return replace(record, metrics={**record.metrics, "val_accuracy": accuracy})

    result = analysis(sweep(change=saturated), objective=ACCURACY)
    assert result.best is not None
    assert (result.best.given_data, result.best.new_data) == (None, None)
    (note,) = [each for each in result.notes if each.type is NoteType.ALL_EQUAL]
    assert note.subject is Subject.BEST
    assert note_message(note) == (
        "The best: all replicates have the same value, so that they do not tell how sure it is: no interval."
    )


def test_of_a_script_that_ignores_its_seed_nothing_is_said_but_that() -> None:
    values = {str(c.flags): 0.5 + place / 7 for place, c in enumerate(COMBINATIONS)}

    def ignore(flags: Flags, _k: int, record: Record) -> Record:
        metrics = {"val_average_loss": values[str(flags)], "train_average_loss": 0.1}
        return replace(record, metrics=metrics, best=None)

    result = analysis(sweep(change=ignore))
    assert NoteType.REPLICATES_ALIKE in notes_of(result)
    assert not {NoteType.TOO_FEW_REPLICATES, NoteType.REPLICATES_MISSING, NoteType.ALL_EQUAL} & notes_of(result)
    assert (result.tied_with_best, result.pick, result.effects, result.comparisons, result.findings) == (
        [],
        None,
        None,
        [],
        [],
    )


def test_accuracies_that_are_equal_but_for_rounding_have_ties_and_a_pick() -> None:
    """The means of rounded shares differ in their last bits, by the order in which they are summed up."""
    shares = iter((np.random.default_rng(3).binomial(20, 0.9, 800) / 20).tolist())
    for _ in range(20):
        records = sweep(change=lambda _f, _k, record: replace(record, metrics={"val_accuracy": next(shares)}))
        result = analysis(records, objective=ACCURACY)
        assert NoteType.REPLICATES_MISSING not in notes_of(result)
        assert result.pick is not None and result.comparisons[0].tied


def test_a_split_that_is_hard_for_all_is_no_long_tail_where_devices_differ() -> None:
    def on_two_devices(_flags: Flags, k: int, record: Record) -> Record:
        metrics = {**record.metrics, "val_average_loss": record.metrics["val_average_loss"] + (0.5 if k == 2 else 0)}
        return replace(record, metrics=metrics, environment=Environment(device="cpu" if k % 2 else "NVIDIA H100"))

    notes = notes_of(analysis(sweep(change=on_two_devices)))
    assert NoteType.MIXED in notes
    assert NoteType.SKEWED not in notes


def test_where_a_constraint_is_broken_and_replicates_are_missing_the_best_is_that_of_the_ranking() -> None:
    """What breaks it says nothing of how easy a replicate is, in neither of the two."""
    rng = np.random.default_rng(6)
    constraints = [Constraint(metric="val_accuracy", min=0.5)]
    for _ in range(60):
        easy, records = rng.standard_normal(5), Records()
        for row, combination in enumerate(COMBINATIONS):
            for k in range(5):
                loss = float(easy[k] + (3 if row >= 5 else 1) * rng.standard_normal())
                metrics = {"val_average_loss": loss, "val_accuracy": 0.4 if row >= 5 else 0.9}
                if rng.random() > 0.15:
                    records.add(Record(combination.id, k, Outcome.OK, "run", metrics=metrics))
        first = rank(trained(records), constraints).rows[0]
        found = analysis(records, settings=AnalysisSettings(constraints=constraints))
        if first.objective is not None and first.objective.n >= 3:
            assert found.comparisons[0].combination == first.combination.id
            assert found.best is not None and found.best.given_data is not None
