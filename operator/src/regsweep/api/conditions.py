"""Conditions of a sweep and the reasons for them, each with its meaning: docs/conditions.md is generated from here.

Reasons are for programs: CamelCase, and they do not change. Messages are for people. A new reason is one entry below.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from regsweep.api.condition_types import About, ConditionStatus, ConditionType, Retry

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
_SEE_MESSAGE = "The message says what to do."


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
        About(
            meaning="The spec breaks rules of the API; nothing new is started.",
            remedy="Correct the fields that the message names.",
            conditions=(_ACCEPTED,),
            event=True,
        ),
    )
    IMMUTABLE = (
        "Immutable",
        About(
            meaning="A field that was pinned when the sweep was accepted has been changed. Runs continue with the pinned value.",
            remedy="Restore the field, or create a new sweep with the new value.",
            conditions=(_ACCEPTED,),
            event=True,
        ),
    )
    TEMPLATE_NOT_FOUND = (
        "TemplateNotFound",
        About(
            meaning="The PodTemplate that `spec.templateRef` names does not exist.",
            remedy="Create it in the sweep's namespace; the sweep then continues.",
            conditions=(_ACCEPTED,),
            event=True,
        ),
    )
    TEMPLATE_REFUSED = (
        "TemplateRefused",
        About(
            meaning="The API server rejects the training Job that the templates make.",
            remedy="Correct the pod template as the message says; the operator tries again every minute.",
            conditions=(_ACCEPTED,),
            event=True,
        ),
    )
    # Progressing
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
    QUEUED = "Queued", About(meaning="Runs wait for their queue to admit them.", conditions=(_PROGRESSING,))
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
            remedy="Check the address and the health of Prometheus.",
            conditions=(_METRICS_AVAILABLE,),
        ),
    )
    NOT_SCRAPED = (
        "NotScraped",
        About(
            meaning="Prometheus answers, but has no samples of the last five runs. Values come from the runs' own records.",
            remedy="Let Prometheus scrape pods with the annotation prometheus.io/scrape, or add a PodMonitor.",
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
            remedy=_SEE_MESSAGE,
            conditions=(_COMPLETE, _FAILED),
            event=True,
        ),
    )
    TOO_MANY_FAILED_RUNS = (
        "TooManyFailedRuns",
        About(
            meaning="More runs failed than `spec.maxFailedRuns` allows.",
            remedy=_SEE_MESSAGE,
            conditions=(_COMPLETE, _FAILED),
            event=True,
        ),
    )
    RUNS_FAIL_ALIKE = (
        "RunsFailAlike",
        About(
            meaning="The first three runs all failed for the same reason, which a retry does not fix.",
            remedy=_SEE_MESSAGE,
            conditions=(_COMPLETE, _FAILED),
            event=True,
        ),
    )
    OBJECTIVE_NOT_REPORTED = (
        "ObjectiveNotReported",
        About(
            meaning="Runs succeeded, but none reported the objective's metric.",
            remedy="Set `spec.objective.metric` to a metric that the message lists.",
            conditions=(_COMPLETE, _FAILED),
            event=True,
        ),
    )
    CONSTRAINT_NOT_REPORTED = (
        "ConstraintNotReported",
        About(
            meaning="Runs succeeded, but none reported the metric of a constraint, so that no combination can keep it.",
            remedy="Set the metric of the constraint to one that the message lists, or remove the constraint.",
            conditions=(_COMPLETE, _FAILED),
            event=True,
        ),
    )
    # Failed runs
    INVALID_FLAGS = (
        "InvalidFlags",
        About(
            meaning="The trainer rejected its flags (exit code 64).",
            remedy="Correct the flags or parameters that the message names.",
            run_failure=Retry.USELESS,
        ),
    )
    INVALID_CONTRACT = (
        "InvalidContract",
        About(
            meaning="The trainer cannot read a variable of the training contract (exit code 64).",
            remedy="Correct the trainer or the pod template: see docs/trainer-contract.md.",
            run_failure=Retry.USELESS,
        ),
    )
    BAD_DATA = (
        "BadData",
        About(
            meaning="The trainer cannot train on its data (exit code 64).",
            remedy="Correct the data as the message says.",
            run_failure=Retry.USELESS,
        ),
    )
    DATA_CHANGED = (
        "DataChanged",
        About(
            meaning="The data are not the ones that earlier results rest on.",
            remedy="Restore the data and raise the annotation `regsweep.dev/retry`, or set `spec.trainer.dataRevision` to train all "
            "combinations again.",
            conditions=(_COMPLETE, _FAILED),
            event=True,
            run_failure=Retry.USELESS,
        ),
    )
    NOTHING_REPORTED = (
        "NothingReported",
        About(
            meaning="The training script ended a replicate without reporting what the sweep needs (exit code 64).",
            remedy="Correct the script: see images/kit/README.md.",
            run_failure=Retry.USELESS,
        ),
    )
    INDEX_FINAL = (
        "IndexFinal",
        About(
            meaning="The trainer gave up these replicates for good (exit code 65).",
            remedy=_SEE_MESSAGE,
            run_failure=Retry.MAY_HELP,
        ),
    )
    OUT_OF_MEMORY = (
        "OutOfMemory",
        About(
            meaning="The training container needed more memory than its limit.",
            remedy="Raise resources.limits.memory of container trainer, or lower `batch_size` or `units`.",
            run_failure=Retry.MAY_HELP,
        ),
    )
    EVICTED = (
        "Evicted",
        About(meaning="The pod was evicted from its node before it had ended.", run_failure=Retry.MAY_HELP),
    )
    TIMEOUT = (
        "Timeout",
        About(
            meaning="The run took longer than `spec.runTimeoutSeconds`.",
            remedy="Raise the limit, or train fewer epochs.",
            run_failure=Retry.MAY_HELP,
        ),
    )
    INVALID_RECORD = (
        "InvalidRecord",
        About(
            meaning="The trainer's termination message breaks the training contract.",
            remedy="Correct the trainer: see docs/trainer-contract.md.",
            run_failure=Retry.USELESS,
        ),
    )
    NO_RECORD = (
        "NoRecord",
        About(
            meaning="The trainer ended without a record of the replicate.",
            remedy="Correct the trainer: see docs/trainer-contract.md.",
            run_failure=Retry.USELESS,
        ),
    )
    TRAINER_FAILED = (
        "TrainerFailed",
        About(
            meaning="The trainer ended with an error.",
            remedy="See the message, and the log of the pod.",
            run_failure=Retry.MAY_HELP,
        ),
    )
    UNKNOWN = (
        "Unknown",
        About(
            meaning="A later version of the operator recorded a reason that this version does not know.",
            remedy="See the message.",
            run_failure=Retry.MAY_HELP,
        ),
    )
    # Events only
    ACCEPTED = "Accepted", About(meaning="The condition Accepted became True.", event=True)
    COMPLETE = "Complete", About(meaning="The condition Complete became True.", event=True)
    SOURCES_DISAGREE = (
        "SourcesDisagree",
        About(
            meaning="Prometheus and a run's own record have different values of one metric. The record is used.",
            remedy="Check that no other pod is scraped with the same labels.",
            event=True,
        ),
    )
    RUN_AGAIN = (
        "RunAgain",
        About(meaning="A run is trained again, because its record was lost with its pod.", event=True),
    )
    RUN_FAILED = (
        "RunFailed",
        About(meaning="A run failed; the message has its reason.", remedy=_SEE_MESSAGE, event=True),
    )
    JOB_ALTERED = (
        "JobAltered",
        About(
            meaning="A Job of the sweep contradicts itself: somebody changed its annotations or forged it. It is none of the "
            "sweep's runs, and nothing is taken from it.",
            remedy="Delete that Job; its run then starts anew.",
            event=True,
        ),
    )
    NAME_TAKEN = (
        "NameTaken",
        About(
            meaning="A Job of another owner has the name of a run.",
            remedy="Delete that Job; the run then starts.",
            event=True,
        ),
    )


NO_RETRY_MENDS = frozenset(reason for reason in Reason if reason.about.run_failure is Retry.USELESS)
"""Reasons that another pod would meet again: the first three runs that all fail for one of these stop the sweep."""
