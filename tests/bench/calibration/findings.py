"""Findings: how often each is said where there is nothing to find, and where there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from bench.calibration.cases import Case, sweeps_for
from bench.calibration.effects import combinations_of
from bench.calibration.figures import Figure, share
from bench.calibration.worlds import EQUAL, REAL, hard
from regsweep.api.findings import Subject
from regsweep.api.objective import EpochRule
from regsweep.api.spec import Goal
from regsweep.core.judging.stats import findings
from regsweep.core.judging.stats.edges import Swept, at_grid_edge
from regsweep.core.judging.stats.effects import analyse_effects
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.ties import tied_with_best
from regsweep.core.results.records import LATE_GAIN, BestEpoch, Outcome, Record
from regsweep_kit.epochs import Watch
from regsweep_kit.objective import Goal as TrainersGoal
from regsweep_kit.objective import Rule

AT_MOST = 0.05
SIZES, REPLICATES = (8, 24, 100), (3, 5, 10, 20)
SWEEPS = 800
PRIOR = float(np.log(2))
OBJECTIVE = "val_average_loss"
EPOCHS = 60
EPOCH_NOISE = 0.01
"""How much a loss differs from epoch to epoch on a plateau, as a part of it."""
FAR = 10
"""Steps of a flag's values: no combination that is so far behind is tied with the best."""
FALLS = (0.01, 0.02, 0.03, 0.05)
"""Parts of a loss by which its last tenth makes it smaller."""
SAID = "said"
Said = Callable[[np.random.Generator], bool]


def cases() -> Iterator[Case]:
    """Each finding in worlds without and with what it is about."""
    for n in REPLICATES:
        for combinations in SIZES:
            yield _case(
                "NoBetterThanPrior, not said", "labels are noise", n, combinations, silent_on_noise(n, combinations)
            )
            said = learnt(n, combinations)
            yield _case(
                "NoBetterThanPrior", "overconfident: accuracy 0.67 of 0.51, AUC 0.71", n, combinations, said, None
            )
        for name in ("equal normal noise", "slope x replicate", "idle flag of 2 values", *REAL):
            yield _case("AtGridEdge", f"nothing to choose, {name}", n, 8, edge(n, (4, 2), 0.0, name))
        for shape in ((4, 4), (3, 3, 3)):
            yield _case("AtGridEdge", "nothing to choose", n, int(np.prod(shape)), edge(n, shape, 0.0, ""))
        yield _case("AtGridEdge", "each step better by 3 noise SDs", n, 8, edge(n, (4, 2), 3.0, ""), None)
        where = "the same, but only where all are far behind"
        yield _case("AtGridEdge", where, n, 8, edge(n, (4, 2), 3.0, "", only_where_worse=True))
        yield from _not_converged(n)
        yield _case("AllOverfit", "one combination at the limit", n, 8, overfit(n, 0.5))
        yield _case("AllOverfit", "gaps are 3/4 of the losses", n, 8, overfit(n, 0.75), None)
        for combinations in (8, 24):
            yield _case("ObjectiveSensitive", "places do not change", n, combinations, epochs(n, combinations, 0.0))
            said = epochs(n, combinations, 10.0)
            yield _case("ObjectiveSensitive", "half are worse at one choice alone", n, combinations, said, None)


def _not_converged(n: int) -> Iterator[Case]:
    """Curves that have come to their end, and curves that have not; with and without the gain that a trainer reports."""
    yield _case("NotConverged", "a plateau", n, 1, cut_short(n, 0.0, EPOCH_NOISE))
    yield _case("NotConverged", "a plateau, gains not reported", n, 1, cut_short(n, 0.0, EPOCH_NOISE, known=False))
    tiny = "falls by 1e-4 in the last tenth"
    yield _case("NotConverged", tiny, n, 1, cut_short(n, 1e-4, 0.0))
    yield _case("NotConverged", f"{tiny}, gains not reported", n, 1, cut_short(n, 1e-4, 0.0, known=False), None)
    for part in FALLS:
        yield _case(
            "NotConverged",
            f"falls by {part * 100:.0f} % in the last tenth",
            n,
            1,
            cut_short(n, part, EPOCH_NOISE),
            None,
        )


def _case(finding: str, world: str, n: int, combinations: int, said: Said, goal: float | None = AT_MOST) -> Case:
    def simulation(rng: np.random.Generator, sweeps: int) -> Iterator[Figure]:
        yield share(SAID, sum(said(rng) for _ in range(sweeps)), sweeps, at_most=goal)

    labels = {"Finding": finding, "World": world, "G": str(combinations), "n": str(n)}
    return Case("findings", labels, sweeps_for(combinations, SWEEPS), simulation)


def silent_on_noise(n: int, combinations: int) -> Said:
    """Whether something is taken for learnt though labels are noise."""

    def said(rng: np.random.Generator) -> bool:
        gains = [_noise(rng, combinations, n, mean) for mean in (-0.05, -0.03, 0.0)]
        gains[0] = _noise(rng, combinations, n, 0.0)
        return findings.no_better_than_prior(0, PRIOR, gains, 0.0) is None

    return said


def learnt(n: int, combinations: int) -> Said:
    """Whether nothing is said to be learnt by overconfident networks that rank and classify better than chance."""

    def said(rng: np.random.Generator) -> bool:
        gains = [_noise(rng, combinations, n, mean) for mean in (-0.2, 0.16, 0.21)]
        return findings.no_better_than_prior(0, PRIOR, gains, 0.0) is not None

    return said


def _noise(rng: np.random.Generator, combinations: int, n: int, mean: float) -> Floats:
    """Gains with an error of 0.03 within and 0.02 between replicates."""
    return np.asarray(mean + 0.03 * rng.standard_normal((combinations, n)) + 0.02 * rng.standard_normal(n))


def edge(n: int, shape: tuple[int, ...], step: float, world: str, only_where_worse: bool = False) -> Said:
    """Whether any end of the grid is named. `step`: by how much each further value of the first flag is better.

    `only_where_worse`: with the second value of the second flag alone, which is worse by far.
    """
    combinations = combinations_of(shape)
    first, second = (
        np.array([each.flags[name] for each in combinations], dtype=np.float64) for name in ("flag0", "flag1")
    )
    better = np.where(second > 1, step * (first - FAR), 0.0) if only_where_worse else step * first

    def said(rng: np.random.Generator) -> bool:
        size = len(combinations)
        own = {**EQUAL, **REAL}[world](rng, size, n) if world else rng.standard_normal((size, n)) + hard(rng, n)
        losses = own - better[:, None]
        effects = analyse_effects(combinations, losses, is_loss=False)
        tied = tied_with_best(losses)
        assert tied is not None
        best = combinations[tied.best]
        return any(
            found.flag is not None
            and found.end is not None
            and findings.matters(found.flag, effects)
            and findings.better_than_neighbour(found.flag, found.end, combinations, losses, tied.tied)
            for found in at_grid_edge(Subject.BEST, best.flags, Swept(combinations))
        )

    return said


def cut_short(n: int, part: float, noise: float, known: bool = True) -> Said:
    """Whether training is said to have been cut short. `part`: of the loss, by which its last tenth made it smaller.

    `noise`: of each epoch, as a part of the loss. `known`: whether records say what the last tenth brought.
    """
    falls = (1 - part) ** (np.arange(EPOCHS) / (EPOCHS / 10))

    def said(rng: np.random.Generator) -> bool:
        records = [trained(k, falls * (1 + noise * rng.standard_normal(EPOCHS)), known) for k in range(n)]
        return findings.not_converged(Subject.BEST, records, {}, OBJECTIVE) is not None

    return said


def trained(replicate: int, losses: Floats, known: bool) -> Record:
    """The record of a replicate with these losses on the rows that choose its best epoch, as a trainer writes it."""
    watch = Watch(Rule(OBJECTIVE, TrainersGoal.MINIMIZE))
    for epoch, loss in enumerate(losses.tolist(), start=1):
        metrics = {watch.rule.name: loss}
        watch = watch.seen(epoch, metrics, metrics, metrics)
    gain = watch.late_gain(len(losses))
    assert watch.best is not None and gain is not None
    best = BestEpoch(watch.best.epoch, watch.best.train, watch.best.val, EpochRule(OBJECTIVE, Goal.MINIMIZE))
    metrics = {LATE_GAIN: gain} if known else {}
    return Record("", replicate, Outcome.OK, "", epochs=len(losses), metrics=metrics, best=best)


def overfit(n: int, part: float) -> Said:
    """Whether all are said to overfit. `part`: of the loss that is gap, in one combination; all of it in the others."""

    def said(rng: np.random.Generator) -> bool:
        val = 1 + 0.05 * rng.standard_normal((8, n))
        gap = 0.05 * rng.standard_normal((8, n)) + np.where(np.arange(8) == 0, part, 0.95)[:, None]
        return findings.all_overfit(val - gap, val) is not None

    return said


def epochs(n: int, combinations: int, apart: float) -> Said:
    """Whether the choice of epochs is said to matter. `apart`: how much worse half of the combinations are at one of them alone."""
    means = np.linspace(0, 3, combinations)[:, None]

    def said(rng: np.random.Generator) -> bool:
        here = means + rng.standard_normal((combinations, n)) + hard(rng, n)
        there = here - 1 + 0.5 * rng.standard_normal((combinations, n))
        here = here + np.where(np.arange(combinations) % 2, apart, 0.0)[:, None]
        one, other = tied_with_best(here), tied_with_best(there)
        return (
            one is not None and other is not None and findings.objective_sensitive(here, there, one, other) is not None
        )

    return said
