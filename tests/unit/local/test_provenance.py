"""What is kept of a run beside its flags: source, packages, checkout."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from regsweep.local.provenance import MOST_SOURCE_BYTES, SWEEP_FILE, computing_packages, git_state, keepsakes
from regsweep.local.trainer import TrainerCommand, reference_trainer, reporting_trainer


def command(*arguments: str) -> TrainerCommand:
    return TrainerCommand(arguments, "process:x")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@y", *arguments],
        check=True,
        capture_output=True,
    )


def test_the_source_is_the_sweep_and_what_the_command_names(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print('ä')\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "train.py").write_text("second")
    kept = keepsakes(
        command(sys.executable, str(tmp_path / "train.py"), str(tmp_path / "other" / "train.py"), "fast"), "{}"
    )
    assert kept.source == {SWEEP_FILE: "{}", "train.py": "print('ä')\n", "train.py.2": "second"}
    assert kept.provenance.not_kept == []


def test_modules_beside_a_script_that_it_imports_are_source_too(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import helper\nfrom parts import model\nimport numpy\n")
    (tmp_path / "helper.py").write_text("1")
    (tmp_path / "unused.py").write_text("2")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").write_text("")
    (tmp_path / "parts" / "model.py").write_text("3")
    kept = keepsakes(command("python", str(tmp_path / "train.py")), "{}")
    assert sorted(kept.source) == ["helper.py", "parts/__init__.py", "parts/model.py", SWEEP_FILE, "train.py"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\0model", id="binary"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b"x" * (MOST_SOURCE_BYTES + 1), id="large"),
    ],
)
def test_a_file_that_is_no_source_is_named_and_not_copied(tmp_path: Path, content: bytes) -> None:
    data = tmp_path / "data.bin"
    data.write_bytes(content)
    kept = keepsakes(command("python", str(data)), "{}")
    assert kept.source == {SWEEP_FILE: "{}"}
    assert kept.provenance.not_kept == [str(data)]


def test_a_script_of_the_users_named_like_the_sweep_file_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / SWEEP_FILE).write_text("mine")
    assert keepsakes(command("python", str(tmp_path / SWEEP_FILE)), "{}").source == {
        SWEEP_FILE: "{}",
        f"{SWEEP_FILE}.2": "mine",
    }


def test_a_program_that_is_a_script_is_source_and_an_interpreter_is_not(tmp_path: Path) -> None:
    script = tmp_path / "train.sh"
    script.write_text("#!/bin/sh\n")
    assert keepsakes(command(str(script)), "{}").source == {SWEEP_FILE: "{}", "train.sh": "#!/bin/sh\n"}
    kept = keepsakes(command(sys.executable), "{}")
    assert (kept.source, kept.provenance.not_kept) == ({SWEEP_FILE: "{}"}, [])


def test_packages_are_those_of_this_interpreter_and_of_no_other() -> None:
    packages = keepsakes(reference_trainer(), "{}").provenance.packages
    assert {"keras", "numpy"} <= packages.keys()
    assert keepsakes(command("julia", "train.jl"), "{}").provenance.packages == {}


def test_the_checkout_is_kept_with_whether_it_had_changes(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None
    git(tmp_path, "init")
    assert git_state(tmp_path) is None, "there is no commit yet"
    (tmp_path / "train.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "x")
    clean = git_state(tmp_path)
    assert clean is not None
    assert (len(clean.commit), clean.changed) == (40, False)
    (tmp_path / "train.py").write_text("2")
    changed = git_state(tmp_path)
    assert changed is not None
    assert changed.changed


def test_without_git_nothing_is_said_of_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(Path(__file__).parent) is None


def environment(folder: Path, **versions: str) -> Path:
    """The Python of a virtual environment with these packages."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    (folder / "pyvenv.cfg").write_text("")
    for name, version in versions.items():
        info = folder / "lib" / "python3.11" / "site-packages" / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return python


def test_the_packages_that_compute_are_those_of_the_trainers_python(tmp_path: Path) -> None:
    own = computing_packages(command(sys.executable, "train.py"))
    assert own["numpy"] == metadata.version("numpy")
    assert "pytest" not in own
    python = environment(tmp_path / "venv", keras="3.14.0", torch="2.9", rich="14.0")
    assert computing_packages(command(str(python), "train.py")) == {"keras": "3.14.0", "torch": "2.9"}
    wrapped = reporting_trainer(command(str(python), "train.py"))
    assert computing_packages(wrapped) == {"keras": "3.14.0", "torch": "2.9"}


@pytest.mark.parametrize("arguments", [("sh", "train.sh"), ("/nowhere/python", "train.py")])
def test_of_what_is_no_python_no_packages_are_known(arguments: tuple[str, ...]) -> None:
    assert computing_packages(command(*arguments)) == {}


def test_of_a_python_that_is_no_environment_no_packages_are_known(tmp_path: Path) -> None:
    python = environment(tmp_path / "usr", keras="3.14.0")
    (tmp_path / "usr" / "pyvenv.cfg").unlink()
    assert computing_packages(command(str(python), "train.py")) == {}
