"""A replicate of a Keras model in this process, and what it reports."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from regsweep_kit.contract import read_contract
from regsweep_kit.record import Progress, Record
from regsweep_kit.script.outputs import Silent
from regsweep_kit.script.replicate import Known, Replicate

OBJECTIVE_BEST = '{"metric":"val_average_loss","goal":"Minimize","epoch":"Best"}'
RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3)).astype("float32")
Y = (X @ [1.0, -2.0, 0.5] + RNG.normal(size=120) * 0.1).astype("float32")


class Kept(Silent):
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.epochs: list[Progress] = []
        self.weights_after: list[tuple[int, int]] = []
        self.expected = 0
        self.record: Record | None = None
        self.final: Progress | None = None

    def expect(self, epochs: int) -> None:
        self.expected = epochs

    def epoch(self, replicate: int, progress: Progress) -> None:
        self.epochs.append(progress)

    def weights(self, replicate: int, epoch: int, model: Any) -> None:
        self.weights_after.append((replicate, epoch))

    def finish(self, record: Record, progress: Progress) -> None:
        self.record, self.final = record, progress


def new(environment: Mapping[str, str] | None = None, known: Known | None = None) -> tuple[Replicate, Kept]:
    """A replicate under this environment, and where it reports to."""
    keras.utils.set_random_seed(1)
    output = Kept()
    return Replicate(0, read_contract(environment or {}), output, known or Known()), output


def linear(**options: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, **options)])
    model.compile(keras.optimizers.SGD(0.01), "mse", metrics=["mae"])
    return model


def mse(model: keras.Model, part: Any) -> float:
    return float(np.mean((np.asarray(model(part[0]))[:, 0] - part[1]) ** 2))


def trained(model: keras.Model, **fit: Any) -> tuple[Kept, Any]:
    """(what was reported of the model, the rows), trained for two epochs."""
    replicate, output = new()
    rows = replicate.split(X, Y)
    model.fit(*rows.train, epochs=2, verbose=0, callbacks=[replicate.keras(rows)], **fit)
    replicate.finish()
    return output, rows
