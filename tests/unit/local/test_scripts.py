"""A sweep of a script without a manifest, and what identifies the script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regsweep.api.validation import parse_sweep
from regsweep.local.scripts import ScriptError, script_trainer, sweep_of_script
from regsweep.local.sources import script_files
from regsweep.local.trainer import custom_trainer


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param([0, 0.5], {"values": [0, 0.5]}, id="a list is swept"),
        pytest.param([[64, 64], [8]], {"values": [[64, 64], [8]]}, id="a list of lists is swept, each list a value"),
        pytest.param(
            {"from": 0, "to": 1, "points": 3}, {"range": {"from": 0, "to": 1, "points": 3}}, id="a range is swept"
        ),
        pytest.param(20, None, id="a number is the same in every run"),
        pytest.param("relu", None, id="so is a text"),
        pytest.param({"a": 1}, None, id="and a mapping that is no range"),
    ],
)
def test_a_flag_is_swept_or_fixed_by_its_value(value: Any, expected: Any) -> None:
    manifest: Any = sweep_of_script(Path("My train_2.py"), {"other": [1, 2], "flag": value}, fields={"replicates": 3})
    assert manifest["metadata"] == {"name": "my-train-2"}
    spec = parse_sweep(manifest)
    assert spec.replicates == 3
    swept = [flag for flag in manifest["spec"]["flags"] if flag["name"] == "flag"]
    assert swept == ([{"name": "flag", **expected}] if expected else [])
    assert ("flag" in spec.trainer.parameters) == (expected is None)


def test_without_a_list_there_is_nothing_to_compare() -> None:
    with pytest.raises(ScriptError, match="nothing to compare"):
        sweep_of_script(Path("train.py"), {"epochs": 3})


@pytest.mark.parametrize(("name", "message"), [("missing.py", "no such file"), ("train.R", "is no Python script")])
def test_what_is_no_script_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "train.R").write_text("")
    with pytest.raises(ScriptError, match=message):
        script_trainer(tmp_path / name)


def test_a_script_is_the_same_trainer_by_its_name_and_by_a_command(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("import helper\n")
    alone = script_trainer(script)
    assert alone.identity == custom_trainer(f"python {script}").identity
    (tmp_path / "helper.py").write_text("a = 1\n")
    with_helper = script_trainer(script)
    assert with_helper.identity != alone.identity, "the module beside it is part of it"
    (tmp_path / "unused.py").write_text("")
    assert script_trainer(script).identity == with_helper.identity
    (tmp_path / "helper.py").write_text("a = 2\n")
    assert script_trainer(script).identity != with_helper.identity


def test_modules_beside_the_script_are_found_wherever_they_are_imported(tmp_path: Path) -> None:
    files = {
        "train.py": "def late():\n    import models.dense as m\nfrom data import load\nimport json, numpy\n",
        "data.py": "from models import losses\nimport train\n",
        "models/__init__.py": "",
        "models/dense.py": "from . import losses\nfrom .parts.block import Block\n",
        "models/losses.py": "",
        "models/parts/__init__.py": "from .. import extra\n",
        "models/parts/block.py": "this is no Python",
        "models/extra.py": "",
        "models/unused.py": "",
        "json.txt": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = {path.relative_to(tmp_path).as_posix() for path in script_files(tmp_path / "train.py")}
    assert found == files.keys() - {"models/unused.py", "json.txt"}
