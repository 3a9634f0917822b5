from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from regsweep.local import trainer
from regsweep.local.gpus import Gpus
from regsweep.local.trainer import (
    THREAD_VARIABLES,
    NoTrainerError,
    custom_trainer,
    default_parallelism,
    process_environment,
    reference_trainer,
)


def test_the_reference_trainer_runs_in_this_interpreter_and_is_identified_by_its_version() -> None:
    found = reference_trainer()
    assert found.arguments == (sys.executable, "-P", "-m", "regsweep_trainer")
    assert found.identity.startswith("process:regsweep-trainer==")


def test_an_edited_script_is_another_trainer_and_a_moved_one_is_not(tmp_path: Path) -> None:
    script, moved = tmp_path / "train.py", tmp_path / "moved.py"
    script.write_text("one")
    moved.write_text("one")
    before = custom_trainer(f"python {script} --fast")
    assert custom_trainer(f"python {moved} --fast").identity == before.identity
    assert custom_trainer(f"python {script} --slow").identity != before.identity
    script.write_text("two")
    assert custom_trainer(f"python {script} --fast").identity != before.identity


def test_a_command_is_split_as_a_shell_splits_it() -> None:
    assert custom_trainer("python 'my train.py' -x").arguments == ("python", "my train.py", "-x")


@pytest.mark.parametrize(("command", "said"), [("", "is empty"), ("python 'x", "No closing quotation")])
def test_a_command_that_is_none_is_refused(command: str, said: str) -> None:
    with pytest.raises(NoTrainerError, match=said):
        custom_trainer(command)


@pytest.mark.parametrize(
    ("asked", "cores", "free_gib", "gpus", "runs"),
    [
        pytest.param(4, 8, 64, None, 4, id="as many as asked for"),
        pytest.param(16, 8, 64, None, 8, id="at most one per core"),
        pytest.param(4, 8, 2, None, 2, id="at most one per GiB of free memory"),
        pytest.param(4, 8, 0, None, 1, id="at least one"),
        pytest.param(0, 8, 64, None, 1, id="a drained sweep runs here nevertheless"),
        pytest.param(4, 8, 64, Gpus(["0", "1", "2"], each=1), 3, id="as many as there are GPUs"),
        pytest.param(4, 8, 64, Gpus(["0", "1", "2"], each=2), 1, id="as many as have two GPUs to themselves"),
    ],
)
def test_parallelism_is_what_the_machine_bears(
    monkeypatch: pytest.MonkeyPatch, asked: int, cores: int, free_gib: int, gpus: Gpus | None, runs: int
) -> None:
    monkeypatch.setattr(trainer, "available_cores", lambda: cores)
    monkeypatch.setattr(trainer, "free_memory_bytes", lambda: free_gib * 1024**3)
    assert default_parallelism(asked, gpus) == runs


def test_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "available_cores", lambda: 8)
    environment = process_environment({"REGSWEEP_FLAGS": "{}"}, {}, parallelism=3)
    assert {environment[name] for name in THREAD_VARIABLES} == {"2"}


@pytest.mark.parametrize(
    ("search_path", "kept"),
    [
        pytest.param("", "", id="empty"),
        pytest.param(":/mine", "/mine", id="an empty entry, which is the working directory"),
        pytest.param(".:/mine:lib", "/mine", id="relative ones"),
        pytest.param("/mine:/yours", "/mine:/yours", id="absolute ones stay"),
    ],
)
def test_the_reference_trainer_imports_nothing_from_where_it_is_started(search_path: str, kept: str) -> None:
    base = {"PYTHONPATH": search_path}
    assert process_environment({}, base, 1, isolated=True)["PYTHONPATH"] == kept
    assert process_environment({}, base, 1)["PYTHONPATH"] == search_path, "another trainer's is its user's"


@pytest.mark.parametrize("name", ["random.py", "json.py", "pydantic.py", "regsweep_trainer.py"])
@pytest.mark.parametrize("search_path", ["", ":"])
def test_a_module_of_the_working_directory_does_the_reference_trainer_no_harm(
    tmp_path: Path, name: str, search_path: str
) -> None:
    (tmp_path / name).write_text("raise SystemExit('this is not the module that was meant')")
    found = reference_trainer()
    environment = process_environment({}, {**os.environ, "PYTHONPATH": search_path}, 1, isolated=found.is_reference)
    done = subprocess.run(
        [*found.arguments, "--describe"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_users_thread_count_stays_and_a_stray_contract_variable_does_not() -> None:
    base = {"OMP_NUM_THREADS": "7", "REGSWEEP_LINGER_SECONDS": "30", "JOB_COMPLETION_INDEX": "5", "PATH": os.defpath}
    environment = process_environment({"REGSWEEP_FLAGS": "{}"}, base, parallelism=1)
    assert environment["OMP_NUM_THREADS"] == "7"
    assert environment["PATH"] == os.defpath
    assert "REGSWEEP_LINGER_SECONDS" not in environment and "JOB_COMPLETION_INDEX" not in environment
