"""What the analysis says beside ranking and ties: what regularisation gains, what accuracies are worth, what more replicates show."""

from __future__ import annotations

from regsweep.api.findings import CombinationId, Sentence, Word
from regsweep.api.model import ApiModel
from regsweep.api.spec import EpochChoice


class Reduction(ApiModel):
    """By how much the best is below the best combination without regularisation, as a share of the latter."""

    metric: Word
    """`val_average_loss`, or `overfit_gap` for val_average_loss minus train_average_loss."""
    epoch: EpochChoice
    """`Last` epoch, or each run's `Best` epoch, which early stopping with enough patience would keep."""
    share: float
    """1 minus the ratio of the means; below 0 if the best is above."""
    low: float
    """Lower end of the 95 % interval for this data set (Fieller, paired by replicates)."""
    high: float
    """Upper end of the interval."""


class AccuracySummary(ApiModel):
    """What val_accuracy says, where it is reported."""

    low: float
    """Smallest mean val_accuracy among those in the confidence set of the best: by val_accuracy, or by the objective if that is it."""
    high: float
    """Largest mean among them."""
    baseline: float | None = None
    """Accuracy of always predicting the most frequent class. Absent if the records do not hold it."""


class ReplicatesNeeded(ApiModel):
    """Number of replicates of each combination with which two are told apart in 80 % of sweeps, if they differ by so much."""

    difference: float
    """The difference, in the unit of the objective."""
    replicates: int | None = None
    """Number of replicates in all. Absent: more than 1,000."""
    low: int
    """Lower end of its 95 % interval."""
    high: int | None = None
    """Upper end of the interval. Absent: above 1,000, or no number suffices, since the two may be equal."""


class Planning(ApiModel):
    """What more replicates would show, by how much paired differences spread here. Two combinations are told apart when one leaves the
    confidence set of the other."""

    replicates: int
    """Number of replicates that this sweep has."""
    detectable: float
    """Smallest difference to the best that this sweep shows in 80 % of cases."""
    detectable_low: float
    """Lower end of its 95 % interval."""
    detectable_high: float
    """Upper end of the interval."""
    second: CombinationId | None = None
    """Id of the second of the ranking, if it is tied with the best."""
    first_two: ReplicatesNeeded | None = None
    """Replicates that tell the first two apart, if they differ as much as they seem to. Absent if they are told apart already."""
    minimum_difference: ReplicatesNeeded | None = None
    """Replicates that show a difference of `minimumDifference`. Absent without one."""
    message: Sentence = ""
    """The same in words."""
