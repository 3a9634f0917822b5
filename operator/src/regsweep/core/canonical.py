"""Identity from content: hashes of canonical JSON."""

from __future__ import annotations

import hashlib

from regsweep.api.canonical import canonical_json

__all__ = ["canonical_json", "digest"]


def digest(value: object, length: int) -> str:
    """The first `length` (1 to 64) hexadecimal digits of the SHA-256 of the value's canonical JSON.

    Raises:
        ValueError: where the value has no canonical JSON (NaN, infinity), or the length is out of bounds.
    """
    if not 1 <= length <= 64:
        raise ValueError(f"length must be from 1 to 64, got {length}")
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]
