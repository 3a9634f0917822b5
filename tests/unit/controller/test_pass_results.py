"""How a pass that did not succeed is counted, and what is logged of it."""

from __future__ import annotations

import logging

import pytest

from regsweep.adapters.memory import Write
from regsweep.errors import ApiError, Conflict, Unavailable
from regsweep.metrics import RECONCILE_TOTAL, Metrics
from unit.controller.fake_cluster import FakeCluster, operating, sweep_object, until


@pytest.mark.parametrize(
    ("error", "result", "level"),
    [
        pytest.param(Unavailable("storage is (re)initializing", 429, 0.01), "delayed", "INFO", id="asked to wait"),
        pytest.param(Unavailable("no route to host"), "error", "ERROR", id="no answer"),
        pytest.param(Conflict("modified", 409), "conflict", None, id="another has written"),
    ],
)
async def test_a_pass_that_failed_is_counted_by_what_is_to_do(
    error: ApiError, result: str, level: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "regsweep.controller.process.operator")
    cluster, metrics = FakeCluster(), Metrics()
    left = [error]

    def fail_once(write: Write) -> None:
        if write.resource == "regularizationsweeps/status" and left:
            raise left.pop()

    cluster.api.before_write = fail_once
    await cluster.apply(sweep_object())
    async with operating(cluster, metrics=metrics):
        await until(lambda: metrics.value(RECONCILE_TOTAL, result="ok") >= 1 and not left)
    counted = {name: metrics.value(RECONCILE_TOTAL, result=name) for name in ("delayed", "conflict", "error")}
    assert counted == {"delayed": 0, "conflict": 0, "error": 0, result: 1}
    said = [record.levelname for record in caplog.records if str(error) in record.getMessage()]
    assert said == ([level] if level else [])
