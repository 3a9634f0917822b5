"""The scripts in images/kit/examples keep the contract."""

import sys
from pathlib import Path

import pytest

from support.trainer_process import Start

EXAMPLES = sorted((Path(__file__).parents[3] / "images" / "kit" / "examples").glob("*.py"))


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_reports_every_replicate_on_all_parts(script: Path, start: Start) -> None:
    trainer = start(
        {"epochs": 2}, command=(sys.executable, str(script)), REGSWEEP_REPLICATES="2", REGSWEEP_SCORE_TEST="1"
    )
    assert trainer.wait() == 0, trainer.err
    message = trainer.message
    assert [record[:3] for record in message["records"]] == [[0, "Ok", 2], [1, "Ok", 2]]
    assert {"train_average_loss", "val_average_loss", "test_average_loss"} <= set(message["columns"])
    assert all(value is not None for record in message["records"] for value in record[3])
