"""Scripts that know nothing of the contract: their logs become epochs, their names of metrics ours, and variables are expanded."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep_kit.contract import read_contract
from regsweep_kit.errors import BadDataError, InvalidContractError
from regsweep_kit.foreign import ForeignReport, ReportFormat
from regsweep_kit.wrapper.expansion import expand
from regsweep_kit.wrapper.logs import reader
from regsweep_kit.wrapper.naming import by_split, lacking, missing

CSV, JSONL, BOARD, STDOUT = ReportFormat


def read(form: ReportFormat, text: str, pieces: int = 1) -> list[Any]:
    """The epochs of a log that comes in pieces."""
    source = reader(ForeignReport(form, "log" if form is not STDOUT else ""))
    size = max(1, -(-len(text) // pieces))
    epochs = [dict(epoch) for start in range(0, len(text), size) for epoch in source.feed(text[start : start + size])]
    return [*epochs, *(dict(epoch) for epoch in source.end())]


JSON = (
    '{"epoch": 0, "loss": 0.5, "val_loss": 0.6, "note": "x", "ok": true}\n{"epoch": 1, "loss": 0.25, "val_loss": "nan"}'
)
LINES = "start\nepoch=0\nloss = 0.5\nval_loss: val_loss=0.6,\nepoch=1\nloss=2.5e-1\nval_loss=nan"
TEXTS = [
    pytest.param(CSV, "epoch,loss,val_loss\n0,0.5,0.6\n1,0.25,nan\n", id="CSVLogger"),
    pytest.param(CSV, "epoch;loss;val_loss\r\n0;0.5;0.6\r\n1;0.25;nan", id="another separator, no last line end"),
    pytest.param(CSV, '"epoch","loss","val_loss"\n\n0,"0.5",0.6\n1,0.25,nan\n', id="quoted, with a blank line"),
    pytest.param(JSONL, JSON, id="JSON lines"),
    pytest.param(
        STDOUT, "epoch=0 loss=0.5 val_loss=0.6.\nsaved\nepoch=1 loss=.25 val_loss=NaN\n", id="pairs on a line"
    ),
    pytest.param(STDOUT, LINES, id="pairs on lines of their own"),
]


@pytest.mark.parametrize(("form", "text"), TEXTS)
@pytest.mark.parametrize("pieces", [1, 3, 1000])
def test_a_log_becomes_its_epochs_however_it_comes(form: ReportFormat, text: str, pieces: int) -> None:
    first, second = read(form, text, pieces)
    assert first == {"epoch": 0, "loss": 0.5, "val_loss": 0.6}
    assert second["loss"] == 0.25
    assert second["val_loss"] != second["val_loss"]


@pytest.mark.parametrize(
    ("form", "text", "message"),
    [
        (CSV, "epoch,loss\n1,2,3\n", "has 3 cells, the header has 2"),
        (JSONL, "epoch 1\n", "is no JSON object"),
        (JSONL, "[1]\n", "is no JSON object"),
    ],
)
def test_a_line_that_is_no_epoch_is_refused(form: ReportFormat, text: str, message: str) -> None:
    with pytest.raises(BadDataError, match=message):
        read(form, text)


@pytest.mark.parametrize("cell", ["NA", "", "None", "n/a", " "])
def test_a_value_that_is_missing_is_none_and_a_text_is_no_value(cell: str) -> None:
    text = f"epoch,loss,val_loss,phase\n0,0.5,{cell},warm\n"
    assert read(CSV, text) == [{"epoch": 0, "loss": 0.5, "val_loss": None}]
    assert read(JSONL, '{"loss": 0.5, "val_loss": null, "phase": "warm"}') == [{"loss": 0.5, "val_loss": None}]


def test_of_a_name_that_comes_twice_in_a_line_the_first_value_counts() -> None:
    text = "epoch=4 loss=6 val_loss=7 (best val_loss=3)\nepoch=5 loss=5 val_loss=6 (best val_loss=3)\n"
    found = read(STDOUT, text)
    assert [(each["epoch"], each["loss"], each["val_loss"]) for each in found] == [(4, 6, 7), (5, 5, 6)]


def test_lines_of_batches_belong_to_the_epoch_that_they_name() -> None:
    text = "".join(
        f"epoch={e} batch=1 loss=9\nepoch={e} batch=2 loss=8\nepoch={e} loss={e} val_loss=2\n" for e in (1, 2)
    )
    found = read(STDOUT, text)
    assert [(each["epoch"], each["loss"], each["val_loss"]) for each in found] == [(1, 1, 2), (2, 2, 2)]


def test_a_header_that_comes_again_is_no_epoch() -> None:
    """As of loggers that are begun again for each call of fit."""
    header = "epoch,loss,val_loss\n"
    assert len(read(CSV, f"{header}0,0.5,0.6\n{header}0,0.4,0.5\n")) == 2


@pytest.mark.parametrize(
    ("report", "epoch", "lacks"),
    [
        (ForeignReport(CSV, "l"), {"loss": 1, "val_loss": 2}, []),
        (ForeignReport(CSV, "l"), {"loss": 1, "val_loss": None}, ["metric of val"]),
        (ForeignReport(JSONL, "l"), {"epoch": 1}, ["metric of train", "metric of val"]),
        (ForeignReport(CSV, "l", {"val_auc": "b", "train_auc": "a"}), {"a": 1, "b": None, "c": None}, ["b"]),
        (ForeignReport(CSV, "l", {"val_auc": "b", "train_auc": "a"}), {"a": 1}, ["b"]),
    ],
)
def test_what_an_epoch_lacks_is_known(report: ForeignReport, epoch: dict[str, float | None], lacks: list[str]) -> None:
    assert lacking(report, epoch, by_split(epoch, report)) == lacks


@pytest.mark.parametrize(
    "text", ["x" * 3_000_000, "http://a/b?val_loss=3", "--val_loss=0.3", "val_loss=0.3.1", "a.val_loss = x"]
)
def test_what_only_looks_like_a_metric_is_none(text: str) -> None:
    assert all("val_loss" not in epoch for epoch in read(STDOUT, text + "\n"))


@pytest.mark.parametrize(
    ("report", "epoch", "parts"),
    [
        (ForeignReport(CSV, "l"), {"epoch": 1, "lr": 1, "loss": 2, "val_loss": 3}, {"train": {"loss": 2}, "val": {"loss": 3}}),
        (ForeignReport(STDOUT), {"train_f1/x": 1, "test_f1": 2}, {"train": {"f1_x": 1}, "test": {"f1": 2}}),
        (ForeignReport(JSONL, "l"), {"AUC": 1, "val_F1-macro": 2}, {"train": {"AUC": 1}, "val": {"F1-macro": 2}}),
        (ForeignReport(STDOUT), {"Epoch": 1, "LR": 2, "Loss": 3}, {"train": {"Loss": 3}}),
        (ForeignReport(JSONL, "l"), {"regularization_loss": 1}, {"": {"regularization_loss": 1}}),
        (
            ForeignReport(BOARD, "l"),
            {
                "train/epoch_loss": 1, "run/validation/epoch_loss": 2, "train/batch_loss": 3, "x/loss": 4, "loss": 5,
                "run/validation/evaluation_loss_vs_iterations": 6,
            },
            {"train": {"loss": 1}, "val": {"loss": 2}},
        ),
        (
            ForeignReport(CSV, "l", {"val_average_loss": "vl", "stop_auc": "a", "train_auc": "none"}),
            {"vl": 1, "a": 2, "loss": 3},
            {"val": {"average_loss": 1}, "stop": {"auc": 2}},
        ),
    ],
)  # fmt: skip
def test_a_scripts_names_become_ours(
    report: ForeignReport, epoch: dict[str, float], parts: dict[str, dict[str, float]]
) -> None:
    assert by_split(epoch, report) == parts


@pytest.mark.parametrize(
    ("form", "epoch", "message"),
    [
        (CSV, {"loss": 1, "train_loss": 2}, "the script's loss and train_loss would both be train_loss"),
        (STDOUT, {"val_a b": 1, "val_a@b": 2}, "val_a b and val_a@b would both be val_a_b"),
        (BOARD, {"a/train/loss": 1, "b/train/loss": 2}, "a/train/loss and b/train/loss would both be train_loss"),
    ],
)
def test_two_metrics_are_never_silently_one(form: ReportFormat, epoch: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidContractError, match=re.escape(message)):
        by_split(epoch, ForeignReport(form, "l"))


def test_a_last_line_that_only_counts_an_epoch_is_none() -> None:
    assert read(STDOUT, "Epoch=1\nloss=1\nEpoch=2\n") == [{"Epoch": 1, "loss": 1}]


def test_names_of_the_mapping_that_are_not_written_are_known() -> None:
    report = ForeignReport(CSV, "l", {"val_auc": "b", "train_auc": "a"})
    assert missing(report, {"a": 1}) == ["b"]


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("--l2=$(A)", "--l2=1"),
        ("$(A)$(B)", "1$(A)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(missing) $A ${A} $", "$(missing) $A ${A} $"),
        ("$(A", "$(A"),
        ("", ""),
    ],
)
def test_variables_are_expanded_as_the_kubelet_does(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1", "B": "$(A)"}) == expanded


@given(st.text(alphabet="$()AB x", max_size=20))
def test_a_doubled_dollar_protects_every_text(text: str) -> None:
    assert expand(text.replace("$", "$$"), {"A": "1"}) == text


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"format": "CSV", "path": "x"},
        {"format": "CSVLogger"},
        {"format": "Stdout", "path": "x"},
        {"format": "CSVLogger", "path": "x", "more": 1},
        {"format": "CSVLogger", "path": 3},
        {"format": "CSVLogger", "path": "x", "metrics": {"auc": "auc"}},
        {"format": "CSVLogger", "path": "x", "metrics": {"val_auc": ""}},
        {"format": "CSVLogger", "path": "x", "metrics": {f"val_{i}": "a" for i in range(101)}},
    ],
)
def test_a_report_that_cannot_be_meant_is_refused(value: Any) -> None:
    with pytest.raises(InvalidContractError, match="REGSWEEP_REPORT"):
        read_contract({"REGSWEEP_REPORT": json.dumps(value)})
