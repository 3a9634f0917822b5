from __future__ import annotations

from pathlib import Path

import pytest

from regsweep.local import preloading
from regsweep.local.preloading import preloadable, warm_script
from regsweep.local.trainer import custom_trainer, python_trainer, reporting_trainer


@pytest.mark.parametrize(
    ("text", "modules"),
    [
        pytest.param("import keras", ["keras"], id="a framework"),
        pytest.param("import tensorflow as tf, keras", ["tensorflow", "keras"], id="several, in their order"),
        pytest.param("from sklearn.svm import SVC", ["sklearn.svm"], id="a module of a package"),
        pytest.param("from keras import layers\nimport keras", ["keras"], id="each once"),
        pytest.param("import numpy\nimport pandas", ["numpy", "pandas"], id="NumPy beside them"),
        pytest.param("import numpy", [], id="NumPy alone is quick"),
        pytest.param("import torch", [], id="a framework of which nothing is known"),
        pytest.param("import json, keras, mine", ["keras"], id="others stay the script's"),
        pytest.param("if True:\n    import keras", [], id="under a condition"),
        pytest.param("try:\n    import keras\nexcept ImportError: pass", [], id="where it may be missing"),
        pytest.param("def f():\n    import keras", [], id="when it is needed"),
        pytest.param("for _ in 'x':\n    pass\nimport keras", [], id="after a loop, which may be the replicates'"),
        pytest.param(
            "import os, keras\nos.environ['KERAS_BACKEND'] = 'jax'", [], id="beside what sets the environment"
        ),
        pytest.param("from os import putenv\nimport keras", [], id="or may set it"),
        pytest.param("import sys, keras\nsys.path.insert(0, 'x')", [], id="beside what moves modules"),
        pytest.param("import kerasx, notsklearn", [], id="names that begin or end alike"),
        pytest.param("from .keras import x", [], id="a relative import"),
        pytest.param("import keras\nif:", [], id="what is no Python"),
        pytest.param("", [], id="an empty script"),
    ],
)
def test_what_a_script_imports_in_any_case_may_be_imported_before_it(
    tmp_path: Path, text: str, modules: list[str]
) -> None:
    (tmp_path / "train.py").write_text(text)
    assert preloadable(tmp_path / "train.py") == tuple(modules)


def test_modules_beside_the_script_are_followed_and_not_imported(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import model, numpy, keras.layers\nfrom parts.data import x")
    (tmp_path / "model.py").write_text("import keras\nimport model")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "data.py").write_text("import pandas")
    assert preloadable(tmp_path / "train.py") == ("keras", "numpy", "keras.layers", "pandas")
    (tmp_path / "model.py").write_text("import keras, os\nos.environ['X'] = 'y'")
    assert preloadable(tmp_path / "train.py") == ()


def test_a_module_beside_the_script_is_not_the_package_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import keras")
    (tmp_path / "keras.py").write_text("")
    assert preloadable(tmp_path / "train.py") == ()


def test_a_script_that_is_not_there_has_nothing_to_import(tmp_path: Path) -> None:
    assert preloadable(tmp_path / "none.py") == ()


def test_no_script_is_forked_where_a_gpu_may_be_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script, device = tmp_path / "train.py", tmp_path / "nvidiactl"
    script.write_text("import keras")
    monkeypatch.setattr(preloading, "GPU_DEVICES", (device,))
    assert warm_script("python", script) is not None
    device.touch()
    assert warm_script("python", script) is None


@pytest.mark.parametrize(
    ("command", "forked"),
    [
        pytest.param("python {}", True, id="python"),
        pytest.param("/usr/bin/python3.12 {}", True, id="a python by its path"),
        pytest.param("python {} --fast", False, id="with an argument of its own"),
        pytest.param("python -O {}", False, id="with an option of Python's"),
        pytest.param("python -m train", False, id="a module"),
        pytest.param("pythonx {}", False, id="another program"),
        pytest.param("torchrun {}", False, id="a launcher"),
    ],
)
def test_only_a_script_and_its_python_are_forked(tmp_path: Path, command: str, forked: bool) -> None:
    script = tmp_path / "train.py"
    script.write_text("import keras")
    trainer = custom_trainer(command.format(script))
    assert (trainer.warmth is not None) == forked
    assert reporting_trainer(trainer).warmth is None, "the wrapper starts processes of its own"
    assert python_trainer("python", script).warmth is not None
