"""One run, from the environment to the exit code: the shell around the pure modules."""

import signal
import sys
import time
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING

from regsweep_trainer import backend, errors, sources
from regsweep_trainer.audit import Audit, audited_rows
from regsweep_trainer.contract import Contract, Epoch, read_contract, termination_log
from regsweep_trainer.dataset import Dataset
from regsweep_trainer.exposition import Exposition
from regsweep_trainer.flags import Flags, label_value, parse_flags
from regsweep_trainer.journal import Journal
from regsweep_trainer.metrics import METRICS
from regsweep_trainer.preparation import prepare
from regsweep_trainer.record import Failure, Outcome, choose_columns, most_blocks
from regsweep_trainer.resampling import ResamplingKind
from regsweep_trainer.seeds import stream_seed
from regsweep_trainer.server import MetricsServer
from regsweep_trainer.splits import Rows, Splits, split
from regsweep_trainer.stopping import Stopping
from regsweep_trainer.testlosses import Blocks, deal
from regsweep_trainer.training import Progress, train_replicate

if TYPE_CHECKING:
    from regsweep_trainer.network import Network


def run(environment: Mapping[str, str], stopping: Stopping) -> int:
    """The exit code. Whatever goes wrong stands on stderr and, where that can be written, in the termination message."""
    journal, unwritable = None, None
    try:
        journal = Journal(termination_log(environment))
    except errors.RecordUnwritableError as error:
        unwritable = error
    try:
        contract = read_contract(environment)
        flags = parse_flags(contract.flags)
        if unwritable is not None or journal is None:
            raise unwritable or AssertionError("no journal and no reason")
        _answer_signals(stopping, contract, journal)
        return _train(contract, flags, journal)
    except errors.TrainerError as error:
        failure, code = Failure(error.reason, str(error)), error.exit_code
    except Exception as error:  # noqa: BLE001 - a bug, a full disk, no memory: say what it was; another node may fare better
        traceback.print_exc()
        failure, code = Failure(errors.TrainerError.reason, f"{type(error).__name__}: {error}"), errors.EXIT_RETRY
    _say(f"{failure.reason}: {failure.message}", error=True)
    if journal is not None and failure.reason != errors.RecordUnwritableError.reason:
        try:
            journal.fail(failure)
        except errors.RecordUnwritableError as error:
            _say(str(error), error=True)
    return code


def _answer_signals(stopping: Stopping, contract: Contract, journal: Journal) -> None:
    def answer(number: int) -> int:
        name, count = signal.Signals(number).name, len(contract.replicates)
        if journal.terminate(count, Failure("Terminated", f"{name} before all {count} replicates were trained")):
            return errors.EXIT_OK
        _say(f"Terminated: {name} while training", error=True)
        return 128 + number

    stopping.on_signal(answer)


def _train(contract: Contract, flags: Flags, journal: Journal) -> int:
    data = sources.load(flags)
    for note in data.notes:
        _say(f"note: {note}")
    splits = {replicate: _split(data, flags, contract, replicate) for replicate in contract.replicates}
    audited = flags.audit_fraction > 0 or contract.resampling.kind is ResamplingKind.REPEATED_K_FOLD
    audit = Audit(data.head, data.rows, len(data.classes or ())) if audited else None
    columns = choose_columns(
        data.head,
        contract.objective.name,
        contract.replicates_per_pod,
        score_test=contract.score_test,
        audited=audited,
    )
    metrics = METRICS[data.head]
    if contract.objective.name not in metrics:
        _say(
            f"REGSWEEP_OBJECTIVE: {contract.objective.metric!r} is not evaluated: {data.name} ({data.head}) has {', '.join(metrics)} on "
            "train and val; no best epoch is recorded, and early stopping goes by average_loss",
            error=True,
        )
    first = splits[contract.replicates[0]]
    blocks = (
        deal(data.digest, first.test, most_blocks(columns, contract.replicates_per_pod))
        if contract.score_test
        else None
    )
    journal.describe(columns=columns, rows=first.counts, data=data.digest, test_rows=blocks.digest if blocks else None)
    exposition = Exposition(
        contract.sweep,
        contract.run,
        contract.replicates,
        flags.epochs,
        _labels(contract.flag_names, contract.flags, flags),
    )
    server = MetricsServer(contract.metrics_port, exposition.text) if contract.metrics_port else None

    started = time.monotonic()
    device = backend.start(contract.gpus, contract.allow_cpu)
    journal.describe(backend=backend.BACKEND, device=device.name)
    from regsweep_trainer.network import Network

    columns_of_x = data.features.shape[1]
    network = Network(flags, data.head, columns_of_x, len(data.classes or ()))
    _say(
        f"{data.name}: {data.rows} rows, {columns_of_x} columns, {data.head}; "
        f"{backend.BACKEND} on {device.name} ready after {time.monotonic() - started:.1f} s"
    )
    for replicate in contract.replicates:
        _train_one(
            contract,
            flags,
            data,
            splits[replicate],
            replicate,
            network,
            journal,
            exposition,
            blocks=blocks,
            audit=audit,
        )
    completed = time.monotonic()
    if server is not None and contract.linger_seconds:
        scraped = server.wait_scraped(since=completed, seconds=contract.linger_seconds)
        what = "scraped" if scraped else f"nobody scraped within {contract.linger_seconds:g} s"
        _say(f"{what} after {time.monotonic() - completed:.1f} s")
    return errors.EXIT_OK


def _train_one(
    contract: Contract,
    flags: Flags,
    data: Dataset,
    rows: Splits,
    replicate: int,
    network: "Network",
    journal: Journal,
    exposition: Exposition,
    *,
    blocks: Blocks | None = None,
    audit: Audit | None = None,
) -> None:
    def show(progress: Progress, *, complete: bool = False) -> None:
        best = progress.best
        exposition.show(
            replicate,
            epoch=progress.epoch,
            values=progress.values,
            rows=progress.rows,
            best=None if best is None else {"train": best.train, "val": best.val},
            best_epoch=None if best is None else best.epoch,
            complete=complete,
        )

    started = time.monotonic()
    prepared = prepare(data, rows, None if audit is None else _audited_rows(rows, flags, contract))
    for note in prepared.notes:
        _say(f"note: replicate {replicate}: {note}")
    record, final = train_replicate(
        network,
        prepared,
        data.head,
        flags,
        contract.objective,
        seed_base=contract.seed_base,
        replicate=replicate,
        score_test=contract.score_test,
        blocks=blocks,
        audit=audit,
        on_epoch=show,
    )
    journal.finish(record)  # on the disk before /metrics says that it is complete
    show(final, complete=True)
    at = "diverged in" if record.outcome is Outcome.DIVERGED else "after"
    losses = ", ".join(f"{name} {record.values[name]:.6g}" for name in ("train_average_loss", "val_average_loss"))
    _say(
        f"replicate {replicate}: {at} epoch {record.epochs} of {flags.epochs}, {losses} ({time.monotonic() - started:.1f} s)"
    )


def _split(data: Dataset, flags: Flags, contract: Contract, replicate: int) -> Splits:
    return split(
        data,
        split_seed=stream_seed(contract.seed_base, contract.resampling.draw(replicate), "split"),
        test_seed=flags.test_seed,
        val_fraction=flags.val_fraction,
        test_fraction=flags.test_fraction,
        train_rows=flags.train_rows,
        audit_fraction=flags.audit_fraction,
        fold=contract.resampling.fold(replicate),
    )


def _audited_rows(rows: Splits, flags: Flags, contract: Contract) -> Rows:
    return audited_rows(
        rows,
        repeated=contract.resampling.kind is ResamplingKind.REPEATED_K_FOLD,
        stop_chooses=flags.early_stopping > 0 or contract.objective.epoch is Epoch.BEST,
    )


def _labels(names: tuple[str, ...], given: Mapping[str, object], flags: Flags) -> dict[str, str]:
    """The swept flags as they were given, or their defaults."""
    unknown = [name for name in names if name not in Flags.model_fields]
    if unknown:
        raise errors.InvalidContractError(
            f"REGSWEEP_FLAG_NAMES: {', '.join(map(repr, unknown))} are no flags of this trainer"
        )
    return {name: label_value(given.get(name, getattr(flags, name))) for name in names}


def _say(line: str, *, error: bool = False) -> None:
    print(line, file=sys.stderr if error else sys.stdout, flush=True)
