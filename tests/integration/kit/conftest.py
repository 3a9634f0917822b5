"""What tests of trainers' processes share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.ports import free_port
from support.trainer_process import Start, starting


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts trainers; none of them outlives the test."""
    with starting(tmp_path) as start:
        yield start


@pytest.fixture
def port() -> int:
    """A free one."""
    return free_port()
