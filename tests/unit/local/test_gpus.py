"""GPUs of this machine: which ones there are, and which run gets which."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.local.gpus import Gpus, NoGpuError, gpus_for, visible_gpus


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """A folder of devices with two GPUs, and with what else the driver puts there."""
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-modeset", "nvidia-caps", "null"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("variable", "names"),
    [
        pytest.param(None, ["0", "1"], id="without the variable all that the driver shows"),
        pytest.param("1", ["1"], id="one that is named"),
        pytest.param("GPU-8932f937, MIG-c7384736", ["GPU-8932f937", "MIG-c7384736"], id="by their UUIDs"),
        pytest.param("", [], id="none is visible"),
        pytest.param("-1", [], id="none is visible, as CUDA also takes it"),
        pytest.param("0,-1,1", ["0"], id="what follows -1 is not visible to CUDA"),
        pytest.param("1,1", ["1"], id="one that is named twice is one"),
    ],
)
def test_visible_gpus_are_those_of_cuda(devices: Path, variable: str | None, names: list[str]) -> None:
    environment = {} if variable is None else {"CUDA_VISIBLE_DEVICES": variable}
    assert visible_gpus(environment, devices) == names


def test_more_gpus_than_there_are_are_refused_with_what_was_found(devices: Path) -> None:
    with pytest.raises(NoGpuError, match=r"^gpus: got 3, but .*nvidia\* shows 2\. Check the driver with nvidia-smi"):
        gpus_for(3, {}, devices)
    with pytest.raises(NoGpuError, match=r"^gpus: got 1, but CUDA_VISIBLE_DEVICES names 0\."):
        gpus_for(1, {"CUDA_VISIBLE_DEVICES": ""}, devices)
    with pytest.raises(NoGpuError, match="shows 0"):
        gpus_for(1, {}, devices / "absent")
    assert gpus_for(2, {}, devices).room == 1


def test_a_run_gets_gpus_that_nobody_holds_and_shares_only_where_none_is_left() -> None:
    gpus = Gpus(["0", "1", "2"], each=1)
    assert [gpus.take() for _ in range(4)] == [("0",), ("1",), ("2",), ("0",)]
    gpus.give_back(("1",))
    assert gpus.take() == ("1",)


@given(st.integers(1, 6), st.integers(1, 6), st.lists(st.booleans(), max_size=40))
def test_no_gpu_is_shared_while_there_is_room(count: int, each: int, takes: list[bool]) -> None:
    if each > count:
        return
    gpus = Gpus([str(number) for number in range(count)], each)
    held: list[tuple[str, ...]] = []
    for take in takes:
        if take and len(held) < gpus.room:
            held.append(gpus.take())
        elif held:
            gpus.give_back(held.pop(0))
        names = [name for taken in held for name in taken]
        assert len(names) == len(set(names)) == each * len(held)
