"""Keeps modules that happen to lie in the working directory, such as a random.py or a keras.py of one's own, from being imported.

It imports only what Python has imported itself by then. For the same reason it is the first thing that the entry points call.
"""

import os
import sys


def forget_working_directory() -> None:
    """Removes the working directory from where modules are looked for.

    `python -m` puts it first, and so does an empty entry of PYTHONPATH. It stays where it is a folder that Python itself or this package
    was installed to.
    """
    try:
        here = os.path.realpath(os.getcwd())  # noqa: PTH109 - pathlib is not imported yet
    except OSError:  # it was deleted: nothing can be imported from it
        return
    installed = {os.path.dirname(os.__file__), os.path.dirname(os.path.dirname(__file__))}  # noqa: PTH120
    if here not in {os.path.realpath(folder) for folder in installed}:
        sys.path[:] = [entry for entry in sys.path if entry and os.path.realpath(entry) != here]
