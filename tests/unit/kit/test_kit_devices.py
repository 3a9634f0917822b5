"""On what device a script trains: asked of the framework that it has imported."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from regsweep_kit.contract import read_contract
from regsweep_kit.errors import GpuNotVisibleError
from regsweep_kit.script import devices
from regsweep_kit.script.parts import Asked, draw, take

GPU = "NVIDIA H100 80GB HBM3"


def torch(gpus: int, initialized: bool) -> Any:
    cuda = SimpleNamespace(
        is_available=lambda: gpus > 0,
        is_initialized=lambda: initialized,
        device_count=lambda: gpus,
        get_device_name=lambda index: GPU,
    )
    return SimpleNamespace(cuda=cuda)


def jax(*platforms: str) -> Any:
    return SimpleNamespace(
        devices=lambda: [
            SimpleNamespace(platform=each, device_kind=GPU if each == "gpu" else "cpu") for each in platforms
        ]
    )


@pytest.mark.parametrize(
    ("name", "module", "used"),
    [
        pytest.param("torch", torch(2, initialized=True), (GPU, 2), id="PyTorch on its GPUs"),
        pytest.param("torch", torch(2, initialized=False), ("cpu", 0), id="PyTorch that has sent nothing to a GPU"),
        pytest.param("torch", torch(0, initialized=False), ("cpu", 0), id="PyTorch without a GPU"),
        pytest.param("jax", jax("gpu"), (GPU, 1), id="JAX on a GPU"),
        pytest.param("jax", jax("cpu"), ("cpu", 0), id="JAX on the CPU"),
    ],
)
def test_the_device_is_the_one_that_was_computed_on(
    monkeypatch: pytest.MonkeyPatch, name: str, module: Any, used: tuple[str, int]
) -> None:
    for each in ("keras", *devices.FRAMEWORKS):
        monkeypatch.delitem(sys.modules, each, raising=False)
    monkeypatch.setitem(sys.modules, name, module)
    assert devices.in_use() == devices.Device(name, *used)


def test_gpus_that_are_visible_need_not_be_in_use_when_training_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    contract = read_contract({"REGSWEEP_GPUS": "1"})
    for each in ("keras", *devices.FRAMEWORKS):
        monkeypatch.delitem(sys.modules, each, raising=False)
    devices.check(contract)
    monkeypatch.setitem(sys.modules, "torch", torch(1, initialized=False))
    devices.check(contract)
    monkeypatch.setitem(sys.modules, "torch", torch(0, initialized=False))
    with pytest.raises(GpuNotVisibleError, match="torch sees no GPU"):
        devices.check(contract)


class OnGpu:
    """A tensor of PyTorch's on a GPU: it is indexed where it is, and is no array."""

    def __init__(self, values: Any, on_host: bool = False) -> None:
        self.values, self.shape, self.on_host = np.asarray(values), np.shape(values), on_host

    def detach(self) -> OnGpu:
        return self

    def cpu(self) -> OnGpu:
        return OnGpu(self.values, on_host=True)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        assert self.on_host, "can't convert cuda:0 device type tensor to numpy"
        return self.values

    def __getitem__(self, rows: Any) -> OnGpu:
        return OnGpu(self.values[rows])

    def __len__(self) -> int:
        return len(self.values)


OnGpu.__module__ = "torch"


def test_rows_of_tensors_on_a_gpu_are_drawn_as_of_arrays() -> None:
    y = np.arange(200) % 2
    groups = np.arange(200) // 4
    drawn, digest = draw(Asked(200, y, groups), read_contract({}), 0)
    on_gpu, same = draw(Asked(200, OnGpu(y), OnGpu(groups)), read_contract({}), 0)
    assert same == digest
    assert (on_gpu.train == drawn.train).all()
    assert isinstance(take(OnGpu(y), drawn.val), OnGpu)
    classes = draw(Asked(200, OnGpu(y), stratify=OnGpu(groups)), read_contract({}), 0)[0]  # type: ignore[arg-type]
    assert (classes.val == draw(Asked(200, y, stratify=groups), read_contract({}), 0)[0].val).all()
