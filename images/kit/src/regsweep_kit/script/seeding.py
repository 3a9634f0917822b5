"""Seeds the global generators of a replicate, and of a framework that the script imports only within it."""

import importlib.util
import random
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

FRAMEWORKS: Final = ("keras", "torch")
"""With generators of their own."""


def seed_generators(seed: int) -> None:
    """Seeds Python's, NumPy's and the framework's: that of one which is imported already, or else once it is."""
    random.seed(seed)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Late)]
    if not _seed_framework(seed):
        sys.meta_path.insert(0, _Late(seed))


def _seed_framework(seed: int) -> bool:
    """Whether one was there."""
    keras: Any = sys.modules.get("keras")
    torch: Any = sys.modules.get("torch")
    if keras is not None:
        keras.utils.set_random_seed(seed)
    elif torch is not None:
        torch.manual_seed(seed)
    return keras is not None or torch is not None


class _Late(MetaPathFinder):
    """Seeds a framework as soon as it has been imported. What the script has drawn before of Python and NumPy is not drawn again."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the interface
        target: ModuleType | None = None,  # noqa: ARG002 - the interface
    ) -> ModuleSpec | None:
        if name not in FRAMEWORKS or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)  # or it would be asked again
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            sys.meta_path.insert(0, self)
            return spec
        loader: Any = spec.loader
        execute = loader.exec_module

        def execute_and_seed(module: ModuleType) -> None:
            del loader.exec_module
            execute(module)
            _keeping_others(self._seed)

        loader.exec_module = execute_and_seed
        return spec


def _keeping_others(seed: int) -> None:
    numpy: Any = sys.modules.get("numpy")
    own, drawn = random.getstate(), numpy.random.get_state() if numpy is not None else None
    _seed_framework(seed)
    random.setstate(own)
    if numpy is not None:
        numpy.random.set_state(drawn)
