"""Prevents the import of modules in the working directory, such as a user's random.py or keras.py.

It imports only what Python has imported itself by then. For the same reason it is the first thing that the entry points call.
"""

import os
import sys


def forget_working_directory() -> None:
    """Removes the working directory from where modules are looked for before Python's own.

    `python -m` puts it there, and so does an empty entry of PYTHONPATH. It stays where this package was installed to it.
    """
    try:
        here = os.path.realpath(os.getcwd())  # noqa: PTH109 - pathlib is not imported yet
    except OSError:  # it was deleted: nothing can be imported from it
        return
    if here == os.path.realpath(os.path.dirname(os.path.dirname(__file__))):  # noqa: PTH120
        return
    own = os.path.dirname(os.__file__)  # noqa: PTH120
    first = sys.path.index(own) if own in sys.path else len(sys.path)
    before = [entry for entry in sys.path[:first] if entry and os.path.realpath(entry) != here]
    sys.path[:first] = before
