"""regsweep: which regularisation keeps a neural network from overfitting, and how sure that is.

From Python, with data frames (docs/from-tfruns.md): `regsweep.tuning_run(...)`, `regsweep.ls_runs()` and the others below. They are
imported when they are first used, so that `import regsweep` is light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from regsweep.notebook.listing import compare_runs, latest_run, ls_runs, run_info
    from regsweep.notebook.training import training_run, tuning_run
    from regsweep.notebook.upkeep import clean_runs, copy_run, copy_run_files, purge_runs
    from regsweep.notebook.views import save_run_view, view_run
    from regsweep.notebook.within import is_run_active, run_dir, write_run_metadata

__all__ = [
    "clean_runs",
    "compare_runs",
    "copy_run",
    "copy_run_files",
    "is_run_active",
    "latest_run",
    "ls_runs",
    "purge_runs",
    "run_dir",
    "run_info",
    "save_run_view",
    "training_run",
    "tuning_run",
    "view_run",
    "write_run_metadata",
]

_MODULES: Final = {
    **dict.fromkeys(("compare_runs", "latest_run", "ls_runs", "run_info"), "listing"),
    **dict.fromkeys(("training_run", "tuning_run"), "training"),
    **dict.fromkeys(("clean_runs", "copy_run", "copy_run_files", "purge_runs"), "upkeep"),
    **dict.fromkeys(("save_run_view", "view_run"), "views"),
    **dict.fromkeys(("is_run_active", "run_dir", "write_run_metadata"), "within"),
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"regsweep.notebook.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
