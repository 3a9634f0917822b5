"""The shell's one order that matters: a record is on the disk before /metrics calls its replicate complete."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regsweep_trainer import run
from regsweep_trainer.audit import AUDIT_METRICS
from regsweep_trainer.contract import read_contract
from regsweep_trainer.exposition import Exposition
from regsweep_trainer.flags import flag_lines, parse_flags
from regsweep_trainer.journal import Journal
from regsweep_trainer.metrics import METRICS
from regsweep_trainer.record import Record
from regsweep_trainer.sources import load
from regsweep_trainer.splits import split

README = Path(__file__).parents[3] / "images" / "trainer" / "README.md"


class Still:
    """A network that learns nothing."""

    def reset(self, seed_base: int, replicate: int) -> None: ...
    def train_epoch(self, x: Any, y: Any, order: NDArray[np.int64]) -> bool:
        return True

    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros((len(x), 1), np.float32)

    def regularization_loss(self) -> float:
        return 0.0

    def weights(self) -> list[NDArray[Any]]:
        return []

    def restore(self, weights: list[NDArray[Any]]) -> None: ...


def test_the_record_is_written_before_complete_is_shown(tmp_path: Path) -> None:
    flags = parse_flags({"dataset": "breast_cancer", "epochs": 2})
    data = load(flags)
    contract = read_contract({})
    exposition = Exposition("s", "r", [0], 2, {})
    shown_when_written: list[str] = []

    class Watched(Journal):
        def finish(self, record: Record) -> None:
            super().finish(record)
            shown_when_written.append(exposition.text().decode())

    rows = split(data, split_seed=1, test_seed=0, val_fraction=0.4, test_fraction=0.2, train_rows=None)
    network: Any = Still()
    run._train_one(contract, flags, data, rows, 0, network, Watched(tmp_path / "log"), exposition)
    assert ['complete{replicate="0",run="r",sweep="s"} 0.0' in text for text in shown_when_written] == [True]
    assert 'complete{replicate="0",run="r",sweep="s"} 1.0' in exposition.text().decode()


def test_the_readme_lists_every_flag_as_it_is() -> None:
    text = README.read_text()
    for name, default, values, description in flag_lines():
        line = f"| `{name}` | {default} | {values} | {description} |"
        assert line in text, f"images/trainer/README.md wants the line\n{line}"


def test_the_readme_says_which_head_has_which_metric() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (yes|-) \| (yes|-) \| (yes|-) \|", README.read_text(), re.MULTILINE)
    listed = {name: tuple(cell == "yes" for cell in cells) for name, *cells in rows}
    heads = {head: (*METRICS[head], *AUDIT_METRICS[head]) for head in METRICS}
    every = {metric for metrics in heads.values() for metric in metrics}
    assert listed == {metric: tuple(metric in metrics for metrics in heads.values()) for metric in every} | {
        "regularization_loss": (True, True, True)
    }
