"""What can end a run before its time: every error knows its reason (for machines) and its exit code (for Kubernetes).

    TrainerError
    ├── InvalidFlagsError      64  a flag is unknown, or has a value that it cannot have in this sweep
    ├── InvalidContractError   64  an environment variable of the contract cannot be read
    ├── BadDataError           64  the data can never be trained on
    ├── DataChangedError       64  the data are not the ones that the sweep's other results rest on
    ├── NothingReportedError   64  a training script ended a replicate without reporting a result
    ├── NothingToTrainError    65  this index lies beyond the last replicate; other indexes may go on
    ├── GpuNotVisibleError      1  GPUs were requested and none is visible: another node may have one
    ├── PortTakenError          1  /metrics cannot be served
    └── RecordUnwritableError   1  the termination message cannot be written

64 is the same for every pod and fails the Job at once; 65 is final for the index; 1 is retried.
Divergence is no error: it is a result.
"""

from typing import ClassVar

EXIT_OK = 0
EXIT_RETRY = 1
EXIT_INVALID = 64
EXIT_INDEX_FINAL = 65


class TrainerError(Exception):
    """Base of all: `str(error)` says what was found, where, what is allowed and what to do."""

    reason: ClassVar[str] = "TrainerFailed"
    exit_code: ClassVar[int] = EXIT_RETRY


class InvalidFlagsError(TrainerError):
    reason = "InvalidFlags"
    exit_code = EXIT_INVALID


class InvalidContractError(TrainerError):
    reason = "InvalidContract"
    exit_code = EXIT_INVALID


class BadDataError(TrainerError):
    reason = "BadData"
    exit_code = EXIT_INVALID


class DataChangedError(TrainerError):
    reason = "DataChanged"
    exit_code = EXIT_INVALID


class NothingReportedError(TrainerError):
    reason = "NothingReported"
    exit_code = EXIT_INVALID


class NothingToTrainError(TrainerError):
    reason = "NothingToTrain"
    exit_code = EXIT_INDEX_FINAL


class GpuNotVisibleError(TrainerError):
    reason = "GpuNotVisible"


class PortTakenError(TrainerError):
    reason = "PortTaken"


class RecordUnwritableError(TrainerError):
    reason = "RecordUnwritable"
