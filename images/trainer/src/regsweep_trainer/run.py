"""One run: reads the data, divides the rows, then trains replicate by replicate. Everything that can be refused is refused before."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from numpy.typing import NDArray

from regsweep_kit import process
from regsweep_kit.checkpoints import Checkpoint, Checkpoints
from regsweep_kit.columns import Room, most_blocks
from regsweep_kit.console import say
from regsweep_kit.contract import Contract
from regsweep_kit.digests import check_pinned
from regsweep_kit.errors import InvalidContractError, InvalidFlagsError
from regsweep_kit.exposition import Exposition, Run
from regsweep_kit.groupsplits import split_groups
from regsweep_kit.histograms import Histograms
from regsweep_kit.journal import Journal
from regsweep_kit.models import model_file
from regsweep_kit.objective import Epoch
from regsweep_kit.record import Outcome, Progress
from regsweep_kit.reporting import Reporter
from regsweep_kit.resampling import ResamplingKind
from regsweep_kit.seeds import stream_seed
from regsweep_kit.splits import FEWEST_ROWS, Division, Draw, Outline, Rows, Splits, split
from regsweep_kit.stopping import Stopping
from regsweep_kit.testlosses import Blocks, deal
from regsweep_kit.timesplits import split_in_time
from regsweep_kit.timing import Stopwatch
from regsweep_trainer import backend, identity
from regsweep_trainer.audit import Audit, audited_rows
from regsweep_trainer.data import sources
from regsweep_trainer.data.copies import copies_note
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.encoding import Encoder
from regsweep_trainer.encoding import fit as fit_encoding
from regsweep_trainer.fitting import fit
from regsweep_trainer.flags import Flags, idle, label_value, parse_flags
from regsweep_trainer.metrics import LOSS_FUNCTIONS, METRICS
from regsweep_trainer.models.constant import ConstantPredictor
from regsweep_trainer.models.inputs import Inputs
from regsweep_trainer.preparation import prepare
from regsweep_trainer.record_columns import columns_of
from regsweep_trainer.resuming import fingerprint
from regsweep_trainer.saving import save_model
from regsweep_trainer.task import Task, Trainable
from regsweep_trainer.training import train_replicate


def run(environment: Mapping[str, str], stopping: Stopping) -> int:
    """The exit code. Every error is printed to stderr and written to the termination message, if possible."""
    stopwatch = Stopwatch()

    def train(contract: Contract, flags: Flags, journal: Journal) -> None:
        checkpoints = Checkpoints(contract.checkpoints, contract.checkpoint_epochs)
        stopping.at_last(checkpoints.flush)
        _train(contract, flags, journal, stopwatch, checkpoints)

    return process.run(environment, stopping, parse_flags, train)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is decided before training."""

    contract: Contract
    flags: Flags
    data: Dataset
    splits: Mapping[int, Splits]
    """By replicate."""
    columns: tuple[str, ...]
    audit: Audit | None
    blocks: Blocks | None


def _train(contract: Contract, flags: Flags, journal: Journal, stopwatch: Stopwatch, checkpoints: Checkpoints) -> None:
    labels = _labels(contract, flags)
    backend.check_flags(flags)
    data, digest = _load(contract, flags, journal)
    for note in (*data.notes, *idle(flags)):
        say(f"note: {note}")
    plan = plan_run(contract, flags, data)
    if (copies := copies_note(plan.data, plan.splits[contract.replicates[0]])) is not None:
        say(f"note: {copies}")
    journal.describe(
        columns=plan.columns,
        rows=plan.splits[contract.replicates[0]].counts,
        data=data.digest,
        rule=contract.objective.rule,
        test_rows=plan.blocks.digest if plan.blocks else None,
    )
    exposition = Exposition(
        Run(contract.sweep, contract.run, contract.replicates, flags.epochs, flags=labels, data_digest=digest)
    )
    reporter = Reporter(journal, exposition, contract.metrics_port, stopwatch, contract.history)
    network, encoder = _bring_up(plan, journal)
    reporter.describe(
        model=network.summary(),
        loss_function=LOSS_FUNCTIONS[data.head],
        optimizer=flags.optimizer,
        learning_rate=flags.learning_rate,
        batch_size=flags.batch_size,
        epochs=flags.epochs,
    )
    histograms = Histograms(contract.histograms, contract.histogram_epochs)
    for replicate in contract.replicates:
        train_one(plan, replicate, network, reporter, encoder, checkpoints, histograms)
    reporter.linger(contract.linger_seconds)


def _load(contract: Contract, flags: Flags, journal: Journal) -> tuple[Dataset, str]:
    """(the data, the digest of their files)."""

    def check(digest: str) -> None:
        journal.describe(data_digest=digest)
        check_pinned(digest, contract.data_digest)

    return identity.load_unchanged(flags, sources.load, check)


def plan_run(contract: Contract, flags: Flags, data: Dataset) -> Plan:
    """Raises an error if the contract, the flags and the data contradict each other."""
    data = fit(flags, data)
    metrics = METRICS[data.head]
    if contract.objective.name not in metrics:
        say(
            f"REGSWEEP_OBJECTIVE: {contract.objective.rule.metric!r} is not evaluated: {data.name} ({data.head}) has "
            f"{', '.join(metrics)} on train and val; no best epoch is recorded",
            error=True,
        )
    splits = {replicate: _split(data, flags, contract, replicate) for replicate in contract.replicates}
    test = splits[contract.replicates[0]].test
    _check_test_rows(len(test), contract, flags)
    audited = flags.audit_fraction > 0 or contract.resampling.kind is ResamplingKind.REPEATED_K_FOLD
    room = Room(
        contract.replicates_per_pod, contract.objective.rule, contract.message_bytes, test_losses=contract.score_test
    )
    columns = columns_of(data.head, room, audited=audited, counts_steps=flags.is_estimator)
    return Plan(
        contract=contract,
        flags=flags,
        data=data,
        splits=splits,
        columns=columns,
        audit=Audit(data.head, data.rows, len(data.classes or ())) if audited else None,
        blocks=deal(data.digest, test, most_blocks(columns, room)) if contract.score_test else None,
    )


def _bring_up(plan: Plan, journal: Journal) -> tuple[Trainable, Encoder]:
    """(what is trained, what makes its inputs)"""
    began = time.monotonic()
    which, device = backend.chosen(), backend.start(plan.contract.gpus, plan.contract.allow_cpu)
    journal.describe(backend=which, device=device.name, gpus=device.gpus)
    data = plan.data
    network, encoder, columns = _model(plan.flags, data)
    say(
        f"{data.name}: {data.rows} rows, {columns} columns, {data.head}; "
        f"{which} on {device.name} ready after {time.monotonic() - began:.1f} s"
    )
    return network, encoder


def _model(flags: Flags, data: Dataset) -> tuple[Trainable, Encoder, int]:
    """(what is trained, what makes its inputs, how many columns these have)"""
    classes = len(data.classes or ())
    inputs = Inputs(data.width, data.image)
    encoder: Encoder = partial(fit_encoding, data, by_channel=flags.model == "cnn")
    if flags.uses_feature_space:
        from regsweep_trainer.models.featurespace import FeatureColumns

        feature_columns = FeatureColumns(flags, data)
        inputs, encoder = feature_columns.inputs, feature_columns.fit
    if flags.model == "constant":
        # Weights of classes are no part of any metric: a constant is to be the best one by the metrics.
        weighted = data.weights is not None and flags.class_weights == "none"
        return ConstantPredictor(data.head, classes, weighted=weighted), encoder, inputs.columns
    from regsweep_trainer.models.network import Network

    weighted = flags.class_weights != "none" or data.weights is not None
    return Network(flags, data.head, inputs, classes, weighted=weighted), encoder, inputs.columns


def train_one(
    plan: Plan,
    replicate: int,
    network: Trainable,
    reporter: Reporter,
    encoder: Encoder | None = None,
    checkpoints: Checkpoints | None = None,
    histograms: Histograms | None = None,
) -> None:
    """Trains one replicate and reports it. encoder: makes the network's inputs; `None`: as `encoding` does."""
    contract, flags, rows = plan.contract, plan.flags, plan.splits[replicate]
    task = Task(
        replicate=replicate,
        seed_base=contract.seed_base,
        head=plan.data.head,
        flags=flags,
        objective=contract.objective,
        score_test=contract.score_test,
        blocks=plan.blocks,
        audit=plan.audit,
        saves=contract.models is not None,
    )
    reporter.begin()
    prepared = prepare(
        plan.data,
        rows,
        None if plan.audit is None else _audited_rows(rows, flags, contract),
        class_weights=flags.class_weights,
        encoder=encoder,
    )
    for note in prepared.notes:
        say(f"note: replicate {replicate}: {note}")
    saving = (
        None if checkpoints is None or not checkpoints.are_kept else ReplicateCheckpoints(checkpoints, plan, replicate)
    )
    record, final = train_replicate(
        network,
        prepared,
        task,
        _on_epoch(replicate, network, reporter, histograms, saving),
        saving,
        lambda: save_model(model_file(contract.models, replicate), network, plan.data, prepared),
    )
    period = reporter.finish(record, final)
    at = "diverged in" if record.outcome is Outcome.DIVERGED else "after"
    losses = ", ".join(f"{name} {record.values[name]:.6g}" for name in ("train_average_loss", "val_average_loss"))
    say(
        f"replicate {replicate}: {at} epoch {record.epochs} of {flags.epochs}, {losses} ({period.end - period.start:.1f} s)"
    )


def _on_epoch(
    replicate: int,
    network: Trainable,
    reporter: Reporter,
    histograms: Histograms | None,
    saving: "ReplicateCheckpoints | None",
) -> Callable[[Progress], None]:
    """What is done with each epoch. Of those that were trained before a checkpoint the network has not the weights any more."""

    def on_epoch(progress: Progress) -> None:
        reporter.epoch(replicate, progress)
        if histograms is not None and (saving is None or progress.epoch > saving.resumed_after):
            histograms.add(replicate, progress.epoch, network.model)

    return on_epoch


class ReplicateCheckpoints:
    """One replicate's checkpoints; what they rest on is the whole plan and the versions that compute it."""

    def __init__(self, checkpoints: Checkpoints, plan: Plan, replicate: int) -> None:
        contract, rows = plan.contract, plan.splits[replicate]
        self._checkpoints, self._replicate = checkpoints, replicate
        self.resumed_after = 0
        """The epoch of the checkpoint that was loaded; 0: none was."""
        self._rests_on = fingerprint(
            flags=plan.flags.model_dump(mode="json"),
            seed=contract.seed_base,
            replicate=replicate,
            objective=[contract.objective.rule.metric, contract.objective.rule.goal, contract.objective.epoch],
            scores_test=contract.score_test,
            data=plan.data.digest,
            train=rows.train,
            stop=rows.stop,
            val=rows.val,
            versions=[identity.GENERATION, backend.versions()],
        )

    def load(self) -> Checkpoint | None:
        found = self._checkpoints.load(self._replicate, self._rests_on)
        if found is not None:
            self.resumed_after = found.epoch
            say(f"replicate {self._replicate}: goes on after epoch {found.epoch}, from its checkpoint")
        return found

    def keep(self, epoch: int, state: Mapping[str, Any], arrays: Sequence[NDArray[Any]], *, last: bool) -> None:
        self._checkpoints.keep(self._replicate, Checkpoint(self._rests_on, epoch, state, arrays), last=last)


def outline(data: Dataset) -> Outline:
    """What the splits depend on of the data."""
    return Outline(
        data.name, data.rows, data.digest, data.labels, data.classes or (), marks=data.marks, strata=data.strata
    )


def _split(data: Dataset, flags: Flags, contract: Contract, replicate: int) -> Splits:
    resampling = contract.resampling
    division = Division(
        val_fraction=flags.val_fraction,
        test_fraction=flags.test_fraction,
        audit_fraction=flags.audit_fraction,
        train_rows=flags.train_rows,
        test_seed=flags.test_seed,
        outer=resampling.outer,
    )
    seed = stream_seed(contract.seed_base, resampling.draw(replicate), "split")
    draw = Draw(seed, resampling.fold(replicate))
    if data.groups is not None:
        return split_groups(outline(data), data.groups, division, draw)
    if data.times is not None:
        return split_in_time(outline(data), data.times, division, draw)
    return split(outline(data), division, draw)


def _check_test_rows(count: int, contract: Contract, flags: Flags) -> None:
    """Rows for the final evaluation are missed before the sweep is trained, not after."""
    if count >= FEWEST_ROWS or not (contract.final or contract.score_test):
        return
    cause, remedy = f"test_fraction: {flags.test_fraction:g} leaves", "raise it"
    if flags.split_column is not None:
        cause, remedy = f"split_column: {flags.split_column!r} marks", "mark more rows test"
    variable = "REGSWEEP_SCORE_TEST" if contract.score_test else "REGSWEEP_FINAL"
    raise InvalidFlagsError(
        f"flag {cause} {count} test rows, but {variable} asks for a final evaluation on test rows, which needs at least "
        f"{FEWEST_ROWS}; {remedy}, or remove the final evaluation"
    )


def _audited_rows(rows: Splits, flags: Flags, contract: Contract) -> Rows:
    return audited_rows(
        rows,
        repeated=contract.resampling.kind is ResamplingKind.REPEATED_K_FOLD,
        stop_chooses=flags.stop_chooses or contract.objective.epoch is Epoch.BEST,
    )


def _labels(contract: Contract, flags: Flags) -> dict[str, str]:
    """The swept flags as they were given, or their defaults. Raises InvalidContractError."""
    unknown = [name for name in contract.flag_names if name not in Flags.model_fields]
    if unknown:
        raise InvalidContractError(
            f"REGSWEEP_FLAG_NAMES: {', '.join(map(repr, unknown))} are not flags of this trainer"
        )
    return {name: label_value(contract.flags.get(name, getattr(flags, name))) for name in contract.flag_names}
