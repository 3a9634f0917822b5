"""PromQL over what trainers expose.

Two rules hold for all of it:
- `regsweep_trainer_info` is reduced by `max by` before it is joined: two scrapers, or a run that was tried twice, would otherwise
  give two series with the same labels, and Prometheus refuses such a join.
- Finished runs are asked for by `last_over_time` over the dashboard's range: a pod's series end when the pod does.
"""

from __future__ import annotations

from typing import Final

SWEEP: Final = 'namespace="$namespace", sweep="$sweep"'
RUN: Final = f'{SWEEP}, run="$run"'


def series(name: str, chosen: str = SWEEP, **labels: str) -> str:
    """A trainer's metric of the chosen sweep or run."""
    more = "".join(f', {label}="{value}"' for label, value in labels.items())
    return f"regsweep_trainer_{name}{{{chosen}{more}}}"


def metric(split: str, chosen: str = SWEEP) -> str:
    """The chosen metric on a split, one series per pod and replicate."""
    return series("metric", chosen, metric="$metric", split=split)


METRICS: Final = f"label_values({series('metric', split='val')}, metric)"
"""Names of the metrics to choose from: those that a panel has something to show of."""


def gap(chosen: str = SWEEP) -> str:
    """The chosen metric on val minus that on train."""
    return f"{metric('val', chosen)} - ignoring (split) {metric('train', chosen)}"


INFO: Final = series("info")
FINAL_INFO: Final = f"last_over_time({INFO}[$__range])"
COMPLETE: Final = series("complete")
FLAGS: Final = f"max without (pod, instance, replicate, data_digest) ({FINAL_INFO})"
"""One series per run, with every flag as a label."""
FINISHED: Final = f"count by (run) (max by (run, replicate) (last_over_time({COMPLETE}[$__range])) == 1)"
"""Finished replicates of each run."""


def final(value: str) -> str:
    """The series of finished replicates, as they were last scraped: a pod that was lost half-way does not count."""
    ended = f"last_over_time({COMPLETE}[$__range]) == 1"
    return f"last_over_time({value}[$__range]) and on (namespace, pod, run, replicate) ({ended})"


FINAL_GAP: Final = f"({final(metric('val'))}) - ignoring (split) ({final(metric('train'))})"


def per_run(value: str, info: str = INFO) -> str:
    """Mean over replicates, with the two chosen flags as labels `row` and `column`."""
    flags = f"max by (run, replicate, flag_$row, flag_$column) ({info})"
    joined = f"max by (run, replicate) ({value}) * on (run, replicate) group_left (flag_$row, flag_$column) {flags}"
    named = f'label_replace({joined}, "row", "$1", "flag_$row", "(.*)")'
    return f'avg by (run, row, column) (label_replace({named}, "column", "$1", "flag_$column", "(.*)"))'


def per_combination(value: str) -> str:
    """Mean over replicates, with every flag as a label: the left side of the join keeps its own."""
    return f"{FLAGS} * on (run) group_left () avg by (run) (max by (run, replicate) ({value}))"
