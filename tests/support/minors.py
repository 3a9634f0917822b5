"""The Kubernetes that the integration tests run on: the built-in cluster's, or another minor.

REGSWEEP_KUBERNETES=oldest or newest chooses it: `make test-minors`.
"""

from __future__ import annotations

import os
from typing import Final

from cluster import binaries

MINOR: Final = os.environ.get("REGSWEEP_KUBERNETES", "")
KUBERNETES: Final = binaries.MINORS[MINOR]


def instance(name: str) -> str:
    """The name of a cluster of that minor."""
    return f"{name}-{MINOR}" if MINOR else name
