"""Images become a data set: each a row of numbers, its folder's name the class."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.data.files import reading
from regsweep_trainer.data.folders import listing
from regsweep_trainer.models.inputs import Image

DEEP = ("I", "F")
"""Beginnings of Pillow's modes of integers and floats."""
GREY = ("1", "L", "I;16", "I", "F")
COLOURS, FRAMES = "colours", "frames"
MOST_NUMBERS = 2**29
"""Of all images together: 4 GiB in float64."""


def load_images(folder: Path, shape: tuple[int, ...] | None) -> Dataset:
    """shape: (height, width) or (height, width, channels) to which all are scaled; `None`: that of the first image, which all must have.

    Raises BadDataError.
    """
    files = listing(folder)
    paths = [path for images in files.values() for path in images]
    first = _opened(paths[0], None, Counter())
    image = (
        Image(*first.shape)
        if shape is None
        else Image(shape[0], shape[1], shape[2] if len(shape) > 2 else first.shape[2])
    )
    if image.size * len(paths) > MOST_NUMBERS:
        raise BadDataError(
            f"flag data_path: {folder} has {len(paths)} images of {image.height} x {image.width} x {image.channels}, more than fit into "
            f"memory ({MOST_NUMBERS} numbers); set image_shape to scale them down"
        )
    features = np.empty((len(paths), image.size))
    seen: Counter[str] = Counter()
    for row, path in enumerate(paths):
        pixels = _opened(path, None if shape is None else image, seen)
        if pixels.shape != (image.height, image.width, image.channels):
            raise BadDataError(
                f"flag data_path: {path} has {'x'.join(map(str, pixels.shape))} numbers (height x width x channels), and {paths[0].name} "
                f"{'x'.join(map(str, first.shape))}; set image_shape to scale all images to one shape"
            )
        features[row] = pixels.reshape(-1)
    target = np.repeat(np.arange(len(files)), [len(images) for images in files.values()]).astype(np.float64)
    notes = tuple(_notes(seen, len(paths), chosen=shape is not None and len(shape) > 2))
    return Dataset(folder.name, features, target, tuple(files), image=image, notes=notes)


def _notes(seen: Counter[str], count: int, *, chosen: bool) -> Iterator[str]:
    """What of the images is left out. chosen: somebody has said how many channels there are."""
    if seen[COLOURS] and not chosen:
        yield (
            f"{seen[COLOURS]} of {count} images have colours and are read as grey, since the first one is; set image_shape: [height, "
            "width, 3] to keep them"
        )
    if seen[FRAMES]:
        yield f"{seen[FRAMES]} of {count} images have several frames; the first one of each is read"


def _opened(path: Path, scaled: Image | None, seen: Counter[str]) -> NDArray[np.float64]:
    """Shape (height, width, channels): one channel of a grey image, three of others. seen: counts what is left out."""
    import PIL.Image

    with reading(path):
        try:
            with PIL.Image.open(path) as file:
                _check_depth(file, path)
                is_grey = file.mode in GREY
                grey = is_grey if scaled is None else scaled.channels == 1
                seen[COLOURS] += grey and not is_grey
                seen[FRAMES] += getattr(file, "n_frames", 1) > 1
                picture = file.convert("L" if grey else "RGB")
                if scaled is not None:
                    picture = picture.resize((scaled.width, scaled.height), PIL.Image.Resampling.BILINEAR)
                pixels = np.asarray(picture, np.float64)
        except (PIL.UnidentifiedImageError, PIL.Image.DecompressionBombError, SyntaxError, ValueError) as error:
            raise BadDataError(
                f"flag data_path: cannot read {path} as an image: {error}; remove it, or save it again"
            ) from error
    return pixels.reshape(*pixels.shape[:2], -1)


def _check_depth(file: Any, path: Path) -> None:
    """Raises BadDataError where 8 bits do not hold the pixels: Pillow would cut them off, and leave black and white."""
    if not file.mode.startswith(DEEP):
        return
    pixels = np.asarray(file, np.float64)
    if not np.array_equal(pixels, np.asarray(file.convert("L"))):
        raise BadDataError(
            f"flag data_path: {path} has pixels from {pixels.min():g} to {pixels.max():g}, and images are read with 8 bits, whole numbers "
            "from 0 to 255; save them so, or all of them as an array in an npz file, whose numbers are read as they are"
        )
