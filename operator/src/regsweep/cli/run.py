"""`regsweep run`: the sweep on this machine, announced, followed and printed."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Final

from rich.console import Console

from regsweep.api.budget_spec import OnExhausted, Retention
from regsweep.api.conditions import ConditionStatus, ConditionType
from regsweep.api.spec import SweepSpec
from regsweep.api.status import SweepStatus
from regsweep.api.warnings import spec_warnings
from regsweep.api.wording import plural
from regsweep.cli.announcement import announcement, shared_gpus, without_histograms
from regsweep.cli.check import print_warnings
from regsweep.cli.clusterfields import differences
from regsweep.cli.consoles import error_console, result_console
from regsweep.cli.exits import COMPLETE, FAILED, INTERRUPTED, UsageError, fail, print_error_line
from regsweep.cli.kept import keep_results
from regsweep.cli.manifest import Manifest, load_manifest
from regsweep.cli.progress import Progress
from regsweep.cli.scripts import ScriptOptions, chosen_script
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.grid import combinations
from regsweep.core.progress import progress_of
from regsweep.core.refinement import refined
from regsweep.core.results.records import Records
from regsweep.core.sweep import Sweep
from regsweep.errors import Problem
from regsweep.local.baseline import baseline
from regsweep.local.datafiles import digest_now
from regsweep.local.directory import RunsDirectory, RunsDirectoryError, UnwritableRunsError
from regsweep.local.failures import HOW_TO_RETRY, HOW_TO_TRAIN_ANEW
from regsweep.local.gpus import Gpus, NoGpuError, gpus_for
from regsweep.local.identify import NO_DATA, DataIdentity, identify
from regsweep.local.lineage import changes, environment_note, known_data, other_packages
from regsweep.local.ownfiles import OwnFiles, own_files
from regsweep.local.provenance import computing_packages
from regsweep.local.revisit import LOCAL
from regsweep.local.runner import Host, LocalRunner, Start
from regsweep.local.scripts import ScriptError, placed_script
from regsweep.local.settings import settings_of
from regsweep.local.trainer import (
    NoTrainerError,
    TrainerCommand,
    custom_trainer,
    default_parallelism,
    of_generation,
    reference_trainer,
    reporting_trainer,
)
from regsweep.report.build import results_of
from regsweep.report.model import SweepReport
from regsweep.report.outputs import Output
from regsweep.report.printing import print_prose
from regsweep.report.render import write_results

UNLIMITED = Retention(succeeded_jobs=10_000, failed_jobs=10_000)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of the command line."""

    file: Path | None
    """None: a script is swept without a manifest."""
    runs_dir: Path
    name: str | None = None
    parallelism: int | None = None
    """None: as many as the manifest asks for and the machine can bear."""
    trainer_command: str | None = None
    """None: the reference trainer, or the script."""
    script: ScriptOptions | None = None
    output: Output = Output.TABLE
    rows: int = 20
    means: bool = False
    """The table has the means at the values of all flags."""
    warm: bool = True
    """Trainers may be forked from a process that has imported what they need."""
    histograms: int | None = None
    """Every so many epochs histograms of the weights are kept; None: none."""
    gpus: int = 0
    """GPUs of this machine for each run; 0: none is asked for."""


def run_command(options: RunOptions) -> int:
    """Trains what is not trained yet, prints the results, and returns the exit code.

    Raises InvalidSweep, UsageError and RunsDirectoryError.
    """
    errors = error_console()
    manifest, trainer = _chosen(options)
    gpus = _gpus(options.gpus)
    parallelism = options.parallelism or default_parallelism(manifest.spec.parallelism, gpus)
    _print_lines(errors, differences(manifest.spec, trainer, options.trainer_command is not None, options.gpus))
    _print_lines(errors, shared_gpus(parallelism, gpus))
    directory = RunsDirectory(options.runs_dir / manifest.name)
    with ExitStack() as stack:
        try:
            held = stack.enter_context(directory.locked())
            lock, note = held.descriptor, held.note
        except UnwritableRunsError as error:
            lock, note = None, f"{error} Nothing is written; the results in it are shown."
        _print_lines(errors, [f"note: {note}"] if note else [])
        work = prepare(manifest, trainer, parallelism, directory)
        print_warnings(work.sweep.warnings)
        _print_lines(errors, [announcement(work.sweep, work.records, directory.path, work.data), *work.changes])
        host = Host(warm=options.warm, histogram_epochs=options.histograms or 0, gpus=gpus)
        return asyncio.run(_run(work, directory, lock, options, host, errors))


def _gpus(each: int) -> Gpus | None:
    """So many GPUs of this machine for each run; None: none is asked for. Raises UsageError."""
    try:
        return gpus_for(each, os.environ) if each else None
    except NoGpuError as error:
        raise UsageError(f"--{error}") from error


def _chosen(options: RunOptions) -> tuple[Manifest, TrainerCommand]:
    """What is swept, and what trains it. Raises UsageError and InvalidSweep."""
    if options.script is not None:
        return chosen_script(options.script, options.name)
    if options.file is None:
        raise UsageError("Missing argument: give a manifest, or a training script with --script.")
    manifest = load_manifest(options.file, options.name)
    try:
        command = options.trainer_command
        if (source := manifest.spec.trainer.script) is not None and manifest.script is not None and command is None:
            return manifest, placed_script(manifest.script, source.entrypoint, options.runs_dir / manifest.name)
        return manifest, custom_trainer(command) if command is not None else reference_trainer()
    except (NoTrainerError, ScriptError) as error:
        raise UsageError(str(error)) from error


NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Work:
    """A sweep with the content of its runs directory."""

    sweep: Sweep
    trainer: TrainerCommand
    data: DataIdentity
    records: Records
    changes: Sequence[str]
    """What was changed since earlier trainings, and what cannot be noticed, a sentence each."""
    files: OwnFiles
    """What the trainer consists of, as its identity knows it."""


def prepare(
    manifest: Manifest,
    trainer: TrainerCommand,
    parallelism: int,
    directory: RunsDirectory,
    environment: Mapping[str, str] = os.environ,
) -> Work:
    """Asks the trainer for the identity of its data, and reads the runs directory. Raises DataError and RunsDirectoryError."""
    if manifest.spec.trainer.report is not None:
        if trainer.is_reference:
            raise UsageError(
                "spec.trainer.report: says what a script writes, and no script is given. Give it with --trainer-command 'python train.py'."
            )
        trainer = reporting_trainer(trainer)
    files = own_files(trainer, manifest.spec.trainer.args or ())
    facts, records = list(directory.all_facts()), directory.records()
    flags = [combination.flags for combination in combinations(manifest.spec)]
    flags += [reference.flags for reference in manifest.spec.references]
    data = identify(
        trainer, manifest.spec.trainer.parameters, flags, known=known_data(facts, trainer), environment=environment
    )
    settings = settings_of(trainer, environment, manifest.spec.trainer.args or ())
    usual, said = baseline(directory, trainer, facts, records, settings)
    data = replace(data, settings=settings, usual=usual)
    trainer = of_generation(trainer, data.generation)
    sweep = local_sweep(manifest.name, manifest.spec, trainer, parallelism, data)
    if sweep.spec.refinement is not None:
        sweep = refined(sweep, directory.refinement())
    targets = progress_of(sweep, records, None, None).compared
    notes = [
        said or environment_note(data),
        *changes(sweep, targets, facts, records, data),
        other_packages(sweep, targets, facts, records, computing_packages(trainer)),
        "" if data.names_files else _unguarded(data),
    ]
    return Work(sweep, trainer, data, records, list(filter(None, notes)), files)


def _unguarded(data: DataIdentity) -> str:
    """That a change of the data would not be noticed, and why."""
    why = f" ({data.refusal})" if data.refusal else ""
    return (
        f"note: the trainer does not say what data it reads{why}, and the manifest names no file: a change of the data would not "
        "be noticed."
    )


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a sweep's training."""

    sweep: Sweep
    """With what its refinement has added."""
    records: Records
    results: SweepReport
    status: SweepStatus
    interrupted: bool
    has_trained: bool
    """Anything was trained at all."""


async def train(
    work: Work,
    directory: RunsDirectory,
    lock: int | None,
    on_status: Callable[[SweepStatus], None],
    on_start: Callable[[Callable[[], None]], None],
    host: Host | None = None,
) -> Trained:
    """Trains what is missing. `on_start` is given the function that interrupts the training. Raises RunsDirectoryError."""
    start = Start(lock, work.data, work.records, directory.frozen() if work.sweep.spec.final else None, work.files)
    runner = LocalRunner(work.sweep, directory, work.trainer, start, on_status=on_status, host=host)
    on_start(runner.interrupt)
    try:
        status = await runner.run()
    except OSError as error:
        remedy = "Make room there" if error.errno in NO_ROOM else "Correct that"
        raise RunsDirectoryError(
            f"{error.filename or directory.path}: {error.strerror}. Training was stopped. {remedy}, then start the "
            "same command again: it goes on from what is finished. With another --runs-dir it trains all anew."
        ) from error
    results = results_of(runner.sweep, runner.records, status, runner.analysis_result)
    return Trained(runner.sweep, runner.records, results, status, runner.interrupted, runner.has_trained)


async def _run(
    work: Work, directory: RunsDirectory, lock: int | None, options: RunOptions, host: Host, errors: Console
) -> int:
    with Progress(work.sweep.name, errors) as progress:
        trained = await train(work, directory, lock, progress.update, _on_signals, host)
    status = trained.status
    kept = lock is None or keep_results(trained.results, trained.sweep, directory.path)
    if trained.interrupted:
        ended = status.runs.succeeded + status.runs.failed
        fail(
            f"interrupted: {ended} of {plural(status.runs.total, 'run')} ended; all their results are in {directory.path}. "
            "Run the same command again to continue.",
            INTERRUPTED,
        )
    write_results(trained.results, options.output, result_console(), options.rows, options.means)
    _print_lines(errors, remarks(work, trained, directory.path, host))
    return exit_code(status) if kept else FAILED


def remarks(work: Work, trained: Trained, folder: Path, host: Host) -> list[str]:
    """What is to be said of a sweep that has been trained, beside its results."""
    changed = _changed_meanwhile(work.data) if trained.has_trained else []
    return [*changed, *without_histograms(host.histogram_epochs, folder, trained.has_trained)]


def _changed_meanwhile(data: DataIdentity) -> list[str]:
    """Files of the data that were changed while the sweep was trained; a trainer that names its data has looked itself."""
    changed = [name for name, digest in data.files.items() if digest_now(Path(name)) != digest]
    if not changed:
        return []
    return [
        f"note: {', '.join(changed)} changed during training: if this is data, results may rest on both versions. "
        "Run the same command again to train on the current data."
    ]


def _print_lines(errors: Console, lines: Iterable[str]) -> None:
    for line in lines:
        print_prose(errors, line)


def exit_code(status: SweepStatus) -> int:
    """0 for a complete sweep, 1 otherwise."""
    complete = any(c.type is ConditionType.COMPLETE and c.status is ConditionStatus.TRUE for c in status.conditions)
    return COMPLETE if complete else FAILED


def local_sweep(
    name: str, spec: SweepSpec, trainer: TrainerCommand, parallelism: int, data: DataIdentity = NO_DATA
) -> Sweep:
    """The sweep as it is run here: fields for clusters are removed, the trainer replaces the image, and the identity of the
    data replaces the data revision."""
    local = spec.model_copy(
        update={
            "parallelism": parallelism,
            "suspend": False,
            "retention": UNLIMITED,
            "budget": spec.budget.model_copy(update={"on_exhausted": OnExhausted.FINISH}) if spec.budget else None,
            "template": None,
            "template_ref": None,
            "trainer": spec.trainer.model_copy(
                update={"image": None, "gpus": 0, "data_revision": data.revision, "script": None}
            ),
        }
    )
    defaults = Defaults(trainer_image=trainer.identity, gpu_resource="", version=metadata.version("regsweep"))
    sweep, _ = accept(Identity(name, LOCAL, LOCAL, generation=1), local, defaults)
    return replace(
        sweep,
        warnings=(*spec_warnings(spec, len(sweep.points)), *_local_warnings(spec)),
        how_to_retry=HOW_TO_RETRY,
        how_to_train_anew=HOW_TO_TRAIN_ANEW,
        data_digest=data.digest if data.by_trainer else "",
    )


def _local_warnings(spec: SweepSpec) -> Iterator[Problem]:
    """Parts of the spec that mean something else here than in a cluster."""
    if spec.budget is not None and spec.budget.max_gpu_seconds is not None and spec.trainer.gpus:
        yield Problem("spec.budget.maxGpuSeconds", "counts what the trainer reports here, which is 0 without a GPU.")


def _on_signals(interrupt: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    presses = 0

    def pressed() -> None:
        nonlocal presses
        presses += 1
        if presses == 1:
            print_error_line("")
            print_error_line("regsweep: stopping the runs (again: at once) ...")
        interrupt()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, pressed)
