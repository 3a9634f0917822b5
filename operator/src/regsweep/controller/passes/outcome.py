"""What acting on a plan comes to, and what a person is told of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from regsweep.api.conditions import Reason
from regsweep.controller.writers.job_writer import Creation
from regsweep.core.notices import Notice
from regsweep.core.results.records import Record
from regsweep.core.retention import is_ended
from regsweep.core.runs import RunRef
from regsweep.core.world import Observed
from regsweep.errors import ApiError, InvalidTemplate, NotPermitted, QuotaExceeded, Refused


@dataclass(frozen=True, slots=True)
class Outcome:
    """What acting came to."""

    creations: dict[str, Creation]
    """By the run's name, of the Jobs that were tried to be created."""
    stored: tuple[Record, ...]
    deleted: tuple[RunRef, ...]
    """Those that were to be deleted at once."""
    failure: ApiError | None = None
    """Why a Job was not created, changed or deleted."""
    not_stored: ApiError | None = None
    """Why results were not stored, or not given their owner."""


def split_deletions(observed: Observed, delete: Iterable[RunRef]) -> tuple[tuple[RunRef, ...], tuple[RunRef, ...]]:
    """Of the runs to delete those whose Jobs have ended and hold nothing, and those that make room by it."""
    refs = tuple(delete)
    ended = {run.uid for run in observed.runs if is_ended(run)} if refs else ()
    return tuple(ref for ref in refs if ref.uid in ended), tuple(ref for ref in refs if ref.uid not in ended)


def reason_of(refused: Refused | InvalidTemplate) -> Reason:
    """The reason of a condition for a Job that the API server, or the merge of its templates, refused."""
    match refused:
        case QuotaExceeded():
            return Reason.QUOTA_EXCEEDED
        case NotPermitted():
            return Reason.NOT_PERMITTED
    return Reason.TEMPLATE_REFUSED


def refusal_notices(outcome: Outcome, not_removed: ApiError | None) -> list[Notice]:
    """What a person has to do about what cannot be written. not_removed: why a Job that holds nothing was not deleted."""
    a_job, results = "The API server refused a change to a Job: {}", "The API server refused to store results: {}"
    failures = ((a_job, outcome.failure), (a_job, not_removed), (results, outcome.not_stored))
    return [
        Notice(Reason.WRITE_REFUSED, text.format(failure), warning=True)
        for text, failure in failures
        if isinstance(failure, Refused)
    ]


def name_notices(outcome: Outcome) -> list[Notice]:
    """What a person has to do about names that others' Jobs have."""
    text = "Job {} already exists and does not belong to this sweep. Delete it to let the run start."
    return [
        Notice(Reason.NAME_TAKEN, text.format(name), warning=True)
        for name, creation in outcome.creations.items()
        if creation is Creation.NAME_TAKEN
    ]
