"""How a column of a table is declared: its kind, and what becomes of missing values."""

from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from regsweep_trainer.flags.values import Text

Kind = Literal["numeric", "boolean", "date", "categorical", "ignored"]
Missing = Literal["refuse", "mean", "median", "most_frequent", "category"]

MISSING_OF: dict[str, tuple[str, ...]] = {
    "numeric": ("refuse", "mean", "median", "most_frequent"),
    "boolean": ("refuse", "mean", "median", "most_frequent"),
    "date": ("refuse", "mean", "median", "most_frequent"),
    "categorical": ("refuse", "most_frequent", "category"),
    "ignored": ("refuse",),
}
"""By kind, what may become of missing values."""


class Column(BaseModel):
    """One column. A name alone, as in `{age: numeric}`, is its kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    missing: Missing = "refuse"
    """mean, median, most_frequent: that of the training rows; category: one of their own."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_missing(self) -> "Column":
        if self.missing not in MISSING_OF[self.kind]:
            raise ValueError(f"{self.kind} columns have missing {', '.join(MISSING_OF[self.kind])}")
        return self


Columns: TypeAlias = Annotated[dict[Text, Column], Field(max_length=100_000)]

WANT = (
    f"an object, by column a kind ({', '.join(get_args(Kind))}) or {{kind: ..., missing: {', '.join(get_args(Missing))}}}, "
    "such as {sex: categorical, age: {kind: numeric, missing: mean}}"
)
