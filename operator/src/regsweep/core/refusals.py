"""What the API server refuses to a sweep: its Jobs, or the pods that their Job controller asks for; and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from regsweep.api.conditions import Reason
from regsweep.api.wording import cut

QUOTA_WORDS: Final = "exceeded quota: "
"""In the API server's words for a quota that is used up. One that demands a limit says something else."""
COMBINED_WORDS: Final = "(combined from similar events): "
"""Before the words of an event that has been said ten times in ten minutes."""
MAX_WORDS: Final = 1000
"""Characters of the API server's words that are passed on: a webhook may say anything."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the API server takes no Job of the sweep, or no pod of its Jobs."""

    reason: Reason
    """TemplateRefused, NotPermitted, QuotaExceeded or PodsRefused."""
    words: str
    """The API server's."""

    @property
    def counts_objects(self) -> bool:
        """Whether Jobs and pods that have ended use the quota up, for as long as they are kept."""
        return self.reason is Reason.QUOTA_EXCEEDED and "count/" in self.words


def refused_job(reason: Reason, words: str) -> Refusal:
    """Of a Job."""
    return Refusal(reason, cut(" ".join(words.split()), MAX_WORDS))


def refused_pods(event: str) -> Refusal:
    """Of pods. event: the Job controller's words, which name a pod that there never was."""
    words = " ".join(event.split()).removeprefix(COMBINED_WORDS).removeprefix("Error creating: ")
    if words.startswith('pods "'):
        words = words.partition(" is forbidden: ")[2] or words
    reason = Reason.QUOTA_EXCEEDED if QUOTA_WORDS in words else Reason.PODS_REFUSED
    return Refusal(reason, cut(words, MAX_WORDS))


_REMEDIES: Final = (
    (
        "violates PodSecurity",
        "Let the pod template keep that standard, or train in a namespace with another one",
    ),
    (
        "security context constraint",
        "Leave user and group to the cluster (null in the template's securityContext), or grant a constraint",
    ),
    ("service account", "Create that service account, or name another one in the pod template"),
    ("PriorityClass", "Create that priority class, or name another one in the pod template"),
    ("usage per", "Change the resources in the pod template, or the LimitRange"),
    ("must specify", "Set these resources in the pod template"),
    ("admission webhook", "Change the pod template as it says, or ask whoever runs that webhook"),
    ("ValidatingAdmissionPolicy", "Change the pod template as it says, or ask whoever made that policy"),
)
"""Words of the API server, and what to do."""


def remedy_for(refusal: Refusal) -> str:
    """What a person can do about refused pods, as a sentence."""
    found = next(
        (remedy for words, remedy in _REMEDIES if words in refusal.words), "Change the pod template as it says"
    )
    return f"{found}."
