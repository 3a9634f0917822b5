"""A place in a cluster, as the command line names it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace of a cluster; None each: as kubectl would take it."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: Path | None = None
