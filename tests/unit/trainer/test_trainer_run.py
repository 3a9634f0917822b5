"""The shell: what is refused before training, and a record on the disk before /metrics calls its replicate complete."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from regsweep_kit.contract import read_contract
from regsweep_kit.errors import InvalidFlagsError
from regsweep_kit.exposition import Exposition, Run
from regsweep_kit.journal import Journal
from regsweep_kit.record import Record
from regsweep_kit.reporting import Reporter
from regsweep_kit.timing import Stopwatch
from regsweep_trainer.audit import AUDIT_METRICS
from regsweep_trainer.data.sources import load
from regsweep_trainer.flags import flag_lines, parse_flags
from regsweep_trainer.metrics import METRICS
from regsweep_trainer.run import plan_run, train_one

README = Path(__file__).parents[3] / "images" / "trainer" / "README.md"


class Still:
    """A network that learns nothing."""

    def reset(self, seed_base: int, replicate: int) -> None: ...
    def train_epoch(self, x: Any, y: Any, order: NDArray[np.int64], weights: Any, learning_rate: float) -> bool:
        return True

    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros((len(x), 1), np.float32)

    def activity_penalties(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros(len(x), np.float32)

    def summary(self) -> str:
        return ""

    def regularization_loss(self) -> float:
        return 0.0

    def state(self) -> list[NDArray[Any]]:
        return []

    def resume(self, state: list[NDArray[Any]]) -> None: ...
    def weights(self) -> list[NDArray[Any]]:
        return []

    def restore(self, weights: list[NDArray[Any]]) -> None: ...


def test_the_record_is_written_before_complete_is_shown(tmp_path: Path) -> None:
    flags = parse_flags({"dataset": "breast_cancer", "epochs": 2})
    plan = plan_run(read_contract({}), flags, load(flags))
    exposition = Exposition(Run("s", "r", [0], 2, {}))
    shown_when_written: list[str] = []

    class Watched(Journal):
        def finish(self, record: Record) -> None:
            super().finish(record)
            shown_when_written.append(exposition.text().decode())

    journal = Watched(tmp_path / "log")
    network: Any = Still()
    train_one(plan, 0, network, Reporter(journal, exposition, 0, Stopwatch()))
    assert ['complete{replicate="0",run="r",sweep="s"} 0.0' in text for text in shown_when_written] == [True]
    assert 'complete{replicate="0",run="r",sweep="s"} 1.0' in exposition.text().decode()
    ((start, end),) = json.loads((tmp_path / "log").read_bytes())["times"]["replicates"]
    assert 0 <= start <= end


FINAL = {"REGSWEEP_FINAL": "1"}
OUTER = {"REGSWEEP_RESAMPLING": '{"kind": "Holdout", "outer": {"fold": 1, "folds": 5}}'}
MARKED = "a,part,y\n" + "".join(f"{k % 7},{('train', 'val')[k % 2]},{k % 3 > 0:d}\n" for k in range(60))


@pytest.mark.parametrize(
    ("environment", "flags", "says"),
    [
        pytest.param({}, {"test_fraction": 0}, None, id="nobody will ask for test rows"),
        pytest.param(FINAL, {}, None, id="there are test rows"),
        pytest.param(FINAL | OUTER, {"test_fraction": 0}, None, id="an outer fold is test rows"),
        pytest.param(
            FINAL, {"test_fraction": 0}, "flag test_fraction: 0 leaves 0 test rows, but REGSWEEP_FINAL", id="none"
        ),
        pytest.param(
            FINAL, {"test_fraction": 0.002}, "flag test_fraction: 0.002 leaves 1 test rows", id="a single one"
        ),
        pytest.param(
            {"REGSWEEP_SCORE_TEST": "1"},
            {"test_fraction": "0"},
            "flag test_fraction: 0 leaves 0 test rows, but REGSWEEP_SCORE_TEST asks",
            id="asked for at once",
        ),
        pytest.param(
            FINAL,
            {"dataset": None, "data_path": "marked.csv", "target": "y", "split_column": "part"},
            "flag split_column: 'part' marks 0 test rows, .*; mark more rows test",
            id="marks without test",
        ),
    ],
)
def test_a_final_evaluation_without_test_rows_is_refused_before_training(
    environment: dict[str, str],
    flags: dict[str, Any],
    says: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("marked.csv").write_text(MARKED)
    parsed = parse_flags({"dataset": "breast_cancer", **flags})
    if says is None:
        plan_run(read_contract(environment), parsed, load(parsed))
        return
    with pytest.raises(InvalidFlagsError, match=says) as caught:
        plan_run(read_contract(environment), parsed, load(parsed))
    assert caught.value.exit_code == 64


@pytest.mark.parametrize(
    ("dataset", "metric"), [("diabetes", "accuracy"), ("diabetes", "auc"), ("iris", "auc"), ("digits", "precision")]
)
def test_a_stopping_metric_that_the_data_do_not_have_is_refused(dataset: str, metric: str) -> None:
    flags = parse_flags({"dataset": dataset, "early_stopping_metric": metric})
    with pytest.raises(
        InvalidFlagsError, match=f"flag early_stopping_metric: got '{metric}', but {dataset} .* has average_loss"
    ):
        plan_run(read_contract({}), flags, load(flags))


def test_outer_folds_are_the_test_rows_of_all_replicates() -> None:
    flags = parse_flags({"dataset": "iris"})
    tested: list[int] = []
    for fold in range(5):
        outer = json.dumps({"kind": "KFold", "folds": 3, "outer": {"fold": fold, "folds": 5}})
        plan = plan_run(read_contract({"REGSWEEP_RESAMPLING": outer, "REGSWEEP_REPLICATES": "3"}), flags, load(flags))
        rows = {tuple(splits.test) for splits in plan.splits.values()}
        assert len(rows) == 1
        tested += rows.pop()
    assert sorted(tested) == list(range(150))


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
        "regularization_loss": (True, True, True),
        "late_gain": (True, True, True),
    }
