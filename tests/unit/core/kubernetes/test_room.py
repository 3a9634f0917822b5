"""The room for termination messages, and how many replicates it is enough for."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import JsonValue

from regsweep.controller.caches.trimming import trim_pod
from regsweep.core.kubernetes.observe import observed_pod
from regsweep.core.kubernetes.room import LEAST_BYTES, observed_room, replicates_in, room_of, was_cut
from regsweep.errors import InvalidTemplate
from support.training import message_of
from support.training_pods import pod_of
from unit.core.kubernetes.objects import pod_object, run_of, terminated


@pytest.mark.parametrize(
    ("containers", "room", "replicates"),
    [(1, 4096, 16), (3, 4096, 16), (4, 3072, 11), (5, 2457, 8), (7, 1755, 4), (12, 1024, 1), (40, 307, 1)],
)
def test_the_more_containers_the_fewer_replicates_have_room(containers: int, room: int, replicates: int) -> None:
    assert room_of(containers) == room
    assert replicates_in(room) == replicates


def in_pod(message: str, *, containers: int = 2, injected: int = 0, debuggers: int = 0) -> dict[str, Any]:
    pod = pod_object(terminated(0, message=message), "Succeeded")
    pod["metadata"].update(namespace="lab", resourceVersion="1")
    pod["spec"]["containers"] += [{"name": f"side-{k}"} for k in range(containers - 1)]
    pod["spec"]["initContainers"] = [{"name": f"mesh-{k}", "restartPolicy": "Always"} for k in range(injected)]
    pod["spec"]["ephemeralContainers"] = [{"name": f"debug-{k}"} for k in range(debuggers)]
    return pod


def test_containers_of_all_kinds_share_the_room() -> None:
    pod = in_pod("", containers=2, injected=2, debuggers=1)
    assert observed_pod(pod).containers == observed_pod(trim_pod(pod)).containers == 5


@pytest.mark.parametrize(
    ("message", "cut"),
    [
        pytest.param(message_of(range(16)), False, id="a message that fits"),
        pytest.param(message_of(range(16))[:1000], False, id="a broken one that is short"),
        pytest.param("x" * 2457, True, id="one that fills the room"),
        pytest.param("é" * 1228, True, id="one that ends within a character"),
        pytest.param(message_of(range(2)) + " " * 2457, False, id="one that can be read all the same"),
    ],
)
def test_a_message_that_fills_its_room_and_cannot_be_read_was_cut(message: str, cut: bool) -> None:
    assert was_cut(observed_pod(in_pod(message, containers=2, injected=3))) is cut


def test_the_least_room_of_any_pod_counts() -> None:
    assert observed_room([]) == 4096
    assert observed_room([run_of()]) == 4096


def test_a_template_with_too_many_containers_is_refused_in_words() -> None:
    others: list[JsonValue] = [{"name": f"side-{k}", "image": "i"} for k in range(12)]
    with pytest.raises(InvalidTemplate, match=r"13 containers share 12,288 bytes .* Use at most 12 containers"):
        pod_of({"spec": {"containers": others}})
    assert room_of(12) == LEAST_BYTES
