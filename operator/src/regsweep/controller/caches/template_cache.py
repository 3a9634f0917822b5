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
        now = self._clock()
        if key in self._known and now < self._known[key][0]:
            return self._known[key][1]
        try:
            template = await self._api.get(self._resource, namespace, name)
        except NotFound:
            template = None
        self._known = {each: known for each, known in self._known.items() if now < known[0]}
        if len(self._known) >= MAX_KEPT:
            self._known.clear()
        self._known[key] = (self._clock() + (BELIEVED_SECONDS if template else MISSING_BELIEVED_SECONDS), template)
        return template
