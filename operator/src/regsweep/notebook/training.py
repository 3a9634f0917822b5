"""`tuning_run` and `training_run`: a sweep from Python, as a data frame in the order of its ranking."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from regsweep.api.status import SweepStatus
from regsweep.api.wording import plural
from regsweep.cli.announcement import announcement, shared_gpus
from regsweep.cli.check import print_warnings
from regsweep.cli.consoles import error_console
from regsweep.cli.kept import keep_results
from regsweep.cli.run import Trained, Work, prepare, remarks, train
from regsweep.core.grid import combinations
from regsweep.errors import RegsweepError
from regsweep.local.directory import RunsDirectory
from regsweep.local.gpus import MOST_GPUS, gpus_for
from regsweep.local.inventory import inventory
from regsweep.local.runner import Host
from regsweep.local.runrows import Row, rows
from regsweep.local.trainer import default_parallelism
from regsweep.notebook.frames import Runs, frame_of, is_final
from regsweep.notebook.listing import RUNS_DIR
from regsweep.notebook.progress import progress_of
from regsweep.notebook.requests import Grid, Request, Wishes, request_of
from regsweep.report.answer import answer
from regsweep.report.model import SweepReport
from regsweep.report.printing import print_prose


def tuning_run(
    file: str | Path | Mapping[str, Any] | None = None,
    flags: Grid | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    replicates: int | None = None,
    objective: str | Mapping[str, Any] | None = None,
    sample: float | None = None,
    name: str | None = None,
    runs_dir: str | Path = RUNS_DIR,
    parallelism: int | None = None,
    trainer_command: str | None = None,
    confirm: bool = False,
    warm: bool = True,
    histograms: int | None = None,
    gpus: int = 0,
) -> Runs:
    """Trains every combination of the flags and returns them in the order of the ranking, with `answer` above.

    file: a training script that keeps the training contract, a manifest or its content; None: the reference trainer, with
    `parameters` such as `{"dataset": "breast_cancer"}`. flags: values by name, or combinations as a list of mappings or a data
    frame. sample: train only this part of the combinations. confirm: ask before. warm: runs may be forked from a process that has
    imported TensorFlow once. histograms: every so many epochs those of the weights of each combination's first replicate are kept, and
    its graph, for `regsweep tensorboard`. gpus: of this machine, for each run; 0: none is asked for, so that the reference trainer
    computes on the CPU, and a script on what it finds.

    What is in `runs_dir` already is not trained again. Ctrl-C, or a notebook's stop button, ends the training; the same call
    continues it.

    Raises RegsweepError.
    """
    wishes = Wishes(parameters, replicates, objective, sample, name, trainer_command)
    request = request_of(file, flags, wishes)
    count = len(combinations(request.manifest.spec))
    if confirm:
        question = f"Train {plural(count, 'combination')} x {request.manifest.spec.most_replicates}? [Y/n] "
        if input(question).strip().lower() not in ("", "y", "yes"):
            return frame_of([])
    return _train(request, Path(runs_dir), parallelism, host_of(warm, histograms, gpus))


def training_run(
    file: str | Path | Mapping[str, Any] | None = None,
    flags: Mapping[str, Any] | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    replicates: int | None = None,
    objective: str | Mapping[str, Any] | None = None,
    name: str | None = None,
    runs_dir: str | Path = RUNS_DIR,
    trainer_command: str | None = None,
    warm: bool = True,
    histograms: int | None = None,
    gpus: int = 0,
) -> Runs:
    """Trains one combination, `replicates` times, and returns its row; `flags` has one value each. See `tuning_run`.

    Raises RegsweepError where the flags are more than one combination.
    """
    wishes = Wishes(parameters, replicates, objective, None, name, trainer_command)
    request = request_of(file, None if flags is None else [flags], wishes)
    count = len(combinations(request.manifest.spec))
    if count != 1:
        raise RegsweepError(f"training_run: got {count} combinations, want one. tuning_run trains them all.")
    return _train(request, Path(runs_dir), None, host_of(warm, histograms, gpus))


def host_of(warm: bool, histograms: int | None, gpus: int = 0) -> Host:
    """The machine as it is to be used. Raises RegsweepError."""
    if isinstance(gpus, bool) or not 0 <= gpus <= MOST_GPUS:
        raise RegsweepError(f"gpus: got {gpus!r}, want a number of GPUs from 0 to {MOST_GPUS}.")
    if histograms is not None and (isinstance(histograms, bool) or histograms < 1):
        raise RegsweepError(f"histograms: got {histograms!r}, want a number of epochs of at least 1, or None for none.")
    return Host(warm=warm, histogram_epochs=histograms or 0, gpus=gpus_for(gpus, os.environ) if gpus else None)


def _train(request: Request, runs_dir: Path, parallelism: int | None, host: Host) -> Runs:
    manifest, errors = request.manifest, error_console()
    directory = RunsDirectory(runs_dir / manifest.name)
    with ExitStack() as stack:
        held = stack.enter_context(directory.locked())
        parallelism = parallelism or default_parallelism(manifest.spec.parallelism, host.gpus)
        work = prepare(manifest, request.trainer, parallelism, directory)
        print_warnings(work.sweep.warnings)
        lines = [
            held.note,
            *shared_gpus(parallelism, host.gpus),
            announcement(work.sweep, work.records, directory.path, work.data),
            *work.changes,
        ]
        for line in filter(None, lines):
            print_prose(errors, line)
        trained = _followed(work, directory, held.descriptor, host)
        keep_results(trained.results, trained.sweep, directory.path)
        for line in remarks(work, trained, directory.path, host):
            print_prose(errors, line)
    if trained.interrupted:
        raise KeyboardInterrupt(f"the results so far are in {directory.path}; the same call continues")
    return frame_of(ranked_rows(directory.path, work, trained.results), answer=answer(trained.results))


def ranked_rows(folder: Path, work: Work, report: SweepReport) -> list[Row]:
    """The rows of the sweep's present combinations in the order of the ranking; after them references and the final evaluation."""
    keys = {point.key: point.combination.id for point in work.sweep.points}
    references = {each.point.key for each in work.sweep.references} - keys.keys()
    places = {row.combination: place for place, row in enumerate(report.ranking)}
    ranked: list[tuple[int, Row]] = []
    unranked: list[Row] = []
    for run_rows, key in _rows_by_key(folder):
        if is_final(run_rows) or key in references:
            unranked.append(run_rows)
        elif key in keys and (place := places.get(keys[key])) is not None:
            result = report.ranking[place]
            own: Row = {"rank": result.rank, "tied_with_best": report.is_tied(result), "pick": report.is_pick(result)}
            ranked.append((place, run_rows | own))
    return [row for _, row in sorted(ranked, key=lambda each: each[0])] + sorted(unranked, key=is_final)


def _rows_by_key(folder: Path) -> list[tuple[Row, str]]:
    """(row, point key) of each combination in a sweep's folder."""
    runs = [run for run in inventory(folder.parent).runs if run.path.parent == folder]
    groups: dict[str, list[Any]] = {}
    for run in runs:
        groups.setdefault(run.facts.point_key, []).append(run)
    return [(rows(group)[0], key) for key, group in groups.items()]


def _followed(work: Work, directory: RunsDirectory, lock: int, host: Host) -> Trained:
    """Trains in a thread with an event loop of its own, since a notebook has one already, and shows the progress in this one."""
    news: SimpleQueue[SweepStatus | None] = SimpleQueue()
    interrupts: list[Callable[[], object]] = []
    outcome: list[Trained | BaseException] = []

    def on_start(interrupt: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        interrupts.append(lambda: loop.call_soon_threadsafe(interrupt))

    def work_through() -> None:
        try:
            outcome.append(asyncio.run(train(work, directory, lock, news.put, on_start, host)))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            outcome.append(error)
        finally:
            news.put(None)

    thread = Thread(target=work_through, name="regsweep")
    thread.start()
    with progress_of(work.sweep.name) as progress:
        while True:
            try:
                status = news.get()
            except KeyboardInterrupt:
                for interrupt in interrupts:
                    interrupt()
                continue
            if status is None:
                break
            progress.update(status)
    thread.join()
    found = outcome[0]
    if isinstance(found, BaseException):
        raise found
    return found
