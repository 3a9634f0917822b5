"""Flags that say what is read and how its rows are divided."""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field

from regsweep_trainer.flags.columns import WANT, Columns
from regsweep_trainer.flags.values import SHARE, Integer, Real, Text, flag

Dataset = Literal["breast_cancer", "digits", "wine", "iris", "diabetes"]
Task = Literal["auto", "classification", "regression"]
Separator = Literal["auto", "comma", "semicolon", "tab", "pipe"]
Encoding = Literal["utf-8", "utf-16", "latin-1", "windows-1252"]
ColumnKinds = Literal["declared", "inferred"]
Vocabulary = Annotated[list[Text], Field(min_length=2, max_length=1000)]


class DataFlags(BaseModel):
    dataset: Dataset | None = flag(
        None, "one of " + ", ".join(get_args(Dataset)), "Bundled data set; diabetes is a regression."
    )
    data_path: Text | None = flag(
        None,
        "a path to a CSV, Parquet or npz file, or to a folder of images",
        "Data in a mounted volume, instead of dataset: a CSV file with a header, a Parquet file, an npz file, or a folder of images.",
    )
    target: Text | None = flag(
        None,
        "a column's name",
        "Column (npz: array) of data_path to predict; images have their folder's name as target.",
    )
    split_column: Text | None = flag(
        None,
        "a column's name",
        "Column of data_path that marks each row train, val or test; replaces test_fraction and, if any row is val, val_fraction.",
    )
    columns: Columns = flag(
        {}, WANT, "Kinds of columns of data_path, and what becomes of their missing values; see the table of kinds."
    )
    column_kinds: ColumnKinds = flag(
        "declared",
        "declared or inferred",
        "Kind of the columns of data_path that `columns` does not name: numeric (Parquet: as stored), or inferred from their cells.",
    )
    weight_column: Text | None = flag(
        None, "a column's name", "Column of data_path with the weight of each row, in the loss and in every metric."
    )
    group_column: Text | None = flag(
        None, "a column's name", "Column of data_path whose equal values belong together: no group is in two parts."
    )
    time_column: Text | None = flag(
        None,
        "a column's name",
        "Column of data_path that orders the rows: train comes before stop, stop before val, val before test.",
    )
    stratify_column: Text | None = flag(
        None,
        "a column's name",
        "Column of data_path by which the parts are stratified, instead of by the classes of the target.",
    )
    label_vocabulary: Vocabulary | None = flag(
        None,
        "a list of 2 to 1000 labels",
        "Classes of the target in the order of their indices, the positive one of two last; absent: the labels that occur, sorted.",
    )
    separator: Separator = flag(
        "auto",
        "auto, comma, semicolon, tab or pipe",
        "Separator of the cells of data_path; auto: detected from the header and the first rows.",
    )
    encoding: Encoding = flag(
        "utf-8", "utf-8, utf-16, latin-1 or windows-1252", "Encoding of the text of data_path; it is never guessed."
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
