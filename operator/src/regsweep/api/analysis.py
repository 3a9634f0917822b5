"""The statistical analysis of a sweep as people and programs read it, in the status and in `regsweep results -o json` alike.

A combination stands here by its id, which programs join by, and by its label, such as `l2=0.01, dropout=0.3`, which people
read. Numbers have six significant digits.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from regsweep.api.findings import MOST_LISTED, Finding, Label, Note, Sentence, Word
from regsweep.api.model import ApiModel
from regsweep.api.spec import PickRule

MOST_NOTES: Final = 50
MOST_METRICS: Final = 64

CombinationId = Annotated[str, StringConstraints(max_length=64)]
"""A combination's id: 12 hexadecimal digits of a hash of its flags."""


class Fit(StrEnum):
    """What regularisation does to a combination, beside the best."""

    OVERFITS = "Overfits"
    UNDERFITS = "Underfits"
    BALANCED = "Balanced"
    UNDETERMINED = "Undetermined"


class RaceReason(StrEnum):
    """Why a race goes on or is over."""

    RACING = "Racing"
    WON = "Won"
    EQUIVALENT = "Equivalent"
    BUDGET_SPENT = "BudgetSpent"


class PickRole(StrEnum):
    """What a combination was picked as."""

    BEST = "Best"
    ONE_STANDARD_ERROR = "OneStandardError"


class Interval(ApiModel):
    """A mean with its standard error and 95 % interval."""

    mean: float
    """The mean."""
    standard_error: float
    """Its standard error."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end of the 95 % interval."""
    approximate: bool = False
    """The interval rests on more than its formula was tried for."""
    cut: bool = False
    """An end was cut at a bound of the metric, such as 0 of a loss or 1 of an accuracy."""


class Levels(ApiModel):
    """One mean, known well enough for one question and less well for another."""

    given_data: Interval | None = None
    """For this data set: the expectation over splits and seeds. Absent below 3 replicates."""
    new_data: Interval | None = None
    """For other data of the same kind and size (Nadeau & Bengio). Absent also where the numbers of rows are not known."""


class Spread(ApiModel):
    """Bias and variance of a combination's predictions, from rows that several replicates predict without having seen them."""

    squared_error: float
    """Mean squared error (Brier score, summed over classes); bias squared, variance and the labels' own noise together."""
    variance: float
    """How much predictions differ between replicates, n - 1 in the divisor."""
    bias_squared: float
    """What is left: bias squared and noise, which cannot be told apart. Below 0 where chance has it so."""
    disagreement: float | None = None
    """Share of pairs of replicates that predict different classes for a row; absent for a regression."""


class Comparison(ApiModel):
    """A combination beside the best; differences are paired, and positive is worse whatever the goal."""

    combination: CombinationId | None = None
    """The combination's id; absent only in what an older version wrote."""
    label: Label
    """The combination."""
    tied: bool
    """Cannot be told from the best."""
    comparable: bool = True
    """Has 3 replicates or more in common with the best."""
    fit: Fit
    """`Overfits` or `Underfits`: why it is worse than the best. `Balanced`: tied with it. `Undetermined`: the data do not say."""
    difference: float | None = None
    """Mean difference of the objective to the best."""
    standard_error: float | None = None
    """Of the difference, from variances moderated over combinations; absent for the best itself."""
    gap_larger: bool = False
    """The overfit gap is surely larger than that of the best (one-sided, 95 %)."""
    spread: Spread | None = None
    """Bias and variance; absent where no row has two predictions."""


class PickResult(ApiModel):
    """The simplest combination within one standard error of the best: a heuristic, not a test."""

    combination: CombinationId | None = None
    """The combination's id; absent only in what an older version wrote."""
    label: Label
    """The combination."""
    is_best: bool
    """It is the best itself."""
    candidates: int
    """Combinations that were simple enough and within one standard error."""
    rule: PickRule
    """`Paired` or `Glmnet`."""
    level: Levels = Field(default_factory=Levels)
    """How good it is."""
    difference: Levels = Field(default_factory=Levels)
    """Pick minus best, paired, positive is worse; absent where the pick is the best."""


class Share(ApiModel):
    """What a flag, or a pair of flags, accounts for of the differences; no flags: all higher orders together."""

    flags: Annotated[list[Word], Field(max_length=2)]
    """One name or two."""
    eta_squared: float | None = None
    """Share of the differences; absent where it cannot be estimated."""
    omega_squared: float | None = None
    """The same less what chance brings; absent without an estimate of noise."""
    expected_share: float
    """The eta squared that comes about by chance alone."""
    p_value: float | None = None
    """Of the F test."""


class Effects(ApiModel):
    """What matters, within the ranges swept."""

    shares: Annotated[list[Share], Field(max_length=1000)]
    """Flags, then pairs, then the higher orders."""
    log_scale: bool = False
    """Logarithms of the losses were analysed."""
    adds_up: bool = True
    """Shares and noise add up to 1: a full grid with every replicate."""
    left_out: int = 0
    """Combinations without part in it: a replicate diverged or gave no number."""
    notes: Annotated[list[Note], Field(max_length=MOST_NOTES)] = Field(default_factory=list)
    """What to bear in mind."""


class Optimism(ApiModel):
    """By how much the best looks better than it is, since the same numbers chose it."""

    optimism: float
    """In the objective's unit; positive is too good."""
    corrected: float
    """The best's objective without it."""
    note: Sentence
    """How far it may be trusted."""


class RaceStatus(ApiModel):
    """Where the race stands."""

    reason: RaceReason
    """`Racing`; or why it is over: `Won` (one is left), `Equivalent` (all that are left lie within minimumDifference),
    `BudgetSpent` (all that are left have the most replicates)."""
    racing: int
    """Combinations still in it, or left at its end."""
    dropped: int
    """Combinations that left it, the diverged ones included."""
    replicates: int
    """Replicates that every combination in it is to have."""
    trained: int
    """Replicates with a result."""
    full_grid: int
    """What a full grid would have trained."""


class FinalResult(ApiModel):
    """A pick on the test rows, trained anew with fresh seeds."""

    combination: CombinationId | None = None
    """The combination's id; absent only in what an older version wrote."""
    label: Label
    """The combination."""
    roles: Annotated[list[PickRole], Field(max_length=2)]
    """`Best`, `OneStandardError` or both."""
    replicates: int
    """Trainings with a result."""
    diverged: int = 0
    """Trainings that diverged; above 0 there is no mean."""
    loss: Interval | None = None
    """test_average_loss, over seeds and test rows together."""
    metrics: Annotated[dict[Word, float], Field(max_length=MOST_METRICS)] = Field(default_factory=dict)
    """Means of all test metrics."""


class FinalEvaluation(ApiModel):
    """The picks on rows that nothing was chosen by."""

    results: Annotated[list[FinalResult], Field(max_length=2)]
    """The picks; one where both are the same combination."""
    difference: Interval | None = None
    """test_average_loss of the pick minus that of the best, paired in seeds and rows; positive: the pick is worse."""
    notes: Annotated[list[Note], Field(max_length=MOST_NOTES)] = Field(default_factory=list)
    """What to bear in mind."""


class Analysis(ApiModel):
    """The statistical analysis of a sweep's records. Ties, verdicts and pick are absent below 3 replicates."""

    rests_on: Word = ""
    """Digest of the records and settings that were analysed."""
    paired: bool = True
    """Replicates were paired. False where they were trained by different images, backends, devices or data: errors are then
    those of unpaired differences."""
    best: Levels | None = None
    """How good the best is; it was chosen by the same numbers: see `selectionOptimism`."""
    tied_count: int = 0
    """Combinations that cannot be told from the best, itself included."""
    tied_with_best: Annotated[list[Label], Field(max_length=MOST_LISTED)] = Field(default_factory=list)
    """A 95 % confidence set of the best, without order: no proof that they are equal. The status lists the first 20."""
    tied_by_accuracy: Annotated[list[Label] | None, Field(max_length=MOST_LISTED)] = None
    """The same by val_accuracy, where that is reported beside the objective."""
    pick: PickResult | None = None
    """The one-standard-error pick."""
    comparisons: Annotated[list[Comparison], Field(max_length=MOST_LISTED)] = Field(default_factory=list)
    """Every combination that breaks nothing, in the order of the ranking; what left a race is there too. The status lists the first 20."""
    effects: Effects | None = None
    """What matters."""
    selection_optimism: Optimism | None = None
    """How much of the best is luck."""
    race: RaceStatus | None = None
    """Where the race stands; absent without one."""
    final: FinalEvaluation | None = None
    """The picks on the test rows; absent until they are trained."""
    findings: Annotated[list[Finding], Field(max_length=MOST_NOTES)] = Field(default_factory=list)
    """What to know of the sweep as a whole."""
    notes: Annotated[list[Note], Field(max_length=MOST_NOTES)] = Field(default_factory=list)
    """What to bear in mind."""

    def shortened(self, most: int) -> Analysis:
        """The same with at most so many entries in each list that has one per combination or effect."""
        effects = self.effects and self.effects.model_copy(update={"shares": self.effects.shares[:most]})
        by_accuracy = self.tied_by_accuracy
        return self.model_copy(
            update={
                "tied_with_best": self.tied_with_best[:most],
                "tied_by_accuracy": by_accuracy[:most] if by_accuracy is not None else None,
                "comparisons": self.comparisons[:most],
                "effects": effects,
            }
        )
