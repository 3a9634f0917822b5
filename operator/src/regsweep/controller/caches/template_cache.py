"""Objects that sweeps refer to, PodTemplates and ConfigMaps: fetched when needed and believed for a short while, so that no informer
has to hold them all."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

from regsweep.adapters.kubeapi import POD_TEMPLATES, KubeApi, KubeObject, Resource
from regsweep.errors import NotFound

BELIEVED_SECONDS: Final = 10.0
"""How long a change of a template may go unseen."""
MISSING_BELIEVED_SECONDS: Final = 4.0
"""How long a template that has come may go unseen."""
MAX_KEPT: Final = 1000


class TemplateCache:
    """Objects of one resource by namespace and name."""

    def __init__(
        self, api: KubeApi, resource: Resource = POD_TEMPLATES, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._api = api
        self._resource = resource
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, KubeObject | None]] = {}

    async def get(self, namespace: str, name: str) -> KubeObject | None:
        """The object, or None where there is none of that name.

        Raises ApiError when the API server does not answer.
        """
        key = (namespace, name)
        believed_until, template = self._known.get(key, (0.0, None))
        if key in self._known and self._clock() < believed_until:
            return template
        try:
            template = await self._api.get(self._resource, namespace, name)
        except NotFound:
            template = None
        if len(self._known) >= MAX_KEPT:
            self._known.clear()
        self._known[key] = (self._clock() + (BELIEVED_SECONDS if template else MISSING_BELIEVED_SECONDS), template)
        return template
