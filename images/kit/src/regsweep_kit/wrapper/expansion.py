"""`$(NAME)` in arguments, expanded as the kubelet does: `$$` is one `$`, and a name that is not known stays as it is."""

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """The text with the variables' values, which are not expanded again."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return variables.get(match[1], match[0])

    return _REFERENCE.sub(value, text)
