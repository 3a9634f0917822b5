"""The words beside and below the table. A sentence is said only where the numbers bear it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pydantic import JsonValue

from regsweep.api.analysis import Fit, Verdict
from regsweep.api.conditions import ConditionType
from regsweep.api.status import RankedResult
from regsweep.core.grid import label
from regsweep.core.results.records import Source
from regsweep.report.model import SweepReport
from regsweep.report.numbers import ordinal, percent, plural

REGULARIZERS = ("l1", "l2", "dropout", "noise", "weight_decay", "early_stopping")
"""Flags of the reference trainer and usual names elsewhere whose 0, false or null means: off."""
PICK = "pick: simplest within one standard error"
BEST_AND_PICK = "best, and the simplest within one standard error"
BRIEF = {PICK: "pick", BEST_AND_PICK: "best, pick"}
"""What stands in a narrow table, the legend below it telling what it means."""
NOT_COMPARABLE = "too few replicates in common with the best"


def note_of(result: RankedResult, results: SweepReport) -> str:
    """The note beside a combination: best, overfits, diverged, failed and why; empty where nothing is to be said."""
    if (remark := results.remarks.get(result.label)) is not None:
        return remark
    if result.diverged:
        return (
            "diverged" if result.diverged >= result.replicates else f"{result.diverged} of {result.replicates} diverged"
        )
    if result.failed and not result.replicates:
        failure = next((f for f in results.status.failures if f.label == result.label), None)
        return f"failed: {failure.reason}" if failure else "failed"
    if result.violated:
        return f"breaks the constraint on {' and '.join(result.violated)}"
    if result.dropped:
        return f"dropped after {plural(result.replicates, 'replicate')}"
    complete = results.holds(ConditionType.COMPLETE)
    picked = is_pick(result, results) and complete
    if result.rank == 1:
        return (BEST_AND_PICK if picked else "best") if complete else "best so far"
    note = PICK if picked else fit_note(result, results)
    return note or (f"{result.failed} failed" if result.failed else "")


def is_pick(result: RankedResult, results: SweepReport) -> bool:
    """Whether it is the simplest combination within one standard error of the best."""
    pick = results.analysis.pick if results.analysis else None
    return pick is not None and pick.label == result.label


def is_tied(result: RankedResult, results: SweepReport) -> bool:
    """Whether it is in the best's confidence set, the best itself included."""
    verdict = verdict_of(result, results)
    return verdict is not None and verdict.tied


def verdict_of(result: RankedResult, results: SweepReport) -> Verdict | None:
    """What the analysis says of it beside the best; None where it takes no part, or where nothing can be said."""
    return results.analysis.verdict(result.label) if results.analysis else None


def fit_note(result: RankedResult, results: SweepReport) -> str:
    """`overfits`, `underfits`, why it cannot be compared, or nothing: the words for the analysis' label."""
    verdict = verdict_of(result, results)
    if verdict is None or verdict.tied:
        return ""
    if not verdict.comparable:
        return NOT_COMPARABLE
    return verdict.fit.lower() if verdict.fit in (Fit.OVERFITS, Fit.UNDERFITS) else ""


def legend_of(notes: set[str]) -> str:
    """What the notes that need it mean, in one sentence; empty where none does."""
    told = [
        (BRIEF[PICK], "simplest combination within one standard error of the best"),
        (Fit.OVERFITS.lower(), "worse than the best because its overfit gap is larger"),
        (Fit.UNDERFITS.lower(), "worse than the best because it fits the training data less well"),
    ]
    if BRIEF[BEST_AND_PICK] in notes:
        notes = notes | {BRIEF[PICK]}
    said = [f"{word}: {meaning}" for word, meaning in told if word in notes]
    return f"{'; '.join(said)}." if said else ""


def source_line(results: SweepReport) -> str:
    """Where the values come from; empty while there are none."""
    words = {
        Source.PROMETHEUS.value: "from Prometheus",
        Source.RECORD.value: "from the runs' own records",
        "Mixed": "from both Prometheus and the runs' own records",
    }
    counts = Counter(r.source for r in results.ranking if r.source is not None)
    if not counts:
        return ""
    if len(counts) == 1:
        source = next(iter(counts))
        return f"All values {words.get(source, f'from {source}')}."
    parts = [f"{count} {words.get(source, f'from {source}')}" for source, count in counts.most_common()]
    return f"Values of {sum(counts.values())} combinations: {', '.join(parts)}."


def is_off(value: JsonValue) -> bool:
    """Whether a regularisation flag's value means none: 0, false, null, or a list of those."""
    if isinstance(value, list):
        return all(is_off(v) for v in value)
    return value is None or (isinstance(value, bool | int | float) and value == 0)


def unregularized(results: SweepReport) -> tuple[RankedResult, ...]:
    """Ranked combinations in which every regularisation flag that the sweep varies is off, in the ranking's order."""
    varied = [name for name in results.flag_names if name in REGULARIZERS]
    if not varied:
        return ()
    return tuple(
        r
        for r in results.ranking
        if r.rank is not None and r.objective is not None and all(is_off(r.flags.get(name)) for name in varied)
    )


def conclusion(results: SweepReport) -> str:
    """What regularisation brought, in one sentence; empty where the sweep cannot say it.

    Compares the best with the best-ranked combination without regularisation. Speaks only when the sweep is complete.
    """
    best = results.best
    plain = next(iter(unregularized(results)), None)
    if (
        best is None
        or best.diverged
        or plain is None
        or best.objective is None
        or not results.holds(ConditionType.COMPLETE)
    ):
        return ""
    varied = [name for name in results.flag_names if name in REGULARIZERS]
    settings = label({name: plain.flags.get(name) for name in varied})
    fixed = any(name in REGULARIZERS and not is_off(value) for name, value in _fixed(results).items())
    without = f"Without {' and '.join(varied)}" if fixed else "Without regularisation"
    others = len(results.flag_names) > len(varied)
    subject = f"the best network ({plain.label})" if others else "the network"
    start = f"{without} ({settings}) {subject} ranks {ordinal(plain.rank or 0)}"
    if plain.rank == 1:
        return f"{start}: regularisation did not improve on it."
    verdict = verdict_of(plain, results)
    if verdict is not None and verdict.tied:
        return f"{start}, but cannot be told from the best with these data."
    if plain.diverged:
        return f"{start}: in {plain.diverged} of {plain.replicates} replicates it diverged."
    if verdict is None or not verdict.comparable:
        return f"{start}; whether it is worse than the best, too few replicates tell."
    gains = _gains(plain, best, verdict)
    return f"{start}; the best cuts {' and '.join(gains)}." if gains else f"{start}, and is worse than the best."


def _gains(plain: RankedResult, best: RankedResult, verdict: Verdict) -> list[str]:
    gains = []
    if plain.val_loss and best.val_loss is not None and 0 <= best.val_loss < plain.val_loss:
        gains.append(f"validation loss by {percent(1 - best.val_loss / plain.val_loss)}")
    gap, best_gap = plain.overfit_gap, best.overfit_gap
    if gap and best_gap and gap.mean > 0 and gap.mean > best_gap.mean and verdict.gap_larger:
        if best_gap.mean > 0:
            gains.append(f"the overfit gap by {percent(1 - best_gap.mean / gap.mean)}")
        else:
            gains.append("the overfit gap to nothing")
    return gains


def _fixed(results: SweepReport) -> Mapping[str, JsonValue]:
    return {k: v for k, v in results.parameters.items() if k not in results.flag_names}
