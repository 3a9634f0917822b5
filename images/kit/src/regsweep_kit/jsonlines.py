"""Files of JSON lines, to which a run appends while others may read them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def append_line(path: Path, line: Mapping[str, Any]) -> None:
    """Appends an object, and makes the file where there is none. Processes that are started meanwhile do not inherit it.

    Raises OSError, and ValueError where a number is not finite.
    """
    text = json.dumps(line, separators=(",", ":"), allow_nan=False) + "\n"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)
