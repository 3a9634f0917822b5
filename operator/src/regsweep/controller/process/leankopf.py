"""kopf without the client libraries that it imports where they are installed: for logins and objects of theirs, which we do not use.

They would be a sixth of the operator's start, and of its memory (ADR 41).
"""

from __future__ import annotations

import sys
from typing import Final

CLIENTS: Final = ("kubernetes", "kubernetes_asyncio", "pykube")
"""To kopf each is optional."""

_hidden = [name for name in CLIENTS if name not in sys.modules]
for _name in _hidden:
    sys.modules[_name] = None  # type: ignore[assignment]  # by which Python says that there is no such module
try:
    import kopf
finally:
    for _name in _hidden:
        del sys.modules[_name]

__all__ = ["kopf"]
