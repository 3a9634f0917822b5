"""The room that a pod's termination messages have: the kubelet divides it among all of the pod's containers.

The operator knows the template's containers. What injection adds later (a mesh, a debugger) shows in the pod alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from regsweep.api.constants import CONTAINER_MESSAGE_BYTES, POD_MESSAGE_BYTES
from regsweep.core.results.messages import MalformedMessage, parse_message
from regsweep.core.runs import ObservedPod, ObservedRun

LEAST_BYTES: Final = 1024
"""Less than a trainer is ever told (docs/trainer-contract.md)."""
HEADER_BYTES: Final = 700
RECORD_BYTES: Final = 212
"""Of a message, and of each of its records: 16 take 4,096 bytes, and the columns that every sweep needs always fit."""


def room_of(containers: int) -> int:
    """Bytes of each container's message in a pod of so many containers, init containers and ephemeral ones among them.

    Source: normalizeStatus of the kubelet.
    """
    return min(CONTAINER_MESSAGE_BYTES, POD_MESSAGE_BYTES // max(1, containers))


def replicates_in(room: int) -> int:
    """How many replicates' records fit into a message, at least one."""
    return max(1, (room - HEADER_BYTES) // RECORD_BYTES)


def observed_room(runs: Iterable[ObservedRun]) -> int:
    """The least room that any pod of the runs has, injected containers included."""
    return min((room_of(pod.containers) for run in runs for pod in run.pods), default=CONTAINER_MESSAGE_BYTES)


def was_cut(pod: ObservedPod) -> bool:
    """Whether the pod's message cannot be read because it fills its room: the kubelet has cut it."""
    fills = len(pod.message.encode(errors="replace")) >= room_of(pod.containers) - 3  # half a character may be missing
    return fills and isinstance(parse_message(pod.message), MalformedMessage)
