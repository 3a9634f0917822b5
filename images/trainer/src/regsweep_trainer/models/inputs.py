"""The shape of a network's input. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Image:
    height: int
    width: int
    channels: int

    @property
    def size(self) -> int:
        """Numbers of one image."""
        return self.height * self.width * self.channels


@dataclass(frozen=True, slots=True)
class Embedded:
    """A column of whole numbers, for each of which a vector is learnt."""

    name: str
    size: int
    """The numbers are from 0 to below it."""
    dimension: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a row of x is."""

    columns: int
    image: Image | None = None
    """How all columns make an image, row by row, the channels of a pixel together; `None`: they make none."""
    embedded: tuple[Embedded, ...] = ()
    """The last columns, each of which is a number of a vector."""
