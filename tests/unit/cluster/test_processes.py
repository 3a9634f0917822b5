"""A process is ours by its mark and is itself by pid and start time: nothing else is ever ended."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import processes
from cluster.api import wait_until
from cluster.processes import Process


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A cluster's state folder; whatever was started for it is ended."""
    yield tmp_path
    processes.kill(processes.find(tmp_path))


def _wait_for(state: Path, component: str) -> Process:
    wait_until(f"{component} runs", lambda: bool(processes.find(state, component)), 5)
    return processes.find(state, component)[0]


def test_a_daemon_is_found_by_its_cluster_and_component_and_ended(state: Path) -> None:
    processes.start("etcd", ["sleep", "60"], state)
    processes.start("kubelet", ["sleep", "60"], state)
    etcd, _ = _wait_for(state, "etcd"), _wait_for(state, "kubelet")
    assert {process.component for process in processes.find(state)} == {"etcd", "kubelet"}
    assert processes.find(state / "other") == []
    assert processes.kill([etcd]) == []
    assert not processes.is_alive(etcd)
    assert [process.component for process in processes.find(state)] == ["kubelet"]


def test_what_a_daemon_starts_is_found_too(state: Path) -> None:
    processes.start("containerd", ["sh", "-c", "sleep 60 & sleep 61"], state)
    wait_until("both run", lambda: len(processes.find(state, "containerd")) == 3, 5)
    assert processes.kill(processes.find(state)) == []
    assert processes.find(state) == []


def test_a_process_that_was_given_the_pid_since_is_left_alone(state: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        mine_once = Process(other.pid, started=1)
        assert not processes.is_alive(mine_once)
        assert processes.kill([mine_once]) == []
        assert other.poll() is None
        other.kill()


def test_ending_what_has_ended_is_fine(state: Path) -> None:
    processes.start("etcd", ["sleep", "60"], state)
    etcd = _wait_for(state, "etcd")
    assert processes.kill([etcd]) == processes.kill([etcd]) == []


def test_output_goes_to_the_components_log(state: Path) -> None:
    processes.start("etcd", ["echo", "out of space"], state)
    log = state / "logs" / "etcd.log"
    wait_until("it has said so", lambda: log.exists() and "out of space" in log.read_text(), 5)


def test_a_processs_own_child_is_found() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        assert processes.first_child(Process(os.getpid(), 0)) is not None
        assert processes.first_child(Process(child.pid, 0)) is None
        child.kill()
