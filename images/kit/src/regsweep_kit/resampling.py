"""How rows become training and validation rows, replicate by replicate: one draw each, or folds of a common draw.

With an outer fold (nested resampling) its rows are taken away first and are the test rows; the rest is divided as without it.
"""

from dataclasses import dataclass
from enum import StrEnum

FEWEST_FOLDS, MOST_FOLDS = 2, 1000


class ResamplingKind(StrEnum):
    HOLDOUT = "Holdout"
    """Every replicate draws its own validation rows."""
    K_FOLD = "KFold"
    REPEATED_K_FOLD = "RepeatedKFold"


@dataclass(frozen=True, slots=True)
class Fold:
    """Number `index`, from 0, of `folds` stretches of ordered rows."""

    index: int
    folds: int


@dataclass(frozen=True, slots=True)
class Resampling:
    kind: ResamplingKind = ResamplingKind.HOLDOUT
    folds: int | None = None
    """From 2 to 1000; `None` with Holdout and only there."""
    outer: Fold | None = None
    """The fold whose rows are the test rows, the same in every replicate; `None`: the test rows are chosen otherwise."""

    def draw(self, replicate: int) -> int:
        """The number whose stream `split` orders the replicate's rows: its own, or with folds its repeat's."""
        return replicate if self.folds is None else replicate // self.folds

    def fold(self, replicate: int) -> Fold | None:
        """The replicate's inner fold; `None` with Holdout."""
        return None if self.folds is None else Fold(replicate % self.folds, self.folds)
