"""Names of columns: compared as a person sees them, shown so that a difference is seen. Pure."""

import difflib
import re
import unicodedata
from collections.abc import Sequence

from regsweep_kit.errors import BadDataError

LONGEST_SHOWN = 60  # characters of a cell or a name in an error
MOST_SHOWN = 20  # names in an error
MOST_COLUMNS = 100_000

# What pandas and readr call a column without a name.
_UNNAMED = re.compile(r"|Unnamed: [0-9]+|\.\.\.[0-9]+")


def visible(text: str) -> str:
    """The text as it looks: composed (NFC), without invisible characters, with one plain space for any blanks between words."""
    composed = unicodedata.normalize("NFC", text)
    return " ".join("".join(c for c in composed if unicodedata.category(c) != "Cf").split())


def show(text: str) -> str:
    """The text quoted and shortened, and its escapes beside it where some character is not plain ASCII."""
    cut = text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."
    return repr(cut) if cut.isascii() else f"{cut!r} ({cut!a})"


def check_names(names: Sequence[str], where: str) -> None:
    """Raises BadDataError where a column has no name, two columns have names that look the same, or there are too many."""
    if len(names) > MOST_COLUMNS:
        raise BadDataError(f"flag data_path: {where} has {len(names)} columns; at most {MOST_COLUMNS} are read")
    for position, name in enumerate(names, start=1):
        if _UNNAMED.fullmatch(visible(name)):
            raise BadDataError(
                f"flag data_path: column {position} of {where} has no name ({show(name)}): a row number, or a separator at the end "
                "of each line? Remove it (pandas: to_csv(index=False); R: row.names=FALSE), or name it in the header"
            )
    first: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        other = first.setdefault(visible(name), position)
        if other != position:
            raise BadDataError(
                f"flag data_path: columns {other} and {position} of {where} have the same name, {show(names[other - 1])} and "
                f"{show(name)}; rename one of them"
            )


def find_column(flag: str, wanted: str, names: Sequence[str], where: str) -> int:
    """The index of the column that the flag names. Raises BadDataError where there is none. Needs names that `check_names` accepts."""
    looks = [visible(name) for name in names]
    if visible(wanted) in looks:
        return looks.index(visible(wanted))
    close = difflib.get_close_matches(visible(wanted).casefold(), [name.casefold() for name in looks], n=1)
    meant = "" if not close else f", did you mean {show(names[[n.casefold() for n in looks].index(close[0])])}?"
    single = "; does it use another separator (flag separator)?" if len(names) == 1 else ""
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    raise BadDataError(
        f"flag {flag}: {where} has no column {show(wanted)}{meant}; its columns are "
        f"{', '.join(map(show, names[:MOST_SHOWN]))}{more}{single}"
    )
