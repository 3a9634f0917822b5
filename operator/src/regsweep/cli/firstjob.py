"""The first Job of a manifest, as an operator would create it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Final

from pydantic import JsonValue

from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kubeapi import POD_TEMPLATES, KubeObject
from regsweep.api.objective import objective_status
from regsweep.cli.cluster import connection_of, explained
from regsweep.cli.exits import UsageError
from regsweep.cli.manifest import Manifest
from regsweep.cli.place import Place
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.kubernetes.jobs import job_manifest
from regsweep.core.plan import plan
from regsweep.core.results.records import Records
from regsweep.core.world import Observed
from regsweep.errors import InvalidTemplate, NotFound, UnknownResource
from regsweep.settings import Settings

UID: Final = "00000000-0000-0000-0000-000000000000"
"""In the place of the sweep's, which it gets when it is created: the end of the Job's name depends on it."""


def first_job(manifest: Manifest, place: Place) -> Mapping[str, JsonValue]:
    """The Job. Of a cluster only the PodTemplate is read that `spec.templateRef` names; what an operator's settings would add
    is that of its defaults.

    Raises UsageError and RegsweepError.
    """
    settings = Settings()
    shared, namespace = None, place.namespace or "default"
    if manifest.spec.template_ref is not None:
        shared, namespace = asyncio.run(_template(manifest.spec.template_ref.name, place))
    spec = manifest.spec.model_copy(
        update={"parallelism": max(manifest.spec.parallelism, 1), "suspend": False, "budget": None}
    )
    defaults = Defaults(
        settings.trainer_image or "the-default-image-of-the-operator",
        settings.gpu_resource,
        metadata.version("regsweep"),
    )
    sweep, _ = accept(Identity(manifest.name, namespace, UID, 1), spec, defaults, script=manifest.script)
    request = plan(sweep, Observed(records=Records()), datetime.now(UTC)).create[0]
    try:
        return job_manifest(sweep, request, objective_status(spec.objective), shared)
    except InvalidTemplate as error:
        raise UsageError(f"spec.template: {error}") from error


async def _template(name: str, place: Place) -> tuple[Mapping[str, JsonValue], str]:
    """Field `template` of the PodTemplate, and its namespace."""
    connection = await connection_of(place.kubeconfig, place.context)
    namespace = place.namespace or connection.namespace
    client = KubeClient(connection.access)
    try:
        with explained(connection):
            found: KubeObject = await client.get(POD_TEMPLATES, namespace, name)
    except UnknownResource:
        raise
    except NotFound as error:
        raise UsageError(
            f"spec.templateRef.name: PodTemplate {name} does not exist in namespace {namespace}. -n sets the namespace."
        ) from error
    finally:
        await client.close()
    template: Mapping[str, JsonValue] = found["template"]
    return template, namespace
