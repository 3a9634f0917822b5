"""The words beside and below the table. A sentence is said only where the numbers bear it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from pydantic import JsonValue

from regsweep.api.conditions import ConditionType
from regsweep.api.spec import Goal
from regsweep.api.status import Estimate, RankedResult
from regsweep.core.grid import label
from regsweep.core.records import Source
from regsweep.report.numbers import ordinal, percent
from regsweep.report.results import Results

REGULARIZERS = ("l1", "l2", "dropout", "weight_decay", "early_stopping")
"""Flags of the reference trainer and usual names elsewhere whose 0, false or null means: off."""
NOISE = 2.0
"""Standard errors of a difference beyond which it is spoken of; those of two means are added in squares."""
OVERFITS = "overfits"
UNDERFITS = "underfits"


def note_of(result: RankedResult, results: Results) -> str:
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
    if result.rank == 1:
        return "best" if results.holds(ConditionType.COMPLETE) else "best so far"
    return fit_note(result, results) or (f"{result.failed} failed" if result.failed else "")


def fit_note(result: RankedResult, results: Results) -> str:
    """`overfits`, `underfits` or nothing, by comparison with the best.

    Overfitting as Mitchell defines it (Machine Learning, 1997, section 3.7.1): fits the training data better than an
    alternative (here the best) and does worse on other data. Underfitting: worse on both, and the worse fit is at least
    half of what it is worse. Nothing is said within two standard errors, or where there are none.
    """
    best = results.best
    if best is None or best is result or not clearly_worse(result.objective, best.objective, results.objective.goal):
        return ""
    if result.train_loss is None or best.train_loss is None or result.val_loss is None or best.val_loss is None:
        return ""
    worse_on_train = result.train_loss - best.train_loss
    worse_on_val = result.val_loss - best.val_loss
    if worse_on_val <= 0:
        return ""
    if worse_on_train < 0:
        return OVERFITS
    return UNDERFITS if worse_on_train >= worse_on_val / 2 else ""


def clearly_worse(one: Estimate | None, best: Estimate | None, goal: Goal) -> bool:
    """Whether the estimate is worse than the best's by more than two standard errors of their difference.

    The errors are taken as independent. Replicates are paired, so this says less than could be said, never more.
    """
    if one is None or best is None or one.standard_error is None or best.standard_error is None:
        return False
    worse = one.mean - best.mean if goal is Goal.MINIMIZE else best.mean - one.mean
    return worse > NOISE * math.hypot(one.standard_error, best.standard_error)


def legend_of(notes: set[str]) -> str:
    """What the notes that need it mean, in one sentence; empty where none does."""
    told = [
        (OVERFITS, "fits the training data better than the best does, yet validates worse"),
        (UNDERFITS, "fits the training data worse, and validates worse"),
    ]
    said = [f"{word}: {meaning}" for word, meaning in told if word in notes]
    return f"{'; '.join(said)} (by more than two standard errors)." if said else ""


def source_line(results: Results) -> str:
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


def unregularized(results: Results) -> tuple[RankedResult, ...]:
    """Ranked combinations in which every regularisation flag that the sweep varies is off, in the ranking's order."""
    varied = [name for name in results.flag_names if name in REGULARIZERS]
    if not varied:
        return ()
    return tuple(
        r
        for r in results.ranking
        if r.rank is not None and r.objective is not None and all(is_off(r.flags.get(name)) for name in varied)
    )


def conclusion(results: Results) -> str:
    """What regularisation brought, in one sentence; empty where the sweep cannot say it.

    Compares the best with the best-ranked combination without regularisation. Speaks only when the sweep is complete.
    """
    best = results.best
    plain = next(iter(unregularized(results)), None)
    if best is None or plain is None or best.objective is None or not results.holds(ConditionType.COMPLETE):
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
    if not clearly_worse(plain.objective, best.objective, results.objective.goal):
        return (
            f"{start}, but not clearly worse than the best: within two standard errors, or too few replicates to tell."
        )
    gains = _gains(plain, best)
    return f"{start}; the best cuts {' and '.join(gains)}." if gains else f"{start}."


def _gains(plain: RankedResult, best: RankedResult) -> list[str]:
    gains = []
    if plain.val_loss and best.val_loss is not None and 0 <= best.val_loss < plain.val_loss:
        gains.append(f"validation loss by {percent(1 - best.val_loss / plain.val_loss)}")
    gap, best_gap = plain.overfit_gap, best.overfit_gap
    if gap and best_gap and gap.mean > 0 and clearly_worse(gap, best_gap, Goal.MINIMIZE):
        if best_gap.mean > 0:
            gains.append(f"the overfit gap by {percent(1 - best_gap.mean / gap.mean)}")
        else:
            gains.append("the overfit gap to nothing")
    return gains


def _fixed(results: Results) -> Mapping[str, JsonValue]:
    return {k: v for k, v in results.parameters.items() if k not in results.flag_names}
