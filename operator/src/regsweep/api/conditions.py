"""Conditions of a sweep and the reasons for them, each with its meaning: docs/conditions.md is generated from here.

Reasons are for programs: CamelCase, and they do not change. Messages are for people. A new reason is one entry below.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from regsweep.api.condition_types import (
    SEE_MESSAGE,
    STOPS,
    About,
    ConditionStatus,
    ConditionType,
    Retry,
    hinders,
    may_help,
    refused,
    stops,
    told,
    useless,
)

__all__ = ["NO_RETRY_MENDS", "About", "ConditionStatus", "ConditionType", "Reason", "Retry"]


_UNKNOWN = About(meaning="")
"""For the signature alone: `Reason(text)` looks a member up. A test demands a meaning of each."""
_ACCEPTED = ConditionType.ACCEPTED
_PROGRESSING = ConditionType.PROGRESSING
_SUSPENDED = ConditionType.SUSPENDED
_METRICS_AVAILABLE = ConditionType.METRICS_AVAILABLE
_REPLICATES_PAIRED = ConditionType.REPLICATES_PAIRED
_COMPLETE = ConditionType.COMPLETE
_FAILED = ConditionType.FAILED


class Reason(StrEnum):
    """Reasons of conditions, of events, and of failed runs."""

    about: About
    _value_: str

    def __new__(cls, value: str, about: About = _UNKNOWN) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.about = about
        return member

    # Accepted
    VALID = "Valid", About(meaning="The spec is valid.", conditions=(_ACCEPTED,))
    INVALID = (
        "Invalid",
        refused(
            "The spec breaks rules of the API; nothing new is started.", "Correct the fields that the message names."
        ),
    )
    IMMUTABLE = (
        "Immutable",
        refused(
            "A field that was pinned when the sweep was accepted has been changed. Runs continue with the pinned value.",
            "Restore the field, or create a new sweep with the new value.",
        ),
    )
    TEMPLATE_NOT_FOUND = (
        "TemplateNotFound",
        refused(
            "The PodTemplate that `spec.templateRef` names does not exist.",
            "Create it in the sweep's namespace; the sweep then continues.",
        ),
    )
    TEMPLATE_REFUSED = (
        "TemplateRefused",
        refused(
            "The API server rejects the training Job that the templates make.",
            "Correct the pod template as the message says; the operator tries again every minute.",
        ),
    )
    NOT_PERMITTED = (
        "NotPermitted",
        About(
            meaning="The operator may not create Jobs in the sweep's namespace.",
            remedy="Grant it what charts/regsweep/templates/rbac.yaml lists, for instance by the chart's value `watchNamespaces`.",
            conditions=(_ACCEPTED, ConditionType.STALLED),
            event=True,
        ),
    )
    # Progressing
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        hinders(
            "A quota of the namespace is used up: on Jobs, on pods, or on what these ask for. Runs start as room comes. Where kept Jobs "
            "use it up, those of other sweeps among them, they are deleted for what waits, whatever `spec.retention` says.",
            "Raise the quota, or lower `spec.parallelism`.",
        ),
    )
    PODS_REFUSED = (
        "PodsRefused",
        hinders(
            "The API server takes the training Jobs, but not their pods: Pod Security, a LimitRange, a missing service account or "
            "priority class, a webhook or a policy refuses them. One Job waits, and its pod is asked for again every minute.",
            "Change the pod template as the message says, or what refuses its pods.",
        ),
    )
    RUNS_STARTING = "RunsStarting", About(meaning="Runs are being created or started.", conditions=(_PROGRESSING,))
    RUNS_TRAINING = "RunsTraining", About(meaning="At least one run is being trained.", conditions=(_PROGRESSING,))
    ANALYSING = (
        "Analysing",
        About(
            meaning="All runs have ended, and their records are being analysed.",
            conditions=(_PROGRESSING, _COMPLETE),
        ),
    )
    FINAL_EVALUATION = (
        "FinalEvaluation",
        About(
            meaning="The picks are being trained again, to be scored on the test rows.",
            conditions=(_PROGRESSING, _COMPLETE),
        ),
    )
    UNSCHEDULABLE = (
        "Unschedulable",
        About(
            meaning="No node has room for a training pod.",
            remedy="Lower `spec.parallelism`, add nodes, or wait.",
            conditions=(_PROGRESSING,),
        ),
    )
    PODS_WAITING = (
        "PodsWaiting",
        hinders(
            "A training pod does not start, and nothing says that it never will: its scheduling gates are not removed, a sidecar ends "
            "again and again, or its container has been created for more than five minutes, for want of a volume for instance.",
            "Look at the pod as the message says. No run fails by this, and each keeps its slot.",
        ),
    )
    IMAGE_UNAVAILABLE = (
        "ImageUnavailable",
        About(
            meaning="The trainer image cannot be pulled. A run fails after five minutes of this.",
            remedy="Check the image's name and its pull secret.",
            conditions=(_PROGRESSING,),
            run_failure=Retry.USELESS,
        ),
    )
    CONFIG_ERROR = (
        "ConfigError",
        About(
            meaning="The training container cannot be created, for instance because a Secret or ConfigMap is missing. "
            "A run fails after five minutes of this.",
            remedy="Correct what the pod template refers to.",
            conditions=(_PROGRESSING,),
            run_failure=Retry.USELESS,
        ),
    )
    NODE_LOST = (
        "NodeLost",
        About(
            meaning="A pod that was deleted does not end, because its node does not answer. The pod may still train, so its run keeps its "
            "slot and no other Job trains it.",
            remedy="Wait for the node, delete it, or taint it `node.kubernetes.io/out-of-service`.",
            conditions=(_PROGRESSING,),
        ),
    )
    QUEUED = (
        "Queued",
        hinders(
            "Runs wait for their queue to admit them; the message has Kueue's words, where the operator may read its Workloads.",
            "Wait, or raise the quota of the queue.",
        ),
    )
    REQUEUED = (
        "Requeued",
        hinders(
            "Kueue has stopped runs that it had admitted, for others of a higher priority or because their queue was stopped, and "
            "admits them again later. This is not charged to them.",
            "Wait, raise the quota or the priority, or start the queue again.",
        ),
    )
    WORKLOAD_DEACTIVATED = (
        "WorkloadDeactivated",
        hinders(
            "A person or Kueue has deactivated Workloads (`spec.active: false`): Kueue does not admit their runs. The operator activates "
            "only what it has deactivated itself.",
            "Set `spec.active` of these Workloads to true.",
        ),
    )
    WORKLOAD_FINISHED = (
        "WorkloadFinished",
        hinders(
            "Kueue takes Workloads for finished whose Jobs have not trained, for instance because a Job does not fit the flavor that "
            "it was given: it does not start them any more.",
            "Correct what the message says, and delete these Jobs; their runs are made again.",
        ),
    )
    JOBS_SUSPENDED = (
        "JobsSuspended",
        hinders(
            "Somebody has suspended Jobs of the sweep: a person, or a queue that the operator does not know of. Their runs keep their "
            "slots. The operator resumes only what it has suspended itself.",
            "Set `spec.suspend` of these Jobs to false; under Kueue, name a queue in the pod template.",
        ),
    )
    DRAINING = (
        "Draining",
        About(
            meaning="`spec.parallelism` is 0: runs continue to their end, and no new one is started.",
            remedy="Raise `spec.parallelism` to continue.",
            conditions=(_PROGRESSING,),
        ),
    )
    NOT_ACCEPTED = (
        "NotAccepted",
        About(
            meaning="Nothing new is started, because the spec or its template is not accepted.",
            remedy="See the condition Accepted.",
            conditions=(_PROGRESSING,),
        ),
    )
    FINISHED = "Finished", About(meaning="No run is left to train.", conditions=(_PROGRESSING,))
    # Suspended
    SUSPENDED_BY_SPEC = (
        "SuspendedBySpec",
        About(
            meaning="`spec.suspend` is true.",
            remedy="Set it to false to continue.",
            conditions=(_PROGRESSING, _SUSPENDED),
        ),
    )
    SUSPENDING = (
        "Suspending",
        About(
            meaning="`spec.suspend` is true, and runs are still being trained: somebody has resumed them, or a queue has admitted them and "
            "the operator may not stop them.",
            remedy=SEE_MESSAGE,
            conditions=(_SUSPENDED,),
        ),
    )
    NOT_SUSPENDED = "NotSuspended", About(meaning="`spec.suspend` is false.", conditions=(_SUSPENDED,))
    # MetricsAvailable
    SCRAPED = "Scraped", About(meaning="Prometheus has samples of the trainers.", conditions=(_METRICS_AVAILABLE,))
    NOT_CONFIGURED = (
        "NotConfigured",
        About(
            meaning="The operator has no Prometheus. Values come from the runs' own records.",
            remedy="To follow runs live, set REGSWEEP_PROMETHEUS_URL of the operator.",
            conditions=(_METRICS_AVAILABLE,),
        ),
    )
    NOTHING_TO_SCRAPE_YET = (
        "NothingToScrapeYet",
        About(meaning="No trainer has been scraped yet.", conditions=(_METRICS_AVAILABLE,)),
    )
    QUERY_FAILED = (
        "QueryFailed",
        About(
            meaning="Prometheus gave no answer, or one that cannot be trusted. Values come from the runs' own records.",
            remedy="The message says what was met: address, login, certificate, policy or time-out, and what to set. See "
            "docs/install.md, Prometheus.",
            conditions=(_METRICS_AVAILABLE,),
        ),
    )
    NOT_SCRAPED = (
        "NotScraped",
        About(
            meaning="Prometheus answers, but has no samples of the last five runs. Values come from the runs' own records.",
            remedy="Let Prometheus scrape pods with the annotation prometheus.io/scrape, or add a PodMonitor. Let it in at port 9090 "
            "where a policy or a mesh denies that; name its tenant and the label that it enforces.",
            conditions=(_METRICS_AVAILABLE,),
        ),
    )
    # ReplicatesPaired
    ALL_ALIKE = (
        "AllAlike",
        About(
            meaning="All replicates were trained by one image, on one class of device, from the same data.",
            conditions=(_REPLICATES_PAIRED,),
        ),
    )
    MIXED = (
        "Mixed",
        About(
            meaning="Replicates were trained by different images, backends, devices or data. Differences are treated as unpaired, "
            "and their errors are larger.",
            remedy="For paired replicates, let the pod template select one kind of node, and create a new sweep.",
            conditions=(_REPLICATES_PAIRED,),
        ),
    )
    # Complete and Failed
    ALL_RUNS_ENDED = "AllRunsEnded", About(meaning="All runs have ended and are analysed.", conditions=(_COMPLETE,))
    BUDGET_EXHAUSTED = (
        "BudgetExhausted",
        About(
            meaning="`spec.budget` leaves no room for another run. The ranking is of what was trained; the message says what is missing.",
            remedy="Raise the limit that the message names, to continue.",
            conditions=(_COMPLETE,),
        ),
    )
    RUNS_REMAIN = "RunsRemain", About(meaning="Some runs have not ended yet.", conditions=(_COMPLETE,))
    RACING = "Racing", About(meaning="More than one combination is still in the race.", conditions=(_COMPLETE,))
    WITHIN_LIMIT = (
        "WithinLimit",
        About(meaning="No more runs failed than `spec.maxFailedRuns` allows.", conditions=(_FAILED,)),
    )
    ALL_RUNS_FAILED = (
        "AllRunsFailed",
        About(
            meaning="Every run failed.",
            remedy=SEE_MESSAGE,
            conditions=STOPS,
            event=True,
        ),
    )
    TOO_MANY_FAILED_RUNS = (
        "TooManyFailedRuns",
        stops("More runs failed than `spec.maxFailedRuns` allows."),
    )
    RUNS_FAIL_ALIKE = (
        "RunsFailAlike",
        stops("The first three runs all failed for the same reason, which a retry does not fix."),
    )
    OBJECTIVE_NOT_REPORTED = (
        "ObjectiveNotReported",
        stops(
            "Runs succeeded, but none reported the objective's metric.",
            "Set `spec.objective.metric` to a metric that the message lists.",
        ),
    )
    CONSTRAINT_NOT_REPORTED = (
        "ConstraintNotReported",
        stops(
            "Runs succeeded, but none reported the metric of a constraint, so that no combination can keep it.",
            "Set the metric of the constraint to one that the message lists, or remove the constraint.",
        ),
    )
    # Failed runs
    INVALID_FLAGS = (
        "InvalidFlags",
        useless(
            "The trainer rejected its flags (exit code 64).", "Correct the flags or parameters that the message names."
        ),
    )
    INVALID_CONTRACT = (
        "InvalidContract",
        useless(
            "The trainer cannot read a variable of the training contract (exit code 64).",
            "Correct the trainer or the pod template: see docs/trainer-contract.md.",
        ),
    )
    BAD_DATA = (
        "BadData",
        useless("The trainer cannot train on its data (exit code 64).", "Correct the data as the message says."),
    )
    DATA_CHANGED = (
        "DataChanged",
        About(
            meaning="The data are not the ones that earlier results rest on.",
            remedy="Restore the data and raise the annotation `regsweep.dev/retry`, or set `spec.trainer.dataRevision` to train all "
            "combinations again.",
            conditions=STOPS,
            event=True,
            run_failure=Retry.USELESS,
        ),
    )
    NOTHING_REPORTED = (
        "NothingReported",
        useless(
            "The training script ended a replicate without reporting what the sweep needs (exit code 64).",
            "Correct the script: see images/kit/README.md.",
        ),
    )
    INDEX_FINAL = "IndexFinal", may_help("The trainer gave up these replicates for good (exit code 65).", SEE_MESSAGE)
    OUT_OF_MEMORY = (
        "OutOfMemory",
        may_help(
            "The training container needed more memory than its limit.",
            "Raise resources.limits.memory of container trainer, or lower `batch_size` or `units`.",
        ),
    )
    EVICTED = (
        "Evicted",
        may_help(
            "The pod was evicted from its node before it had ended, after five moves to other nodes.",
            "Set requests and limits of memory and ephemeral storage to what training needs.",
        ),
    )
    NODE_FAILED = (
        "NodeFailed",
        About(
            meaning="A node ended pods that had done nothing wrong, for instance because it could not give them their GPU. Such a "
            "run is made again up to five times, after 10 seconds to 6 minutes, away from the nodes that ended it, and is not counted "
            "as failed before that.",
            remedy="Drain and repair the node that the message names.",
            conditions=(_PROGRESSING,),
            run_failure=Retry.MAY_HELP,
        ),
    )
    TIMEOUT = (
        "Timeout",
        may_help("The run took longer than `spec.runTimeoutSeconds`.", "Raise the limit, or train fewer epochs."),
    )
    INVALID_RECORD = (
        "InvalidRecord",
        useless(
            "The trainer's termination message breaks the training contract.",
            "Correct the trainer: see docs/trainer-contract.md.",
        ),
    )
    NO_RECORD = (
        "NoRecord",
        useless(
            "The trainer ended without a record of the replicate.", "Correct the trainer: see docs/trainer-contract.md."
        ),
    )
    TRAINER_FAILED = (
        "TrainerFailed",
        may_help("The trainer ended with an error.", "See the message, and the log of the pod."),
    )
    UNKNOWN = (
        "Unknown",
        may_help(
            "A later version of the operator recorded a reason that this version does not know.", "See the message."
        ),
    )
    # Events only
    ACCEPTED = "Accepted", told("The condition Accepted became True.")
    COMPLETE = "Complete", told("The condition Complete became True.")
    SOURCES_DISAGREE = (
        "SourcesDisagree",
        told(
            "Prometheus and a run's own record have different values of one metric. The record is used.",
            "Check that no other pod is scraped with the same labels.",
        ),
    )
    RUN_AGAIN = (
        "RunAgain",
        told("A run is trained again, because its record was lost with its pod."),
    )
    SIDECAR_GOES_ON = (
        "SidecarGoesOn",
        told(
            "A container beside the trainer, such as a mesh's proxy, goes on after training has ended, so that the pod keeps "
            "its GPU and its slot. The Job is deleted 45 seconds later, once its records are stored, and its logs go with it.",
            "Make it an init container with `restartPolicy: Always`, which ends with the others, keep it from being injected, or "
            "let it end by itself.",
        ),
    )
    RUN_MOVED = (
        "RunMoved",
        told(
            "A run goes on in another Job: away from a node that ended it, or only for the replicates that are missing.",
        ),
    )
    RUN_FAILED = (
        "RunFailed",
        told("A run failed; the message has its reason.", remedy=SEE_MESSAGE),
    )
    MANAGED_ELSEWHERE = (
        "ManagedElsewhere",
        told(
            "Another operator has claimed the sweep (`status.managedBy`); this one leaves it alone.",
            "Let one operator watch each namespace, or tell them apart by `spec.managedBy`. Where the other is gone for good, "
            "and this one may not read its Lease, remove `status.managedBy`.",
        ),
    )
    JOB_ALTERED = (
        "JobAltered",
        told(
            "A Job of the sweep contradicts itself: somebody changed its annotations or forged it. It is none of the "
            "sweep's runs, and nothing is taken from it.",
            "Delete that Job; its run then starts anew.",
        ),
    )
    WRITE_REFUSED = (
        "WriteRefused",
        told(
            "The API server refused to delete or to change a Job of the sweep, or to store its results.",
            "Correct the webhook, the policy or the role that the message names; the operator tries again.",
        ),
    )
    NAME_TAKEN = (
        "NameTaken",
        told(
            "A Job of another owner has the name of a run.",
            "Delete that Job; the run then starts.",
        ),
    )


NO_RETRY_MENDS = frozenset(reason for reason in Reason if reason.about.run_failure is Retry.USELESS)
"""Reasons that another pod would meet again: the first three runs that all fail for one of these stop the sweep."""
