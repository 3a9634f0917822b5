"""A file of flags, which lies over their defaults and under the command line."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from regsweep_kit.errors import InvalidFlagsError

MOST_BYTES: Final = 1_000_000


def read_profile(name: str) -> dict[str, Any]:
    """Flags by name. Raises InvalidFlagsError where the file cannot be read, or is no mapping."""
    path = Path(name)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidFlagsError(f"--profile {name}: want a file that ends in {', '.join(_READERS)}")
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise InvalidFlagsError(f"--profile {name}: has more than {MOST_BYTES} bytes; is it a file of flags?")
        flags = reader(text.decode())
    except OSError as error:
        raise InvalidFlagsError(f"--profile {name}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InvalidFlagsError(f"--profile {name}: {' '.join(str(error).split())}") from error
    if not isinstance(flags, dict) or not all(isinstance(key, str) for key in flags):
        raise InvalidFlagsError(f"--profile {name}: want a mapping of flags to values")
    return flags


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise ValueError("YAML needs the package PyYAML; install it, or write the file as JSON or TOML") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    ".json": json.loads,
    ".toml": tomllib.loads,
    ".yaml": _yaml,
    ".yml": _yaml,
}
