"""The tree that opens `regsweep.errors` is the truth: every error class, its base, and the module that defines it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pytest

import regsweep
from regsweep import errors
from regsweep.errors import RegsweepError

LINE = re.compile(r"^ {4}(?P<rails>(?:│   |    )*)(?:[├└]── )?(?P<name>[A-Z]\w+)(?: +(?:\[(?P<module>[\w.]+)\] )?.*)?$")


def drawn() -> dict[str, tuple[str, str]]:
    """Name -> (name of its base, module below `regsweep`) of each class in the tree."""
    found: dict[str, tuple[str, str]] = {}
    path = ["Exception"]
    for line in inspect.getsource(errors).split('"""')[1].splitlines():
        if (match := LINE.match(line)) is None:
            continue
        depth = 0 if match["name"] == RegsweepError.__name__ else 1 + len(match["rails"]) // 4
        path[depth + 1 :] = [match["name"]]
        found[match["name"]] = (path[depth], match["module"] or "errors")
    return found


def defined() -> Iterator[type[BaseException]]:
    """Every exception class that a module of regsweep defines."""
    for info in pkgutil.walk_packages(regsweep.__path__, "regsweep."):
        if info.name.endswith("__main__"):
            continue  # it runs the command
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == module.__name__:
                yield value


def test_the_tree_shows_every_error_with_its_base_and_module() -> None:
    assert drawn() == {
        error.__name__: (error.__bases__[0].__name__, error.__module__.removeprefix("regsweep.")) for error in defined()
    }


@pytest.mark.parametrize("error", list(defined()), ids=lambda error: error.__name__)
def test_every_error_is_a_regsweep_error_and_says_in_a_sentence_what_it_means(error: type[BaseException]) -> None:
    assert issubclass(error, RegsweepError)
    assert (error.__doc__ or "").split("\n")[0].endswith(".")
