"""Findings in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from regsweep.api.findings import Finding, FindingType, GridEnd, Subject
from regsweep.api.wording import plural
from regsweep.core.figures import percent, rough, short
from regsweep.core.grid import value_text


@dataclass(frozen=True, slots=True)
class _Who:
    """What a sentence is about, and the verbs that go with it."""

    name: str
    has: str = "has"
    was: str = "was"


_IN_FULL: Final = {
    Subject.BEST: _Who("The best"),
    Subject.PICK: _Who("The one-standard-error pick"),
}
_IN_BRIEF: Final = {Subject.BEST: _Who("The best"), Subject.PICK: _Who("The pick")}
"""Below a table that has explained what the pick is."""
_BOTH: Final = _Who("The best and the pick", has="have", was="were")
_SWEEP: Final = _Who("The sweep")


def finding_message(finding: Finding) -> str:
    """What it is and what to do, on its own."""
    return _sentence(finding, _IN_FULL.get(finding.subject, _SWEEP))


def finding_sentences(findings: Sequence[Finding]) -> Iterator[str]:
    """The findings below a table, a sentence each; what holds of the best and of the pick alike is one sentence."""
    bare = [finding.model_copy(update={"message": "", "subject": Subject.SWEEP}) for finding in findings]
    for place, (finding, content) in enumerate(zip(findings, bare, strict=True)):
        subjects = {findings[other].subject for other, same in enumerate(bare) if same == content}
        if not {Subject.BEST, Subject.PICK} <= subjects:
            yield _sentence(finding, _IN_BRIEF.get(finding.subject, _SWEEP))
        elif content not in bare[:place]:
            yield _sentence(finding, _BOTH)


def _sentence(finding: Finding, who: _Who) -> str:
    return _SENTENCES[finding.type](finding, who)


def _all_overfit(_finding: Finding, _who: _Who) -> str:
    return (
        "In every combination that is compared, more than half of the validation loss is gap to the training loss: all of these overfit. "
        "Stronger regularisation, smaller networks or more training rows make the gap smaller; whether the loss follows, a sweep of them "
        "tells."
    )


def _no_better_than_prior(finding: Finding, _who: _Who) -> str:
    loss, prior = (short(figure or 0.0) for figure in (finding.loss, finding.prior_loss))
    return (
        "In no combination that is compared is validation loss, accuracy or area under the curve surely better than always predicting "
        f"the labels' frequencies (their loss is {prior}, that of the best {loss}): nothing shows that anything was learnt. Look at "
        "the learning rate, the epochs and the data."
    )


def _at_grid_edge(finding: Finding, who: _Who) -> str:
    end, further = ("largest", "larger") if finding.end is GridEnd.LARGEST else ("smallest", "smaller")
    such = "" if finding.suggestion is None else f", such as {value_text(finding.suggestion)},"
    return (
        f"{who.name} {who.has} {finding.flag}={value_text(finding.value)}, the {end} value swept: sweep {further} values "
        f"too{such} before taking it for an optimum."
    )


def _not_converged(finding: Finding, who: _Who) -> str:
    return (
        f"{who.name} {who.was} still getting better when training ended: in {finding.count} of {finding.of} replicates the best "
        f"epoch is in the last tenth{_brought(finding)}. Train for more epochs, or the comparison favours what learns fast."
    )


def _brought(finding: Finding) -> str:
    """What the last tenth of the epochs brought, as part of a sentence; empty where no trainer has said it."""
    if finding.gain is None:
        return ""
    share = "" if finding.gain_share is None else f" ({percent(finding.gain_share)})"
    return f", which still brought {rough(finding.gain)}{share} on average"


def _objective_sensitive(finding: Finding, _who: _Who) -> str:
    count = finding.count or 0
    are = "it is" if count == 1 else "they are"
    return (
        f"Whether runs are judged at the last or at the best epoch changes for at least {plural(count, 'combination')} whether {are} tied "
        "with the best: part of the ranking is about when training stops, not about regularisation."
    )


_SENTENCES: Final[Mapping[FindingType, Callable[[Finding, _Who], str]]] = {
    FindingType.ALL_OVERFIT: _all_overfit,
    FindingType.NO_BETTER_THAN_PRIOR: _no_better_than_prior,
    FindingType.AT_GRID_EDGE: _at_grid_edge,
    FindingType.NOT_CONVERGED: _not_converged,
    FindingType.OBJECTIVE_SENSITIVE: _objective_sensitive,
}
