"""Folders of images: what 8 bits do not hold is refused, and what is left out is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.images import load_images

GREY = np.arange(16, dtype=np.uint8).reshape(4, 4) * 10
COLOURED = np.full((4, 4, 3), [200, 30, 10], np.uint8)


def folder(place: Path, **images: Any) -> Path:
    """Two classes; the images of the first one by name, with their suffix behind `__`."""
    for name in ("a", "b"):
        (place / name).mkdir()
    PIL.Image.fromarray(GREY).save(place / "b" / "last.png")
    for name, pixels in images.items():
        PIL.Image.fromarray(pixels).save(place / "a" / name.replace("__", "."))
    return place


@pytest.mark.parametrize(
    ("name", "pixels", "values"),
    [
        pytest.param("x__png", np.arange(16, dtype=np.uint16).reshape(4, 4) * 4000, "from 0 to 60000", id="16 bits"),
        pytest.param("x__tiff", np.arange(16, dtype=np.int32).reshape(4, 4) * 4000, "from 0 to 60000", id="32 bits"),
        pytest.param("x__tiff", np.arange(16, dtype=np.float32).reshape(4, 4) / 15, "from 0 to 1", id="fractions"),
        pytest.param("x__tiff", np.arange(16, dtype=np.float32).reshape(4, 4) - 3, "from -3 to 12", id="negative numbers"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", [None, (2, 2)])
def test_pixels_that_would_be_cut_off_are_refused(
    tmp_path: Path, name: str, pixels: Any, values: str, shape: tuple[int, ...] | None
) -> None:
    with pytest.raises(BadDataError, match=f"has pixels {values}, and images are read with 8 bits"):
        load_images(folder(tmp_path, **{name: pixels}), shape)


def test_16_bits_that_8_hold_are_read(tmp_path: Path) -> None:
    data = load_images(folder(tmp_path, x__png=GREY.astype(np.uint16)), None)
    assert data.features[0].tolist() == data.features[1].tolist() == GREY.reshape(-1).tolist()


@pytest.mark.parametrize(
    ("shape", "notes"),
    [
        pytest.param((2, 2), ["1 of 3 images have colours and are read as grey, since the first one is"], id="by the first image"),
        pytest.param((2, 2, 1), [], id="as somebody wants them"),
        pytest.param((2, 2, 3), [], id="with colours"),
    ],
)  # fmt: skip
def test_colours_that_are_left_out_are_said(tmp_path: Path, shape: tuple[int, ...], notes: list[str]) -> None:
    data = load_images(folder(tmp_path, a__png=GREY, c__png=COLOURED), shape)
    assert [note.partition(";")[0] for note in data.notes] == notes


def test_frames_that_are_left_out_are_said(tmp_path: Path) -> None:
    place = folder(tmp_path)
    first, second = (PIL.Image.fromarray(GREY + more) for more in (0, 50))
    first.save(place / "a" / "x.tiff", save_all=True, append_images=[second])
    assert load_images(place, None).notes == ("1 of 2 images have several frames; the first one of each is read",)
