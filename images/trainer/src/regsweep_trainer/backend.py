"""Brings up Keras on TensorFlow, which costs seconds: only once flags, data and record are known to be good."""

import os
from dataclasses import dataclass
from importlib import metadata

from regsweep_kit.errors import GpuNotVisibleError

BACKEND = "tensorflow"


@dataclass(frozen=True, slots=True)
class Device:
    name: str
    """`cpu`, or the GPU's model."""
    gpus: int
    """GPUs that the training uses: one at most."""


def set_environment(gpus: int) -> None:
    """What TensorFlow reads while it is imported. A value that the container already has wins.

    One thread on the CPU: a small network gains nothing from more, neighbours on the node do not suffer, and sums come out the same
    on a node with more cores. oneDNN is off for the same reason: it chooses its order of summation by the machine.

    Keras' own configuration is neither read nor written: its folder is one that cannot exist. Somebody's ~/.keras/keras.json, such as
    one with floatx float64, would otherwise change the training, or end it.
    """
    os.environ["KERAS_BACKEND"] = BACKEND
    os.environ["KERAS_HOME"] = os.path.join(os.devnull, "keras")  # noqa: PTH118 - no path of a file
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    if gpus:
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    else:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # no GPU was requested, so none is probed
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def start(gpus: int, allow_cpu: bool) -> Device:
    """Raises GpuNotVisibleError: what was asked to run on a GPU never runs on the CPU, unless the GPUs are stand-ins."""
    set_environment(gpus)
    import tensorflow as tf

    visible = tf.config.list_physical_devices("GPU") if gpus else []
    if visible:
        tf.config.experimental.enable_op_determinism()
        return Device(str(tf.config.experimental.get_device_details(visible[0]).get("device_name", "gpu")), 1)
    if gpus and not allow_cpu:
        raise GpuNotVisibleError(
            f"REGSWEEP_GPUS is {gpus}, but TensorFlow {tf.__version__} sees no GPU; training does not fall back to the CPU. "
            "Check the node's driver and device plugin and that the image is the one for GPUs; "
            "on a cluster whose GPUs are stand-ins set REGSWEEP_ALLOW_CPU=1"
        )
    return Device("cpu", 0)


def versions() -> list[str]:
    """Of what computes; known without importing it."""
    names = ("keras", "tensorflow", "tensorflow-cpu", "numpy")
    found = {name: _version(name) for name in names}
    return [f"{name} {version}" for name, version in found.items() if version]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
