"""The operator's own metrics, read from its page."""

from __future__ import annotations

import re
from typing import Final

_REQUESTS: Final = re.compile(r"^regsweep_operator_api_requests_total\{(.*)\} (\S+)$", re.MULTILINE)
_PASSES: Final = re.compile(r"^regsweep_operator_reconcile_total\{.*\} (\S+)$", re.MULTILINE)
_WRITES: Final = re.compile(r'verb="(create|update|patch|delete)"')
_RESOURCE: Final = re.compile(r'resource="(.*?)"')


def patches_sent(page: str) -> dict[str, int]:
    """How many patches the operator has sent, successful or not, by resource."""
    counted: dict[str, int] = {}
    for labels, value in _REQUESTS.findall(page):
        if 'verb="patch"' in labels and (found := _RESOURCE.search(labels)):
            counted[found[1]] = counted.get(found[1], 0) + int(float(value))
    return counted


def writes_sent(page: str) -> tuple[int, int]:
    """How many passes the operator has made, and how many writes it has sent, those to its Lease left out."""
    passes = sum(int(float(value)) for value in _PASSES.findall(page))
    writes = [
        int(float(value))
        for labels, value in _REQUESTS.findall(page)
        if _WRITES.search(labels) and 'resource="leases"' not in labels
    ]
    return passes, sum(writes)
