"""Flags that say what is read and how its rows are divided."""

from typing import Literal, get_args

from pydantic import BaseModel

from regsweep_trainer.flags.values import SHARE, Integer, Real, Text, flag

Dataset = Literal["breast_cancer", "digits", "wine", "iris", "diabetes"]
Task = Literal["auto", "classification", "regression"]
Separator = Literal["auto", "comma", "semicolon", "tab", "pipe"]


class DataFlags(BaseModel):
    dataset: Dataset | None = flag(
        None, "one of " + ", ".join(get_args(Dataset)), "Bundled data set; diabetes is a regression."
    )
    data_path: Text | None = flag(
        None, "a path to a CSV file", "CSV file with a header in a mounted volume, instead of dataset."
    )
    target: Text | None = flag(None, "a column's name", "Column of data_path to predict.")
    split_column: Text | None = flag(
        None,
        "a column's name",
        "Column of data_path that marks each row train, val or test; replaces test_fraction and, if any row is val, val_fraction.",
    )
    separator: Separator = flag(
        "auto",
        "auto, comma, semicolon, tab or pipe",
        "Separator of the cells of data_path; auto: detected from the header and the first rows.",
    )
    task: Task = flag(
        "auto",
        "auto, classification or regression",
        "Task that the target of data_path defines; auto: regression if it has fractions or more than 20 distinct numbers.",
    )


class SplitFlags(BaseModel):
    train_rows: Integer | None = flag(
        None, "an integer of at least 2", "Maximum number of training rows, to show overfitting; absent: all.", ge=2
    )
    val_fraction: Real = flag(
        0.4,
        "a number above 0 and below 1",
        "Fraction of the rows outside test that are validation rows; half of them are ranked, half (`stop`) choose epochs.",
        gt=0,
        lt=1,
    )
    test_fraction: Real = flag(
        0.2, SHARE, "Fraction of all rows that are test rows, used neither for training nor for ranking.", ge=0, lt=1
    )
    audit_fraction: Real = flag(
        0.0,
        SHARE,
        "Fraction of all rows, taken after test and neither trained on nor ranked, on which predictions of replicates are compared.",
        ge=0,
        lt=1,
    )
    test_seed: Integer = flag(
        0, "an integer", "Seed that determines, with the data's digest, the test and audit rows of every replicate."
    )
