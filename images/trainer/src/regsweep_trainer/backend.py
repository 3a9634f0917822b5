"""Which of Keras' backends computes, and how it is brought up.

That costs seconds: it is done only once flags, data and record are known to be good.
"""

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from regsweep_kit.errors import GpuNotVisibleError, InvalidContractError, InvalidFlagsError
from regsweep_trainer.flags import Flags, asks_for_feature_space


class Backend(StrEnum):
    """By Keras' name, which is also that of the module."""

    TENSORFLOW = "tensorflow"
    JAX = "jax"


USUAL = Backend.TENSORFLOW
"""Of which no word is said in what identifies a training: results of earlier versions, which had no other one, are still its results."""

PACKAGES = {
    Backend.TENSORFLOW: ("keras", "tensorflow", "tensorflow-cpu", "numpy"),
    Backend.JAX: ("keras", "jax", "jaxlib", "numpy"),
}
"""What computes, by the names of distributions."""

EXTRAS = {Backend.TENSORFLOW: "cpu", Backend.JAX: "jax"}
"""Of this distribution, by which a backend is installed."""

LEFT_ALONE = ("JAX_COMPILATION_CACHE_", "JAX_PERSISTENT_CACHE_", "JAX_LOG", "JAX_TRACEBACK_")
"""Beginnings of JAX's variables that decide no result."""

ONE_CPU_THREAD = "--xla_cpu_multi_thread_eigen=false"
ONE_ORDER_ON_GPUS = "--xla_gpu_deterministic_ops=true"
"""Of XLA: sums on a GPU are made in the same order each time."""
JAX_PLUGINS = "jax_plugins"
"""Entry points of what lets JAX compute on other devices than the CPU."""


@dataclass(frozen=True, slots=True)
class Device:
    name: str
    """`cpu`, or the GPU's model."""
    gpus: int
    """GPUs that the training uses: one at most."""


def chosen(environment: Mapping[str, str] = os.environ) -> Backend:
    """By KERAS_BACKEND, else the first one that is installed; nothing is imported.

    Raises InvalidContractError where the variable names another one, or one that is not installed.
    """
    named = environment.get("KERAS_BACKEND", "")
    if not named:
        return next((each for each in Backend if find_spec(each) is not None), USUAL)
    if named not in set(Backend):
        raise InvalidContractError(
            f"KERAS_BACKEND: got {named!r}, but this trainer computes with {' or '.join(Backend)}; name one of them, or unset it"
        )
    if find_spec(named) is None:
        raise InvalidContractError(
            f"KERAS_BACKEND: got {named!r}, which is not installed here; install regsweep-trainer[{EXTRAS[Backend(named)]}], "
            "take the image of that backend, or unset the variable"
        )
    return Backend(named)


def check_flags(flags: Flags) -> None:
    """Raises InvalidFlagsError where a flag asks for what Keras does with TensorFlow alone, and another backend computes."""
    which = chosen()
    if which is Backend.TENSORFLOW or (asked := asks_for_feature_space(flags)) is None:
        return
    name, why, instead = asked
    raise InvalidFlagsError(
        f"flag {name}: {why}, which Keras makes with TensorFlow alone (keras.utils.FeatureSpace), and this trainer computes with {which}; "
        f"take the trainer's image with TensorFlow (on a laptop unset KERAS_BACKEND), or {instead}"
    )


def set_environment(gpus: int) -> Backend:
    """What the backend reads while it is imported. A value that the container already has wins.

    One thread on the CPU: a small network gains nothing from more, neighbours on the node do not suffer, and sums come out the same
    on a node with more cores.

    Keras' own configuration is neither read nor written: its folder is one that cannot exist. Somebody's ~/.keras/keras.json, such as
    one with floatx float64, would otherwise change the training, or end it. Neither are variables by which Keras and JAX are configured:
    one of JAX's draws other random numbers, and no key tells results of the two apart.
    """
    which = chosen()
    for name in [
        name for name in os.environ if name.startswith(("KERAS_", "JAX_")) and not name.startswith(LEFT_ALONE)
    ]:
        del os.environ[name]
    os.environ["KERAS_BACKEND"] = which
    os.environ["KERAS_HOME"] = os.path.join(os.devnull, "keras")  # noqa: PTH118 - no path of a file
    if which is Backend.JAX:
        _set_jax(gpus)
    else:
        _set_tensorflow(gpus)
    return which


def _set_tensorflow(gpus: int) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # oneDNN chooses its order of summation by the machine.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    if gpus:
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    else:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # no GPU was requested, so none is probed
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def _set_jax(gpus: int) -> None:
    """With a cache of what was compiled: compiling a small network takes longer than training it."""
    if gpus and has_jax_plugin():
        os.environ["XLA_FLAGS"] = f"{ONE_ORDER_ON_GPUS} {os.environ.get('XLA_FLAGS', '')}".strip()
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # others may use the GPU too
    else:
        os.environ["JAX_PLATFORMS"] = "cpu"
        os.environ.setdefault("XLA_FLAGS", ONE_CPU_THREAD)
        os.environ.setdefault("NPROC", "1")  # of XLA's own pool of threads
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ and (folder := cache_folder(os.environ)) is not None:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)


def has_jax_plugin() -> bool:
    """Whether JAX can compute on other devices than the CPU, as it is installed here; nothing is imported."""
    return bool(metadata.entry_points(group=JAX_PLUGINS))


def cache_folder(environment: Mapping[str, str]) -> Path | None:
    """A folder of ours that can be written to: below the user's cache, else below the folder for temporary files. None: there is none."""
    home = environment.get("XDG_CACHE_HOME") or (f"{environment['HOME']}/.cache" if environment.get("HOME") else "")
    own = f"regsweep-jax-{os.getuid()}"
    for folder in ([Path(home, "regsweep", "jax")] if home else []) + [Path(tempfile.gettempdir(), own)]:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # What lies there is executed: nobody else may have put it there.
            if folder.stat().st_uid == os.getuid() and os.access(folder, os.W_OK):
                return folder
        except OSError:
            continue
    return None


def import_keras() -> None:
    """Keras on the backend that the environment names.

    Where these are installed, Keras imports others for wrappers, pictures and data frames, which nobody uses here: a third of the time
    that it takes.
    """
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # None: cannot be imported
    absent = [name for name in ("matplotlib", "pandas", "sklearn") if name not in modules]
    modules.update(dict.fromkeys(absent))
    try:
        import keras  # noqa: F401
    finally:
        for name in absent:
            del modules[name]


def start(gpus: int, allow_cpu: bool) -> Device:
    """What was asked to run on a GPU never runs on the CPU, unless the GPUs are stand-ins.

    Raises GpuNotVisibleError where no GPU is visible, InvalidContractError where the backend, as it is installed, computes on none.
    """
    which = set_environment(gpus)
    if which is Backend.JAX and gpus and not allow_cpu and not has_jax_plugin():
        raise InvalidContractError(
            f"REGSWEEP_GPUS: got {gpus}, but JAX as it is installed here computes on the CPU alone, and training does not fall back to it; "
            "take the image for GPUs (EXTRA=gpu or jax-gpu), or set spec.trainer.gpus to 0 (on a cluster whose GPUs are stand-ins: "
            "REGSWEEP_ALLOW_CPU=1)"
        )
    import_keras()
    name = (_first_gpu_of_jax() if which is Backend.JAX else _first_gpu_of_tensorflow()) if gpus else None
    if name is not None:
        return Device(name, 1)
    if gpus and not allow_cpu:
        raise GpuNotVisibleError(
            f"REGSWEEP_GPUS is {gpus}, but {' on '.join(versions()[:2])} sees no GPU; training does not fall back to the CPU. "
            "Check the driver (in a cluster the node's, and its device plugin) and that the trainer is one for GPUs (extra or image gpu or "
            "jax-gpu); "
            "on a cluster whose GPUs are stand-ins set REGSWEEP_ALLOW_CPU=1"
        )
    return Device("cpu", 0)


def _first_gpu_of_tensorflow() -> str | None:
    """The model of the GPU that it computes on; None: it sees none."""
    import tensorflow as tf

    visible = tf.config.list_physical_devices("GPU")
    if not visible:
        return None
    tf.config.experimental.enable_op_determinism()
    return str(tf.config.experimental.get_device_details(visible[0]).get("device_name", "gpu"))


def _first_gpu_of_jax() -> str | None:
    """The model of the GPU that it computes on; None: it sees none."""
    import jax

    first = jax.devices()[0]
    return str(first.device_kind) if first.platform == "gpu" else None


def versions() -> list[str]:
    """Of what computes; known without importing it."""
    found = {name: _version(name) for name in PACKAGES[chosen()]}
    return [f"{name} {version}" for name, version in found.items() if version]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
