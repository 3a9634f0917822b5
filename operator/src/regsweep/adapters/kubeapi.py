"""What the operator asks of a Kubernetes API: the port that `kube` (a real API server) and `memory` (tests) both serve.

Objects travel as the raw JSON that the server sends: on hot paths a typed model of a whole Job or pod costs more than all the rest.
The contract of both implementations is the suite in tests/contract.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import quote

from regsweep.api.constants import GROUP, RESULT_KIND, RESULT_PLURAL, SWEEP_KIND, SWEEP_PLURAL, VERSION

KubeObject: TypeAlias = dict[str, Any]
"""A Kubernetes object as JSON. Its shape is the API server's to guarantee, so it is read with its field names."""

PAGE_SIZE: Final = 200
"""Objects per page of a LIST: of Jobs about 1 MB, and ten times that while it is read. (client-go's 500 made the peak of memory.)"""


@dataclass(frozen=True, slots=True)
class Resource:
    """A namespaced resource: where it is served and what its objects are called."""

    group: str
    """API group; empty for core."""
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """`apiVersion` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """URL path of the collection, an object or its subresource; `namespace` None: of all namespaces."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if namespace is not None:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=""))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


SWEEPS: Final = Resource(GROUP, VERSION, SWEEP_PLURAL, SWEEP_KIND)
RESULTS: Final = Resource(GROUP, VERSION, RESULT_PLURAL, RESULT_KIND)
JOBS: Final = Resource("batch", "v1", "jobs", "Job")
PODS: Final = Resource("", "v1", "pods", "Pod")
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
POD_TEMPLATES: Final = Resource("", "v1", "podtemplates", "PodTemplate")
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
EVENTS: Final = Resource("", "v1", "events", "Event")


def workloads(version: str) -> Resource:
    """Kueue's Workloads in a version of its API, such as v1beta2."""
    return Resource("kueue.x-k8s.io", version, "workloads", "Workload")


class WatchType(StrEnum):
    """An event of a watch."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"
    """Nothing happened up to the object's resourceVersion; the object holds nothing else."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One line of a watch."""

    type: WatchType
    object: KubeObject


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a LIST."""

    items: list[KubeObject]
    resource_version: str
    """Of the whole list: the same on every page; a watch starts here."""
    continue_token: str
    """Empty on the last page."""


class KubeApi(Protocol):
    """The calls that the operator makes. Every one raises an ApiError of regsweep.errors and nothing else."""

    async def get(self, resource: Resource, namespace: str, name: str) -> KubeObject:
        """The object as it is now.

        Raises NotFound.
        """
        ...

    async def list_page(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = PAGE_SIZE,
        continue_token: str = "",
    ) -> Page:
        """One page of objects; `namespace` None: of all namespaces.

        Raises Expired when the token is too old: list again without one.
        """
        ...

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        resource_version: str,
        timeout_seconds: float,
    ) -> AsyncGenerator[WatchEvent, None]:
        """What happens after `resource_version`, bookmarks included; ends after about `timeout_seconds`.

        Raises Expired when the version is too old, Unavailable when the connection breaks or falls silent.
        """
        ...

    async def create(self, resource: Resource, obj: KubeObject, *, dry_run: bool = False) -> KubeObject:
        """Creates the object in its `metadata.namespace`; with `dry_run` the server only validates it.

        Raises AlreadyExists, Refused, NotFound (the namespace is not there).
        """
        ...

    async def replace(self, resource: Resource, obj: KubeObject, *, subresource: str = "") -> KubeObject:
        """Writes the whole object, or its `subresource` (status); it must carry its resourceVersion.

        Raises Conflict when it has changed since, NotFound.
        """
        ...

    async def patch(self, resource: Resource, namespace: str, name: str, patch: KubeObject) -> KubeObject:
        """Merges a JSON merge patch; a `metadata.uid` or `metadata.resourceVersion` in it is a precondition.

        Raises Conflict when a precondition does not hold, NotFound.
        """
        ...

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str = ""
    ) -> KubeObject | None:
        """Deletes the object of this UID, at this resourceVersion if one is given, and, in the background, what it owns.

        Returns the object where it stays for a while (finalizers, grace period), else None.
        Raises NotFound, Conflict (the name now belongs to another UID, or the object has changed).
        """
        ...


def uid_of(obj: KubeObject) -> str:
    """The object's UID."""
    uid: str = obj["metadata"]["uid"]
    return uid


def name_of(obj: KubeObject) -> str:
    """The object's name."""
    name: str = obj["metadata"]["name"]
    return name


def namespace_of(obj: KubeObject) -> str:
    """The object's namespace."""
    namespace: str = obj["metadata"]["namespace"]
    return namespace


def label_of(obj: KubeObject, label: str) -> str:
    """The label's value; empty if it is absent."""
    value: str = (obj["metadata"].get("labels") or {}).get(label, "")
    return value


def version_of(obj: KubeObject) -> int:
    """The resourceVersion as a number.

    Comparable for objects of one resource since Kubernetes 1.35 (KEP-5504), and in fact so on every etcd-backed server before.
    """
    return int(obj["metadata"]["resourceVersion"])


def controller_uid_of(obj: KubeObject) -> str:
    """UID of the controller that owns the object; empty where none does."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            uid: str = owner["uid"]
            return uid
    return ""


def is_deleting(obj: KubeObject) -> bool:
    """Whether deletion was requested."""
    return "deletionTimestamp" in obj["metadata"]
