"""What an operator's log has to complain of."""

from __future__ import annotations

import re


def complaints(log: str) -> list[str]:
    """Its warnings and errors."""
    return [line for line in log.splitlines() if re.search(r" (WARNING|ERROR|CRITICAL) ", line)]
