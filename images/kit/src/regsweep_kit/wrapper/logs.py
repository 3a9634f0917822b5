"""What a script has written so far, as epochs. Each reader is fed text as it comes, and gives the epochs that are complete. Pure."""

import csv
import json
import re
from collections.abc import Iterator
from typing import Any, Final, Protocol

from regsweep_kit.errors import BadDataError
from regsweep_kit.foreign import ForeignReport, ReportFormat
from regsweep_kit.wrapper.naming import Epoch

LONGEST_LINE: Final = 1_000_000
"""Characters; the rest of a longer line is passed over."""
MISSING: Final = frozenset({"", "NA", "N/A", "NONE", "NULL"})
_NUMBER: Final = r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|nan|inf|infinity)"
_PAIR: Final = re.compile(rf"(?:^|(?<=[\s,;|(\[{{]))([a-z_][\w./@-]*)\s*=\s*({_NUMBER})(?!\w|\.\w)", re.IGNORECASE)


class LogReader(Protocol):
    def feed(self, text: str) -> Iterator[Epoch]:
        """The epochs that this text completes."""

    def end(self) -> Iterator[Epoch]:
        """The last one, once nothing more comes."""


class Lines:
    """Whole lines of text that comes in pieces."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> Iterator[str]:
        *whole, rest = (self._rest + text).split("\n")
        self._rest = rest[:LONGEST_LINE]
        yield from (line.rstrip("\r") for line in whole)

    def end(self) -> Iterator[str]:
        if self._rest.strip():
            yield self._rest
        self._rest = ""


class CsvReader:
    """Keras' CSVLogger: its header, then an epoch a line. The separator is the header's."""

    def __init__(self, path: str) -> None:
        self._path, self._lines = path, Lines()
        self._header: list[str] = []
        self._separator = ","

    def feed(self, text: str) -> Iterator[Epoch]:
        for line in self._lines.feed(text):
            yield from self._line(line)

    def end(self) -> Iterator[Epoch]:
        for line in self._lines.end():
            yield from self._line(line)

    def _line(self, line: str) -> Iterator[Epoch]:
        if not line.strip():
            return
        if not self._header:
            self._separator = max(",;\t", key=line.count)
            self._header = self._cells(line)
            return
        cells = self._cells(line)
        if cells == self._header:  # of a logger that was begun again
            return
        if len(cells) != len(self._header):
            raise BadDataError(
                f"{self._path}: {line[:80]!r} has {len(cells)} cells, the header has {len(self._header)}"
            )
        yield _numbers(dict(zip(self._header, cells, strict=True)))

    def _cells(self, line: str) -> list[str]:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=self._separator))]


class JsonReader:
    """A JSON object a line; other lines, such as a log's, are refused."""

    def __init__(self, path: str) -> None:
        self._path, self._lines = path, Lines()

    def feed(self, text: str) -> Iterator[Epoch]:
        for line in self._lines.feed(text):
            yield from self._line(line)

    def end(self) -> Iterator[Epoch]:
        for line in self._lines.end():
            yield from self._line(line)

    def _line(self, line: str) -> Iterator[Epoch]:
        if not line.strip():
            return
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise BadDataError(
                f'{self._path}: {line[:80]!r} is no JSON object; want one for each epoch, such as {{"val_loss": 0.3}}'
            )
        yield _numbers(value)


class StdoutReader:
    """`name=value` on standard output. An epoch ends where a name comes again, unless that line names the same epoch. Of a name that
    comes twice in a line, the first value counts: what follows is said of something else, such as of the best epoch."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._epoch: dict[str, float | None] = {}

    def feed(self, text: str) -> Iterator[Epoch]:
        for line in self._lines.feed(text):
            yield from self._line(line)

    def end(self) -> Iterator[Epoch]:
        for line in self._lines.end():
            yield from self._line(line)
        if self._has_metrics:
            yield self._epoch
        self._epoch = {}

    @property
    def _has_metrics(self) -> bool:
        return any(name.lower() != "epoch" for name in self._epoch)

    def _line(self, line: str) -> Iterator[Epoch]:
        values: dict[str, float] = {}
        for name, value in _PAIR.findall(line):
            values.setdefault(name, float(value))
        goes_on = "epoch" in values and values["epoch"] == self._epoch.get("epoch")
        if not goes_on and values.keys() & self._epoch.keys():
            if self._has_metrics:
                yield self._epoch
            self._epoch = {}
        self._epoch |= values


def reader(report: ForeignReport) -> LogReader:
    """The reader of a format that is text."""
    if report.format is ReportFormat.CSV_LOGGER:
        return CsvReader(report.path)
    return JsonReader(report.path) if report.format is ReportFormat.JSON_LINES else StdoutReader()


def _numbers(values: dict[str, Any]) -> Epoch:
    """Those values that are numbers. None of one that is missing: Keras writes `NA` in epochs without validation, others nothing."""
    numbers: dict[str, float | None] = {}
    for name, value in values.items():
        if value is None or (isinstance(value, str) and value.strip().upper() in MISSING):
            numbers[name] = None
        elif isinstance(value, int | float | str) and not isinstance(value, bool):
            try:
                numbers[name] = float(value)
            except (ValueError, OverflowError):
                continue
    return numbers
