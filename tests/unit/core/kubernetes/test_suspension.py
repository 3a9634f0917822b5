"""Who has suspended a Job, and whether a queue admits it, read from the API server's JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from unit.core.kubernetes.objects import job_object, run_of

IDENTITY = job_object()["metadata"]["annotations"]


def admitted(template: dict[str, Any]) -> dict[str, Any]:
    return {**template, "metadata": {"labels": {"kueue.x-k8s.io/podset": "main"}}}


@pytest.mark.parametrize(
    ("job", "fields"),
    [
        pytest.param(
            {"annotations": {"regsweep.dev/suspended": "false"}, "spec": {"suspend": True, "parallelism": 3}},
            {"suspended": True, "parallelism": 3},
            id="suspended by others",
        ),
        pytest.param(
            {"annotations": {"regsweep.dev/suspended": "true"}, "spec": {"suspend": True}},
            {"suspended": True, "paused": True},
            id="suspended by us",
        ),
        pytest.param(
            {"annotations": {"regsweep.dev/suspended": "true"}},
            {"paused": True},
            id="suspended by us, resumed by others",
        ),
        pytest.param(
            {"annotations": {"regsweep.dev/suspended": "who knows"}, "spec": {"suspend": True}},
            {"suspended": True},
            id="suspended, the mark edited: not by us",
        ),
        pytest.param(
            {"spec": {"suspend": True}},
            {"suspended": True, "paused": True},
            id="suspended, of a version without the mark: by us",
        ),
        pytest.param(
            {
                "spec": {"suspend": True},
                "metadata": {"labels": {"kueue.x-k8s.io/queue-name": "gpus"}, "annotations": IDENTITY},
            },
            {"suspended": True, "queue_managed": True},
            id="suspended, of a version without the mark, in a queue: by that",
        ),
        pytest.param(
            {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "gpus"}}},
            {"queue_managed": True},
            id="in a queue by label",
        ),
        pytest.param(
            {"spec": {"template": admitted(job_object()["spec"]["template"])}},
            {"queue_managed": True},
            id="admitted by Kueue without a queue's name",
        ),
    ],
)
def test_who_has_suspended_a_job(job: dict[str, Any], fields: dict[str, Any]) -> None:
    assert run_of(**job) == replace(run_of(), **fields)
