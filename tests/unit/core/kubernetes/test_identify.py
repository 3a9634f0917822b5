"""What a Job trains, by what nobody can change of it."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.core.kubernetes.observe import observed_run
from regsweep.core.runs import AlteredJob
from unit.core.kubernetes.objects import JOB, STARTED, job_object, pod_object


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        pytest.param({"annotations": {"regsweep.dev/point-key": None}}, "do not say", id="no point"),
        pytest.param({"annotations": {"regsweep.dev/point-key": "ABC"}}, "do not say", id="a point that is no key"),
        pytest.param({"annotations": {"regsweep.dev/point-key": "abd"}}, "its name", id="another point"),
        pytest.param({"annotations": {"regsweep.dev/attempt": "4"}}, "its name", id="another attempt"),
        pytest.param({"annotations": {"regsweep.dev/lost": "1"}}, "its name", id="a loss that was none"),
        pytest.param({"annotations": {"regsweep.dev/moved": "1"}}, "its name", id="a move that was none"),
        pytest.param({"annotations": {"regsweep.dev/moved": "x"}}, "do not say", id="moves in words"),
        pytest.param({"annotations": {"regsweep.dev/attempt": "²"}}, "do not say", id="a digit that is no digit"),
        pytest.param({"annotations": {"regsweep.dev/lost": "once"}}, "do not say", id="lost records in words"),
        pytest.param({"annotations": {"regsweep.dev/first-replicate": None}}, "no replicates", id="no first replicate"),
        pytest.param({"annotations": {"regsweep.dev/first-replicate": "-1"}}, "no replicates", id="a negative one"),
        pytest.param({"annotations": {"regsweep.dev/first-replicate": "3"}}, "its name", id="another one"),
        pytest.param({"annotations": {"regsweep.dev/replicates": "many"}}, "no replicates", id="replicates in words"),
        pytest.param({"annotations": {"regsweep.dev/replicates": "0"}}, "no replicates", id="no replicates"),
        pytest.param({"annotations": {"regsweep.dev/replicates": "9" * 30}}, "no replicates", id="beyond counting"),
        pytest.param({"annotations": {"regsweep.dev/replicates": "997"}}, "no replicates", id="beyond the API's bound"),
        pytest.param({"annotations": {"regsweep.dev/replicates": "6"}}, "different replicates", id="one more"),
        pytest.param({"annotations": {"regsweep.dev/replicates-per-pod": "0"}}, "no replicates", id="idle pods"),
        pytest.param({"annotations": {"regsweep.dev/replicates-per-pod": "3"}}, "of a pod", id="more in each pod"),
        pytest.param({"env": {"REGSWEEP_FIRST_REPLICATE": None}}, "different replicates", id="a template without any"),
        pytest.param({"env": {"REGSWEEP_LAST_REPLICATE": "9"}}, "different replicates", id="a template with more"),
        pytest.param({"env": {"REGSWEEP_REPLICATES": "16"}}, "of a pod", id="a template with more in each pod"),
        pytest.param({"spec": {"completions": 9}}, "completions", id="more completions"),
        pytest.param({"spec": {"completions": None}}, "completions", id="no completions"),
        pytest.param(
            {"metadata": {"name": JOB, "ownerReferences": []}}, "its name", id="a sweep that is not its owner"
        ),
        pytest.param({"metadata": {"name": "cancer"}}, "its name", id="a name of somebody's own"),
        pytest.param({"metadata": {"name": JOB, "annotations": None}}, "do not say", id="no annotations"),
    ],
)
def test_a_job_that_contradicts_itself_is_no_run(parts: dict[str, Any], problem: str) -> None:
    job = job_object(**{"metadata": {"name": JOB}, **parts})
    altered = observed_run(job, [pod_object({"running": {"startedAt": STARTED}}), pod_object(phase="Failed")])
    assert isinstance(altered, AlteredJob)
    assert problem in altered.problem
    assert altered.pods_in_flight == 1, "its pods may hold GPUs all the same"
