"""Whether a sweep is still there, by the API server's own word: no Job is made for one that only a stale cache shows."""

from __future__ import annotations

import logging

from regsweep.adapters.kubeapi import SWEEPS, KubeApi, KubeObject, is_deleting, name_of, namespace_of, uid_of
from regsweep.errors import NotFound

logger = logging.getLogger(__name__)


async def read_live_sweep(api: KubeApi, sweep: KubeObject) -> KubeObject | None:
    """The sweep as it is now; None: it is gone or being deleted, or another has its name.

    Raises ApiError when the API server does not answer.
    """
    try:
        live = await api.get(SWEEPS, namespace_of(sweep), name_of(sweep))
    except NotFound:
        live = None
    if live is None or uid_of(live) != uid_of(sweep) or is_deleting(live):
        logger.info("%s/%s no longer exists", namespace_of(sweep), name_of(sweep))
        return None
    return live
