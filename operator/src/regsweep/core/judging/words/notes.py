"""Notes in words: what to bear in mind about the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.findings import LONGEST_SENTENCE, MixedKind, Mixture, Note, NoteType, SeedsAloneReason, Subject
from regsweep.api.wording import plural

LISTED: Final = 5
"""Values of one kind that a note names."""
LONGEST_LABEL: Final = 200
"""Characters of a label that a note names."""

OPTIMISM_NOTE: Final = (
    "Replicates share rows, so that a replicate left out is not new data: the true optimism is at least about this "
    "large."
)

_SUBJECTS: Final = {
    Subject.BEST: "The best",
    Subject.PICK: "The one-standard-error pick",
    Subject.DIFFERENCE: "The difference of the picks",
}
_SEEDS_ALONE: Final = {
    SeedsAloneReason.NO_BLOCKS: "not every record says how the loss is made up of blocks of rows",
    SeedsAloneReason.UNREADABLE_BLOCKS: "the blocks' losses of a record cannot be read",
    SeedsAloneReason.ROWS_DIFFER: "replicates were scored on different test rows",
    SeedsAloneReason.ONE_BLOCK: "all test rows are in one block",
    SeedsAloneReason.PICKS_ROWS_DIFFER: "the two were scored on different test rows",
    SeedsAloneReason.PICKS_BLOCKS_DIFFER: "the two have different blocks of test rows",
}


def note_message(note: Note) -> str:
    """The note as a sentence or two."""
    words = _MESSAGES[note.type]
    return (words if isinstance(words, str) else words(note))[:LONGEST_SENTENCE]


def mixture_sentence(mixed: Iterable[Mixture]) -> str | None:
    """What it means that replicates were trained differently; None where they were not."""
    kinds = list(mixed)
    if not kinds:
        return None
    sentence = (
        f"Replicates are not paired, since they were trained with different {'; '.join(map(_mixture, kinds))}. Errors are those of "
        "unpaired differences, and a difference may come from there instead of from the flags."
    )
    if any(each.kind is MixedKind.DATA for each in kinds):
        sentence += " Where the data differ, replicates saw other rows, and their results answer another question."
    return sentence


def _mixture(mixture: Mixture) -> str:
    """Such as `devices (NVIDIA H100, cpu)`."""
    more = mixture.count - LISTED
    names = ", ".join(mixture.values[:LISTED]) + (f" and {more} more" if more > 0 else "")
    return f"{mixture.kind} ({names})"


def _penalty_in_objective(note: Note) -> str:
    words = "The objective contains the regularisation penalty, which says nothing about how well a network generalises"
    if note.metric is None:
        return f"{words}: rank by a loss without it."
    if note.label is None:
        return f"{words}; by {note.metric}, which is without it, the same combination is the best."
    return (
        f"{words}, and here it decides which one is the best: by {note.metric}, which is without it, that is "
        f"{_shortened(note.label)}."
    )


def _two_ways(note: Note) -> str:
    lie = "lies" if note.count == 1 else "lie"
    return (
        f"In {_shortened(note.label or '')}, {note.count} of {plural(note.of or 0, 'replicate')} {lie} far from the others, as if its "
        "trainings ended in one of two ways. Its mean depends on how many end in which, and so few replicates hardly tell; of another "
        "combination they may all be of one kind. Look at each replicate's value, and train more."
    )


def _idle_flags(note: Note) -> str:
    names = note.flags or []
    verb, them = ("makes", "it") if len(names) == 1 else ("make", "them")
    return (
        f"{', '.join(names)} {verb} no difference: whatever the value, all results are the same to the last digit. Does the trainer "
        f"read {them}, and as meant? With argparse's type=bool the text false is true."
    )


def _few_replicates(note: Note) -> str:
    little = (
        "little can be told of a combination, and what goes wrong in few replicates is not seen. One that is worse by three times the "
        "noise stays tied with the best in about half of such sweeps with 3 replicates, and in a quarter with 4, or in more."
    )
    if note.count and note.of and note.count < note.of:
        have = "has" if note.count == 1 else "have"
        return f"{note.count} of {plural(note.of, 'combination')} {have} fewer than 5 replicates: with so few {little}"
    return f"With fewer than 5 replicates {little}"


def _shortened(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[:LONGEST_LABEL]}..."


def _no_candidate(note: Note) -> str:
    ending = "none is called best, tied or picked."
    count, of = note.count or 0, note.of or 0
    if not note.metric:
        return f"In every combination a replicate diverged or has no value: {ending}"
    if not count:
        return f"No combination meets the constraints on {note.metric}: {ending}"
    return (
        f"In {count} of {plural(of, 'combination')} a replicate diverged or has no value, and no other meets the constraints on "
        f"{note.metric}: {ending}"
    )


def _who(note: Note) -> str:
    return _SUBJECTS.get(note.subject or Subject.SWEEP, "The final evaluation")


def _final_diverged(note: Note) -> str:
    return (
        f"{_who(note)}: {note.count} of {note.of} final trainings diverged. No test loss is given: the mean of the others would "
        "favour just what breaks."
    )


def _final_too_few(note: Note) -> str:
    return f"{_who(note)}: fewer than {MIN_REPLICATES_FOR_ERROR} final trainings have a test loss, too few for an interval."


def _fold_without_choice(note: Note) -> str:
    return (
        f"{_who(note)}: in {note.count} of {note.of} outer folds nothing could be chosen, or what was chosen has no result. No interval "
        "is given: the other folds are not all rows."
    )


def _few_rows(note: Note) -> str:
    return (
        f"{_who(note)}: few of the test rows carry the loss, as if they were {note.count or 1} alike. What is rare and costly may not be "
        "among them: the interval is wider for it, and still a rough guide."
    )


def _seeds_alone(note: Note) -> str:
    why = f", since {_SEEDS_ALONE[note.reason]}" if note.reason is not None else ""
    return (
        f"{_who(note)}: the interval is over seeds alone and does not include the test rows{why}. On other rows the loss may lie "
        "further off than it says."
    )


_MESSAGES: Final[Mapping[NoteType, str | Callable[[Note], str]]] = {
    NoteType.OTHER: lambda note: note.message,
    NoteType.ANALYSIS_FAILED: lambda note: (
        f"The analysis failed, so that nothing is said of ties, the pick and what matters: {note.cause}"
    ),
    NoteType.NO_BIAS_VARIANCE: (
        "No bias and variance: that takes rows which several replicates predict without having seen them. The trainer's parameter "
        "audit_fraction sets some aside for it; with resampling RepeatedKFold every row is one."
    ),
    NoteType.MIXED: lambda note: mixture_sentence(note.mixed or ()) or "Replicates are not paired.",
    NoteType.PENALTY_IN_OBJECTIVE: _penalty_in_objective,
    NoteType.TOO_FEW_REPLICATES: (
        f"Fewer than {MIN_REPLICATES_FOR_ERROR} replicates: no errors, no tied set, no one-standard-error pick."
    ),
    NoteType.FEW_REPLICATES: _few_replicates,
    NoteType.FOLDS_SHARE_ROWS: (
        "Folds share training rows: no unbiased estimator of this variance exists (Bengio & Grandvalet 2004); "
        "take the interval as a rough guide."
    ),
    NoteType.ROWS_UNKNOWN: "The numbers of training and validation rows are not known: no interval for new data, and no probabilities.",
    NoteType.NO_CANDIDATE: _no_candidate,
    NoteType.ALL_EQUAL: lambda note: (
        f"{_who(note)}: all replicates have the same value, so that they do not tell how sure it is: no interval."
    ),
    NoteType.SKEWED: (
        "Values have a long tail, so that the 95 % intervals of single combinations are too narrow: of few replicates they cover in "
        "about 9 of 10 sweeps. The set of those tied with the best is rather too large."
    ),
    NoteType.TWO_WAYS: _two_ways,
    NoteType.IDLE_FLAGS: _idle_flags,
    NoteType.REPLICATES_MISSING: (
        "Replicates are missing, so that the others cannot be compared with the first of the ranking: no ties, no labels, no "
        "pick. They come once the missing replicates are trained."
    ),
    NoteType.REPLICATES_ALIKE: (
        "All replicates of each combination have the same value, so that they do not tell how sure the ranking is: no ties, no labels, no "
        "pick. Let the training use the replicate's seed and rows."
    ),
    NoteType.LOG_SCALE: (
        "Logarithms were analysed: the largest mean is above 10 times the median. Shares are of differences in ratio."
    ),
    NoteType.PARTIAL_GRID: (
        "The grid is not full, or replicates are missing: type III sums of squares, which need not add up."
    ),
    NoteType.ONE_REPLICATE: "One replicate: no noise can be estimated, hence no omega squared and no intervals.",
    NoteType.PAIRS_LEFT_OUT: "Pairs of flags were left out (too many columns); they count with the higher orders.",
    NoteType.FINAL_DIVERGED: _final_diverged,
    NoteType.FINAL_TOO_FEW: _final_too_few,
    NoteType.FOLD_WITHOUT_CHOICE: _fold_without_choice,
    NoteType.FEW_ROWS: _few_rows,
    NoteType.SEEDS_ALONE: _seeds_alone,
}
