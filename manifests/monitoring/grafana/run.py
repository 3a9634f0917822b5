"""The dashboard *Run*: the replicates of one combination, how fast they train, and what they use."""

from __future__ import annotations

from typing import Final

from grafana.model import JsonObject, Panel, Query, bars, curves, dashboard, link, table, variable
from grafana.trainer import METRICS, RUN, SWEEP, gap, metric, series

UID: Final = "regsweep-run"
LEGEND: Final = "replicate {{replicate}}"
PODS: Final = f"max by (namespace, pod) ({series('epochs', RUN)})"
"""The pods of the run, as the right side of a join."""


def per_replicate(value: str) -> str:
    """One series for each replicate, whichever pod or scraper it came from."""
    return f"max by (replicate) ({value})"


def of_pods(value: str) -> str:
    """A metric of other exporters, for the pods of this run alone."""
    return f"sum by (pod) ({value} and on (namespace, pod) {PODS})"


def seen(value: str) -> str:
    """The last value within the dashboard's range: the pod may be gone."""
    return per_replicate(f"last_over_time({value}[$__range])")


VARIABLES: Final[list[JsonObject]] = [
    variable("namespace", "Namespace", "label_values(regsweep_trainer_info, namespace)"),
    variable("sweep", "Sweep", 'label_values(regsweep_trainer_info{namespace="$namespace"}, sweep)'),
    variable("run", "Run", f"label_values(regsweep_trainer_info{{{SWEEP}}}, run)"),
    variable("metric", "Metric", METRICS, "average_loss"),
]

PANELS: Final[list[Panel]] = [
    table(
        "What this run is",
        "The flags of its combination, and the first digits of the digest of its data.",
        [
            Query(
                f"max without (pod, instance, replicate, job, container, endpoint) (last_over_time({series('info', RUN)}[$__range]))"
            )
        ],
        "^(flag_.*|data_digest)$",
        rename="^(?:flag_)?(.*)$",
        width=12,
        height=5,
    ),
    bars(
        "Replicates: share of the epochs trained",
        "Early stopping may end a replicate before its last epoch.",
        Query(f"{seen(series('epoch', RUN))} / {seen(series('epochs', RUN))}", LEGEND),
        width=12,
        height=5,
        unit="percentunit",
    ),
    curves(
        "$metric on val",
        "Of each replicate, after each epoch. Replicates differ in their split of the rows and in their seeds.",
        [Query(per_replicate(metric("val", RUN)), LEGEND)],
    ),
    curves(
        "$metric on train",
        "In inference mode with the weights of the same epoch; while training, on a fixed sample of the training rows.",
        [Query(per_replicate(metric("train", RUN)), LEGEND)],
    ),
    curves(
        "Overfit gap: val minus train",
        "Rises while the network learns its training rows by heart.",
        [Query(per_replicate(gap(RUN)), LEGEND)],
    ),
    table(
        "Replicates: last and best values",
        "best: the objective's metric at its best epoch, which is found on one half of the validation rows and scored on the other. "
        "complete is 1 once the record is written.",
        [
            Query(seen(series("epoch", RUN)), ref="epoch"),
            Query(seen(metric("train", RUN)), ref="train"),
            Query(seen(metric("val", RUN)), ref="val"),
            Query(seen(series("best", RUN, split="val")), ref="best"),
            Query(seen(series("best_epoch", RUN)), ref="best epoch"),
            Query(seen(series("complete", RUN)), ref="complete"),
        ],
        "^(replicate|Value #.*)$",
        sort=("replicate", False),
    ),
    curves(
        "Throughput: epochs per minute",
        "Of each replicate, over the last minutes.",
        [Query("60 * " + per_replicate(f"rate({series('epoch', RUN)}[$__rate_interval])"), LEGEND)],
        smallest=0,
    ),
    curves(
        "Age of the last scrape",
        "Seconds since Prometheus last read the pod. It is read once more at the end; until then the pod waits.",
        [Query(f"time() - max by (pod) (timestamp({series('epochs', RUN)}))", "{{pod}}")],
        unit="s",
        smallest=0,
    ),
    curves(
        "GPU utilisation",
        "Of the run's pods, by NVIDIA's DCGM exporter. No data: it is not installed, or does not map GPUs to pods.",
        [Query(f"{of_pods('DCGM_FI_DEV_GPU_UTIL')} / 100", "{{pod}}")],
        width=8,
        unit="percentunit",
        smallest=0,
    ),
    curves(
        "Memory",
        "Working set of the training container, by the kubelet's cAdvisor. No data: Prometheus does not scrape it.",
        [
            Query(
                of_pods('container_memory_working_set_bytes{namespace="$namespace", container="trainer"}'),
                "memory {{pod}}",
                "memory",
            ),
        ],
        width=8,
        unit="bytes",
        smallest=0,
    ),
    curves(
        "Processors in use",
        "By the kubelet's cAdvisor. No data: Prometheus does not scrape it.",
        [
            Query(
                of_pods(
                    'rate(container_cpu_usage_seconds_total{namespace="$namespace", container="trainer"}[$__rate_interval])'
                ),
                "{{pod}}",
            )
        ],
        width=8,
        smallest=0,
    ),
]

DASHBOARD: Final = dashboard(
    UID,
    "Run",
    "One run of a sweep: a combination with all its replicates.",
    VARIABLES,
    PANELS,
    [link("Its sweep", "regsweep-sweep", "namespace", "sweep")],
)
