"""The termination message: strict JSON, six digits, at most 4,096 bytes with the longest values there are."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep_trainer.dataset import Head
from regsweep_trainer.epochs import Best
from regsweep_trainer.errors import RecordUnwritableError
from regsweep_trainer.journal import Journal
from regsweep_trainer.metrics import METRICS
from regsweep_trainer.record import Failure, Header, Outcome, Record, choose_columns, encode, most_blocks, number

LONGEST = -1.23456789e-10


def strict(message: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(message, parse_constant=refuse)


def test_the_message_is_the_contracts_example() -> None:
    header = Header(
        columns=("train_average_loss", "val_average_loss", "train_accuracy", "val_accuracy", "regularization_loss"),
        backend="tensorflow",
        device="cpu",
    )
    values = dict(zip(header.columns, (0.05, 0.071, 0.98, 0.97, 0.01), strict=True))
    records = [
        Record(0, Outcome.OK, 30, values, Best(21, 0.055, 0.06, 0.07)),
        Record(1, Outcome.DIVERGED, 3, dict.fromkeys(header.columns, math.nan), None),
    ]
    assert encode(header, records).decode() == (
        '{"version":1,"backend":"tensorflow","device":"cpu",'
        '"columns":["train_average_loss","val_average_loss","train_accuracy","val_accuracy","regularization_loss"],'
        '"records":[[0,"Ok",30,[0.05,0.071,0.98,0.97,0.01],[21,0.06,0.07]],[1,"Diverged",3,[null,null,null,null,null],null]]}'
    )


@pytest.mark.parametrize("head", list(Head))
@pytest.mark.parametrize("score_test", [False, True])
@pytest.mark.parametrize("audited", [False, True])
@pytest.mark.parametrize("replicates", range(1, 17))
@pytest.mark.parametrize("objective", ["average_loss", "prediction_mean", "nothing"])
def test_the_worst_case_fits(head: Head, score_test: bool, audited: bool, replicates: int, objective: str) -> None:
    columns = choose_columns(head, objective, replicates, score_test=score_test, audited=audited)
    losses = b"\xff" * (2 * most_blocks(columns, replicates)) if score_test else None
    header = Header(
        columns=columns,
        backend="tensorflow",
        device="N" * 100,
        rows=dict.fromkeys(("train", "stop", "val", "test", "audit"), 10**9),
        data="f" * 64,
        test_rows="f" * 8 if score_test else None,
    )
    records = [
        Record(
            10**6 + k,
            Outcome.DIVERGED,
            100_000,
            dict.fromkeys(columns, LONGEST),
            Best(100_000, LONGEST, LONGEST, LONGEST),
            losses,
        )
        for k in range(replicates)
    ]
    message = encode(header, records)
    assert len(message) <= 4096
    assert {"train_average_loss", "val_average_loss"} <= set(columns)
    assert len(strict(message)["records"]) == replicates
    assert ("test" in strict(message)) is score_test
    if score_test:
        assert len(message) > 3400 or head is not Head.BINARY  # what the columns leave is used
        assert len(strict(message)["test"]["losses"]) == replicates
        assert "test_average_loss" in columns  # without it the losses have no scale
    with_failure = encode(header, records[:-1], Failure("Terminated", "SIGTERM " * 1000))
    assert len(with_failure) <= 4096
    assert strict(with_failure)["error"]["reason"] == "Terminated"
    assert len(encode(header, records, Failure("TrainerFailed", "x" * 1000))) <= 4096
    assert "audit_squared_error" in columns or not audited


def test_the_readme_says_how_much_fits() -> None:
    readme = (Path(__file__).parents[3] / "images" / "trainer" / "README.md").read_text()

    def whole(head: Head, audited: bool) -> int:
        """The most replicates that have all columns."""
        every = len(choose_columns(head, "average_loss", 1, audited=audited))
        return max(n for n in range(1, 17) if len(choose_columns(head, "average_loss", n, audited=audited)) == every)

    others = {whole(head, True) for head in (Head.MULTICLASS, Head.REGRESSION)}
    assert f"Up to {whole(Head.BINARY, False)} replicates have all of them for two classes" in readme
    assert f"with an audit up to {whole(Head.BINARY, True)}" in readme
    assert {whole(head, False) for head in (Head.MULTICLASS, Head.REGRESSION)} == {16}
    assert f"with an audit up to {min(others)}." in readme
    chosen = {n: choose_columns(Head.BINARY, "average_loss", n, score_test=True) for n in (1, 5, 10, 16)}
    blocks = [most_blocks(columns, n) for n, columns in chosen.items()]
    assert "{} for one replicate, {} for 5, {} for 10, {} for 16".format(*blocks) in readme
    lost = [m for m in METRICS[Head.BINARY] if f"val_{m}" not in choose_columns(Head.BINARY, "average_loss", 16)]
    assert f"16 lack\n{', '.join(lost[:-1])} and {lost[-1]}." in readme


def test_five_replicates_have_every_metric_of_every_head() -> None:
    for head, metrics in METRICS.items():
        every = {f"{split}_{metric}" for split in ("train", "val") for metric in metrics} | {"regularization_loss"}
        assert set(choose_columns(head, "average_loss", 5)) == every


def test_sixteen_replicates_lose_the_least_important_columns() -> None:
    assert choose_columns(Head.BINARY, "loss", 16) == (
        *("train_loss", "val_loss", "train_average_loss", "val_average_loss", "regularization_loss"),
        *(
            "train_accuracy",
            "val_accuracy",
            "train_auc",
            "val_auc",
            "train_auc_precision_recall",
            "val_auc_precision_recall",
        ),
    )
    for head in (Head.MULTICLASS, Head.REGRESSION):
        assert len(choose_columns(head, "average_loss", 16)) == 11


def test_test_metrics_are_columns_only_where_they_are_scored() -> None:
    assert not any(name.startswith("test_") for name in choose_columns(Head.BINARY, "auc", 1))
    scored = choose_columns(Head.BINARY, "auc", 5, score_test=True)
    assert scored[:5] == ("train_auc", "val_auc", "train_average_loss", "val_average_loss", "regularization_loss")
    assert scored[5:7] == ("test_auc", "test_average_loss")
    assert set(scored[5:18]) == {f"test_{metric}" for metric in METRICS[Head.BINARY]}


def test_audits_columns_come_after_the_penalty_and_what_test_is_scored_for() -> None:
    audits = ("audit_squared_error", "audit_spread", "audit_disagreement")
    assert choose_columns(Head.BINARY, "auc", 5, audited=True)[4:8] == ("regularization_loss", *audits)
    scored = choose_columns(Head.BINARY, "auc", 5, score_test=True, audited=True)
    assert scored[4:11] == ("regularization_loss", "test_auc", "test_average_loss", *audits, "test_accuracy")
    assert choose_columns(Head.REGRESSION, "average_loss", 16, audited=True)[3:5] == audits[:2]
    assert not any(name.startswith("audit") for name in choose_columns(Head.BINARY, "auc", 1, score_test=True))


@pytest.mark.parametrize("head", list(Head))
@pytest.mark.parametrize("objective", ["average_loss", "auc", "nothing"])
@pytest.mark.parametrize("audited", [False, True])
def test_sixteen_replicates_have_sixteen_blocks_and_fewer_replicates_more(
    head: Head, objective: str, audited: bool
) -> None:
    columns = [choose_columns(head, objective, n, score_test=True, audited=audited) for n in range(1, 17)]
    counts = [most_blocks(chosen, n) for n, chosen in enumerate(columns, start=1)]
    assert counts[-1] >= 16
    assert min(counts[:8]) >= 32


def test_test_losses_stand_beside_the_records_as_base64_of_half_precision() -> None:
    losses = np.array([1.21, 0.893, 0.78, 1.117]).astype("<f2").tobytes()
    records = [
        Record(0, Outcome.OK, 1, {"a": 0.5}, None, losses),
        Record(1, Outcome.DIVERGED, 1, {}, None),
    ]
    message = encode(Header(columns=("a",), test_rows="1f0c93ab"), records)
    assert b'"test":{"rows":"1f0c93ab","losses":["1zwlOz06eDw=",null]}' in message
    assert "test" not in strict(encode(Header(columns=("a",)), records))


anything = st.floats() | st.sampled_from([LONGEST, -LONGEST, 1e98, -9.999999e98])


@settings(deadline=None, max_examples=60)
@given(st.data(), st.sampled_from(list(Head)), st.integers(1, 16), st.booleans(), st.booleans(), st.text(max_size=2000))
def test_whatever_the_values_the_message_fits(
    data: st.DataObject, head: Head, replicates: int, score_test: bool, audited: bool, text: str
) -> None:
    columns = choose_columns(head, "average_loss", replicates, score_test=score_test, audited=audited)
    blocks = most_blocks(columns, replicates)
    header = Header(columns, text, text, {"train": 10**9}, "f" * 64, "0" * 8 if score_test else None)
    records = [
        Record(
            data.draw(st.integers(0, 9_999_999)),
            data.draw(st.sampled_from(list(Outcome))),
            data.draw(st.integers(0, 100_000)),
            dict(zip(columns, data.draw(st.lists(anything, max_size=len(columns))), strict=False)),
            data.draw(st.none() | st.builds(Best, st.integers(1, 100_000), anything, anything, anything)),
            data.draw(st.none() | st.binary(min_size=2 * blocks, max_size=2 * blocks)) if score_test else None,
        )
        for _ in range(data.draw(st.integers(0, replicates)))
    ]
    message = encode(header, records)
    assert len(message) <= 4096
    assert len(strict(message)["records"]) == len(records)
    assert len(encode(header, records[:-1], Failure("Terminated", text))) <= 4096


@settings(deadline=None)
@given(st.floats())
def test_a_number_is_short_json_with_six_digits_or_null(value: float) -> None:
    text = number(value)
    assert len(text) <= 12
    parsed = strict(text.encode())
    if not math.isfinite(value) or abs(value) >= 1e99:
        assert parsed is None
    else:
        assert parsed == pytest.approx(value, rel=5.1e-6, abs=1e-99)


@settings(deadline=None)
@given(st.text(max_size=5000))
def test_an_errors_message_is_cut_to_fit_whatever_its_characters(text: str) -> None:
    message = encode(Header(), [], Failure("BadData", text))
    assert len(message) <= 2000
    kept = strict(message)["error"]["message"]
    assert kept == text or (kept.endswith("...") and text.startswith(kept.removesuffix("...")))


def test_a_metric_that_a_diverged_replicate_lacks_is_null() -> None:
    message = encode(Header(columns=("a", "b")), [Record(0, Outcome.DIVERGED, 1, {"b": math.inf}, None)])
    assert strict(message)["records"] == [[0, "Diverged", 1, [None, None], None]]


def record(replicate: int) -> Record:
    return Record(replicate, Outcome.OK, 1, {"a": 0.5}, None)


def test_the_journal_has_every_finished_replicate_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("x" * 9999)  # longer than what replaces it
    journal = Journal(path)
    journal.describe(columns=("a",))
    for replicate in range(3):
        journal.finish(record(replicate))
        assert [row[0] for row in strict(path.read_bytes())["records"]] == list(range(replicate + 1))


def test_terminating_keeps_what_is_finished(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log")
    journal.describe(columns=("a",))
    journal.finish(record(0))
    assert journal.terminate(2, Failure("Terminated", "SIGTERM")) is False
    message = strict((tmp_path / "log").read_bytes())
    assert message["error"] == {"reason": "Terminated", "message": "SIGTERM"}
    assert len(message["records"]) == 1


def test_terminating_after_the_last_replicate_changes_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log")
    journal.finish(record(0))
    before = (tmp_path / "log").read_bytes()
    assert journal.terminate(1, Failure("Terminated", "SIGTERM")) is True
    assert (tmp_path / "log").read_bytes() == before


def test_an_unwritable_record_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(
        RecordUnwritableError, match=r"REGSWEEP_TERMINATION_LOG: cannot write .*nowhere/log: No such file"
    ):
        Journal(tmp_path / "nowhere" / "log")
