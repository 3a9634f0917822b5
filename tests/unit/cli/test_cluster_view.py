"""The page of a cluster's sweep: results from the API, curves from Prometheus, and without it a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiohttp import web

from regsweep.adapters.kubeapi import RESULTS, SWEEPS
from regsweep.adapters.memory import MemoryApi
from regsweep.cli.clusterview import ClusterViewOptions, sweep_view
from regsweep.cli.exits import UsageError
from regsweep.core.results.records import Outcome, Record
from regsweep.core.results.segments import append
from regsweep.view.html import page_html
from regsweep.view.sweep import sweep_page
from unit.adapters.test_prometheus import Serve, serve
from unit.cli.test_results import NAMESPACE, accepted, complete, manifest, with_status

__all__ = ["serve"]


@pytest.fixture
async def api() -> MemoryApi:
    """A cluster with a complete sweep of 30 combinations."""
    found = MemoryApi()
    obj = await found.create(SWEEPS, manifest())
    sweep = accepted(obj)
    records = [
        Record(
            p.key,
            0,
            Outcome.OK,
            run=f"run-{p.combination.index}",
            metrics={"val_average_loss": 1.0 + p.combination.index},
        )
        for p in sweep.points
    ]
    for write in append([], records, {p.key: p.combination.flags for p in sweep.points}, sweep):
        await found.create(RESULTS, write.manifest)
    await with_status(found, obj, state="Complete", conditions=complete())
    return found


async def page(api: MemoryApi, **options: str) -> str:
    view = await sweep_view(api, NAMESPACE, ClusterViewOptions("mine", **options))  # type: ignore[arg-type]
    return page_html(sweep_page(view))


async def test_without_prometheus_the_page_says_what_the_records_hold(api: MemoryApi) -> None:
    text = await page(api)
    assert "Of 30 combinations the best is l2=0" in text
    assert "No learning curves: the stored records hold each replicate&#39;s last and best epoch alone" in text


async def test_curves_are_those_that_prometheus_saw(api: MemoryApi, serve: Serve) -> None:
    asked: dict[str, str] = {}

    async def handler(request: web.Request) -> web.Response:
        asked.update({key: str(value) for key, value in (await request.post()).items()})
        who = {"run": "run-0", "replicate": "0"}
        epochs = [[k * 15.0, str(k)] for k in range(1, 5)]
        losses = [[k * 15.0, str(1 / k)] for k in range(1, 5)]
        result = [
            {"metric": {"__name__": "regsweep_trainer_epoch", **who}, "values": epochs},
            {
                "metric": {"__name__": "regsweep_trainer_metric", "metric": "average_loss", "split": "val", **who},
                "values": losses,
            },
        ]
        return web.Response(text=json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}))

    text = await page(api, prometheus=await serve(handler))
    assert "Learning curves as Prometheus saw them" in text
    assert "At epoch 4 validation is 0.25" in text
    assert f'namespace="{NAMESPACE}",sweep="mine"' in asked["query"]
    assert float(asked["end"]) > float(asked["start"])


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            200,
            '{"status":"success","data":{"resultType":"matrix","result":[]}}',
            "has no series of this sweep any more",
        ),
        (200, "<html>a login page</html>", "answered with a web page in place of data"),
        (200, "{}", "not an answer of Prometheus"),
        (503, "busy", "answered HTTP 503: busy"),
    ],
)
async def test_a_prometheus_without_an_answer_is_a_sentence_and_no_more(
    api: MemoryApi, serve: Serve, status: int, body: str, words: str
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    text = await page(api, prometheus=await serve(handler))
    assert words in text
    assert "Of 30 combinations the best is l2=0" in text


async def test_the_page_is_drawn_with_the_login_that_the_environment_names(
    api: MemoryApi, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[tuple[str | None, str | None]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.headers.get("Authorization"), request.headers.get("X-Scope-OrgID")))
        assert 'ns="team-a"' in str((await request.post())["query"])
        return web.Response(status=503)

    (tmp_path / "token").write_text("word")
    monkeypatch.setenv("REGSWEEP_PROMETHEUS_URL", await serve(handler))
    monkeypatch.setenv("REGSWEEP_PROMETHEUS_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("REGSWEEP_PROMETHEUS_HEADERS", '{"X-Scope-OrgID": "a"}')
    monkeypatch.setenv("REGSWEEP_PROMETHEUS_NAMESPACE_LABEL", "ns")
    monkeypatch.setenv("REGSWEEP_PROMETHEUS_ENFORCED_NAMESPACE", "team-a")
    assert "No learning curves: Prometheus at" in await page(api)
    assert seen == [("Bearer word", "a")]


async def test_a_sweep_that_there_is_not_is_named(api: MemoryApi) -> None:
    with pytest.raises(UsageError, match=r"RegularizationSweep nobody does not exist in namespace team"):
        await sweep_view(api, NAMESPACE, ClusterViewOptions("nobody"))
