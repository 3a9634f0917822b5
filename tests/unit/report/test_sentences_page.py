"""docs/sentences.md has a row for every kind of sentence, and none for what nobody says."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from regsweep.api.analysis import (
    Comparison,
    Effects,
    Equivalence,
    FinalEvaluation,
    FinalResult,
    Fit,
    Interplay,
    InterplayCell,
    Interval,
    MarginalMean,
    NestedResult,
    PickRole,
    RaceReason,
    RaceStatus,
    ReferenceComparison,
    Spread,
)
from regsweep.api.findings import Finding, FindingType, MixedKind, Mixture, Note, NoteType, Subject
from regsweep.api.forecast import Duration, Forecast
from regsweep.api.outlook import AccuracySummary, Planning, ReplicatesNeeded
from regsweep.api.run_status import FailedRun
from regsweep.api.spec import EpochChoice, Goal
from regsweep.api.status import RefinementStatus
from regsweep.api.validation import parse_sweep
from regsweep.core.judging import words
from regsweep.core.judging.words import effects, findings, notes, outcome, outlook
from regsweep.report import notes as rows
from regsweep.report.answer import answer
from regsweep.report.forecast import budget_sentences, forecast_sentences
from regsweep.report.means import means_tables
from regsweep.report.model import Divergence
from regsweep.report.table import report
from unit.report.builders import analysis, comparison, ranked, reduction, results, share

PAGE = Path(__file__).parents[3] / "docs" / "sentences.md"
LEVEL = Interval(mean=0.5, standard_error=0.1, low=0.3, high=0.7)
SPREAD = Spread(squared_error=0.08, variance=0.02, bias_squared=0.06)
BEST = PickRole.BEST


def needed(replicates: int | None, high: int | None = None, difference: float = 0.1) -> ReplicatesNeeded:
    return ReplicatesNeeded(difference=difference, replicates=replicates, low=7, high=high)


def planning(first_two: ReplicatesNeeded | None = None) -> Planning:
    return Planning(replicates=5, detectable=0.04, detectable_low=0.03, detectable_high=0.06, first_two=first_two)


def all_findings() -> list[Finding]:
    return [Finding(type=kind) for kind in FindingType] + [
        Finding(type=FindingType.AT_GRID_EDGE, flag="l2", value=1, end=end) for end in ("Largest", "Smallest")
    ]


def all_notes() -> list[Note]:
    said = [Note(type=kind, subject=Subject.BEST) for kind in NoteType if kind is not NoteType.OTHER]
    few = [Note(type=NoteType.NO_CANDIDATE, count=count, of=2, metric="m") for count in (0, 1)]
    of_some = [Note(type=NoteType.FEW_REPLICATES, count=count, of=8) for count in (1, 2)]
    return said + few + of_some


def final() -> FinalEvaluation:
    result = FinalResult(label="l2=1", roles=[BEST], replicates=5, loss=LEVEL)
    return FinalEvaluation(results=[result], difference=LEVEL)


def nested() -> FinalEvaluation:
    return FinalEvaluation(
        results=[], nested=[NestedResult(role=BEST, folds=5, combinations=1, loss=LEVEL)], difference=LEVEL
    )


def reference(**fields: object) -> ReferenceComparison:
    return ReferenceComparison.model_validate({"name": "plain", **fields})


def races() -> list[str]:
    return [
        outcome.race_sentence(RaceStatus(reason=reason, racing=1, dropped=1, replicates=5, trained=8, full_grid=10))
        for reason in RaceReason
    ]


OTHER = Comparison(
    label="a", tied=True, fit=Fit.UNDETERMINED, beside_best=Equivalence(worse=0.5, equivalent=0.3, better=0.2)
)
SAID: dict[str, list[str]] = {
    "effects_sentence": [effects.effects_sentence(Effects(shares=[share("l2", eta=0.5, p=p)])) for p in (0.01, 0.5)],
    "finding_message": [findings.finding_message(each) for each in all_findings()],
    "finding_sentences": list(findings.finding_sentences(all_findings())),
    "note_message": [notes.note_message(each) for each in all_notes()],
    "mixture_sentence": [notes.mixture_sentence([Mixture(kind=MixedKind.DATA, values=["a", "b"], count=2)]) or ""],
    "other_data_sentence": [outcome.other_data_sentence("val_auc", LEVEL, None)],
    "spread_sentence": [outcome.spread_sentence(SPREAD, None)],
    "race_sentence": races(),
    "reference_sentence": [
        outcome.reference_sentence(each, "val_auc")
        for each in (
            reference(is_best=True),
            reference(),
            reference(difference=LEVEL),
            *(reference(constant_difference=each) for each in (0.0, 0.1, -0.1)),
        )
    ],
    "refinement_sentence": [outcome.refinement_sentence(RefinementStatus(rounds=[]), 5)],
    "optimism_sentence": [outcome.optimism_sentence("val_auc", Goal.MAXIMIZE, 0.9, 0.8)],
    "final_sentences": [*outcome.final_sentences(final(), "val_auc"), *outcome.final_sentences(nested(), "val_auc")],
    "planning_sentence": [
        outlook.planning_sentence(planning(each))
        for each in (None, needed(9), needed(9, 20), needed(None), needed(None, difference=0.0))
    ],
    "detectable_sentence": [outlook.detectable_sentence(planning())],
    "difference_sentence": [outlook.difference_sentence(needed(9))],
    "equivalence_sentence": [outlook.equivalence_sentence([OTHER], 0.1)],
    "reductions_phrase": [],  # a part of the conclusion
    "accuracy_sentence": [outlook.accuracy_sentence(2, 3, None)],
    "baseline_sentence": [outlook.baseline_sentence(AccuracySummary(low=0, high=1, baseline=0.5))],
    "r_squared_sentence": [outlook.r_squared_sentence(LEVEL)],
}
CONSTANTS = (outcome.TIE_LEGEND, outcome.ALONE, outcome.ALONE_AMONG_COMPARED, outcome.TOO_FEW, outcome.STALE)
ENDINGS = ("_sentence", "_sentences", "_phrase", "_message")


def conclusions() -> Iterator[str]:
    best, plain = ranked(1, {"l2": 1}, (0.1, 0.01)), ranked(2, {"l2": 0}, (0.2, 0.01))
    cuts = [reduction(0.5, 0.2, 0.7), reduction(0.1, -0.2, 0.4, epoch=EpochChoice.BEST)]
    judged = analysis(comparison({"l2": 1}, "Balanced"), comparison({"l2": 0}), reductions=cuts)
    yield rows.conclusion(results(best, plain, analysis_result=judged))
    first = [ranked(1, {"l2": 0}, (0.1, 0.01)), ranked(2, {"l2": 1}, (0.2, 0.01))]
    told_apart = analysis(comparison({"l2": 0}, "Balanced"), comparison({"l2": 1}))
    yield rows.conclusion(results(*first, analysis_result=analysis(comparison({"l2": 0}, "Balanced"))))
    yield rows.conclusion(results(*first, analysis_result=told_apart))
    yield rows.conclusion(results(*first, ranked(3, {"l2": 2}, (0.1, 0.1), diverged=1), analysis_result=told_apart))
    left_behind = plain.model_copy(update={"dropped": True})
    refined = results(best, left_behind, analysis_result=analysis(comparison({"l2": 1}, "Balanced")))
    status = refined.status.model_copy(update={"refinement": RefinementStatus(rounds=[])})
    yield rows.conclusion(replace(refined, status=status))
    wider = ranked(1, {"l2": 1, "n": 1}, (0.1, 0.01)), ranked(2, {"l2": 0, "n": 1}, (0.2, 0.01))
    judged = analysis(comparison({"l2": 1, "n": 1}, "Balanced"), comparison({"l2": 0, "n": 1}))
    yield rows.conclusion(results(*wider, analysis_result=judged))


def row_notes() -> Iterator[rows.RowNote]:
    """Of every kind."""
    best = ranked(1, {"l2": 1}, (0.1, 0.01))
    of_best = comparison({"l2": 1}, "Balanced")
    yield rows.note_of(best, results(best))
    yield rows.note_of(best, results(best, conditions=()))
    yield rows.note_of(best, results(best, analysis_result=analysis(of_best, pick={"l2": 1})))
    other = ranked(2, {"l2": 0}, (0.2, 0.01))
    for fit in Fit:
        yield rows.note_of(other, results(best, other, analysis_result=analysis(of_best, comparison({"l2": 0}, fit))))
    few = comparison({"l2": 0}, comparable=False)
    yield rows.note_of(other, results(best, other, analysis_result=analysis(of_best, few)))
    yield rows.note_of(other, results(best, other, analysis_result=analysis(of_best, pick={"l2": 0})))
    found = results(best, other, divergences={other.combination or "": Divergence(2, 5, 3, 4)})
    yield rows.note_of(other.model_copy(update={"diverged": 2}), found)
    yield rows.note_of(ranked(None, {"l2": 0}, diverged=5), results(best))
    yield rows.note_of(ranked(None, {"l2": 0}, replicates=0, failed=5), results(best))
    yield rows.note_of(other.model_copy(update={"failed": 1}), results(best))
    yield rows.note_of(other.model_copy(update={"violated": ["val_auc"]}), results(best))
    dropped = other.model_copy(update={"dropped": True})
    yield rows.note_of(dropped, results(best))
    refined = results(best)
    status = refined.status.model_copy(update={"refinement": RefinementStatus(rounds=[])})
    yield rows.note_of(dropped, replace(refined, status=status))


def around_the_table() -> Iterator[str]:
    best, other = ranked(1, {"l2": 1}, (0.1, 0.01)), ranked(2, {"l2": 0}, (0.2, 0.01), source="Record")
    yield answer(results(best, other))
    yield answer(results(best, other, conditions=()))
    yield rows.source_line(results(best))
    yield rows.source_line(results(best, other))
    yield rows.gpu_line(replace(results(best), status=results(best).status.model_copy(update={"gpu_seconds": 9.0})))
    failures = [FailedRun(run=f"r{number}", label=f"l2={number}", reason="X", message="x") for number in range(7)]
    for width in (120, 34):
        third = ranked(3, {"l2": 2}, (0.3, 0.01))
        lines = report(results(best, other, third, failed=7, failures=failures), width, rows=1)
        yield from (line.plain.strip() for line in lines)
    for adds_up, log_scale in ((True, False), (False, False), (True, True)):
        cells = [InterplayCell(values=[a, b], mean=0.1 + a + b) for a in (0, 1) for b in (0, 1)]
        shares = [share("l2", eta=0.5), share("l2", "dropout", eta=0.3, by_chance=0.01)]
        pair = Interplay(flags=["l2", "dropout"], cells=cells)
        means = [MarginalMean(flag="l2", value=0, combinations=1, mean=0.1)]
        means.append(MarginalMean(flag="l2", value=1, combinations=1, mean=0.2, beside_best=LEVEL))
        found = Effects(shares=shares, means=means, interplays=[pair], adds_up=adds_up, log_scale=log_scale)
        for table in means_tables(found, "val loss", everything=True):
            yield from table[0].split("   ")


def forecasts() -> Iterator[str]:
    time = Duration(seconds=100.0, low=50.0, high=200.0)
    whole = Forecast(like="runs/a", combinations=8, trainings=40, parallelism=2, training=time, whole=time, wall=time)
    yield from forecast_sentences(whole.model_copy(update={"gpu_seconds": time, "differing_parameters": ["units"]}))
    yield from forecast_sentences(whole.model_copy(update={"whole": None, "planning": planning()}))
    spec = parse_sweep({"spec": {"flags": [{"name": "l2", "values": [0, 1]}], "budget": {"maxRuns": 1}}})
    yield from budget_sentences(spec, 2, whole)


def worded() -> list[str]:
    """Sentences and notes of every kind."""
    kinds = list(row_notes())
    legends = [part for note in kinds for part in rows.legend_of([note], brief=True).split("; ") if part]
    said = [sentence for of_function in SAID.values() for sentence in of_function]
    notes_of_rows = [note.text for note in kinds if note.text]
    return [*said, *CONSTANTS, *conclusions(), *legends, *notes_of_rows, *forecasts()]


def patterns() -> list[str]:
    """The kinds of sentence that the page lists, as regular expressions."""
    cells = [line.split("|")[1].strip() for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    kinds = [kind for cell in cells if cell not in ("It says", "---") for kind in cell.split("; ")]
    return [".*".join(re.escape(part.strip()) for part in kind.split("…")) for kind in kinds]


@pytest.mark.parametrize("sentence", sorted(set(worded())))
def test_every_sentence_has_its_row(sentence: str) -> None:
    assert [each for each in patterns() if re.match(each, sentence)], sentence


@pytest.mark.parametrize("pattern", patterns())
def test_every_row_is_of_something_that_is_said(pattern: str) -> None:
    assert [each for each in [*worded(), *around_the_table()] if re.match(pattern, each)]


def test_all_functions_that_word_something_are_looked_at() -> None:
    modules = [
        importlib.import_module(f"{words.__name__}.{each.name}") for each in pkgutil.iter_modules(words.__path__)
    ]
    worded = {
        name
        for module in modules
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and name.endswith(ENDINGS)
        and not name.startswith("_")
    }
    assert worded == SAID.keys()


def test_every_kind_of_note_beside_a_row_is_looked_at() -> None:
    assert {note.kind for note in row_notes()} == set(rows.RowNoteKind)
