"""What training code needs to keep regsweep's training contract (docs/trainer-contract.md). It imports no framework.

For a script (images/kit/README.md), imported when first used:

    flags      declares the script's flags, and gives their values
    flag, file declare one flag; `file` names data
    replicates the trainings to make
    replicate  the training to make, in a script without a loop

For a trainer that wants all in its own hands, pure modules, no I/O: objective, resampling and contract (the environment, read by
variables), seeds, splits, epochs (best epoch and early stopping), record (a replicate's result), message and columns (the termination
message and what it has room for), testlosses.
Shell: digests (of source files), journal (writes the message), exposition and server (/metrics), reporting (both, in the contract's order),
stopping (signals), timing, console, process (from the environment to the exit code).
`errors` holds every reason for which a run ends early, with its exit code.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regsweep_kit.script.declarations import file as file
    from regsweep_kit.script.declarations import flag as flag
    from regsweep_kit.script.precedence import Flags
    from regsweep_kit.script.replicate import Replicate as Replicate

__all__ = ["Replicate", "file", "flag", "flags", "replicate", "replicates"]


def flags(**declared: Any) -> "Flags":
    """Declares the script's flags, and gives their values: default < profile file < command line < sweep.

    Each is given as its default, whose type is the flag's, or as `kit.flag(default, help)` or `kit.file(default, help)`. Call it once,
    before anything is trained; before a framework is imported, even better: --help and --identify are quick then.
    Raises InvalidFlagsError for whatever was not declared or does not fit, BadDataError and DataChangedError for the data of `kit.file`.
    """
    from regsweep_kit.script.session import begin

    return begin(declared)


def replicates() -> "Iterator[Replicate]":
    """The replicates that this process trains, in order; by itself a script trains one. The next turn finishes the last one."""
    from regsweep_kit.script.session import replicates as ask

    return ask()


def replicate() -> "Replicate":
    """The replicate to train, for a script without a loop: under a sweep it is run from its top to its end for each replicate."""
    from regsweep_kit.script.turns import replicate as ask

    return ask()


def __getattr__(name: str) -> Any:
    if name in ("flag", "file"):
        from regsweep_kit.script import declarations

        return getattr(declarations, name)
    if name == "Replicate":
        from regsweep_kit.script.replicate import Replicate

        return Replicate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
