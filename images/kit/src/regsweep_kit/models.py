"""Where the models of replicates are saved."""

from pathlib import Path

SUFFIX = ".keras"


def model_file(folder: Path | None, replicate: int, suffix: str = SUFFIX) -> Path | None:
    """The file of a replicate's model in the folder; `None`: none is saved."""
    return None if folder is None else folder / f"replicate-{replicate}{suffix}"
