"""Files of text as blocks of whole lines: opened, decompressed, and checked to be UTF-8.

Lines end with LF, CR LF or CR alone; the blocks have LF. All that is wrong with a file is BadDataError, which names it.
"""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from itertools import chain
from pathlib import Path

from regsweep_kit.errors import BadDataError

BLOCK_BYTES = 4 << 20
MOST_LINE_BYTES = 16 << 20  # a quarter of a million columns

_GZIP = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"
_SIGNATURES = (
    (b"\xff\xfe\0\0", "UTF-32; save it as UTF-8"),
    (b"\xff\xfe", "UTF-16; save it as UTF-8, or set the flag encoding"),
    (b"\xfe\xff", "UTF-16; save it as UTF-8, or set the flag encoding"),
    (b"\0\0\xfe\xff", "UTF-32; save it as UTF-8"),
    (b"PK\x03\x04", "a zip archive, as an Excel workbook (.xlsx) is; save the sheet as CSV UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls); save the sheet as CSV UTF-8"),
    (b"PAR1", "a compressed Parquet file; decompress it"),
    (b"ARROW1", "an Arrow file; write it as CSV"),
    (b"SQLite format 3", "an SQLite database; export the table as CSV"),
    (b"%PDF", "a PDF document"),
    (b"BZh", "compressed with bzip2; only gzip is read"),
    (b"\xfd7zXZ", "compressed with xz; only gzip is read"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; only gzip is read"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"version https://git-lfs", "a pointer of Git LFS; fetch the file itself (git lfs pull)"),
)


@dataclass(frozen=True, slots=True)
class Block:
    first_line: int
    """The number of its first line in the file, from 1."""
    text: bytes
    """Whole lines, each ended by LF; UTF-8 without NUL."""


def read_blocks(path: Path, encoding: str = "utf-8") -> Iterator[Block]:
    """The file in blocks of about BLOCK_BYTES. encoding: of its text, as Python names it. Raises BadDataError."""
    line, rest = 1, b""
    for piece in _ended_by_lf(_pieces(path) if encoding == "utf-8" else _decoded(path, encoding)):
        cut = piece.rfind(b"\n") + 1
        if cut:
            yield _checked(Block(line, rest + piece[:cut]), path)
            line, rest = line + piece.count(b"\n", 0, cut), b""
        rest += piece[cut:]
        if len(rest) > MOST_LINE_BYTES:
            raise BadDataError(
                f"flag data_path: line {line} of {path} has more than {MOST_LINE_BYTES >> 20} MiB; is it a text file with a table?"
            )
    if rest:
        yield _checked(Block(line, rest + b"\n"), path)


def _pieces(path: Path, *, is_utf8: bool = True) -> Iterator[bytes]:
    """Pieces of the file, decompressed; of a text in UTF-8 without byte order mark."""
    with reading(path), path.open("rb") as raw:
        head = raw.peek(32)[:32]
        _check_head(head, path)
        file: BufferedIOBase = gzip.GzipFile(fileobj=raw) if head.startswith(_GZIP) else raw
        first = is_utf8
        while piece := file.read(BLOCK_BYTES):
            if first:
                _check_signature(piece, path)
                piece, first = piece.removeprefix(_UTF8_MARK), False
            yield piece


def _ended_by_lf(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same text with LF for every end of a line."""
    held = b""
    for piece in pieces:
        whole = held + piece
        held = b"\r" if whole.endswith(b"\r") else b""  # an LF that belongs to it must not begin the next piece
        whole = whole.removesuffix(held)
        yield whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in whole else whole
    if held:
        yield b"\n"


def _decoded(path: Path, encoding: str) -> Iterator[bytes]:
    """Pieces of the file in UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0
    for piece in chain(_pieces(path, is_utf8=False), [b""]):
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeError as error:
            raise BadDataError(
                f"flag encoding: {path} is not in {encoding}: it has other bytes within the {max(len(piece), 1)} from byte {done} on; "
                "set the encoding that it was saved with, or save it as CSV UTF-8"
            ) from error
        done += len(piece)
        yield text.removeprefix("\ufeff").encode()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Makes BadDataError of what goes wrong while the file is opened and read."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadDataError(
            f"flag data_path: cannot read {path}: the gzip archive is damaged ({error}); copy it again"
        ) from error
    except OSError as error:
        raise BadDataError(f"flag data_path: cannot read {path}: {error.strerror or error}{_advice(path)}") from error
    except ValueError as error:  # a NUL in the path
        raise BadDataError(f"flag data_path: cannot read {str(path)!r}: {error}") from error


def _advice(path: Path) -> str:
    """What a path that cannot be opened may have meant."""
    text = str(path)
    if text.startswith("~"):
        return f"; ~ is not expanded, write the whole path ({_expanded(path)} for the user that the trainer runs as)"
    if "$" in text:
        return "; variables are not expanded, write the whole path"
    if ":/" in text:
        return "; URLs are not fetched, mount the file or download it"
    if any(character in text for character in "*?["):
        return "; patterns are not expanded, give the path of one file"
    return "" if path.is_absolute() else f"; a relative path starts at {Path.cwd()}"


def _expanded(path: Path) -> str:
    try:
        return str(path.expanduser())
    except RuntimeError:  # no such user
        return "/..."


def _check_head(head: bytes, path: Path) -> None:
    if path.suffix.lower() == ".gz" and head and not head.startswith(_GZIP):
        raise BadDataError(
            f"flag data_path: cannot read {path}: it is named .gz but is not compressed with gzip; rename it, or copy it again"
        )


def _check_signature(piece: bytes, path: Path) -> None:
    for signature, what in _SIGNATURES:
        if piece.startswith(signature):
            raise BadDataError(f"flag data_path: {path} is not a CSV file in UTF-8: it is {what}")


def _checked(block: Block, path: Path) -> Block:
    """The block itself, where it is UTF-8 without NUL."""
    zero = block.text.find(b"\0")
    if zero >= 0:
        raise BadDataError(
            f"flag data_path: {path} is not a CSV file in UTF-8: line {_line(block, zero)} has a NUL byte, as files in UTF-16, "
            "binary files and files cut off by a crash have; save it as CSV UTF-8"
        )
    if not block.text.isascii():
        try:
            block.text.decode()
        except UnicodeDecodeError as error:
            raise BadDataError(
                f"flag data_path: {path} is not a CSV file in UTF-8: line {_line(block, error.start)} has the byte "
                f"0x{block.text[error.start]:02x}, as files in Latin-1 or Windows-1252 have; save it as CSV UTF-8, or set the flag encoding"
            ) from error
    return block


def _line(block: Block, offset: int) -> int:
    return block.first_line + block.text.count(b"\n", 0, offset)
