"""Which backend computes, what it cannot compute, and where it keeps what it has compiled."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from regsweep_kit.errors import GpuNotVisibleError, InvalidContractError, InvalidFlagsError
from regsweep_trainer import backend
from regsweep_trainer.backend import Backend
from regsweep_trainer.flags import parse_flags

FILE = {"data_path": "t.csv", "target": "y"}


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Says which backends are installed."""

    def say(*names: str) -> None:
        monkeypatch.setattr(backend, "find_spec", lambda name: object() if name in names else None)

    return say


@pytest.mark.parametrize(
    ("named", "installed", "expected"),
    [
        pytest.param("", ["tensorflow"], Backend.TENSORFLOW, id="only TensorFlow is installed"),
        pytest.param("", ["jax"], Backend.JAX, id="only JAX is installed, as in its image"),
        pytest.param("", ["jax", "tensorflow"], Backend.TENSORFLOW, id="of both TensorFlow is the usual one"),
        pytest.param("jax", ["jax", "tensorflow"], Backend.JAX, id="of both the one that is named"),
        pytest.param("tensorflow", ["jax", "tensorflow"], Backend.TENSORFLOW, id="TensorFlow is named"),
        pytest.param("", [], Backend.TENSORFLOW, id="none is installed, which its import says"),
    ],
)
def test_the_backend_is_the_one_that_is_named_or_installed(
    install: Any, named: str, installed: list[str], expected: Backend
) -> None:
    install(*installed)
    assert backend.chosen({"KERAS_BACKEND": named}) is expected
    assert named or backend.chosen({}) is expected


@pytest.mark.parametrize(
    ("named", "says"),
    [
        pytest.param("torch", "got 'torch', but this trainer computes with tensorflow or jax", id="another one"),
        pytest.param(
            "JAX", "got 'JAX', but this trainer computes with tensorflow or jax", id="in capitals, as Keras refuses"
        ),
        pytest.param(
            "jax", r"got 'jax', which is not installed here; install regsweep-trainer\[jax\]", id="not installed"
        ),
    ],
)
def test_what_cannot_compute_is_refused_before_anything_is_trained(install: Any, named: str, says: str) -> None:
    install("tensorflow")
    with pytest.raises(InvalidContractError, match=says):
        backend.chosen({"KERAS_BACKEND": named})


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        pytest.param(
            {"dataset": "iris", "model": "dnn_classifier", "hidden_units": [4]},
            "flag model: dnn_classifier has the Estimator's feature columns.*, or set model: dense",
            id="the Estimator's models",
        ),
        pytest.param(
            {**FILE, "columns": {"age": {"kind": "bucketized", "bins": 4}}},
            'flag columns: column "age" is bucketized.*, or declare it numeric',
            id="buckets",
        ),
        pytest.param(
            {**FILE, "columns": {"city": {"kind": "hashed", "bins": 9}}},
            'flag columns: column "city" is hashed.*, or declare it categorical without',
            id="hashed text",
        ),
        pytest.param(
            {**FILE, "columns": {"age": "numeric", "city": {"kind": "categorical", "embedding": 2}}},
            'flag columns: column "city" is categorical with an embedding.*, or declare it categorical without an embedding',
            id="embedded text",
        ),
        pytest.param(
            {
                **FILE,
                "columns": {"a": "categorical", "b": "categorical"},
                "crosses": [{"columns": ["a", "b"], "bins": 9}],
            },
            "flag crosses: columns a, b are crossed.*, or remove the flag",
            id="crosses",
        ),
    ],
)
def test_what_needs_tensorflow_is_refused_with_the_flag_and_what_to_do(
    install: Any, monkeypatch: pytest.MonkeyPatch, flags: dict[str, Any], says: str
) -> None:
    install("jax", "tensorflow")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(InvalidFlagsError, match=says) as refused:
        backend.check_flags(parse_flags(flags))
    assert "this trainer computes with jax; take the trainer's image with TensorFlow" in str(refused.value)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    backend.check_flags(parse_flags(flags))


def test_text_as_ones_and_zeros_needs_no_tensorflow(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install("jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    backend.check_flags(parse_flags({**FILE, "columns": {"city": {"kind": "categorical", "missing": "category"}}}))


def test_what_was_compiled_is_kept_in_the_users_cache(tmp_path: Path) -> None:
    folder = tmp_path / ".cache/regsweep/jax"
    assert backend.cache_folder({"HOME": str(tmp_path)}) == folder
    assert folder.is_dir()
    assert (
        backend.cache_folder({"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "x")})
        == tmp_path / "x/regsweep/jax"
    )


@pytest.mark.parametrize(
    "home", ["", os.devnull], ids=["no home", "a home that cannot be written to, as in a container"]
)
def test_without_a_home_it_is_kept_among_temporary_files_where_nobody_else_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    folder = backend.cache_folder({"HOME": home})
    assert folder == tmp_path / f"regsweep-jax-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    own = os.getuid()
    (tmp_path / f"regsweep-jax-{own + 1}").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: own + 1)
    assert backend.cache_folder({}) is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({}, "--xla_cpu_multi_thread_eigen=false", id="one thread"),
        pytest.param({"XLA_FLAGS": "--mine"}, "--mine", id="what somebody has set"),
    ],
)
def test_jax_computes_on_one_thread_unless_somebody_says_otherwise(
    install: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: dict[str, str], expected: str
) -> None:
    install("jax")
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path), "KERAS_BACKEND": "jax", **settings})
    backend.set_environment(0)
    assert os.environ["XLA_FLAGS"] == expected
    assert os.environ["JAX_PLATFORMS"] == "cpu"
    assert "TF_NUM_INTRAOP_THREADS" not in os.environ


@pytest.mark.parametrize("which", ["tensorflow", "jax"])
def test_what_configures_keras_or_jax_in_somebodys_shell_changes_no_training(
    install: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, which: str
) -> None:
    install("tensorflow", "jax")
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path), "KERAS_BACKEND": which})
    backend.set_environment(0)
    plain = dict(os.environ)
    shell = {
        "KERAS_MAX_EPOCHS": "x", "KERAS_MAX_STEPS_PER_EPOCH": "1", "KERAS_NNX_ENABLED": "1", "JAX_ENABLE_X64": "1",
        "JAX_THREEFRY_PARTITIONABLE": "0", "JAX_DEFAULT_PRNG_IMPL": "rbg", "JAX_DEBUG_NANS": "1",
    }  # fmt: skip
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path), "KERAS_BACKEND": which, **shell})
    backend.set_environment(0)
    assert os.environ == plain


def test_where_jax_keeps_what_it_compiled_is_for_the_shell_to_say(
    install: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install("jax")
    monkeypatch.setattr(os, "environ", {"KERAS_BACKEND": "jax", "JAX_COMPILATION_CACHE_DIR": str(tmp_path)})
    backend.set_environment(0)
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == str(tmp_path)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[None]:
    """This process' own, put back afterwards."""
    with mock.patch.dict(os.environ, KERAS_BACKEND="jax", XDG_CACHE_HOME=str(tmp_path)):
        for name in ("JAX_PLATFORMS", "XLA_FLAGS", "NPROC", "XLA_PYTHON_CLIENT_PREALLOCATE"):
            os.environ.pop(name, None)
        yield


@pytest.mark.parametrize(
    ("gpus", "plugin", "on_cpu"),
    [
        pytest.param(1, True, False, id="with a plugin and GPUs"),
        pytest.param(0, True, True, id="no GPU was requested"),
        pytest.param(1, False, True, id="without a plugin, where stand-ins are allowed"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_jax_computes_on_gpus_only_where_they_are_requested_and_it_can(
    install: Any, monkeypatch: pytest.MonkeyPatch, gpus: int, plugin: bool, on_cpu: bool
) -> None:
    install("jax", "tensorflow")
    monkeypatch.setattr(backend, "has_jax_plugin", lambda: plugin)
    monkeypatch.setitem(os.environ, "XLA_FLAGS", "--xla_own=1")
    backend.set_environment(gpus)
    assert os.environ.get("JAX_PLATFORMS") == ("cpu" if on_cpu else None)
    assert os.environ["XLA_FLAGS"] == ("--xla_own=1" if on_cpu else "--xla_gpu_deterministic_ops=true --xla_own=1")
    assert os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE") == (None if on_cpu else "false")


@pytest.fixture
def start_with(install: Any, environment: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Starts JAX with or without a plugin, and with this GPU for it to see."""

    def start(gpus: int, *, plugin: bool = True, gpu: str | None = None, allow_cpu: bool = False) -> backend.Device:
        install("jax")
        monkeypatch.setattr(backend, "has_jax_plugin", lambda: plugin)
        monkeypatch.setattr(backend, "import_keras", lambda: None if plugin else pytest.fail("it was imported"))
        monkeypatch.setattr(backend, "_first_gpu_of_jax", lambda: gpu)
        return backend.start(gpus, allow_cpu)

    return start


def test_jax_that_cannot_compute_on_gpus_is_refused_before_it_is_imported(start_with: Any) -> None:
    with pytest.raises(InvalidContractError, match=r"got 1, but JAX as it is installed here computes on the CPU alone"):
        start_with(1, plugin=False)


def test_a_gpu_that_jax_does_not_see_is_no_reason_to_train_on_the_cpu(start_with: Any) -> None:
    with pytest.raises(GpuNotVisibleError, match=r"REGSWEEP_GPUS is 1, but .*keras 3.* sees no GPU"):
        start_with(1)
    assert start_with(1, allow_cpu=True).name == "cpu"
    model = "NVIDIA H100 80GB HBM3"
    assert start_with(2, gpu=model) == backend.Device(model, 1)
