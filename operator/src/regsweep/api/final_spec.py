"""The final evaluation that a person asks for: on which rows, and how often."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.model import ApiModel

MAX_FINAL_REPLICATES: Final = 100
MAX_OUTER_FOLDS: Final = 50


class FinalSplit(StrEnum):
    """The rows that the final evaluation is scored on."""

    TEST = "Test"
    NESTED = "Nested"


class FinalSpec(ApiModel):
    """A final evaluation, on rows that were not used to choose anything."""

    evaluate: FinalSplit = FinalSplit.TEST
    """`Test`: the test rows, which no other run uses. `Nested`: all rows are divided into outer folds; for each fold the whole grid
    is trained on the other rows, and what is chosen there is scored on the fold. No rows are spent, but `folds` + 1 grids are
    trained."""
    folds: Annotated[int | None, Field(ge=MIN_REPLICATES_FOR_ERROR, le=MAX_OUTER_FOLDS)] = None
    """Number of outer folds, such as 5. Required with `Nested`, not allowed with `Test`."""
    replicates: Annotated[int, Field(ge=MIN_REPLICATES_FOR_ERROR, le=MAX_FINAL_REPLICATES)] = 5
    """Number of trainings of the best and of the one-standard-error pick (with `Nested`: of those of each fold), each with new
    seeds."""

    @property
    def outer_folds(self) -> int:
        """Number of times that the choice is repeated on a part of the rows; 0 of a final evaluation on test rows."""
        return self.folds or 0
