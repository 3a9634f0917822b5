"""`$(NAME)` in arguments, expanded as the kubelet does (k8s.io/kubernetes/third_party/forked/golang/expansion)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_REFERENCE: Final = re.compile(r"\$\$|\$\(([^)]*)\)")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """The text with the variables' values, which are not expanded again. `$$` is one `$`; an unknown name stays as it is."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1], match[0])

    return _REFERENCE.sub(value, text)
