"""The model of a cluster's sweep: its card, and where its file is. The file itself is on a volume that only pods see."""

from __future__ import annotations

from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kubeapi import KubeApi
from regsweep.api.analysis import PickRole
from regsweep.cli.cluster import connection_of, explained
from regsweep.cli.exits import UsageError
from regsweep.cli.exporting import SweepSource
from regsweep.cli.model import NOT_SELECTED, Found, final_pick
from regsweep.cli.modelcard import Chosen
from regsweep.cli.results import get_sweep, status_of, stored_records, sweep_in
from regsweep.core.grid import label
from regsweep.core.sweep import Sweep
from regsweep.report.build import results_of
from regsweep.report.model import SweepReport

Answer = tuple[Sweep, SweepReport, Found, str]
"""(sweep, its results, the model without its file, where that is in words)"""


async def cluster_model(source: SweepSource, role: PickRole) -> Answer:
    """Raises RegsweepError."""
    if source.name is None:
        raise UsageError("a sweep in a cluster needs its name.")
    connection = await connection_of(source.kubeconfig, source.context)
    client = KubeClient(connection.access)
    try:
        with explained(connection):
            return await model_in(client, source.namespace or connection.namespace, source.name, role)
    finally:
        await client.close()


async def model_in(api: KubeApi, namespace: str, name: str, role: PickRole) -> Answer:
    """Raises UsageError where the sweep has saved no such model."""
    obj = await get_sweep(api, namespace, name)
    sweep = sweep_in(namespace, obj)
    if sweep is None:
        raise UsageError(f"RegularizationSweep {namespace}/{name} has not been accepted yet: there is no model.")
    models = sweep.spec.trainer.models
    if models is None or sweep.spec.final is None:
        missing = "final" if sweep.spec.final is None else "trainer.models"
        raise UsageError(
            f"RegularizationSweep {namespace}/{name} saves no model: it has no spec.{missing}. A final evaluation saves its models "
            "where spec.trainer.models names a volume; both may be added to a sweep that has ended."
        )
    records = await stored_records(api, namespace, sweep.uid)
    report = results_of(sweep, records, status_of(obj))
    point = final_pick(sweep, report, role)
    stored = {} if point is None else {k: r for k, r in records.of(point.key).items() if r.has_result}
    if point is None or not stored:
        raise UsageError(
            f"RegularizationSweep {namespace}/{name}: its final evaluation has no result of this pick yet."
        )
    replicate = min(stored)
    file = f"{point.key}/replicate-{replicate}.keras"
    where = f"It is {file} on volume {models.volume_name} of the training pods. {NOT_SELECTED}"
    chosen = Chosen(role, point, stored[replicate], list(stored.values()), where, "")
    words = (
        f"{label(point.combination.flags)}: the model is {file} on volume {models.volume_name} of the training pods. Copy it with a pod "
        f"that mounts the volume: `kubectl --namespace {namespace} cp POD:MOUNT/{file} model.keras`."
    )
    return sweep, report, Found(chosen, None), words
