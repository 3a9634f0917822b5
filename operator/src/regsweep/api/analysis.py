"""The statistical analysis of a sweep as people and programs read it, in the status and in `regsweep results -o json` alike.

A combination stands here by its id, which programs join by, and by its label, such as `l2=0.01, dropout=0.3`, which people
read. Numbers have six significant digits.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, JsonValue

from regsweep.api.findings import MOST_LISTED, CombinationId, Finding, Label, Note, Sentence, Word
from regsweep.api.model import ApiModel
from regsweep.api.outlook import AccuracySummary, Planning, Reduction
from regsweep.api.spec import MAX_REFERENCES, PickRule

MOST_NOTES: Final = 50
MOST_METRICS: Final = 64


class Fit(StrEnum):
    """What regularisation does to a combination, beside the best."""

    OVERFITS = "Overfits"
    UNDERFITS = "Underfits"
    BOTH = "OverfitsAndUnderfits"
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
    """True if the interval extrapolates beyond the conditions that its formula was tested under."""
    cut: bool = False
    """True if an end was cut at a bound of the metric, such as 0 of a loss or 1 of an accuracy."""


class Levels(ApiModel):
    """The interval of one mean, for two questions."""

    given_data: Interval | None = None
    """For this data set: the expectation over splits and seeds. Absent below 3 replicates."""
    new_data: Interval | None = None
    """For new data of the same kind and size (Nadeau & Bengio). Absent below 3 replicates, or if the numbers of rows are unknown."""


class Spread(ApiModel):
    """Bias and variance of a combination's predictions, from rows that several replicates predict without having seen them."""

    squared_error: float
    """Mean squared error (Brier score, summed over classes): the sum of squared bias, variance and label noise."""
    variance: float
    """Variance of the predictions between replicates, with n - 1 in the divisor."""
    bias_squared: float
    """Squared bias and label noise, which cannot be separated: the squared error minus the variance. May be below 0 by chance."""
    disagreement: float | None = None
    """Share of pairs of replicates that predict different classes for a row. Absent for a regression."""


class Equivalence(ApiModel):
    """Probabilities of how a combination does on new data beside another one, where a difference of up to `minimumDifference` is none.
    By the correlated Bayesian t test (Corani & Benavoli 2015); they add up to 1."""

    better: float
    """Probability that it is better by more than that."""
    equivalent: float
    """Probability that the two are practically the same."""
    worse: float
    """Probability that it is worse by more than that."""


class Comparison(ApiModel):
    """A combination compared with the best. Differences are paired; a positive one is worse, whatever the goal."""

    combination: CombinationId | None = None
    """Id of the combination. Absent only in a status of an older version."""
    label: Label
    """The combination."""
    tied: bool
    """True if the combination is in the confidence set of the best."""
    comparable: bool = True
    """True if it has at least 3 replicates in common with the best."""
    fit: Fit
    """What its larger loss is made of, where the objective is val_average_loss: `Overfits` (mostly a larger overfit gap), `Underfits`
    (mostly a larger training loss) or `OverfitsAndUnderfits`. `Balanced`: tied with the best. `Undetermined`: the data do not show
    which, or the objective is another metric."""
    difference: float | None = None
    """Mean difference of the objective to that of the best."""
    standard_error: float | None = None
    """Standard error of the difference, from the differences within replicates (unpaired: Welch's). Absent for the best itself."""
    gap_larger: bool = False
    """True if the overfit gap is significantly larger than that of the best (one-sided, 95 %)."""
    beside_best: Equivalence | None = None
    """Beside the best, on new data. Absent for the best itself, without a `minimumDifference`, below 3 common replicates, or if the
    numbers of rows are unknown."""
    beside_unregularized: Equivalence | None = None
    """The same beside the best combination without regularisation. Absent for that one itself, too."""
    spread: Spread | None = None
    """Bias and variance. Absent if no row has two predictions."""


class PickResult(ApiModel):
    """The simplest combination within one standard error of the best: a heuristic, not a test."""

    combination: CombinationId | None = None
    """Id of the combination. Absent only in a status of an older version."""
    label: Label
    """The combination."""
    is_best: bool
    """True if it is the best itself."""
    candidates: int
    """Number of combinations that are at least as simple as the best and within one standard error of it."""
    rule: PickRule
    """`Paired` or `Glmnet`."""
    level: Levels = Field(default_factory=Levels)
    """Its objective."""
    difference: Levels = Field(default_factory=Levels)
    """Objective of the pick minus that of the best, paired; positive is worse. Absent if the pick is the best."""


class Share(ApiModel):
    """Share of the differences that a flag or a pair of flags accounts for; without flags, all higher orders together."""

    flags: Annotated[list[Word], Field(max_length=2)]
    """One flag, two flags, or none for the higher orders."""
    eta_squared: float | None = None
    """Share of the differences (eta squared). Absent if it cannot be estimated."""
    omega_squared: float | None = None
    """The same, corrected for chance (omega squared). Absent if the noise cannot be estimated."""
    expected_share: float | None = None
    """What chance alone adds to eta squared, by how much the term's own effect differs between replicates. Absent if the noise
    cannot be estimated."""
    p_value: float | None = None
    """P value of the F test against how much the term's own effect differs between replicates (Greenhouse-Geisser), adjusted for
    the number of terms (Holm)."""


class MarginalMean(ApiModel):
    """Mean of the objective at a value of a flag, over all settings of the others in which all its values were trained, each with
    the same weight; adjusted where there is no such setting."""

    flag: Word
    """The flag."""
    value: JsonValue
    """The value."""
    combinations: int
    """Number of combinations that the mean is over."""
    mean: float
    """The mean. With `logScale` the geometric mean."""
    level: Interval | None = None
    """The same with its error and interval, for this data set. Absent below 3 replicates, and of an adjusted mean."""
    beside_best: Interval | None = None
    """The mean minus that of the flag's best value, paired by replicates; positive is worse, whatever the goal. With `logScale` the
    ratio of the two minus 1, such as 0.5 for half as large again. The intervals of a flag hold together.
    Absent for the best value itself, below 3 replicates, and of adjusted means."""


class InterplayCell(ApiModel):
    """Mean of the objective at a pair of values, over all values of the other flags."""

    values: Annotated[list[JsonValue], Field(max_length=2)]
    """Value of the first flag and of the second."""
    mean: float
    """The mean. With `logScale` the geometric mean."""
    level: Interval | None = None
    """The same with its error and interval, for this data set. Absent below 3 replicates."""


class Interplay(ApiModel):
    """Means of the objective at the values of two flags together, of a pair whose interplay is surely more than chance."""

    flags: Annotated[list[Word], Field(max_length=2)]
    """The two flags."""
    cells: Annotated[list[InterplayCell], Field(max_length=MOST_LISTED)]
    """Mean of each pair of values, in the order of the values of the first flag, then of the second."""


class Effects(ApiModel):
    """Effect of each flag and of each pair of flags, within the values swept."""

    shares: Annotated[list[Share], Field(max_length=1000)]
    """Shares of the flags, then of the pairs, then of the higher orders."""
    log_scale: bool = False
    """True if the logarithms of the losses were analysed."""
    adds_up: bool = True
    """True if shares and noise add up to 1, as with a full grid and every replicate."""
    left_out: int = 0
    """Number of combinations that were left out because a replicate diverged or has no value."""
    means: Annotated[list[MarginalMean], Field(max_length=MOST_LISTED)] = Field(default_factory=list)
    """Mean at each value of each flag, flag by flag. The status lists whole flags as long as they have at most 20 values together."""
    interplays: Annotated[list[Interplay], Field(max_length=1000)] = Field(default_factory=list)
    """Means at the values of two flags together, where their interplay is surely more than chance. The status lists the first pair,
    if it has at most 20 cells."""
    notes: Annotated[list[Note], Field(max_length=MOST_NOTES)] = Field(default_factory=list)
    """Limitations of what is shown."""

    def shortened(self, most: int) -> Effects:
        """The same with at most so many shares, so many means of whole flags, and one interplay of so many cells."""
        last = self.means[most].flag if len(self.means) > most else None
        shown = [interplay for interplay in self.interplays[:1] if len(interplay.cells) <= most]
        return self.model_copy(
            update={
                "shares": self.shares[:most],
                "means": [mean for mean in self.means[:most] if mean.flag != last],
                "interplays": shown,
            }
        )


class Optimism(ApiModel):
    """How much better the best looks than it is, because the same values chose it."""

    optimism: float
    """Optimism in the unit of the objective; positive if the best looks too good."""
    corrected: float
    """Objective of the best, corrected for the optimism."""
    note: Sentence
    """Limitation of the estimate."""


class ReferenceComparison(ApiModel):
    """A reference compared with the best and with the pick, replicate by replicate. A positive difference means that the
    reference is worse, whatever the goal."""

    name: Word
    """Name of the reference."""
    is_best: bool = False
    """True if the best combination is this very model."""
    still_improving: bool = False
    """True if the reference was trained for too few epochs, by the test of the finding `NotConverged`: in most replicates its best
    epoch is in the last tenth, and that still brought enough to matter."""
    difference: Interval | None = None
    """Objective of the reference minus that of the best, for this data set. The interval allows for the best being chosen among
    all combinations by the same values. Absent below 3 common replicates, if a replicate of the reference diverged, if the
    reference is the best, or with a `constantDifference`."""
    constant_difference: float | None = None
    """The same where it is equal in all common replicates, which does not tell how sure it is."""
    pick_difference: Interval | None = None
    """The same for the pick. Absent if there is no pick, or if the pick is the best or the reference."""


class RaceStatus(ApiModel):
    """Progress of the race."""

    reason: RaceReason
    """`Racing`, or the reason for its end: `Won` (one combination is left), `Equivalent` (all that are left lie within
    minimumDifference) or `BudgetSpent` (all that are left have the maximum number of replicates)."""
    racing: int
    """Number of combinations that are still racing, or were at its end."""
    dropped: int
    """Number of combinations that were dropped, including diverged ones."""
    replicates: int
    """Number of replicates that every racing combination is to have."""
    trained: int
    """Number of replicates with a result."""
    full_grid: int
    """Number of replicates that a full grid would have trained."""


class FinalResult(ApiModel):
    """Result of a pick on the test rows, trained with new seeds."""

    combination: CombinationId | None = None
    """Id of the combination. Absent only in a status of an older version."""
    label: Label
    """The combination."""
    roles: Annotated[list[PickRole], Field(max_length=2)]
    """`Best`, `OneStandardError` or both."""
    replicates: int
    """Number of trainings with a result."""
    diverged: int = 0
    """Number of trainings that diverged. If there is one, no mean loss is given."""
    loss: Interval | None = None
    """Interval of test_average_loss over seeds and test rows."""
    metrics: Annotated[dict[Word, float], Field(max_length=MOST_METRICS)] = Field(default_factory=dict)
    """Mean of each test metric."""


class NestedResult(ApiModel):
    """How well a way of choosing does: in each outer fold it chose on the other rows, and its choice was scored on the fold."""

    role: PickRole
    """What was chosen in each fold: `Best`, or the simplest within one standard error (`OneStandardError`)."""
    folds: int
    """Number of folds whose choice has a result."""
    combinations: int
    """Number of different combinations chosen; `status.final.picks` names them."""
    diverged: int = 0
    """Number of trainings that diverged. If there is one, no mean loss is given."""
    loss: Interval | None = None
    """Interval of test_average_loss for new data, over the folds. Absent if a fold has no result."""
    metrics: Annotated[dict[Word, float], Field(max_length=MOST_METRICS)] = Field(default_factory=dict)
    """Mean of each test metric over the folds."""


class FinalEvaluation(ApiModel):
    """Results of the picks on rows by which nothing was chosen."""

    results: Annotated[list[FinalResult], Field(max_length=2)]
    """Result of each pick on the test rows; one result if both picks are the same combination. Empty with `Nested`."""
    nested: Annotated[list[NestedResult], Field(max_length=2)] = Field(default_factory=list)
    """With `Nested`: result of each way of choosing; one result if both chose the same in every fold."""
    difference: Interval | None = None
    """test_average_loss of the one-standard-error pick minus that of the best, paired by seeds and rows (with `Nested`: by folds);
    positive is worse."""
    notes: Annotated[list[Note], Field(max_length=MOST_NOTES)] = Field(default_factory=list)
    """Limitations of what is shown."""


class Analysis(ApiModel):
    """Statistical analysis of the results. Ties, comparisons and pick are absent below 3 replicates."""

    rests_on: Word = ""
    """Digest of the records and settings that the analysis is based on."""
    paired: bool = True
    """True if the replicates are paired. False if they were trained by different images, backends, devices or data; the
    standard errors are then those of unpaired differences."""
    best: Levels | None = None
    """Objective of the best. It was chosen by the same values: see `selectionOptimism`. Of a refined sweep the worse ends have room for
    that."""
    tied_count: int = 0
    """Number of combinations in the confidence set of the best, including the best itself."""
    tied_with_best: Annotated[list[Label], Field(max_length=MOST_LISTED)] = Field(default_factory=list)
    """95 % confidence set of the best, without order. It does not show that its members are equal. The status lists the first 20."""
    tied_by_accuracy: Annotated[list[Label] | None, Field(max_length=MOST_LISTED)] = None
    """The same set by val_accuracy, if that is reported and is not the objective."""
    accuracy: AccuracySummary | None = None
    """Range of val_accuracy and its baseline. Absent if it is not reported."""
    r_squared: Interval | None = None
    """R squared of the best on validation rows (val_r2), for this data set: what always predicting the mean has is 0. Absent if it is not
    reported, or below 3 replicates."""
    pick: PickResult | None = None
    """Simplest combination within one standard error of the best."""
    minimum_difference: float | None = None
    """Difference of the objective that was taken for none in `besideBest` and `besideUnregularized`."""
    unregularized: CombinationId | None = None
    """Id of the best combination in which all regularisers that vary are off. Absent if there is none that can be compared."""
    reductions: Annotated[list[Reduction], Field(max_length=4)] = Field(default_factory=list)
    """By how much the best is below that combination. Absent if it is the best itself, or if no interval is bounded."""
    planning: Planning | None = None
    """What more replicates would show."""
    comparisons: Annotated[list[Comparison], Field(max_length=MOST_LISTED)] = Field(default_factory=list)
    """All combinations without a diverged replicate or a violated constraint, in the order of the ranking; those dropped from a
    race are included. The status lists the first 20."""
    effects: Effects | None = None
    """Effect of each flag."""
    selection_optimism: Optimism | None = None
    """Selection optimism of the best."""
    references: Annotated[list[ReferenceComparison], Field(max_length=MAX_REFERENCES)] = Field(default_factory=list)
    """References compared with the best and with the pick, in the order of the spec. Empty without references."""
    race: RaceStatus | None = None
    """Progress of the race. Absent without one."""
    final: FinalEvaluation | None = None
    """Results of the final evaluation. Absent until the picks are trained."""
    findings: Annotated[list[Finding], Field(max_length=MOST_NOTES)] = Field(default_factory=list)
    """Findings, with what to do about each."""
    notes: Annotated[list[Note], Field(max_length=MOST_NOTES)] = Field(default_factory=list)
    """Limitations of what is shown."""

    def shortened(self, most: int) -> Analysis:
        """The same with at most so many entries in each list that has one per combination or effect."""
        effects = self.effects and self.effects.shortened(most)
        by_accuracy = self.tied_by_accuracy
        return self.model_copy(
            update={
                "tied_with_best": self.tied_with_best[:most],
                "tied_by_accuracy": by_accuracy[:most] if by_accuracy is not None else None,
                "comparisons": self.comparisons[:most],
                "effects": effects,
            }
        )
