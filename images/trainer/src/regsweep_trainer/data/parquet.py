"""Tables from Parquet files, by pyarrow. Text, truth values and dates become strings, as a CSV file would have them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.columns import check_names, show
from regsweep_trainer.data.files import reading
from regsweep_trainer.data.numerals import EXACT_INTEGERS
from regsweep_trainer.data.rows import MOST_PLACES
from regsweep_trainer.data.tables import Table
from regsweep_trainer.data.targets import TextColumn

SIGNATURE = b"PAR1"


def places(rows: NDArray[np.int64]) -> str:
    """Rows by index (from 0), in words; the first few of them."""
    more = f" and {len(rows) - MOST_PLACES} more" if len(rows) > MOST_PLACES else ""
    return ", ".join(f"row {row + 1}" for row in rows[:MOST_PLACES].tolist()) + more


class ParquetFile:
    """A Parquet file whose schema has been read and whose rows have not."""

    def __init__(self, path: Path) -> None:
        """Raises BadDataError."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._path = path
        with reading(path):
            try:
                self._file = pq.ParquetFile(path)
            except pa.ArrowException as error:
                raise BadDataError(
                    f"flag data_path: cannot read {path}: the Parquet file is damaged ({error}); copy it again"
                ) from error
        self.names = tuple(self._file.schema_arrow.names)
        check_names(self.names, str(path))
        self.kinds: tuple[str | None, ...] = tuple(
            self._kind(field.name, field.type) for field in self._file.schema_arrow
        )

    def read(self, texts: Sequence[int]) -> Table:
        """All rows; `texts` are the indices of the columns that are text. Raises BadDataError."""
        import pyarrow as pa

        try:
            table = self._file.read()
        except (pa.ArrowException, OSError) as error:
            raise BadDataError(
                f"flag data_path: cannot read {self._path}: the Parquet file is damaged ({error}); copy it again"
            ) from error
        if not table.num_rows:
            raise BadDataError(f"flag data_path: {self._path} has no rows")
        numbers = [index for index in range(len(self.names)) if index not in texts]
        values = np.empty((table.num_rows, len(numbers)))
        for position, index in enumerate(numbers):
            values[:, position] = self._numbers(index, table.column(index))
        return Table(values, tuple(_text(table.column(index)) for index in texts), places)

    def _kind(self, name: str, kind: Any) -> str:
        import pyarrow.types as types

        if types.is_dictionary(kind):
            kind = kind.value_type
        if types.is_boolean(kind):
            return "boolean"
        if types.is_date(kind) or types.is_timestamp(kind):
            return "date"
        if types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind):
            return "categorical"
        if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
            return "numeric"
        raise BadDataError(
            f"flag data_path: column {show(name)} of {self._path} has values of type {kind}; want numbers, text, truth values or dates"
        )

    def _numbers(self, index: int, column: Any) -> NDArray[np.float64]:
        import pyarrow as pa

        name = show(self.names[index])
        if self.kinds[index] != "numeric":
            raise BadDataError(
                f"flag data_path: column {name} of {self._path} has values of type {column.type}, not numbers; declare it, as in columns: "
                f"{{{self.names[index]}: {self.kinds[index]}}}"
            )
        values = column.cast(pa.float64(), safe=False).to_numpy()
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            raise BadDataError(
                f"flag data_path: column {name} of {self._path} has no finite number in {len(wrong)} rows: {places(wrong)}; fill them in, "
                f"or declare what becomes of them, as in columns: {{{self.names[index]}: {{kind: numeric, missing: mean}}}}"
            )
        if pa.types.is_integer(column.type) and np.abs(values).max() > EXACT_INTEGERS:
            large = np.flatnonzero(np.abs(values) > EXACT_INTEGERS)
            raise BadDataError(
                f"flag data_path: column {name} of {self._path} has integers with more digits than a 64-bit float keeps: {places(large)}; "
                f"declare it ignored if it is an identifier, as in columns: {{{self.names[index]}: ignored}}"
            )
        return np.asarray(values, np.float64)


def _text(column: Any) -> TextColumn:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    encoded = column.combine_chunks()
    encoded = encoded if pa.types.is_dictionary(encoded.type) else encoded.dictionary_encode("encode")
    known: dict[str, int] = {}
    codes = [known.setdefault(_cell(value), len(known)) for value in encoded.dictionary.to_pylist()]
    translated = np.array([*codes, known.setdefault("", len(known)) if encoded.indices.null_count else 0], np.int64)
    indices = encoded.indices.fill_null(len(codes)).to_numpy().astype(np.int64)
    return TextColumn(tuple(known), translated[indices])


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str():
            return value.strip()
        case float():
            return repr(value).removesuffix(".0")
        case _:
            return value.isoformat() if hasattr(value, "isoformat") else str(value)
