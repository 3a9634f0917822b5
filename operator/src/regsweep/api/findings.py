"""What an analysis finds and notes: typed, so that programs need not read prose.

A `message` is the same in words, made from the typed fields by `regsweep.core.judging.words`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field, JsonValue, StringConstraints, model_validator

from regsweep.api.constants import MAX_FLAGS, MAX_NAME_LENGTH
from regsweep.api.model import ApiModel

MOST_LISTED: Final = 1_000_000
"""Bound of lists that have an entry for each combination; the status holds the first few alone."""
MOST_VALUES: Final = 20
LONGEST_SENTENCE: Final = 4096

CombinationId = Annotated[str, StringConstraints(max_length=64)]
"""A combination's id: 12 hexadecimal digits of a hash of its flags."""
Label = Annotated[str, StringConstraints(max_length=32_768)]
Sentence = Annotated[str, StringConstraints(max_length=LONGEST_SENTENCE)]
Word = Annotated[str, StringConstraints(max_length=MAX_NAME_LENGTH)]


class Subject(StrEnum):
    """What a finding or a note is about."""

    SWEEP = "Sweep"
    """The sweep as a whole."""
    BEST = "Best"
    """The best combination."""
    PICK = "Pick"
    """The one-standard-error pick."""
    DIFFERENCE = "Difference"
    """The difference between the pick and the best."""


class FindingType(StrEnum):
    """Kinds of findings."""

    ALL_OVERFIT = "AllOverfit"
    """In every combination most of the validation loss is gap."""
    NO_BETTER_THAN_PRIOR = "NoBetterThanPrior"
    """The best is no better than always predicting the labels' frequencies."""
    AT_GRID_EDGE = "AtGridEdge"
    """The best or the pick lies at an end of what was swept."""
    NOT_CONVERGED = "NotConverged"
    """The best was still improving when training ended."""
    OBJECTIVE_SENSITIVE = "ObjectiveSensitive"
    """At the best instead of the last epoch (or the reverse) other combinations are tied with the best."""


class GridEnd(StrEnum):
    """An end of the values swept."""

    LARGEST = "Largest"
    SMALLEST = "Smallest"


class NoteType(StrEnum):
    """Kinds of notes."""

    OTHER = "Other"
    """Written by another version of regsweep: only the message is known."""
    ANALYSIS_FAILED = "AnalysisFailed"
    """The analysis could not be made."""
    NO_BIAS_VARIANCE = "NoBiasVariance"
    """No row was predicted by several replicates that had not seen it."""
    MIXED = "Mixed"
    """Replicates are not paired: images, backends, devices or data differ."""
    PENALTY_IN_OBJECTIVE = "PenaltyInObjective"
    """The objective contains the regularisation penalty."""
    TOO_FEW_REPLICATES = "TooFewReplicates"
    """Fewer than 3 replicates: no errors."""
    FEW_REPLICATES = "FewReplicates"
    """Fewer than 5 replicates: the tied set is large."""
    FOLDS_SHARE_ROWS = "FoldsShareRows"
    """With folds there is no unbiased estimate of the variance."""
    ROWS_UNKNOWN = "RowsUnknown"
    """The numbers of rows are not known: no interval for new data."""
    NO_CANDIDATE = "NoCandidate"
    """Every combination has a replicate that diverged or has no value, or breaks a constraint."""
    ALL_EQUAL = "AllEqual"
    """All replicates of the best have the same value: no interval."""
    SKEWED = "Skewed"
    """The objective has a long tail: intervals of few replicates cover too seldom."""
    TWO_WAYS = "TwoWays"
    """Replicates of a combination fall into two groups far apart, as if its trainings ended in one of two ways."""
    IDLE_FLAGS = "IdleFlags"
    """Flags make no difference: with all their values every result is the same to the last digit."""
    REPLICATES_MISSING = "ReplicatesMissing"
    """The first of the ranking has too few replicates to be compared with."""
    REPLICATES_ALIKE = "ReplicatesAlike"
    """No replicate of a combination differs from the others, as of a script that ignores its seed: no ties, no effects."""
    LOG_SCALE = "LogScale"
    """Effects: logarithms of the losses were analysed."""
    PARTIAL_GRID = "PartialGrid"
    """Effects: the grid is not full, or replicates are missing."""
    ONE_REPLICATE = "OneReplicate"
    """Effects: noise cannot be estimated."""
    PAIRS_LEFT_OUT = "PairsLeftOut"
    """Effects: there are too many pairs of flags to tell apart."""
    FINAL_DIVERGED = "FinalDiverged"
    """Final evaluation: a training diverged, so there is no test loss."""
    FINAL_TOO_FEW = "FinalTooFew"
    """Final evaluation: too few trainings for an interval."""
    FOLD_WITHOUT_CHOICE = "FoldWithoutChoice"
    """Final evaluation: in an outer fold nothing could be chosen, or the choice has no result."""
    FEW_ROWS = "FewRows"
    """Final evaluation: a few test rows carry the loss."""
    SEEDS_ALONE = "SeedsAlone"
    """Final evaluation: the interval does not include the test rows."""


class SeedsAloneReason(StrEnum):
    """Why test rows and seeds cannot be resampled together."""

    NO_BLOCKS = "NoBlocks"
    """A record does not say how its loss is made up of blocks of rows."""
    UNREADABLE_BLOCKS = "UnreadableBlocks"
    """The losses of a record's blocks cannot be read."""
    ROWS_DIFFER = "RowsDiffer"
    """Replicates of one combination were scored on different test rows."""
    ONE_BLOCK = "OneBlock"
    """All test rows are in one block."""
    PICKS_ROWS_DIFFER = "PicksRowsDiffer"
    """The two picks were scored on different test rows."""
    PICKS_BLOCKS_DIFFER = "PicksBlocksDiffer"
    """The two picks have different blocks of test rows."""


class MixedKind(StrEnum):
    """A part of what trains a replicate."""

    DATA = "data"
    IMAGES = "images"
    BACKENDS = "backends"
    DEVICES = "devices"


class Mixture(ApiModel):
    """A part of the training environment that differs between the replicates."""

    kind: MixedKind
    """`data`, `images`, `backends` or `devices`."""
    values: Annotated[list[Word], Field(max_length=MOST_VALUES)]
    """First 20 values, sorted; digests are shortened to 12 characters."""
    count: int
    """Number of different values."""


class Finding(ApiModel):
    """Something that the results show, and what to do about it."""

    type: FindingType
    """Type of the finding, such as `AtGridEdge`."""
    message: Sentence = ""
    """The finding in words, with what to do."""
    subject: Subject = Subject.SWEEP
    """What the finding is about: `Best`, `Pick` or `Sweep`."""
    flag: Word | None = None
    """Flag whose value is at the edge of the values swept."""
    value: JsonValue = None
    """Value of that flag."""
    end: GridEnd | None = None
    """End of the values swept: `Largest` or `Smallest`."""
    suggestion: JsonValue = None
    """Value to sweep next, beyond that end. Absent if none is known to make sense."""
    count: int | None = None
    """Number of replicates or combinations that the finding is true of."""
    of: int | None = None
    """Number of replicates or combinations that were examined."""
    loss: float | None = None
    """Mean val_average_loss of the best."""
    prior_loss: float | None = None
    """Loss of always predicting the frequencies of the labels."""
    gain: float | None = None
    """Mean improvement of the objective within the last tenth of the epochs, as the trainer reports it (`late_gain`)."""
    gain_share: float | None = None
    """That improvement as a part of the best epochs' mean value. Absent if that value is 0 or unknown."""


class Note(ApiModel):
    """A limitation of what is shown."""

    type: NoteType
    """Type of the note, such as `FewReplicates`."""
    message: Sentence = ""
    """The note in words."""
    subject: Subject | None = None
    """What the note is about: `Best`, `Pick` or `Difference`. Absent if it is about all of it."""
    count: int | None = None
    """Number of trainings, replicates, combinations or rows that the note is about."""
    of: int | None = None
    """Number of trainings with a result, of replicates or of combinations."""
    mixed: Annotated[list[Mixture] | None, Field(max_length=len(MixedKind))] = None
    """What differs between the replicates."""
    reason: SeedsAloneReason | None = None
    """Reason why the interval does not include the test rows."""
    metric: Word | None = None
    """Metric without the penalty that the objective contains, or metrics whose constraints no combination meets."""
    label: Label | None = None
    """Combination that the note is about; of `PenaltyInObjective` the best one by that metric, absent if it is the same one."""
    flags: Annotated[list[Word] | None, Field(max_length=MAX_FLAGS)] = None
    """Names of the flags that the note is about."""
    cause: Sentence | None = None
    """Error that the analysis failed with."""

    @model_validator(mode="before")
    @classmethod
    def _from_sentence(cls, value: Any) -> Any:
        """Versions before typed notes wrote a sentence alone."""
        return {"type": NoteType.OTHER, "message": value} if isinstance(value, str) else value
