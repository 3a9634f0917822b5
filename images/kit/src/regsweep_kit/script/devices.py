"""Which framework a script trains with, and on what device: asked of those that it has imported itself."""

import sys
from dataclasses import dataclass
from typing import Any

from regsweep_kit.contract import Contract
from regsweep_kit.errors import GpuNotVisibleError

FRAMEWORKS = ("tensorflow", "torch", "jax", "xgboost", "lightgbm", "sklearn")


@dataclass(frozen=True, slots=True)
class Device:
    backend: str
    """The framework; `python` where none is known."""
    name: str
    """`cpu`, or the GPU's model."""
    gpus: int


def in_use() -> Device:
    """The device that the framework computes on, once it has computed."""
    backend = _backend()
    gpus = _gpus(backend) if _uses_gpus(backend) else []
    return Device(backend, gpus[0] if gpus else "cpu", len(gpus))


def check(contract: Contract) -> None:
    """Raises GpuNotVisibleError where GPUs were requested and the framework sees none. Without a framework nothing is known."""
    backend = _backend()
    if contract.gpus and not contract.allow_cpu and backend in ("tensorflow", "torch", "jax") and not _gpus(backend):
        raise GpuNotVisibleError(
            f"REGSWEEP_GPUS is {contract.gpus}, but {backend} sees no GPU; training does not fall back to the CPU. Check the "
            "node's driver and device plugin and that the image is one for GPUs; on a cluster whose GPUs are simulated set "
            "REGSWEEP_ALLOW_CPU=1"
        )


def _backend() -> str:
    keras: Any = sys.modules.get("keras")
    if keras is not None and hasattr(keras, "backend"):
        return str(keras.backend.backend())
    return next((name for name in FRAMEWORKS if name in sys.modules), "python")


def _uses_gpus(backend: str) -> bool:
    """PyTorch computes where a script says, and on the CPU where it says nothing; the others on a GPU that they see."""
    module: Any = sys.modules.get(backend)
    return module is not None and (backend != "torch" or bool(module.cuda.is_initialized()))


def _gpus(backend: str) -> list[str]:
    """Names of the GPUs that it sees."""
    module: Any = sys.modules.get(backend)
    if module is None:
        return []
    if backend == "tensorflow":
        visible = module.config.list_physical_devices("GPU")
        return [str(module.config.experimental.get_device_details(gpu).get("device_name", "gpu")) for gpu in visible]
    if backend == "torch":
        count = module.cuda.device_count() if module.cuda.is_available() else 0
        return [str(module.cuda.get_device_name(index)) for index in range(count)]
    if backend == "jax":
        return [str(device.device_kind) for device in module.devices() if device.platform == "gpu"]
    return []
