"""A saved model has its preprocessing inside: in a fresh process, with Keras alone, it gives the recorded metrics from raw rows."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regsweep_kit.contract import read_contract
from regsweep_kit.models import model_file
from regsweep_kit.record import Record
from regsweep_trainer import backend
from regsweep_trainer.data.dataset import Dataset, Head
from regsweep_trainer.data.sources import load
from regsweep_trainer.flags import parse_flags
from regsweep_trainer.models.constant import ConstantPredictor
from regsweep_trainer.preparation import prepare
from regsweep_trainer.run import Plan, _model, plan_run
from regsweep_trainer.saving import save_model
from regsweep_trainer.task import Task
from regsweep_trainer.training import train_replicate

ROWS = 120
FRESH = """
import json, sys
import keras, numpy as np
assert not any(name.startswith("regsweep") for name in sys.modules)

def tensor(cells):
    return keras.ops.convert_to_tensor(np.array(cells, dtype=object if isinstance(cells[0][0], str) else "float64"))

for case in json.load(open(sys.argv[1])):
    given = {name: tensor(cells) for name, cells in case["rows"].items()}
    model = keras.models.load_model(case["file"])
    np.save(case["file"] + ".npy", np.asarray(model(given.get("", given))))
    np.save(case["file"] + ".predicted.npy", model.predict(given.get("", given), verbose=0))
"""


@dataclass(frozen=True)
class Saved:
    """A model that was saved."""

    file: Path
    record: Record
    plan: Plan
    rows: Mapping[str, Any]
    """The validation rows as they are in the file, by input."""


def table(path: Path) -> Path:
    """Numbers with gaps and of awkward magnitudes, categories one of which the training rows may lack, dates and truth values."""
    rng = np.random.default_rng(3)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "year", "tiny", "colour", "paid", "y", "price"])
        for k in range(ROWS):
            age = rng.normal(40, 12)
            colour = "rare" if k == 7 else str(rng.choice(["red", "green", "blue"]))
            writer.writerow(
                [
                    "" if k % 11 == 0 else f"{age:.3f}",
                    f"{1e9 + rng.integers(0, 9)}",
                    f"{rng.normal() * 1e-150:.6e}",
                    "NA" if k % 13 == 0 else colour,
                    rng.choice(["yes", "no"]),
                    "sick" if age + 20 * (colour == "red") + rng.normal(0, 5) > 45 else "well",
                    f"{1000 + 30 * age + rng.normal():.3f}",
                ]
            )
    return path


CASES: dict[str, dict[str, Any]] = {
    "two classes": {"dataset": "breast_cancer"},
    "several classes": {"dataset": "iris"},
    "a regression in its own unit": {"dataset": "diabetes"},
    "regularised, normalised, with restored weights": {
        "dataset": "breast_cancer",
        "dropout": 0.3,
        "normalization": "batch",
        "noise": 0.1,
        "l2": 0.01,
        "early_stopping": 1,
        "restore_best": True,
    },
    "the best epoch, where it counts": {
        "dataset": "breast_cancer",
        "units": [32],
        "learning_rate": 0.05,
        "epochs": 10,
        "objective": {"metric": "val_average_loss", "epoch": "Best"},
    },
    "the constant predictor": {"dataset": "iris", "model": "constant"},
    "images": {"dataset": "digits", "model": "cnn", "filters": [4], "units": [8]},
    "a table with gaps, text and truth values": {
        "data_path": "table.csv",
        "target": "y",
        "columns": {
            "age": {"kind": "numeric", "missing": "median"},
            "colour": {"kind": "categorical", "missing": "category"},
            "paid": "boolean",
            "price": "ignored",
        },
    },
    "missing text that is the most frequent one": {
        "data_path": "table.csv",
        "target": "y",
        "columns": {
            "age": {"kind": "numeric", "missing": "mean"},
            "colour": {"kind": "categorical", "missing": "most_frequent"},
            "paid": "boolean",
            "price": "ignored",
        },
    },
    "a number of a table": {
        "data_path": "table.csv",
        "target": "price",
        "task": "regression",
        "columns": {
            "age": {"kind": "numeric", "missing": "mean"},
            "colour": {"kind": "categorical", "missing": "category"},
            "paid": "boolean",
            "y": "categorical",
        },
    },
    "the Estimator's columns": {
        "data_path": "table.csv",
        "target": "y",
        "model": "dnn_classifier",
        "hidden_units": [4],
        "columns": {
            "age": "ignored",
            "year": {"kind": "bucketized", "boundaries": [1000000002, 1000000005]},
            "colour": {"kind": "categorical", "missing": "category", "embedding": 2},
            "paid": "categorical",
            "price": {"kind": "bucketized", "bins": 4},
        },
        "crosses": [{"columns": ["colour", "paid"], "bins": 6}],
    },
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Saved]]:
    """All cases, trained here."""
    folder = tmp_path_factory.mktemp("models")
    table(folder / "table.csv")
    backend.start(0, allow_cpu=False)
    yield {name: trained(folder / str(k), folder, flags) for k, (name, flags) in enumerate(CASES.items())}


@pytest.fixture(scope="module")
def answers(saved: dict[str, Saved], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any]]:
    """What the models answer in another process, called and by `predict`."""
    told = tmp_path_factory.mktemp("told") / "cases.json"
    told.write_text(json.dumps([{"file": str(each.file), "rows": each.rows} for each in saved.values()]))
    done = subprocess.run([sys.executable, "-c", FRESH, str(told)], capture_output=True, text=True, cwd=told.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: (np.load(f"{each.file}.npy"), np.load(f"{each.file}.predicted.npy")) for name, each in saved.items()}


def trained(folder: Path, tables: Path, case: dict[str, Any]) -> Saved:
    given = {"epochs": 2, **case}
    objective = json.dumps(given.pop("objective", {}))
    if "data_path" in given:
        given["data_path"] = str(tables / given["data_path"])
    flags = parse_flags(given)
    contract = read_contract({"REGSWEEP_MODELS": str(folder), "REGSWEEP_OBJECTIVE": objective})
    plan = plan_run(contract, flags, load(flags))
    network, encoder, _ = _model(flags, plan.data)
    rows = plan.splits[0]
    prepared = prepare(plan.data, rows, class_weights=flags.class_weights, encoder=encoder)
    task = Task(
        0, contract.seed_base, plan.data.head, flags, contract.objective, score_test=contract.score_test, saves=True
    )
    file = model_file(contract.models, 0)
    assert file is not None
    record, _ = train_replicate(
        network, prepared, task, lambda progress: None, None, lambda: save_model(file, network, plan.data, prepared)
    )
    return Saved(file, record, plan, raw_rows(plan.data, flags.data_path, rows.val, file))


def raw_rows(data: Dataset, path: str | None, rows: Any, file: Path) -> dict[str, Any]:
    inputs = json.loads(file.with_suffix(".json").read_text())["inputs"]
    if path is None:
        (given,) = inputs
        return {"": data.features[rows].reshape(len(rows), *given["shape"]).tolist()}
    with Path(path).open(newline="") as opened:
        table = list(csv.DictReader(opened))
    found: dict[str, Any] = {}
    for given in inputs:
        cells = [table[row][given["name"]] for row in rows]
        if given["dtype"] == "string" and given["missing"] != "as in the file":
            cells = [given["missing"] if cell == "NA" else cell for cell in cells]
        if given["dtype"] != "string":
            numbers = {"": float("nan"), "yes": 1.0, "no": 0.0}
            cells = [numbers[cell] if cell in numbers else float(cell) for cell in cells]
        found[given["name"]] = [[cell] for cell in cells]
    return found


def average_loss(answer: Any, of: Saved) -> float:
    """By its definition, from the answers to the validation rows."""
    target = of.plan.data.target[of.plan.splits[0].val]
    if of.plan.data.head is Head.REGRESSION:
        return float(np.mean((answer[:, 0] - target) ** 2))
    if of.plan.data.head is Head.BINARY:
        answer = np.concatenate([1 - answer, answer], axis=1)
    return float(-np.mean(np.log(answer[np.arange(len(target)), target.astype(int)])))


@pytest.mark.parametrize("case", CASES)
def test_the_recorded_metric_comes_out_of_raw_rows(
    saved: dict[str, Saved], answers: dict[str, tuple[Any, Any]], case: str
) -> None:
    record = saved[case].record
    recorded = record.values["val_average_loss"]
    if "objective" in CASES[case]:
        assert record.best is not None
        assert record.best.epoch < record.epochs, "or it would prove nothing"
        recorded = record.best.val
    assert average_loss(answers[case][0], saved[case]) == pytest.approx(recorded, rel=1e-6)


@pytest.mark.parametrize("case", ["two classes", "a regression in its own unit", "images"])
def test_predict_answers_the_same_but_for_the_digits_of_float32(answers: dict[str, tuple[Any, Any]], case: str) -> None:
    called, predicted = answers[case]
    assert predicted == pytest.approx(called, rel=1e-3)


def test_a_model_of_text_is_not_saved_without_tensorflow_which_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table(tmp_path / "table.csv")
    backend.start(0, allow_cpu=False)
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    flags = parse_flags({**CASES["a table with gaps, text and truth values"], "data_path": str(tmp_path / "table.csv")})
    plan = plan_run(read_contract({}), flags, load(flags))
    prepared = prepare(plan.data, plan.splits[0])
    save_model(tmp_path / "m.keras", ConstantPredictor(plan.data.head, 2), plan.data, prepared)
    said = capsys.readouterr().err
    assert "no model is saved: column 'colour' is text, which Keras looks up with TensorFlow alone" in said
    assert not (tmp_path / "m.keras").exists()
