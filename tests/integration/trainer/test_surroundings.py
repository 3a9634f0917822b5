"""What happens to lie around a process changes no figure and breaks no run: other people's settings, files and consoles."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from support.trainer_process import DEADLINE_SECONDS, REFERENCE, Start, Trainer, surroundings

FLAGS: dict[str, Any] = {"dataset": "iris", "units": [4], "epochs": 3, "dropout": 0.2}
SCRIPT = (str(Path(sys.executable).with_name("regsweep-trainer")),)
"""As it is in an image's PATH."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The records of a run with nothing around it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    trainer = Trainer(folder, FLAGS, cwd=folder, HOME=str(folder))
    assert trainer.wait() == 0, trainer.err
    return list(trainer.message["records"])


@pytest.mark.parametrize(
    ("variable", "settings"),
    [
        pytest.param("HOME", '{"floatx": "float64", "epsilon": 0.5}', id="another precision"),
        pytest.param("HOME", '{"backend": "jax", "image_data_format": "channels_first"}', id="another backend"),
        pytest.param("HOME", '{"floatx": "bfloat16"}', id="a precision that Keras refuses"),
        pytest.param("HOME", "[]", id="no object"),
        pytest.param("KERAS_HOME", '{"floatx": "float16"}', id="a folder that the environment names"),
    ],
)
def test_somebodys_keras_settings_are_not_read(
    start: Start, tmp_path: Path, undisturbed: list[Any], variable: str, settings: str
) -> None:
    home = tmp_path / ".keras"
    home.mkdir()
    (home / "keras.json").write_text(settings)
    trainer = start(FLAGS, **{variable: str(tmp_path if variable == "HOME" else home)})
    assert trainer.wait() == 0, trainer.err
    assert trainer.message["records"] == undisturbed
    assert (home / "keras.json").read_text() == settings


def test_no_keras_settings_are_left_behind(start: Start, tmp_path: Path) -> None:
    trainer = start(FLAGS, HOME=str(tmp_path))
    assert trainer.wait() == 0, trainer.err
    assert not (tmp_path / ".keras").exists()


def shadow(folder: Path, *names: str) -> Path:
    """A folder with modules of these names, none of which may be imported."""
    folder.mkdir()
    for name in names:
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name} of the working directory was imported')\n")
    return folder


OWN = ("random", "keras", "typing", "json", "numpy", "socket", "tensorflow", "sklearn", "regsweep_kit", "dataclasses")


@pytest.mark.parametrize(
    ("command", "path"),
    [
        pytest.param(REFERENCE, None, id="python -m"),
        pytest.param(REFERENCE, ":", id="python -m and an empty entry of PYTHONPATH"),
        pytest.param(SCRIPT, ".", id="the script and a dot in PYTHONPATH"),
    ],
)
def test_modules_of_the_working_directory_are_not_imported(
    start: Start, tmp_path: Path, undisturbed: list[Any], command: tuple[str, ...], path: str | None
) -> None:
    folder = shadow(tmp_path / "work", *OWN)
    trainer = start(FLAGS, command=command, cwd=folder, **({} if path is None else {"PYTHONPATH": path}))
    assert trainer.wait() == 0, trainer.err
    assert trainer.message["records"] == undisturbed


def test_with_dash_p_not_even_those_that_python_itself_imports_first_are(start: Start, tmp_path: Path) -> None:
    folder = shadow(tmp_path / "work", *OWN, "types", "functools", "collections", "operator", "warnings")
    trainer = start(FLAGS, command=(sys.executable, "-P", "-m", "regsweep_trainer"), cwd=folder)
    assert trainer.wait() == 0, trainer.err


def test_modules_that_somebody_names_are_found_all_the_same(tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.mkdir()
    check = "import sys; from regsweep_trainer.safepath import forget_working_directory as f; f(); print(sys.path)"
    done = subprocess.run(
        [sys.executable, "-c", check],
        cwd=tmp_path,
        env={**surroundings(), "PYTHONPATH": f"{named}:"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert str(named) in done.stdout
    assert str(tmp_path) + "'" not in done.stdout
    assert "''" not in done.stdout


INSTALLED = {
    "Python's own modules": Path(os.__file__).parent,
    "site-packages": Path(sysconfig.get_path("purelib")),
    "this package": Path(__file__).parents[3] / "images/trainer/src",
}


@pytest.mark.parametrize("folder", INSTALLED.values(), ids=INSTALLED.keys())
def test_it_finds_everything_from_the_folders_that_it_was_installed_to(folder: Path) -> None:
    check = (
        "from regsweep_trainer.safepath import forget_working_directory as f; f(); "
        "import json, numpy, regsweep_kit, regsweep_trainer.run"
    )
    subprocess.run([sys.executable, "-c", check], cwd=folder, env=surroundings(), check=True, timeout=DEADLINE_SECONDS)


def test_it_runs_where_the_working_directory_was_deleted(tmp_path: Path) -> None:
    command = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    done = subprocess.run(
        ["/bin/sh", "-c", command, "sh", *SCRIPT, "--identify"],
        cwd=tmp_path,
        env={**surroundings(), "REGSWEEP_FLAGS": json.dumps(FLAGS)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 0, done.stderr


def test_a_refusal_with_a_name_that_the_console_cannot_show_is_still_one_sentence(start: Start, tmp_path: Path) -> None:
    flags = {"data_path": str(tmp_path / "größe.csv"), "target": "y"}
    trainer = start(flags, PYTHONIOENCODING="ascii")
    assert trainer.wait() == 64
    assert "gr\\xf6\\xdfe.csv: No such file" in trainer.err
    assert "größe.csv: No such file" in trainer.message["error"]["message"]
