"""Conditions of a sweep: types, and each reason with the sentence that explains it. Reasons are for machines, messages for people."""

from __future__ import annotations

from enum import StrEnum


class ConditionType(StrEnum):
    """Types of conditions on a sweep."""

    ACCEPTED = "Accepted"
    """The spec is valid and runs as written."""
    PROGRESSING = "Progressing"
    """Runs are being started or trained."""
    SUSPENDED = "Suspended"
    """A person paused the sweep."""
    METRICS_AVAILABLE = "MetricsAvailable"
    """Prometheus answers, and scrapes the trainers."""
    REPLICATES_PAIRED = "ReplicatesPaired"
    """All replicates were trained by one image, on one class of device, from the same data."""
    COMPLETE = "Complete"
    """Every run has ended, failed ones within the limit, and is analysed; the final evaluation too, where there is one."""
    FAILED = "Failed"
    """The sweep was stopped because too much failed."""


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Reason(StrEnum):
    """Reasons of conditions and events, and of failed runs. CamelCase, stable, for machines."""

    # Accepted
    VALID = "Valid"
    INVALID = "Invalid"
    IMMUTABLE = "Immutable"
    TEMPLATE_NOT_FOUND = "TemplateNotFound"
    TEMPLATE_REFUSED = "TemplateRefused"
    # Progressing
    RUNS_STARTING = "RunsStarting"
    RUNS_TRAINING = "RunsTraining"
    COLLECTING = "Collecting"
    RACING = "Racing"
    ANALYSING = "Analysing"
    FINAL_EVALUATION = "FinalEvaluation"
    UNSCHEDULABLE = "Unschedulable"
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    CONFIG_ERROR = "ConfigError"
    QUEUED = "Queued"
    DRAINING = "Draining"
    NOT_ACCEPTED = "NotAccepted"
    FINISHED = "Finished"
    # Suspended
    SUSPENDED_BY_SPEC = "SuspendedBySpec"
    NOT_SUSPENDED = "NotSuspended"
    # MetricsAvailable
    SCRAPED = "Scraped"
    NOT_CONFIGURED = "NotConfigured"
    NOTHING_TO_SCRAPE_YET = "NothingToScrapeYet"
    QUERY_FAILED = "QueryFailed"
    NOT_SCRAPED = "NotScraped"
    # ReplicatesPaired
    ALL_ALIKE = "AllAlike"
    MIXED = "Mixed"
    # Complete and Failed
    ALL_RUNS_ENDED = "AllRunsEnded"
    RUNS_REMAIN = "RunsRemain"
    TOO_MANY_FAILED_RUNS = "TooManyFailedRuns"
    RUNS_FAIL_ALIKE = "RunsFailAlike"
    OBJECTIVE_NOT_REPORTED = "ObjectiveNotReported"
    WITHIN_LIMIT = "WithinLimit"
    # failed runs
    INVALID_FLAGS = "InvalidFlags"
    INVALID_CONTRACT = "InvalidContract"
    BAD_DATA = "BadData"
    DATA_CHANGED = "DataChanged"
    INDEX_FINAL = "IndexFinal"
    OUT_OF_MEMORY = "OutOfMemory"
    EVICTED = "Evicted"
    TIMEOUT = "Timeout"
    INVALID_RECORD = "InvalidRecord"
    NO_RECORD = "NoRecord"
    TRAINER_FAILED = "TrainerFailed"
    UNKNOWN = "Unknown"
    # events alone
    ACCEPTED = "Accepted"
    COMPLETE = "Complete"
    SOURCES_DISAGREE = "SourcesDisagree"
    RUN_AGAIN = "RunAgain"
    RUN_FAILED = "RunFailed"
    NAME_TAKEN = "NameTaken"


NO_RETRY_MENDS = frozenset(
    {
        Reason.INVALID_FLAGS,
        Reason.INVALID_CONTRACT,
        Reason.BAD_DATA,
        Reason.DATA_CHANGED,
        Reason.IMAGE_UNAVAILABLE,
        Reason.CONFIG_ERROR,
        Reason.INVALID_RECORD,
        Reason.NO_RECORD,
    }
)
"""Reasons that another pod would meet again: the first three runs failing alike for one of these stop the sweep."""
