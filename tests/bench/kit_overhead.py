"""What the kit's Keras callback costs beside `fit` with validation_data, in turns in one process: `python -m bench.kit_overhead`.

An epoch of 1,000 steps at 64,000 rows; both evaluate the same 16,000 validation rows after it, the kit 2,000 training rows besides.
All times are seconds of processors, of all threads, so that other work on the machine counts little.
Goals: the callback adds less than 3 % of an epoch, and a replicate costs less than 20 ms of a processor beside what it evaluates.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import keras
import numpy as np

from regsweep_kit.contract import read_contract
from regsweep_kit.script.outputs import Silent
from regsweep_kit.script.parts import Part, Parts
from regsweep_kit.script.replicate import Known, Replicate

ROWS, VALIDATION_ROWS, COLUMNS, BATCH = 64_000, 16_000, 30, 64
ROUNDS = 7
RNG = np.random.default_rng(0)


class Stopwatch(keras.callbacks.Callback):  # type: ignore[misc]
    """Processors' seconds of each epoch, validation and what other callbacks do at its end included."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.process_time()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(time.process_time() - self._began)


def part(rows: int) -> Part:
    x = RNG.normal(size=(rows, COLUMNS)).astype("float32")
    return Part(x, (x[:, 0] > 0).astype("float32"), None, np.arange(rows))


def model() -> Any:
    made = keras.Sequential(
        [keras.Input((COLUMNS,)), *(keras.layers.Dense(64, "relu") for _ in range(2)), keras.layers.Dense(1)]
    )
    made.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    return made


def epochs(rows: Parts, with_kit: bool) -> Stopwatch:
    """A trained model's stopwatch; its first epoch includes the compilation."""
    stopwatch = Stopwatch()
    replicate = Replicate(0, read_contract({}), Silent(), Known())
    x, y = (np.concatenate([rows.stop[i], rows.val[i]]) for i in (0, 1))
    validation = Part(x, y, None, np.arange(VALIDATION_ROWS))
    callbacks: list[Any] = [replicate.keras(rows)] if with_kit else []
    options: dict[str, Any] = {} if with_kit else {"validation_data": validation}
    made = model()
    made.fit(*rows.train, batch_size=BATCH, epochs=ROUNDS + 1, verbose=0, callbacks=[*callbacks, stopwatch], **options)
    return stopwatch


def replicate_seconds(rows: Parts) -> float:
    """Of a processor, for a replicate that trains nothing: rows, seeds and record."""
    x, y = (np.concatenate([rows.train[i], rows.val[i]]) for i in (0, 1))
    began = time.process_time()
    replicate = Replicate(0, read_contract({}), Silent(), Known())
    replicate.split(x, y)
    replicate.report(1, train={"average_loss": 1}, val={"average_loss": 1}, stop={"average_loss": 1})
    replicate.finish()
    return time.process_time() - began


def main() -> None:
    rows = Parts(part(ROWS), part(VALIDATION_ROWS // 2), part(VALIDATION_ROWS // 2), None)
    plain, kit = [], []
    for _ in range(3):
        plain += epochs(rows, with_kit=False).seconds[1:]
        kit += epochs(rows, with_kit=True).seconds[1:]
    usual, measured = statistics.median(plain), statistics.median(kit)
    print(
        f"epoch of {ROWS // BATCH} steps: with validation_data {usual:.3f} s, with the kit {measured:.3f} s: "
        f"{measured / usual - 1:+.1%}"
    )
    replicates = statistics.median(replicate_seconds(rows) for _ in range(ROUNDS))
    print(f"a replicate beside its training: {replicates * 1000:.1f} ms")


if __name__ == "__main__":
    main()
