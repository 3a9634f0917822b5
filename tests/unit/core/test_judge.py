"""The analysis of a sweep's records, as it is shown."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from regsweep.api.validation import parse_sweep
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.records import Outcome, Record, Records
from regsweep.core.sweep import Sweep
from regsweep.report.judgement import MISSING_NOTE, Judgement, judge

NOISE = (0.0, 0.011, -0.007, 0.004, -0.003)


def sweep(values: int) -> Sweep:
    spec = {"flags": [{"name": "l2", "values": list(range(values))}], "replicates": 5}
    obj = {"kind": "RegularizationSweep", "metadata": {"name": "mine"}, "spec": spec}
    defaults = Defaults("trainer:1", "nvidia.com/gpu", "0.1.0")
    return accept(Identity("mine", "team", "uid", 1), parse_sweep(obj), defaults, pinned=None, started=False)[0]


def judged(losses: Mapping[int, float], replicates: Mapping[int, range] | None = None) -> Judgement:
    """The judgement of a sweep over l2 with these validation losses; training loss 0.1 throughout."""
    found = sweep(len(losses))
    records = Records()
    for point in found.points:
        l2 = point.combination.index
        for k in (replicates or {}).get(l2, range(5)):
            val = losses[l2] + NOISE[(k + 2 * l2) % 5]
            metrics = {"val_average_loss": val, "train_average_loss": 0.1}
            records.add(Record(point.key, k, Outcome.OK, run="r", epochs=10, metrics=metrics))
    return judge(found, records)


def test_a_whole_sweep_is_judged_by_label() -> None:
    found = judged({0: 0.90, 1: 0.200, 2: 0.202, 3: 0.60})
    assert set(found.tied_with_best) == {"l2=1", "l2=2"}
    assert found.pick is not None and (found.pick.label, found.pick.is_best) == ("l2=2", False)
    worst = found.verdict("l2=0")
    assert worst is not None and (worst.why, worst.gap_larger, worst.tied) == ("Overfits", True, False)
    assert found.effects is not None and (found.effects.shares[0].eta_squared or 0) > 0.9


def test_below_three_replicates_there_are_no_ties() -> None:
    found = judged({0: 0.9, 1: 0.2}, {0: range(2), 1: range(2)})
    assert (found.tied_with_best, found.pick, found.comparisons) == ((), None, ())


def test_a_first_of_the_ranking_with_few_replicates_is_not_judged_by_another_best() -> None:
    found = judged({0: 0.9, 1: 0.2, 2: 0.1}, {2: range(1)})
    assert (found.tied_with_best, found.pick, found.comparisons) == ((), None, ())
    assert MISSING_NOTE in found.notes


def test_combinations_without_a_common_replicate_are_not_judged() -> None:
    assert judged({0: 0.9, 1: 0.2}, {0: range(1), 1: range(1, 2)}) == Judgement()


def test_what_renders_loads_no_library_for_statistics_before_there_is_something_to_judge() -> None:
    program = "import sys, regsweep.cli.run, regsweep.report.render; print({'numpy', 'scipy'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "set()"
