"""The final evaluation in words: the picks on rows that nothing was chosen by."""

from __future__ import annotations

from collections.abc import Iterator

from regsweep.api.analysis import FinalResult, PickRole
from regsweep.report.model import SweepReport
from regsweep.report.numbers import plural
from regsweep.report.sentences import between, short_of

LOSS = "test_average_loss"


def evaluated(results: SweepReport) -> Iterator[str]:
    """What the test rows say of the picks; nothing before they are evaluated."""
    final = results.analysis.final if results.analysis is not None else None
    if final is None:
        return
    objective = f"test_{results.objective.metric.partition('_')[2]}"
    yield f"On the test rows, which nothing was chosen by: {'; '.join(_result(r, objective) for r in final.results)}."
    if final.difference is not None:
        low, high = final.difference.low, final.difference.high
        verdict = (
            "cannot be told apart" if low <= 0 <= high else "the pick is worse" if low > 0 else "the pick is better"
        )
        yield f"Loss of the pick minus that of the best, over seeds and rows: {between(final.difference)}: {verdict}."
    if results.status.final is not None and results.status.final.stale:
        yield "This final evaluation is of what the sweep was before it changed."
    yield from final.notes


def _result(result: FinalResult, objective: str) -> str:
    names = {PickRole.BEST: "the best", PickRole.ONE_STANDARD_ERROR: "the pick"}
    who = " and ".join(names[role] for role in result.roles)
    if result.diverged:
        return f"{who} ({result.label}) diverged in {result.diverged} of {plural(result.replicates, 'training')}"
    parts = []
    if result.loss is not None:
        parts.append(f"loss {short_of(result.loss.mean)}, {between(result.loss)}")
    elif LOSS in result.metrics:
        parts.append(f"loss {short_of(result.metrics[LOSS])}")
    parts += [
        f"{metric.removeprefix('test_').replace('_', ' ')} {short_of(result.metrics[metric])}"
        for metric in dict.fromkeys((objective, "test_accuracy"))
        if metric != LOSS and metric in result.metrics
    ]
    return f"{who} ({result.label}): {', '.join(parts) or 'no result'}"
