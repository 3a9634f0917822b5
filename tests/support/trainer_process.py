"""A trainer as Kubernetes sees it: a process with an environment, /metrics, a termination message, signals and an exit code.

Nothing here sleeps for a fixed time: all waiting is polling to a deadline.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DEADLINE_SECONDS = 120.0
REFERENCE = (sys.executable, "-m", "regsweep_trainer")

Start = Callable[..., "Trainer"]


class Trainer:
    """One process; its record and output are read as a node's agent would."""

    def __init__(
        self,
        folder: Path,
        flags: dict[str, Any] | str,
        port: int = 0,
        command: Sequence[str] = REFERENCE,
        cwd: Path | None = None,
        **environment: str,
    ) -> None:
        """folder: of the termination message. cwd: where the process begins; `None`: where this one is."""
        self.log = folder / "termination-log"
        self.port = port
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={
                **surroundings(),
                "REGSWEEP_FLAGS": flags if isinstance(flags, str) else json.dumps(flags),
                "REGSWEEP_SWEEP": "s",
                "REGSWEEP_RUN": "r",
                "REGSWEEP_METRICS_PORT": str(port),
                "REGSWEEP_TERMINATION_LOG": str(self.log),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def wait(self) -> int:
        self.out, self.err = self.process.communicate(timeout=DEADLINE_SECONDS)
        return self.process.returncode

    @property
    def message(self) -> dict[str, Any]:
        raw = self.log.read_bytes()
        assert len(raw) <= 4096

        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} in the termination message")

        message: dict[str, Any] = json.loads(raw, parse_constant=refuse)
        return message

    def scrape(self) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as response:
                text: str = response.read().decode()
                return text
        except OSError:
            return None

    def until(self, condition: Callable[[str], bool]) -> str:
        """Scrapes until the condition holds; the scrape that it held for."""
        end = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < end:
            text = self.scrape()
            if text is not None and condition(text):
                return text
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.02)
        raise AssertionError("deadline")


def surroundings() -> dict[str, str]:
    """This process' environment without what speaks to a trainer, or to what computes, which tests within this process have set."""
    unwanted = ("REGSWEEP_", "JOB_", "PYTHONDONTWRITE", "PYTHONSAFEPATH", "KERAS_", "TF_", "JAX_", "XLA_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


@contextmanager
def starting(folder: Path) -> Iterator[Start]:
    """A way to start trainers, none of which outlives it."""
    started: list[Trainer] = []

    def start(flags: dict[str, Any] | str, port: int = 0, **options: Any) -> Trainer:
        started.append(Trainer(folder, flags, port, **options))
        return started[-1]

    yield start
    for trainer in started:
        if trainer.process.poll() is None:
            trainer.process.kill()
            trainer.process.wait()


def completed(text: str) -> int:
    return len(re.findall(r"^regsweep_trainer_complete\{[^}]*\} 1\.0$", text, re.MULTILINE))


def exposed(text: str, replicate: int, metric: str, split: str) -> float:
    line = f'regsweep_trainer_metric{{metric="{metric}",replicate="{replicate}",run="r",split="{split}",sweep="s"}} '
    return float(text.split(line)[1].split("\n")[0])


def written(trainer: Trainer, records: int) -> bool:
    try:
        return len(trainer.message["records"]) >= records
    except (OSError, json.JSONDecodeError):
        return False


def poll(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end, "deadline"
        time.sleep(0.02)


def refused(trainer: Trainer, code: int, reason: str) -> str:
    began = time.monotonic()
    assert trainer.wait() == code, trainer.err
    assert time.monotonic() - began < DEADLINE_SECONDS
    message = trainer.message
    assert message["records"] == []
    assert message["error"]["reason"] == reason
    assert message["error"]["message"] in trainer.err
    assert "Traceback" not in trainer.err
    return str(message["error"]["message"])
