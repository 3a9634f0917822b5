"""What of the environment decides how a training of one's own computes: Keras' settings, and the variables that the script reads.

A manifest shows none of it, so that results of one backend would be taken for another's. The reference trainer needs none of it: it
names its backend when it is asked, and lets nothing else in.

What changes the last digits alone (threads, the device, its libraries) is not among them: it differs between machines that train the same.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from regsweep.api.canonical import digest
from regsweep.local.datafiles import content_digest, is_file
from regsweep.local.sources import script_digest, script_files
from regsweep.local.trainer import THREAD_VARIABLES, TrainerCommand, is_contract

BACKEND: Final = "keras.backend"
KERAS_BACKENDS: Final = frozenset({"tensorflow", "jax", "torch"})
"""That train."""
USUAL: Final[Mapping[str, str]] = MappingProxyType(
    {
        BACKEND: "tensorflow",
        "keras.floatx": "float32",
        "keras.epsilon": "1e-07",
        "keras.image_data_format": "channels_last",
        "keras.nnx_enabled": "False",
    }
)
"""What Keras takes where nothing is said: of that no word is said here either, since it is what results of earlier versions rest on."""
FROM_FILE: Final = tuple(name.removeprefix("keras.") for name in USUAL)
"""Fields of keras.json."""
FROM_VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "KERAS_MAX_EPOCHS": "keras.max_epochs",
        "KERAS_MAX_STEPS_PER_EPOCH": "keras.max_steps_per_epoch",
        "JAX_DEFAULT_PRNG_IMPL": "JAX_DEFAULT_PRNG_IMPL",
        "JAX_THREEFRY_PARTITIONABLE": "JAX_THREEFRY_PARTITIONABLE",
    }
)
SWITCHES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "KERAS_NNX_ENABLED": "keras.nnx_enabled",
        "TF_USE_LEGACY_KERAS": "TF_USE_LEGACY_KERAS",
        "JAX_ENABLE_X64": "JAX_ENABLE_X64",
    }
)
"""Variables that turn something on by `1` or `true`."""
MOST_FILE_BYTES: Final = 64 * 1024
MOST_VALUE: Final = 40
"""Characters of a value of Keras'; of a longer one the digest stands here."""
WRITTEN: Final = re.compile(
    r"(?:^|[-_.])(?:checkpoints?|ckpt|dump|export|logs?|out|outputs?|outfile|results?|saved?|tensorboard)(?:[-_.]|$)",
    re.IGNORECASE,
)
"""In the name of an option, or of a file: the trainer writes it, so that it is another one each time."""
FILE: Final = "file "
"""Before the name of a file of the command."""
DIGEST_LENGTH: Final = 16
WITHOUT_KERAS: Final = frozenset(
    {"catboost", "lightgbm", "matplotlib", "numpy", "pandas", "pyarrow", "regsweep_kit", "scipy", "sklearn", "torch", "xgboost"}
)  # fmt: skip
"""Packages that do not compute with Keras. What a script imports beside them and Python's own may do so."""
OF_THE_MACHINE: Final = frozenset(
    {
        "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "HOME", "HOSTNAME", "LANG", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "LOGNAME",
        "MASTER_ADDR", "MASTER_PORT", "MKL_NUM_THREADS", "PATH", "PWD", "PYTHONPATH", "PYTHONUNBUFFERED", "RANK", "SHELL", "SHLVL",
        "TEMP", "TERM", "TF_CPP_MIN_LOG_LEVEL", "TF_FORCE_GPU_ALLOW_GROWTH", "TMP", "TMPDIR", "USER", "USERNAME", "VIRTUAL_ENV",
        "WORLD_SIZE", *THREAD_VARIABLES,
    }
)  # fmt: skip
"""Variables that say where, and not what, is computed."""
OF_SERVICES: Final = re.compile(
    r"(AWS|CI|COMET|CONDA|GITHUB|KUBERNETES|LC|LSB|MLFLOW|NEPTUNE|OMPI|PBS|PMI|SGE|SLURM|WANDB|XDG)_"
    r"|.*(API_?KEY|CREDENTIAL|PASSW|SECRET|TOKEN|JOB_?ID|RUN_?ID)"
)
"""Variables of schedulers and of services that watch, credentials, which are renewed, and numbers of jobs, which are new each time."""


def settings_of(trainer: TrainerCommand, environment: Mapping[str, str], args: Sequence[str] = ()) -> dict[str, str]:
    """The settings that are not the usual ones, by name; of a variable that the script reads, and of a file, a digest.

    args: what the manifest adds to the command.
    """
    if trainer.is_reference:
        return {}
    module = module_of(trainer.own_arguments)
    files = dict(named_files(trainer.own_arguments, args))
    scripts = [Path(each) for each in (*trainer.own_arguments, *files) if each.endswith(".py") and is_file(each)]
    sources = [tree for script in scripts for tree in _trees(_files(script))] + list(_trees(_files(module, Path())))
    found = _keras(environment) if may_use_keras(sources) else {}
    found |= {name: digest(environment[name], DIGEST_LENGTH) for name in _read(sources) if name in environment}
    found |= {FILE + name: _content(path) for name, path in files.items()}
    found |= {FILE + module.as_posix(): _content(module, Path())} if module is not None else {}
    return dict(sorted(found.items()))


def shown(settings: Mapping[str, str]) -> list[str]:
    """Such as `keras.backend torch`, and `LR` of a variable that the script reads: its value may be a secret. Files are left out."""
    return [
        f"{name} {value}" if _is_public(name) else name for name, value in settings.items() if not name.startswith(FILE)
    ]


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Such as `keras.backend: tensorflow -> torch` and `LR is set now`; files are left out."""
    names = [name for name in _changed(before, now) if not name.startswith(FILE)]
    return [_difference(name, before.get(name), now.get(name)) for name in names]


def changed_files(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Files of the command that are other files now."""
    return [name.removeprefix(FILE) for name in _changed(before, now) if name.startswith(FILE)]


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def _difference(name: str, before: str | None, now: str | None) -> str:
    if _is_public(name):
        was, is_now = (USUAL.get(name, "unset") if each is None else each for each in (before, now))
        return f"{name}: {was} -> {is_now}"
    if before is None or now is None:
        return f"{name} is set now" if before is None else f"{name} is no longer set"
    return f"{name} has another value"


def _is_public(name: str) -> bool:
    """Whether the value is a setting of Keras or JAX, and not the digest of a variable's."""
    return name in USUAL or name in FROM_VARIABLES.values() or name in SWITCHES.values()


def backend_of(environment: Mapping[str, str]) -> str:
    """Keras' backend."""
    return _keras(environment).get(BACKEND, USUAL[BACKEND])


def leaves_backend_alone(trainer: TrainerCommand) -> bool:
    """Whether the script imports Keras, and nowhere names what chooses its backend."""
    files = [path for each in trainer.own_arguments if each.endswith(".py") for path in _files(Path(each))]
    files += _files(module_of(trainer.own_arguments), Path())
    texts = [path.read_bytes() for path in files]
    imports = any(name in ("keras", "tensorflow") for tree in _trees(files) for name in _packages(tree))
    return imports and not any(word in text for text in texts for word in (b"KERAS_BACKEND", b"set_backend"))


def may_use_keras(sources: list[ast.Module]) -> bool:
    """Whether Keras may be imported; so it is where there is no script to look into."""
    without = WITHOUT_KERAS | sys.stdlib_module_names
    return not sources or any(name not in without for tree in sources for name in _packages(tree))


def named_files(arguments: Sequence[str], args: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """(name, path) of files whose content the trainer's identity does not hold: of `--config=FILE`, and of arguments that are added."""
    for argument in (*arguments, *args):
        option, equals, value = argument.partition("=")
        if equals and option.startswith("-") and not WRITTEN.search(option) and is_file(value):
            yield value, Path(value)
    yield from ((each, Path(each)) for each in args if not WRITTEN.search(Path(each).name) and is_file(each))


def module_of(arguments: Sequence[str]) -> Path | None:
    """The file of `python -m MODULE` below the working directory, also behind `env`, `uv run` and the like; None: it is no module of
    one's own."""
    if "-m" not in arguments[:-1]:
        return None
    place = Path(*arguments[arguments.index("-m") + 1].split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__main__.py") if is_file(str(path))), None)


def _content(path: Path, folder: Path | None = None) -> str:
    """A digest of the file, or of the script with its modules; empty where it cannot be read."""
    try:
        whole = script_digest(path, folder) if path.suffix == ".py" else content_digest(path)
    except OSError:
        return ""
    return whole[:DIGEST_LENGTH]


def _files(script: Path | None, folder: Path | None = None) -> list[Path]:
    """The script and its modules."""
    try:
        return script_files(script, folder) if script is not None else []
    except OSError:
        return []


def _trees(files: Iterable[Path]) -> Iterator[ast.Module]:
    for path in files:
        try:
            yield ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):  # Python itself will say so
            continue


def _packages(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            yield node.module.partition(".")[0]


def _keras(environment: Mapping[str, str]) -> dict[str, str]:
    """As Keras itself reads it: its file, then variables."""
    found = _of_file(_keras_file(environment))
    if backend := environment.get("KERAS_BACKEND", ""):
        found[BACKEND] = backend
    found |= {name: environment[variable] for variable, name in FROM_VARIABLES.items() if environment.get(variable)}
    found |= {
        name: str(environment[variable].lower() in ("1", "true"))
        for variable, name in SWITCHES.items()
        if variable in environment
    }
    usual = {**dict.fromkeys(SWITCHES.values(), "False"), **USUAL}
    return {name: _bounded(value) for name, value in found.items() if value != usual.get(name)}


def _keras_file(environment: Mapping[str, str]) -> Path:
    if "KERAS_HOME" in environment:
        return Path(_expanded(environment["KERAS_HOME"], environment), "keras.json")
    home = _expanded("~", environment)
    return Path(home if os.access(home, os.W_OK) else "/tmp", ".keras", "keras.json")


def _expanded(path: str, environment: Mapping[str, str]) -> str:
    home = environment.get("HOME")
    return path.replace("~", home, 1) if home and path.partition("/")[0] == "~" else os.path.expanduser(path)  # noqa: PTH111 - as Keras does it


def _of_file(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(MOST_FILE_BYTES))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {f"keras.{name}": str(content[name]) for name in FROM_FILE if content.get(name) is not None}


def _bounded(value: str) -> str:
    return value if len(value) <= MOST_VALUE and value.isprintable() else digest(value, DIGEST_LENGTH)


def _read(sources: list[ast.Module]) -> set[str]:
    """Names of the variables that the script reads, as far as they are written down in it."""
    names = {name for tree in sources for node in ast.walk(tree) for name in _named(node)}
    return {name for name in names - OF_THE_MACHINE if not is_contract(name) and not OF_SERVICES.match(name)}


def _named(node: ast.AST) -> Iterator[str]:
    """Of `environ["X"]`, `environ.get("X")`, `getenv("X")`, `"X" in environ` and the like; not where it is only set."""
    asked: ast.expr | None = None
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and _is(node.value, "environ"):
        asked = node.slice
    elif isinstance(node, ast.Call) and node.args:
        of_environ = isinstance(node.func, ast.Attribute) and _is(node.func.value, "environ")
        asked = node.args[0] if of_environ or _is(node.func, "getenv") else None
    elif isinstance(node, ast.Compare) and _is(node.comparators[0], "environ"):
        asked = node.left
    if isinstance(asked, ast.Constant) and isinstance(asked.value, str):
        yield asked.value


def _is(node: ast.expr, name: str) -> bool:
    """Whether it is this name, be it of a module."""
    return (isinstance(node, ast.Name) and node.id == name) or (isinstance(node, ast.Attribute) and node.attr == name)
