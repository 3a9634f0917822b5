"""`import regsweep` is light, and the operator's image does without what is for people's machines."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import regsweep

HEAVY = (
    "pandas",
    "pyarrow",
    "matplotlib",
    "jinja2",
    "numpy",
    "scipy",
    "kubernetes",
    "aiohttp",
    "kopf",
    "tensorflow",
    "pydantic",
    "rich",
)


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def test_importing_regsweep_imports_nothing_heavy() -> None:
    done = python(f"import sys, regsweep; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert done.stdout == "[]\n", done.stderr


def test_a_script_may_ask_about_its_run_without_pandas() -> None:
    code = (
        "import sys, regsweep; regsweep.is_run_active(); print('pandas' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert python(code).stdout == "False\n"


@pytest.mark.parametrize("name", regsweep.__all__)
def test_each_public_name_is_there_and_says_what_it_does(name: str) -> None:
    assert (getattr(regsweep, name).__doc__ or "").strip()
    assert name in dir(regsweep)


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'regsweep' has no attribute 'tuning_runs'"):
        regsweep.tuning_runs  # noqa: B018


def test_without_pandas_one_sentence_says_what_to_install() -> None:
    done = python("import sys; sys.modules['pandas'] = None; import regsweep; regsweep.ls_runs()")
    last = done.stderr.splitlines()[-1]
    assert last.endswith("This needs pandas. Install it with `pip install 'regsweep[notebook]'`.")


def test_what_is_for_notebooks_is_an_extra_and_no_dependency_of_the_operator() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "operator" / "pyproject.toml").read_text())["project"]

    def names(requirements: list[str]) -> set[str]:
        return {requirement.split(">")[0].split("=")[0] for requirement in requirements}

    extra = {"pandas", "pyarrow", "matplotlib", "jinja2"}
    assert names(project["optional-dependencies"]["notebook"]) == extra
    assert not names(project["dependencies"]) & extra
