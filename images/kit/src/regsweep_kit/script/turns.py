"""A script without a loop over its replicates: it is run from its top to its end for each of them, in this process."""

import runpy
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from regsweep_kit import errors
from regsweep_kit.script import session
from regsweep_kit.script.replicate import Replicate
from regsweep_kit.script.seeding import seed_generators


def replicate() -> Replicate:
    """`kit.replicate`: the replicate of this turn, in each call the same one.

    The first call of the process does not return: it runs the script anew for each replicate, and ends the process. So a framework is
    imported once. Raises InvalidContractError where there is no file to run, as in a notebook.
    """
    current = session.current()
    if current.turn is None:
        if not session.is_child():
            _run_all(current, _script())
        current.turn = next(current.replicates())
    if not current.seeded:
        seed_generators(current.turn.seed)
        current.seeded = True
    return current.turn


def _run_all(current: session.Session, script: Callable[[], Any]) -> NoReturn:
    for each in current.replicates():
        current.turn, current.seeded = each, False
        script()
    sys.exit(errors.EXIT_OK)


def _script() -> Callable[[], Any]:
    """What runs the script of this process anew."""
    main: Any = sys.modules["__main__"]
    if (spec := getattr(main, "__spec__", None)) is not None:
        return lambda: runpy.run_module(spec.name, run_name="__main__", alter_sys=True)
    if (path := getattr(main, "__file__", None)) is not None:
        return lambda: runpy.run_path(path, run_name="__main__")
    raise errors.InvalidContractError(
        "kit.replicate() runs a script's file once for each replicate, and here is none; in a notebook train in "
        "`for replicate in kit.replicates():`"
    )
