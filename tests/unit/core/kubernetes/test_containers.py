"""Which containers of a pod go on beside the trainer."""

from __future__ import annotations

import pytest

from regsweep.core.kubernetes.observe import observed_pod
from unit.core.kubernetes.objects import pod_object, terminated


@pytest.mark.parametrize(
    ("statuses", "others"),
    [
        pytest.param({"proxy": "running", "mesh": "running"}, ("proxy", "mesh"), id="both go on"),
        pytest.param({"proxy": "terminated", "mesh": "running"}, ("mesh",), id="a sidecar as Kubernetes means it"),
        pytest.param({"proxy": "waiting"}, ("proxy",), id="one that has not begun"),
        pytest.param({}, ("proxy",), id="one that nobody has reported"),
        pytest.param({"proxy": "terminated", "mesh": "terminated"}, (), id="all have ended"),
    ],
)
def test_which_containers_go_on_beside_the_trainer(statuses: dict[str, str], others: tuple[str, ...]) -> None:
    pod = pod_object(terminated(0))
    pod["spec"]["containers"].append({"name": "proxy"})
    pod["spec"]["initContainers"] = [{"name": "fetch"}, {"name": "mesh", "restartPolicy": "Always"}]
    states = {name: {"name": name, "state": {state: {}}} for name, state in statuses.items()}
    pod["status"]["containerStatuses"] = [
        each for each in pod["status"]["containerStatuses"] if each["name"] == "trainer"
    ] + [each for name, each in states.items() if name == "proxy"]
    pod["status"]["initContainerStatuses"] = [
        {"name": "fetch", "state": {"terminated": {}}},
        *(each for name, each in states.items() if name == "mesh"),
    ]
    found = observed_pod(pod)
    assert (found.others, found.holds_node) == (others, bool(others))


def test_a_pod_that_is_over_has_no_containers_that_go_on() -> None:
    pod = pod_object(terminated(0), phase="Succeeded")
    pod["spec"]["containers"].append({"name": "proxy"})
    assert observed_pod(pod).others == ()
