"""What this operator is to a sweep, by the sweep's own word and by the Lease of whoever has claimed it."""

from __future__ import annotations

from regsweep.adapters.kubeapi import KubeObject
from regsweep.api.conditions import Reason
from regsweep.api.constants import DEFAULT_MANAGER, IMPORT_ANNOTATION
from regsweep.api.status import ManagedBy
from regsweep.controller.caches.claimed_leases import ClaimedLeases
from regsweep.core.claims import LeaseState, Standing, standing
from regsweep.core.notices import Notice


class Claims:
    """The claims of one operator. own: what it writes into the status of a sweep that it claims."""

    def __init__(self, own: ManagedBy, leases: ClaimedLeases) -> None:
        self.own = own
        self._leases = leases

    @property
    def retry_seconds(self) -> float:
        """After how long a sweep is looked at again that another has claimed."""
        return self._leases.interval_seconds

    async def standing(self, sweep: KubeObject, claim: ManagedBy | None) -> Standing:
        """What this operator is to the sweep. claim: the one in its status."""
        name = manager_of(sweep)
        if IMPORT_ANNOTATION in (sweep["metadata"].get("annotations") or {}):
            return Standing.NAMED  # nobody's yet: what is pinned and its results are still to come
        lease = LeaseState.HELD
        if name == self.own.name and claim is not None and claim != self.own:
            lease = await self._leases.state_of(claim.lease)
        return standing(name, claim, self.own, lease)

    def shows(self, sweep: KubeObject) -> bool:
        """Whether the sweep is this operator's, as far as its present status says."""
        claim = (sweep.get("status") or {}).get("managedBy")
        return manager_of(sweep) == self.own.name and claim in (None, self.own.to_json())

    def notice(self, claim: ManagedBy) -> Notice:
        """What is to be said of a sweep that another operator of the same name has claimed."""
        text = (
            f"Another operator runs this sweep: the one that leads by Lease {claim.lease}. That of Lease {self.own.lease} leaves it "
            "alone, and takes it over once that Lease is gone or expired, if it may read it. Let one operator watch the namespace, "
            "or tell them apart by spec.managedBy."
        )
        return Notice(Reason.MANAGED_ELSEWHERE, text, warning=True)


def manager_of(sweep: KubeObject) -> str:
    """Name of the operators that are to run the sweep."""
    name = (sweep.get("spec") or {}).get("managedBy")
    return name if isinstance(name, str) else DEFAULT_MANAGER
