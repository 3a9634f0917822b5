"""Which images a folder has: one folder for each class, in it the class's images and nothing else. Imports no NumPy."""

from pathlib import Path

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.columns import show
from regsweep_trainer.data.files import reading

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
MOST_CLASSES = 1000

REMEDY = "want one folder for each class, and in it images alone; for a table name the file"


def listing(folder: Path) -> dict[str, tuple[Path, ...]]:
    """By class its images, both sorted by name. Hidden files do not count. Raises BadDataError where there is anything else."""
    with reading(folder):
        classes = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
        for path in classes:
            if not path.is_dir():
                raise BadDataError(
                    f"flag data_path: {folder} is a folder, and {show(path.name)} in it is a file; {REMEDY}"
                )
        if not 2 <= len(classes) <= MOST_CLASSES:
            raise BadDataError(
                f"flag data_path: {folder} is a folder with {len(classes)} folders in it; {REMEDY}: 2 to {MOST_CLASSES}"
            )
        return {path.name: _images(path) for path in classes}


def _images(folder: Path) -> tuple[Path, ...]:
    paths = tuple(path for path in sorted(folder.iterdir()) if not path.name.startswith("."))
    if not paths:
        raise BadDataError(f"flag data_path: {folder} is empty; {REMEDY}")
    for path in paths:
        if path.suffix.lower() not in SUFFIXES:
            raise BadDataError(f"flag data_path: {path} is not an image by its name ({', '.join(SUFFIXES)}); {REMEDY}")
    return paths
