"""How a column of a table is declared: its kind, and what becomes of missing values."""

from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from regsweep_trainer.flags.values import Integer, Real, Text

Kind = Literal["numeric", "boolean", "date", "categorical", "bucketized", "hashed", "ignored"]
Missing = Literal["refuse", "mean", "median", "most_frequent", "category"]

Bins = Annotated[Integer, Field(ge=2, le=1_000_000)]
Dimension = Annotated[Integer, Field(ge=1, le=1024)]

MISSING_OF: dict[str, tuple[str, ...]] = {
    "numeric": ("refuse", "mean", "median", "most_frequent"),
    "boolean": ("refuse", "mean", "median", "most_frequent"),
    "date": ("refuse", "mean", "median", "most_frequent"),
    "categorical": ("refuse", "most_frequent", "category"),
    "bucketized": ("refuse",),
    "hashed": ("refuse", "category"),
    "ignored": ("refuse",),
}
"""By kind, what may become of missing values."""


class Column(BaseModel):
    """One column. A name alone, as in `{age: numeric}`, is its kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    missing: Missing = "refuse"
    """mean, median, most_frequent: that of the training rows; category: one of their own."""
    bins: Bins | None = None
    """hashed: number of values; bucketized: number of buckets with equally many training rows."""
    boundaries: Annotated[list[Real], Field(min_length=1, max_length=1000)] | None = None
    """bucketized: where one bucket ends and the next one begins, ascending."""
    embedding: Dimension | None = None
    """Numbers of a learnt vector for each category, bucket or value; `None`: a column of 0 and 1 for each."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @property
    def needs_feature_space(self) -> bool:
        return self.kind in ("bucketized", "hashed") or self.embedding is not None

    @model_validator(mode="after")
    def _check_buckets(self) -> "Column":
        sizes = {"hashed": self.bins is not None and self.boundaries is None}
        sizes["bucketized"] = (self.bins is None) != (self.boundaries is None)
        if not sizes.get(self.kind, self.bins is None and self.boundaries is None):
            raise ValueError("hashed columns have bins, bucketized ones bins or boundaries, and others neither")
        if self.boundaries is not None and sorted(set(self.boundaries)) != self.boundaries:
            raise ValueError("boundaries ascend")
        if self.embedding is not None and self.kind not in ("categorical", "bucketized", "hashed"):
            raise ValueError("categorical, bucketized and hashed columns have embeddings")
        return self

    @model_validator(mode="after")
    def _check_missing(self) -> "Column":
        if self.missing not in MISSING_OF[self.kind]:
            raise ValueError(f"{self.kind} columns have missing {', '.join(MISSING_OF[self.kind])}")
        return self


class Cross(BaseModel):
    """The combinations of several columns, hashed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: Annotated[list[Text], Field(min_length=2, max_length=10)]
    bins: Bins
    embedding: Dimension | None = None


Crosses: TypeAlias = Annotated[list[Cross], Field(max_length=100)]
Columns: TypeAlias = Annotated[dict[Text, Column], Field(max_length=100_000)]

WANT = (
    f"an object, by column a kind ({', '.join(get_args(Kind))}) or {{kind: ..., missing: {', '.join(get_args(Missing))}, bins: an integer, "
    "boundaries: ascending numbers, embedding: an integer}, such as {sex: categorical, age: {kind: numeric, missing: mean}}"
)
WANT_CROSSES = (
    "a list of at most 100 objects such as {columns: [city, job], bins: 1000, embedding: 8}, the last one optional"
)
