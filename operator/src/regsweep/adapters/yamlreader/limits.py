"""Bounds of what is read, each above what a person writes and below what hurts."""

from __future__ import annotations

from typing import Final

MAX_BYTES: Final = 3 * 2**20
"""Size of a file. The API server takes no larger request, so that a larger file would have to hold many objects."""
MAX_DOCUMENTS: Final = 10_000
"""Documents of a file, empty ones included."""
MAX_DEPTH: Final = 100
"""Collections within collections. kubectl allows 10,000; a pod template has about 15."""
MAX_NODES: Final = 400_000
"""Nodes of one document with all aliases expanded. Up to here go-yaml allows the same share of aliases (see below)."""
MAX_ALIAS_SHARE: Final = 0.99
"""Share of a document's nodes that may come from aliases: `allowedAliasRatio` of go.yaml.in/yaml/v2."""
FREE_ALIAS_NODES: Final = 100
"""Nodes from aliases that are not held against the share, as in go-yaml."""
FREE_NODES: Final = 1_000
"""A document of at most so many nodes is not held against the share, as in go-yaml."""
