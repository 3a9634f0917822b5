"""The termination message: strict JSON, six digits, never more bytes than there is room for."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep_kit.columns import Room, choose_columns, most_blocks
from regsweep_kit.epochs import Best
from regsweep_kit.errors import InvalidContractError
from regsweep_kit.message import Header, encode, number
from regsweep_kit.objective import Goal, Rule
from regsweep_kit.record import Failure, Outcome, Period, Record

RULE = Rule("val_average_loss", Goal.MINIMIZE)
LONGEST = -1.23456789e-10
GROUPS = [("train_average_loss", "val_average_loss"), ("test_average_loss",)] + [
    (f"train_metric_{k}", f"val_metric_{k}") for k in range(30)
]


def strict(message: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(message, parse_constant=refuse)


def test_the_message_is_the_contracts_example() -> None:
    header = Header(
        columns=("train_average_loss", "val_average_loss", "train_accuracy", "val_accuracy", "regularization_loss"),
        backend="tensorflow",
        device="cpu",
        gpus=0,
        data_digest="fed3eb72d0575ef6" * 4,
        rule=RULE,
        start=1795622400,
    )
    values = dict(zip(header.columns, (0.05, 0.071, 0.98, 0.97, 0.01), strict=True))
    records = [
        Record(0, Outcome.OK, 30, values, Best(21, 0.055, 0.06, 0.07), period=Period(3.14, 9.0)),
        Record(1, Outcome.DIVERGED, 3, dict.fromkeys(header.columns, math.nan), None, period=Period(9.0, 9.44)),
    ]
    assert encode(header, records).decode() == (
        '{"version":1,"backend":"tensorflow","device":"cpu","gpus":0,"dataDigest":"fed3eb72d0575ef6",'
        '"rule":{"metric":"val_average_loss","goal":"Minimize"},'
        '"columns":["train_average_loss","val_average_loss","train_accuracy","val_accuracy","regularization_loss"],'
        '"records":[[0,"Ok",30,[0.05,0.071,0.98,0.97,0.01],[21,0.06,0.07]],[1,"Diverged",3,[null,null,null,null,null],null]],'
        '"times":{"start":1795622400,"replicates":[[3.1,9],[9,9.4]]}}'
    )


def test_what_is_not_known_is_left_out() -> None:
    assert strict(encode(Header(), [])) == {"version": 1, "columns": [], "records": []}


@pytest.mark.parametrize(
    ("period", "shown"),
    [
        (Period(0, 0.04), [0, 0]),
        (Period(9999.94, 9999.96), [9999.9, 10000]),
        (Period(123456.78, 999_999), [123457, 999999]),
        (Period(3, 1_000_000), None),
        (Period(3, math.nan), None),
        (Period(3, 2), None),
        (None, None),
    ],
)
def test_periods_have_one_decimal_and_are_left_out_where_they_cannot_be_shown(
    period: Period | None, shown: list[float] | None
) -> None:
    message = strict(encode(Header(start=1795622400), [Record(0, Outcome.OK, 1, {}, None, period=period)]))
    assert message["times"] == {"start": 1795622400, "replicates": [shown]}


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
rooms = st.builds(
    Room,
    st.integers(1, 16),
    st.builds(Rule, st.text("abc_", min_size=1, max_size=63), st.sampled_from(Goal)),
    st.integers(3000, 70_000) | st.just(4096),
    st.booleans(),
)


@settings(deadline=None, max_examples=100)
@given(st.data(), rooms, st.text(max_size=2000))
def test_whatever_the_values_the_message_fits(data: st.DataObject, room: Room, text: str) -> None:
    columns = choose_columns(GROUPS, room)
    blocks = most_blocks(columns, room)
    header = Header(
        *(columns, text, text, 99),
        rows=dict.fromkeys(("train", "stop", "val", "test", "audit"), 2**31 - 1),
        data="f" * 64,
        data_digest="f" * 64,
        rule=room.rule,
        start=2**33,
        test_rows="0" * 8 if room.test_losses else None,
    )
    losses = st.none() | st.binary(min_size=2 * blocks, max_size=2 * blocks)
    records = [
        Record(
            data.draw(st.integers(0, 99_999)),
            data.draw(st.sampled_from(list(Outcome))),
            data.draw(st.integers(0, 999_999)),
            dict(zip(columns, data.draw(st.lists(anything, max_size=len(columns))), strict=False)),
            data.draw(st.none() | st.builds(Best, st.integers(1, 999_999), anything, anything, anything)),
            data.draw(losses) if room.test_losses else None,
            data.draw(st.none() | st.builds(Period, st.floats(0, 2e6), st.floats(0, 2e6))),
        )
        for _ in range(data.draw(st.integers(0, room.replicates)))
    ]
    message = encode(header, records, message_bytes=room.message_bytes)
    assert len(message) <= room.message_bytes
    assert len(strict(message)["records"]) == len(strict(message)["times"]["replicates"]) == len(records)
    failed = encode(header, records, Failure("Terminated", text), room.message_bytes)
    assert len(failed) <= room.message_bytes
    assert strict(failed)["records"] == strict(message)["records"]


@pytest.mark.parametrize("test_losses", [False, True])
@pytest.mark.parametrize("replicates", [1, 5, 16])
def test_the_longest_message_fills_its_room(replicates: int, test_losses: bool) -> None:
    room = Room(replicates, RULE, 4096, test_losses)
    columns = choose_columns(GROUPS, room)
    losses = b"\xff" * (2 * most_blocks(columns, room)) if test_losses else None
    header = Header(
        *(columns, "N" * 100, "N" * 100, 99),
        rows=dict.fromkeys(("train", "stop", "val", "test", "audit"), 2**31 - 1),
        data="f" * 64,
        data_digest="f" * 64,
        rule=RULE,
        start=9_999_999_999,
        test_rows="f" * 8 if test_losses else None,
    )
    record = Record(
        *(99_999, Outcome.DIVERGED, 999_999),
        values=dict.fromkeys(columns, LONGEST),
        best=Best(999_999, LONGEST, LONGEST, LONGEST),
        test_losses=losses,
        period=Period(999_998, 999_999),
    )
    message = encode(header, [record] * replicates)
    assert len(message) <= 4096
    if not test_losses:
        assert len(message) == 4096 - room.spare(columns)
    if test_losses:
        assert len(message) > 4096 - 4 * replicates  # another block would not fit
    ended = encode(header, [record] * (replicates - 1), Failure("Terminated", "SIGTERM " * 1000))
    assert len(ended) <= 4096
    assert strict(ended)["error"]["reason"] == "Terminated"
    assert len(encode(header, [record] * replicates, Failure("TrainerFailed", "x" * 1000))) <= 4096


def test_groups_of_columns_are_taken_in_order_and_whole() -> None:
    every = [name for group in GROUPS for name in group]
    fewest = choose_columns(GROUPS, Room(16, RULE))
    most = choose_columns(GROUPS, Room(1, RULE))
    assert list(most) == every[: len(most)]
    assert list(fewest) == every[: len(fewest)]
    assert 3 <= len(fewest) < len(most)
    assert len(fewest) % 2 == len(most) % 2 == 1  # after the second group in pairs
    assert choose_columns([("a",), ("b" * 5000,), ("c",)], Room(1, RULE)) == ("a",)


def test_more_room_gives_more_columns_and_more_blocks() -> None:
    rooms = [Room(16, RULE, size, test_losses=True) for size in (3072, 4096, 8192, 65_536)]
    columns = [choose_columns(GROUPS, room) for room in rooms]
    assert [len(chosen) for chosen in columns] == sorted({len(chosen) for chosen in columns})
    blocks = [most_blocks(chosen, room) for chosen, room in zip(columns, rooms, strict=True)]
    assert blocks[0] < blocks[1]
    assert (
        most_blocks(choose_columns(GROUPS[:2], Room(1, RULE, 65_536, test_losses=True)), Room(1, RULE, 65_536)) == 1536
    )


def test_room_that_the_most_important_columns_do_not_have_is_refused() -> None:
    with pytest.raises(InvalidContractError) as caught:
        choose_columns(GROUPS, Room(16, RULE, 1024))
    assert str(caught.value) == (
        "REGSWEEP_MESSAGE_BYTES: 1024 bytes are not enough for train_average_loss, val_average_loss of 16 replicates; "
        "lower REGSWEEP_REPLICATES (the replicates per pod), or raise the limit"
    )
    assert caught.value.exit_code == 64
    for test_losses in (False, True):
        assert choose_columns(GROUPS, Room(16, RULE, 2300, test_losses)) == GROUPS[0]
        with pytest.raises(InvalidContractError, match="not enough for test_average_loss of 16 replicates"):
            choose_columns(GROUPS, Room(16, RULE, 2300, test_losses), needed=2)


def test_needed_columns_come_before_test_losses() -> None:
    room = Room(16, RULE, 2500, test_losses=True)
    assert choose_columns(GROUPS, room, needed=2) == (*GROUPS[0], *GROUPS[1])
    assert most_blocks((*GROUPS[0], *GROUPS[1]), room) < 8


def test_without_the_column_that_gives_them_their_scale_there_are_no_test_losses() -> None:
    assert most_blocks(("val_average_loss",), Room(1, RULE, test_losses=True)) == 0
    assert most_blocks(("test_average_loss",), Room(1, RULE, test_losses=True)) > 1000


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


@pytest.mark.parametrize(
    ("replicate", "epochs", "best", "says"),
    [
        (100_000, 1, None, "replicate 100000: want 0 to 99999"),
        (-1, 1, None, "replicate -1: want 0 to 99999"),
        (0, 1_000_000, None, "replicate 0: epoch 1000000, want at most 999999"),
        (0, 1, Best(1_000_000, 0, 0, 0), "replicate 0: epoch 1000000, want at most 999999"),
    ],
)
def test_numbers_without_room_in_the_message_are_refused(
    replicate: int, epochs: int, best: Best | None, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Record(replicate, Outcome.OK, epochs, {}, best)
