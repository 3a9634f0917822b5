"""What a termination message has room for: as many columns as always fit, and test losses by block in what they leave.

Both depend on the number of replicates per pod and on the objective, never on the values: every pod of a sweep has the same ones. Room is
measured on a message of the longest parts there are, encoded as any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from regsweep_kit import message
from regsweep_kit.contract import LARGEST_REPLICATE, MOST_GPUS, USUAL_MESSAGE_BYTES
from regsweep_kit.epochs import Best
from regsweep_kit.errors import InvalidContractError
from regsweep_kit.objective import Rule
from regsweep_kit.record import MOST_EPOCHS, Outcome, Period, Record

USUAL_TEST_BYTES = 800  # kept for the test losses in a message of 4,096 bytes: 16 blocks for each of 16 replicates
MOST_BLOCKS = 1536  # 4,096 characters of base64, what a reader takes
TEST_SCALE = "test_average_loss"
"""The column that test losses are relative to."""


@dataclass(frozen=True, slots=True)
class Room:
    """A termination message that is to hold so many replicates."""

    replicates: int
    rule: Rule
    message_bytes: int = USUAL_MESSAGE_BYTES
    test_losses: bool = False
    """Whether there are test losses by block."""

    def spare(self, columns: Sequence[str]) -> int:
        """Bytes that records with these columns leave at the least; negative where they do not fit."""
        digest = "f" * 64
        header = message.Header(
            columns=tuple(columns),
            backend="x" * message.MOST_BACKEND_BYTES,
            device="x" * message.MOST_DEVICE_BYTES,
            gpus=MOST_GPUS,
            rows=dict.fromkeys(("train", "stop", "val", "test", "audit"), message.LARGEST_COUNT),
            data=digest,
            data_digest=digest,
            rule=self.rule,
            start=9_999_999_999,
            test_rows="f" * 8 if self.test_losses else None,
        )
        longest = message.LONGEST_NUMBER
        record = Record(
            replicate=LARGEST_REPLICATE,
            outcome=Outcome.DIVERGED,
            epochs=MOST_EPOCHS,
            values=dict.fromkeys(columns, longest),
            best=Best(MOST_EPOCHS, longest, longest, longest),
            test_losses=b"",
            period=Period(message.LONGEST_SECONDS, message.LONGEST_SECONDS),
        )
        return self.message_bytes - len(message.encode(header, [record] * self.replicates))

    @property
    def test_bytes(self) -> int:
        """What the columns leave for the test losses."""
        if not self.test_losses:
            return 0
        return min(USUAL_TEST_BYTES, self.message_bytes * USUAL_TEST_BYTES // USUAL_MESSAGE_BYTES)


def choose_columns(groups: Sequence[Sequence[str]], room: Room, needed: int = 1) -> tuple[str, ...]:
    """Names of the columns: groups are taken in this order, whole, until one does not fit.

    needed: how many of the first groups must be there; they come before test losses. Raises InvalidContractError where they do not fit.
    """
    chosen: list[str] = []
    for number, group in enumerate(groups, start=1):
        spare = room.spare([*chosen, *group])
        if number <= needed and spare < 0:
            raise InvalidContractError(
                f"REGSWEEP_MESSAGE_BYTES: {room.message_bytes} bytes are not enough for {', '.join(group)} of {room.replicates} "
                "replicates; lower REGSWEEP_REPLICATES (the replicates per pod), or raise the limit"
            )
        if number > needed and spare < room.test_bytes:
            break
        chosen += group
    return tuple(chosen)


def most_blocks(columns: Sequence[str], room: Room) -> int:
    """How many blocks' test losses always fit beside records with these columns; 0 without the column that gives them their scale."""
    if TEST_SCALE not in columns:
        return 0
    characters = max(room.spare(columns), 0) // room.replicates
    # base64 makes 4 characters of 3 bytes; a half-precision number has 2 bytes
    return min(characters // 4 * 3 // 2, MOST_BLOCKS)
