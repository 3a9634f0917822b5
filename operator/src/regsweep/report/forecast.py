"""A forecast in words: what a sweep would take and show, if it is like one that has been trained."""

from __future__ import annotations

from collections.abc import Iterator

from regsweep.api.forecast import Duration, Forecast
from regsweep.api.spec import SweepSpec
from regsweep.api.wording import plural
from regsweep.core.figures import duration, listed
from regsweep.core.judging.words.outlook import detectable_sentence, difference_sentence

WHICH_DATA = frozenset({"dataset", "data_path", "target"})
"""Parameters that say which data it is."""
MOST_NAMED = 5
"""Parameters that are named one by one."""


def forecast_sentences(found: Forecast) -> Iterator[str]:
    """What it takes, what it shows, and what to bear in mind, a sentence each."""
    based = f"{plural(found.trainings, 'training')} of {plural(found.combinations, 'combination')}"
    if found.whole is None or found.wall is None or found.training is None:
        yield f"As in {found.like} ({based}): its records do not say how long a training takes."
    else:
        without = "" if found.start_included else ", without the time that pods take to start"
        yield (
            f"As in {found.like} ({based}, {duration(found.training.seconds)} each) it takes about {_time(found.whole, found)} of "
            f"training, {_time(found.wall, found)} with {found.parallelism} at a time{without}."
        )
    if found.gpu_seconds is not None and found.gpu_seconds.seconds > 0:
        yield f"GPU time: about {_time(found.gpu_seconds, found)}."
    if found.planning is None:
        yield "It says nothing of replicates: that takes the objective in 3 replicates of 2 combinations there, and 3 replicates here."
    else:
        planning = found.planning
        text = detectable_sentence(planning)
        if planning.minimum_difference is not None:
            text += f" {difference_sentence(planning.minimum_difference)}"
        else:
            text += " --difference NUMBER says how many replicates a difference of yours takes."
        yield text
    if names := found.differing_parameters:
        more = len(names) - MOST_NAMED
        shown = listed([*names[:MOST_NAMED], f"{more} more"] if more > 0 else names)
        if WHICH_DATA.isdisjoint(names):
            yield f"The two differ in {shown}: times and spread may differ too."
        else:
            yield f"The two differ in {shown}: of other data times and spread may be quite others."


def budget_sentences(spec: SweepSpec, runs: int, found: Forecast | None) -> Iterator[str]:
    """What the budget would leave out: of the runs of the grid, and by the forecast."""
    budget = spec.budget
    if budget is None:
        return
    if budget.max_runs is not None and budget.max_runs < runs:
        yield f"spec.budget.maxRuns: {budget.max_runs:,} of the {runs:,} runs would be trained."
    limits = (
        ("maxGpuSeconds", budget.max_gpu_seconds, found.gpu_seconds if found is not None else None),
        ("maxElapsedSeconds", budget.max_elapsed_seconds, found.wall if found is not None else None),
    )
    for name, most, needed in limits:
        if most is not None and found is not None and needed is not None and (needed.high or needed.seconds) > most:
            surely = "is not enough" if (needed.low or needed.seconds) > most else "may not be enough"
            yield f"spec.budget.{name}: {duration(most)} {surely} for about {_time(needed, found)}."


def _time(time: Duration, found: Forecast) -> str:
    """Such as `12 min (95 %: 10 min to 15 min)`."""
    text = duration(time.seconds)
    if time.low is None or time.high is None:
        return text
    low, high = duration(time.low), duration(time.high)
    if low == high:
        return text
    if found.open_count:
        return f"{text} at most ({low} to {high}, by how much is trained)"
    return f"{text} (95 %: {low} to {high})"
