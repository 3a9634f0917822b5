"""Flags as they were given become typed ones, or a refusal that says all that is wrong."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from regsweep_kit.errors import InvalidFlagsError
from regsweep_trainer.flags.contradictions import contradictions, disagreements
from regsweep_trainer.flags.declaration import Flags
from regsweep_trainer.flags.words import NESTED, shown, unknown, want, within, wrong_value

ESTIMATOR_DEFAULTS = MappingProxyType({"optimizer": "adagrad", "learning_rate": 0.05})
"""Those of the Estimator's DNN models; the accumulator of Keras' Adagrad begins with 0.1, as theirs did."""


def parse_flags(given: Mapping[str, Any]) -> Flags:
    """The typed flags. Raises InvalidFlagsError with all that is wrong, one sentence per flag, and not only the first."""
    problems: dict[str, str] = {}
    flags = None
    try:
        flags = Flags.model_validate({**_defaults_of(given.get("model")), **given})
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_context=False):
            name = str(detail["loc"][0])
            known = name in Flags.model_fields
            text = wrong_value(name, given[name]) if known else unknown(name, given[name])
            problems.setdefault(name, text + (within(detail) if name in NESTED else ""))
    problems = contradictions(given) | problems
    if flags is not None:
        problems = disagreements(flags) | problems
    if problems or flags is None:
        sentences = [problems[name] for name in sorted(problems)]
        if any(name not in Flags.model_fields for name in problems):
            sentences.append("the flags are " + ", ".join(sorted(Flags.model_fields)))
        raise InvalidFlagsError("; ".join(sentences))
    return flags


def _defaults_of(model: Any) -> Mapping[str, Any]:
    """What is another default for this model than for others."""
    return ESTIMATOR_DEFAULTS if model in ("dnn_classifier", "dnn_regressor") else {}


def describe() -> dict[str, Any]:
    """JSON schema of the flags, for whoever wants to check them early. Numbers may also come as strings that spell them."""
    schema = Flags.model_json_schema()
    schema["title"] = "Flags of regsweep-trainer"
    return schema


def flag_lines() -> list[tuple[str, str, str, str]]:
    """One (name, default, values, description) per flag, in the order of declaration."""
    lines = []
    for name, field in Flags.model_fields.items():
        default = "-" if field.default is None else shown(field.default)
        lines.append((name, default, want(name), field.description or ""))
    return lines


def label_value(value: Any) -> str:
    """A flag's value as a Prometheus label: a string unchanged, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
