"""What Flux makes of objects, asked of its own packages (`cluster/go/health`)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster import binaries


@dataclass(frozen=True, slots=True)
class Health:
    """The status of one object."""

    kstatus: str
    """By the rules that hold for every kind."""
    expressions: str
    """By the expressions; Unknown: they cannot be evaluated, and Flux goes on looking."""


def health(objects: Sequence[Mapping[str, Any]], expressions: Mapping[str, str]) -> list[Health]:
    """The status of each object, by Flux's rules and by expressions of `healthCheckExprs`.

    Raises AssertionError where an expression is not one.
    """
    questions = "".join(json.dumps({"object": each, "expressions": expressions}) + "\n" for each in objects)
    command = [binaries.program(binaries.HEALTH)]
    done = subprocess.run(command, input=questions, capture_output=True, check=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(objects)
    for answer in answers:
        assert "failed to parse" not in answer.get("expressionsError", ""), answer
    return [Health(answer["kstatus"], answer.get("expressions", "Unknown")) for answer in answers]
