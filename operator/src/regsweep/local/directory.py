"""The directory of a sweep's runs: `<runs>/<sweep>/<run>/`. It is the source of truth about trained runs."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from regsweep.api.objective import EpochRule
from regsweep.api.status import FinalStatus, RefinementStatus
from regsweep.core.results.messages import MalformedMessage, parse_message, records_of
from regsweep.core.results.records import Record, Records
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase
from regsweep.errors import RegsweepError
from regsweep.local.facts import RUN_FILE, RunFacts, histograms_file, history_file, message_file, output_file
from regsweep.local.locks import FolderLockedError, Held, held_lock
from regsweep.local.provenance import PROVENANCE_FILE, SOURCE_FOLDER, Keepsakes

FINAL_FILE = "final.json"
"""The picks of the final evaluation, frozen."""
REFINEMENT_FILE = "refinement.json"
"""What refinement has chosen."""
SETTINGS_FILE = "settings.json"
"""What of the environment results of an earlier version rest on, which did not note it; see `baseline`."""
_SETTINGS = TypeAdapter(dict[str, dict[str, str]])
MOST_MESSAGE_BYTES = 64 * 1024
"""Far above the contract's 4,096: what is longer is cut, and then refused as malformed."""
_EPOCH = datetime.fromtimestamp(0, UTC)


class RunsDirectoryError(RegsweepError):
    """The directory of runs cannot be used; the message says why and what to do."""


class UnwritableRunsError(RunsDirectoryError):
    """Nothing can be written into the directory of runs; its content may still be read."""


@dataclass(frozen=True, slots=True)
class RunsDirectory:
    """The runs of one sweep."""

    path: Path

    @contextmanager
    def locked(self) -> Iterator[Held]:
        """Creates the directory and keeps others from working in it; gives the lock.

        Whoever inherits its descriptor keeps the lock as well: so do guards whose trainers are still ending.

        Raises:
            UnwritableRunsError: where the directory cannot be written.
            RunsDirectoryError: where another `regsweep run` works here.
        """
        with ExitStack() as stack:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                held = stack.enter_context(held_lock(self.path))
            except OSError as error:
                raise UnwritableRunsError(
                    f"{self.path}: cannot be written ({error.strerror}). Name another directory with --runs-dir."
                ) from error
            except FolderLockedError as error:
                raise RunsDirectoryError(
                    f"{self.path}: another `regsweep run` uses it, or its trainers are still stopping. "
                    f"Wait for it, or use another --name or --runs-dir. {error}".rstrip()
                ) from error
            yield held

    def run(self, name: str) -> Path:
        """Directory of a run."""
        return self.path / name

    def begin(self, facts: RunFacts, kept: Keepsakes, *, resumes: bool = False) -> Path:
        """Prepares the run's directory; files of an earlier, unfinished attempt are removed.

        Only replicates without a result are trained, so that no result is lost. resumes: training goes on from checkpoints, so that
        the epochs before them are kept.
        """
        directory = self.run(facts.run)
        directory.mkdir(exist_ok=True)
        for index in range(facts.processes_wanted):
            courses = () if resumes else (history_file(index), histograms_file(index))
            for name in (message_file(index), output_file(index), *courses):
                (directory / name).unlink(missing_ok=True)
        source = directory / SOURCE_FOLDER
        if source.exists():
            shutil.rmtree(source)
        source.mkdir()
        for name, text in kept.source.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text, encoding="utf-8", newline="")
        (directory / PROVENANCE_FILE).write_text(kept.provenance.model_dump_json(by_alias=True, indent=2) + "\n")
        self.write(facts)
        return directory

    def write(self, facts: RunFacts) -> None:
        """Writes the run's facts, whole or not at all."""
        write_atomically(self.run(facts.run) / RUN_FILE, facts.model_dump_json(by_alias=True, indent=2) + "\n")

    def freeze(self, final: FinalStatus) -> None:
        """Keeps the picks of the final evaluation, which later runs of this sweep must not change."""
        write_atomically(self.path / FINAL_FILE, final.model_dump_json(by_alias=True, indent=2) + "\n")

    def refine(self, refinement: RefinementStatus) -> None:
        """Keeps what refinement has chosen, which later runs of this sweep must not change."""
        text = refinement.model_dump_json(by_alias=True, indent=2)
        write_atomically(self.path / REFINEMENT_FILE, text + "\n")

    def refinement(self) -> RefinementStatus | None:
        """What an earlier run's refinement has chosen; None: nothing. Raises RunsDirectoryError where it cannot be read."""
        path = self.path / REFINEMENT_FILE
        try:
            return RefinementStatus.model_validate_json(path.read_bytes(), extra="ignore")
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise RunsDirectoryError(
                f"{path}: cannot be read ({_first_line(error)}). It holds what refinement has chosen. Restore it, or use another "
                "--runs-dir."
            ) from error

    def settings(self) -> dict[str, dict[str, str]]:
        """The settings that results of an earlier version are taken to rest on, by trainer. Raises RunsDirectoryError."""
        path = self.path / SETTINGS_FILE
        try:
            return _SETTINGS.validate_json(path.read_bytes(), strict=True)
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            raise RunsDirectoryError(
                f"{path}: cannot be read ({_first_line(error)}). It says what earlier results rest on. Restore it."
            ) from error

    def keep_settings(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        """Keeps them. Raises OSError."""
        write_atomically(self.path / SETTINGS_FILE, json.dumps(settings, indent=2, sort_keys=True) + "\n")

    def frozen(self) -> FinalStatus | None:
        """The picks that an earlier run has frozen; None: none. Raises RunsDirectoryError where they cannot be read."""
        path = self.path / FINAL_FILE
        try:
            return FinalStatus.model_validate_json(path.read_bytes(), extra="ignore")
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise RunsDirectoryError(
                f"{path}: was not written by this version of regsweep ({_first_line(error)}). "
                "Move it away: the final evaluation then starts again, and its test rows are used once more."
            ) from error

    def message(self, run: str, index: int) -> str:
        """The termination message of a process, empty where it wrote none."""
        try:
            with (self.run(run) / message_file(index)).open("rb") as file:
                return file.read(MOST_MESSAGE_BYTES).decode("utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def last_words(self, run: str, index: int, lines: int = 3) -> str:
        """The last lines that a process printed, for the message about its failure."""
        try:
            with (self.run(run) / output_file(index)).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
                text = file.read().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])

    def records(self) -> Records:
        """Every result of earlier runs, of finished replicates of interrupted ones too. Failures are not taken: run again.

        Raises RunsDirectoryError where a file cannot be read.
        """
        return Records(record for facts in self.all_facts() for record in self._records_of(facts))

    def all_facts(self) -> Iterator[RunFacts]:
        """The facts of every run, in order of their names. Raises RunsDirectoryError where a file cannot be read."""
        for path in sorted(self.path.glob(f"*/{RUN_FILE}")):
            try:
                yield RunFacts.model_validate_json(path.read_bytes(), extra="ignore")
            except (OSError, ValidationError) as error:
                raise RunsDirectoryError(
                    f"{path}: does not describe a run of this version of regsweep ({_first_line(error)}). "
                    "Move its directory away, or use another --runs-dir."
                ) from error

    def _records_of(self, facts: RunFacts) -> Iterator[Record]:
        run = observed_run(facts)
        for index in range(run.completions):
            text = self.message(facts.run, index)
            message = parse_message(text) if text else None
            if message is None or isinstance(message, MalformedMessage):
                continue
            pod = ObservedPod(
                name=pod_name(facts.run, index),
                uid=pod_name(facts.run, index),
                index=index,
                phase=PodPhase.SUCCEEDED,
                created_at=run.created_at,
                message=text,
                image=facts.image,
            )
            yield from (record for record in records_of(run, pod, message) if _is_result(record, facts))


def _is_result(record: Record, facts: RunFacts) -> bool:
    """Whether it is a result, and of the data that the run was started with."""
    data, digest = facts.data, record.environment.data_digest
    other_data = data is not None and data.by_trainer and digest not in ("", data.digest)
    return record.has_result and not other_data


def pod_name(run: str, index: int) -> str:
    """The name of a process, used by the core as the name of a pod."""
    return f"{run}-{index}"


def observed_run(facts: RunFacts, created_at: datetime = _EPOCH) -> ObservedRun:
    """The run as the core sees it, without its processes."""
    return ObservedRun(
        name=facts.run,
        uid=facts.run,
        point_key=facts.point_key,
        first_replicate=facts.first_replicate,
        replicates=facts.replicates,
        replicates_per_pod=facts.replicates_per_pod,
        attempt=facts.attempt,
        created_at=created_at,
        lost=facts.lost,
        rule=EpochRule(facts.rule.metric, facts.rule.goal) if facts.rule is not None else None,
    )


def write_atomically(path: Path, text: str) -> None:
    """Writes the file whole or not at all: beside it first, synced, then renamed."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
