"""Parsers of environment variables: each takes a variable's text and raises ValueError with the words for what is allowed."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Never

from regsweep_kit.foreign import WANT, ForeignReport, read_report
from regsweep_kit.objective import LONGEST_METRIC, METRIC_CHARACTERS, METRIC_NAME, Epoch, Goal, Objective, Rule
from regsweep_kit.resampling import FEWEST_FOLDS, MOST_FOLDS, Fold, Resampling, ResamplingKind

MOST_SECONDS = 86_400
FEWEST_DIGITS, MOST_DIGITS = 12, 64
"""Of a SHA-256 in hex: so many name a data set safely enough; all of them."""

OBJECTIVE = f"""\
an object such as {{"metric": "val_average_loss", "goal": "Minimize" or "Maximize", "epoch": "Last" or "Best"}}, \
the metric a name of at most {LONGEST_METRIC} {METRIC_CHARACTERS}"""
RESAMPLING = f"""\
{{"kind": "Holdout"}}, or {{"kind": "KFold" or "RepeatedKFold", "folds": {FEWEST_FOLDS} to {MOST_FOLDS}}}, \
each perhaps with "outer": {{"fold": 0 to folds - 1, "folds": {FEWEST_FOLDS} to {MOST_FOLDS}}}"""


def integer(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """A parser of an integer within these bounds."""
    bounds = "" if least is None else f" of at least {least}"
    if most is not None:
        bounds += f" and at most {most}"

    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,1000}", text.strip()):
            raise ValueError(f"an integer{bounds}")
        value = int(text)
        if (least is not None and value < least) or (most is not None and value > most):
            raise ValueError(f"an integer{bounds}")
        return value

    return parse


def seconds(text: str) -> float:
    want = f"a number of seconds from 0 to {MOST_SECONDS}"
    try:
        value = float(text)
    except ValueError:
        raise ValueError(want) from None
    if not 0 <= value <= MOST_SECONDS:
        raise ValueError(want)
    return value


def switch(text: str) -> bool:
    values = {"1": True, "true": True, "0": False, "false": False}
    if text.strip().lower() not in values:
        raise ValueError("1 or 0")
    return values[text.strip().lower()]


def digest(text: str) -> str:
    """The beginning of a SHA-256, or all of it, in lower case."""
    if not re.fullmatch(f"[0-9a-f]{{{FEWEST_DIGITS},{MOST_DIGITS}}}", text.strip().lower()):
        raise ValueError(f"{FEWEST_DIGITS} to {MOST_DIGITS} hex digits of a SHA-256")
    return text.strip().lower()


def flags(text: str) -> Mapping[str, Any]:
    want = "a JSON object of flags"
    value = _json(text, want)
    if not isinstance(value, dict):
        raise ValueError(want)
    return value


def names(text: str) -> tuple[str, ...]:
    want = "a JSON list of flag names"
    value = _json(text, want)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError(want)
    return tuple(value)


def objective(text: str) -> Objective:
    value = _json(text, OBJECTIVE)
    if not isinstance(value, dict) or not value.keys() <= {"metric", "goal", "epoch"}:
        raise ValueError(OBJECTIVE)
    usual = Objective()
    metric = value.get("metric", usual.rule.metric)
    if not isinstance(metric, str) or len(metric) > LONGEST_METRIC or not re.fullmatch(METRIC_NAME, metric):
        raise ValueError(OBJECTIVE)
    try:
        rule = Rule(metric, Goal(value.get("goal", usual.rule.goal)))
        return Objective(rule, Epoch(value.get("epoch", usual.epoch)))
    except ValueError:
        raise ValueError(OBJECTIVE) from None


def report(text: str) -> ForeignReport:
    return read_report(_json(text, WANT))


def resampling(text: str) -> Resampling:
    value = _json(text, RESAMPLING)
    if not isinstance(value, dict) or not value.keys() <= {"kind", "folds", "outer"}:
        raise ValueError(RESAMPLING)
    outer = None if value.get("outer") is None else _outer(value["outer"])
    try:
        kind = ResamplingKind(str(value.get("kind")))
    except ValueError:
        raise ValueError(RESAMPLING) from None
    if kind is not ResamplingKind.HOLDOUT:
        return Resampling(kind, _folds(value.get("folds")), outer)
    if value.get("folds") is not None:
        raise ValueError(f"{RESAMPLING}: Holdout has no folds")
    return Resampling(outer=outer)


def _outer(value: Any) -> Fold:
    if not isinstance(value, dict) or value.keys() != {"fold", "folds"}:
        raise ValueError(RESAMPLING)
    folds, fold = _folds(value["folds"]), value["fold"]
    if isinstance(fold, bool) or not isinstance(fold, int) or not 0 <= fold < folds:
        raise ValueError(RESAMPLING)
    return Fold(fold, folds)


def _folds(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not FEWEST_FOLDS <= value <= MOST_FOLDS:
        raise ValueError(RESAMPLING)
    return value


def _json(text: str, want: str) -> Any:
    """Strict JSON: no NaN, no infinity; what is nested too deeply to be read is refused like all else."""

    def refuse(constant: str) -> Never:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except RecursionError:
        raise ValueError(f"{want} (it is nested too deeply)") from None
    except ValueError as error:
        raise ValueError(f"{want} ({error})") from None
