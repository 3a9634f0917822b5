"""Names that users and other programs may rely on: API group, labels, annotations, exit codes."""

from __future__ import annotations

from typing import Final

GROUP: Final = "regsweep.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
SWEEP_KIND: Final = "RegularizationSweep"
SWEEP_PLURAL: Final = "regularizationsweeps"
RESULT_KIND: Final = "SweepResult"
RESULT_PLURAL: Final = "sweepresults"

SWEEP_UID_LABEL: Final = "regsweep.dev/sweep-uid"
"""On every child: the UID of its sweep. Children are selected by it alone."""
SWEEP_NAME_LABEL: Final = "regsweep.dev/sweep"
"""On Jobs and pods: the sweep's name cut to 63 characters, for people and dashboards. Never selected by."""
RUN_LABEL: Final = "regsweep.dev/run"
"""On Jobs and pods: the Job's name."""

SWEEP_NAME_ANNOTATION: Final = "regsweep.dev/sweep-name"
"""On Jobs: the sweep's whole name (up to 253 characters)."""
POINT_KEY_ANNOTATION: Final = "regsweep.dev/point-key"
"""On Jobs: the key of the point that the Job trains."""
FLAGS_ANNOTATION: Final = "regsweep.dev/flags"
"""On Jobs: the combination's flags, as JSON."""
FIRST_REPLICATE_ANNOTATION: Final = "regsweep.dev/first-replicate"
REPLICATES_ANNOTATION: Final = "regsweep.dev/replicates"
"""On Jobs: how many replicates the whole Job trains, over all its indexes."""
REPLICATES_PER_POD_ANNOTATION: Final = "regsweep.dev/replicates-per-pod"
ATTEMPT_ANNOTATION: Final = "regsweep.dev/attempt"
"""On Jobs: the retry annotation of the sweep when the Job was created."""
LOST_ANNOTATION: Final = "regsweep.dev/lost"
"""On Jobs: how often these replicates were trained before without a record that could be read."""
MOVED_ANNOTATION: Final = "regsweep.dev/moved"
"""On Jobs: how often these replicates were taken from another Job before, because of its node or for those that were missing."""
AVOIDED_NODES_ANNOTATION: Final = "regsweep.dev/avoided-nodes"
"""On Jobs: names of the nodes that ended the Jobs before, with commas between them: the pods keep away from these."""
SPENT_ANNOTATION: Final = "regsweep.dev/gpu-seconds"
"""On Jobs: GPU-seconds that the Jobs before have spent on these replicates without bringing a record of them."""
TEMPLATE_ANNOTATION: Final = "regsweep.dev/template"
"""On Jobs: a digest of what their pod template was made from, beside the run: templates, image and the operator's settings."""
ASKED_ANNOTATION: Final = "regsweep.dev/asked-again"
"""On Jobs whose pods were refused: the resourceVersion at which the operator last had their pods asked for again."""
OBJECTIVE_ANNOTATION: Final = "regsweep.dev/objective"
"""On Jobs: metric and goal that the trainer was given to choose the best epoch by, as JSON."""

RETRY_ANNOTATION: Final = "regsweep.dev/retry"
"""On a sweep, set by a person: an integer; raising it runs once more what has failed."""

SUSPENDED_ANNOTATION: Final = "regsweep.dev/suspended"
"""On Jobs, and on Kueue's Workloads: `true` where the operator has stopped them for `spec.suspend`. It resumes nothing else."""
IMPORT_ANNOTATION: Final = "regsweep.dev/import"
"""On a sweep that is being imported: the UID that it had where it was exported. Operators leave it alone while it is there."""
IMPORTED_FROM_ANNOTATION: Final = "regsweep.dev/imported-from"
"""On a sweep that was imported whole: the UID that it had where it was exported."""

QUEUE_NAME_LABEL: Final = "kueue.x-k8s.io/queue-name"
"""On a Job: Kueue admits it; its `suspend` is then Kueue's."""
QUEUE_POD_SET_LABEL: Final = "kueue.x-k8s.io/podset"
"""On the pod template of a Job that Kueue has admitted, one without a queue's name among them."""
QUEUE_JOB_UID_LABEL: Final = "kueue.x-k8s.io/job-uid"
"""On Kueue's Workloads: the UID of the Job that owns them."""

ACCELERATORS: Final = (
    "nvidia.com/gpu",
    "nvidia.com/gpu.shared",
    "nvidia.com/mig-*",
    "amd.com/gpu",
    "google.com/tpu",
    "gpu.intel.com/i915",
    "gpu.intel.com/xe",
    "habana.ai/gaudi",
    "aws.amazon.com/neuron",
    "aws.amazon.com/neuroncore",
)
"""Extended resources that the vendors' device plugins offer for accelerators. Their other resources, such as `nvidia.com/rdma_ib`,
are none."""
GPU_RESOURCE_PATTERN: Final = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
"""Of the name of an extended resource."""

DEFAULT_MANAGER: Final = f"{GROUP}/operator"
"""Name of the operators that run sweeps without `spec.managedBy`."""
MANAGER_PATTERN: Final = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9._-]+$"
"""Of a name of operators, as of `managedBy` of a Job: a domain and a path."""
MAX_MANAGER_LENGTH: Final = 63

METRIC_NAME: Final = "[A-Za-z0-9_][A-Za-z0-9_.-]*"
"""Of a metric's name without its split, as frameworks give them: the characters of a flag's name. Case counts."""

TRAINER_CONTAINER: Final = "trainer"
METRICS_PORT_NAME: Final = "metrics"
METRICS_PORT: Final = 9090

EXIT_INVALID_FLAGS: Final = 64
"""The same for every pod: the Job fails at once."""
EXIT_INDEX_FINAL: Final = 65
"""This index is final; others may continue."""

POD_MESSAGE_BYTES: Final = 12_288
"""Room for the termination messages of a pod: the kubelet divides it among all of the pod's containers."""
CONTAINER_MESSAGE_BYTES: Final = 4096
"""Room for the termination message of one container, however few there are."""

MAX_REPLICATES_PER_POD: Final = 16
"""As many records as fit into a termination message of 4,096 bytes."""

DATA_PARAMETERS: Final = ("dataset", "data_path")
"""Parameters that name the data. Neither a flag nor a reference has them: results of different data answer different questions."""

MAX_NAME_LENGTH: Final = 253
"""Characters of a name of a Kubernetes object, and of any short string in a status."""
MAX_FLAGS: Final = 20
"""Flags of a sweep."""
MAX_COMBINATIONS: Final = 10_000
"""Combinations that one sweep trains, after `exclude` and `sample`; an operator's setting may allow more."""
MAX_GRID: Final = 1_000_000
"""Combinations of a grid before `exclude` and `sample`: drawing a sample goes through all of them, 3 microseconds each."""

MIN_REPLICATES_FOR_ERROR: Final = 3
"""Fewest replicates that give a standard error, and so an interval, a set of ties, a pick or a race. With 2, t at one degree of
freedom is 12.7: it would contain almost no information."""
MOST_REPLICATES_NAMED: Final = 1000
"""Above it planning names no number."""
CONFIDENCE_LEVEL: Final = 0.95
"""Of every interval, confidence set and one-sided bound."""
