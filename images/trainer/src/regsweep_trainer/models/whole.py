"""The model that is saved: raw rows in; out of it probabilities, or numbers in the target's unit. Layers of Keras alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from regsweep_trainer.data.dataset import Dataset, Head
from regsweep_trainer.models.preprocessing import Entry
from regsweep_trainer.preparation import Prepared

ANSWERS = {
    Head.BINARY: "the probability of the class {last}",
    Head.MULTICLASS: "the probability of each class, in the order {classes}",
    Head.REGRESSION: "the number, in the target's unit",
}


def whole_model(entry: Entry, network: Any, data: Dataset, prepared: Prepared) -> Any:
    """network: from x to logits, or to standardised numbers. The answer is float64: a probability near 1 keeps its digits."""
    logits = network(entry.x)
    if data.head is Head.REGRESSION:
        scale, mean = np.array([prepared.target_scale]), np.array([prepared.target_mean])
        answer = keras.ops.cast(logits, "float64") * scale + mean
    else:
        activation = "sigmoid" if data.head is Head.BINARY else "softmax"
        answer = keras.layers.Activation(activation, dtype="float64", name="answer")(logits)
    return keras.Model(entry.given, answer)


def save(model: Any, file: Path, entry: Entry, data: Dataset) -> None:
    """Writes the model whole or not at all, and beside it what goes in and comes out."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_name(f".half-{file.name}")
    model.save(half)
    half.replace(file)
    file.with_suffix(".json").write_text(json.dumps(_described(entry, data), indent=2) + "\n")


def _described(entry: Entry, data: Dataset) -> Mapping[str, Any]:
    classes = [str(name) for name in data.classes or ()]
    answer = ANSWERS[data.head].format(last=classes[-1] if classes else "", classes=", ".join(classes))
    return {
        "inputs": [
            {
                "name": name,
                "shape": list(given.shape[1:]),
                "dtype": given.dtype,
                "meaning": entry.meanings.get(name, "numbers as in the file"),
                "missing": entry.missing.get(name, ""),
            }
            for name, given in entry.inputs.items()
        ],
        "output": answer,
        "classes": classes,
    }
