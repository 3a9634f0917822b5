"""Every error that regsweep raises on purpose, as a tree. A class is defined here, or in the module named in brackets.

    RegsweepError
    ├── InvalidSweep                    the manifest breaks rules of the API; carries one Problem per rule
    ├── InvalidTemplate                 a pod template cannot be merged
    ├── KubeconfigError                 a kubeconfig is missing or wrong; the text names file and field
    ├── UnusableExport                  a file is none that `regsweep export` has written, or not all of it
    ├── UnreadableManifest              the input is not YAML or JSON as kubectl reads them; carries line and column
    ├── ApiError                        the Kubernetes API refused or failed
    │   ├── NotFound                    404
    │   │   └── UnknownResource         404: the kind is not served, its CRD is not installed
    │   ├── AlreadyExists               409 on create
    │   ├── Conflict                    409: a precondition (resourceVersion, UID) does not hold
    │   ├── Refused                     4xx that a retry does not fix: the object is wrong, or access is denied
    │   │   ├── NamespaceTerminating    403: the namespace is being deleted
    │   │   ├── QuotaExceeded           403: a quota is used up; room may come
    │   │   └── NotPermitted            403: RBAC does not allow it
    │   ├── Expired                     410: the watch or list must start again
    │   └── Unavailable                 5xx, 429, time-out, connection failure: try again
    │       └── TooLarge                [adapters.kube] an answer has more bytes than are read
    ├── UnreadableStatus                another version of the operator wrote what a sweep's status pins
    ├── MetricsError                    Prometheus cannot be queried, or its answer cannot be trusted
    ├── AnalysisError                   [controller.queues.analysis_process] the analysis process gave no result
    ├── SecretFileError                 [adapters.secret_files] a file with a secret cannot be read or used
    ├── MLflowError                     [export.mlflowserver] MLflow cannot be reached, or refuses
    ├── RetrainingError                 [local.retraining] a model cannot be trained once more
    ├── NoTrainerError                  [local.trainer] there is no trainer to run
    ├── EditedTrainerError              [local.ownfiles] the trainer was edited while its sweep was trained
    ├── NoGpuError                      [local.gpus] this machine has not the GPUs that are asked for
    ├── OutputError                     [cli.streams] standard output cannot be written
    │   └── ReaderGoneError             [cli.streams] the reader of standard output closed it
    ├── RunsDirectoryError              [local.directory] the runs directory cannot be used
    │   └── UnwritableRunsError         [local.directory] nothing can be written there; it may still be read
    ├── FolderLockedError               [local.locks] another process works in the folder
    ├── ScriptError                     [local.scripts] a training script cannot be swept
    ├── UnknownRunError                 [local.inventory] no run, or several, are meant by a name
    ├── SelectionError                  [local.selection] a condition on runs, or a column, is not what is needed
    ├── UpkeepError                     [local.upkeep] runs cannot be copied, moved or removed
    ├── DataError                       [local.identify] the data that the manifest names cannot be read
    └── UsageError                      [cli.exits] the command line, or the file it names, is wrong

Each text is fit for a user to read. Adapters translate errors of client libraries; nothing outside them sees one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class RegsweepError(Exception):
    """Base of all errors of this project."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule: where, and what to do about it."""

    field: str
    """Path as `kubectl explain` takes it, such as `spec.flags[1].values`."""
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class InvalidSweep(RegsweepError):
    """The manifest breaks rules of the API."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class InvalidTemplate(RegsweepError):
    """A pod template cannot be merged; the text names the field."""


class KubeconfigError(RegsweepError):
    """A kubeconfig is missing or wrong, or what it names cannot be used; the text names the file and the field."""


class UnreadableManifest(RegsweepError):
    """A text is not YAML or JSON as kubectl reads them, or kubectl would lose part of it; `line` and `column` count from 1."""

    def __init__(self, problem: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {problem}")
        self.line = line
        self.column = column


class UnusableExport(RegsweepError):
    """A file is none that `regsweep export` has written, or not all of it; the text names the object and what is wrong."""


class ApiError(RegsweepError):
    """The Kubernetes API refused or failed; `status` is the HTTP status, 0 without an answer."""

    def __init__(self, message: str, status: int = 0, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class NotFound(ApiError):
    """The object does not exist."""


class UnknownResource(NotFound):
    """The API server does not serve that kind: its CustomResourceDefinition is not installed."""


class AlreadyExists(ApiError):
    """An object of that name exists."""


class Conflict(ApiError):
    """A resourceVersion or UID precondition does not hold."""


class Refused(ApiError):
    """The API server rejects the request; a retry does not help."""


class NamespaceTerminating(Refused):
    """The namespace is being deleted: no object can be created in it."""


class QuotaExceeded(Refused):
    """A quota of the namespace is used up: the request succeeds once there is room."""


class NotPermitted(Refused):
    """RBAC does not allow it to whoever asks."""


class Expired(ApiError):
    """The resourceVersion is too old: list again."""


class Unavailable(ApiError):
    """No answer, or one that asks for a later retry."""


class UnreadableStatus(RegsweepError):
    """What the status of a sweep pins was written by another version of the operator, and this one cannot read it."""


class MetricsError(RegsweepError):
    """Prometheus cannot be queried, or its answer must not be ranked on; `reason` is a condition reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
