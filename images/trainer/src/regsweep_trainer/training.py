"""Trains one replicate, epoch by epoch. Knows no Keras: the network is handed in."""

import math
from collections.abc import Callable

from regsweep_kit.epochs import LATE_GAIN, Best, Watch
from regsweep_kit.history import is_kept
from regsweep_kit.record import Outcome, Progress, Record, column_name
from regsweep_kit.seeds import permutation, stream_seed
from regsweep_trainer.course import Course
from regsweep_trainer.judging import Judge, Seen, Values
from regsweep_trainer.models.schedules import learning_rate
from regsweep_trainer.preparation import Prepared
from regsweep_trainer.resuming import Saving, arrays_of, entry_of, progress_of, resumed, state_of
from regsweep_trainer.task import Task, Trainable


def train_replicate(
    network: Trainable,
    data: Prepared,
    task: Task,
    on_epoch: Callable[[Progress], None],
    saving: Saving | None = None,
    on_weights: Callable[[], None] = lambda: None,
) -> tuple[Record, Progress]:
    """The replicate's record and its final state. `on_epoch` is called after every epoch but not at the end.

    saving: where its checkpoints are, from which it goes on, and of whose epochs `on_epoch` is told first; `None`: it has none.
    on_weights: called while the network has the weights that count, unless it has diverged.
    """
    network.reset(task.seed_base, task.replicate)
    judge = Judge(network, data, task)
    course = _begun(network, task, on_epoch, saving)
    _train(network, data, task, judge, on_epoch, course, saving)
    values, best, test_losses = dict(course.values), course.best.best, None
    ended_well = course.outcome is Outcome.OK
    at_best = task.keeps_best and course.best_weights is not None
    if ended_well:
        values |= judge.last_epoch() | _late_gain(course, task)
    if ended_well and not at_best:
        on_weights()
    if ended_well and task.score_test and not at_best:
        test, test_losses = judge.test()
        values |= test
    if best is not None and course.best_weights is not None:
        network.restore(course.best_weights)
        best = judge.best_epoch(best)
        if ended_well and at_best:
            on_weights()
        if ended_well and at_best and task.score_test:
            test, test_losses = judge.test()
            values |= test
    reported = _reported(best, task)
    record = Record(
        replicate=task.replicate,
        outcome=course.outcome,
        epochs=course.epoch,
        values={column_name(metric, split): value for (metric, split), value in values.items()},
        best=reported,
        test_losses=test_losses,
    )
    return record, Progress(course.epoch, values, judge.final_rows(), reported)


def _begun(network: Trainable, task: Task, on_epoch: Callable[[Progress], None], saving: Saving | None) -> Course:
    """The course of a replicate that begins, or goes on from its checkpoint."""
    course = Course(Watch(task.best_rule), Watch(task.stopping_rule))
    checkpoint = None if saving is None else saving.load()
    if checkpoint is None:
        return course
    course, state = resumed(course, checkpoint)
    network.resume(state)
    for entry in course.history:
        on_epoch(progress_of(entry))
    return course


def _train(
    network: Trainable,
    data: Prepared,
    task: Task,
    judge: Judge,
    on_epoch: Callable[[Progress], None],
    course: Course,
    saving: Saving | None,
) -> None:
    """All epochs, until the last one, divergence or early stopping; then the weights that are to be the final ones."""
    keep_best = judge.sampled or task.keeps_best
    while not _is_over(course, task):
        course.epoch += 1
        finite = _train_epoch(network, data, task, course)
        seen = judge.epoch()
        course.values = seen.values | _steps(course.epoch, data, task)
        if not finite or not seen.finite:
            course.outcome = Outcome.DIVERGED
            return
        _watch(course, seen, task)
        if course.best.improved and keep_best:
            course.best_weights = network.weights()
        if course.stopping.improved and task.flags.restore_best:
            course.stopping_weights = network.weights()
        progress = Progress(course.epoch, course.values, judge.live_rows(), _reported(course.best.best, task))
        on_epoch(progress)
        if saving is not None:
            course.history += [entry_of(progress)] if is_kept(course.epoch) else []
            arrays = arrays_of(course, network.state())
            saving.keep(course.epoch, state_of(course), arrays, last=_is_over(course, task))
    if course.stopping_weights is not None:
        network.restore(course.stopping_weights)
        assert course.stopping.best is not None
        course.values = judge.epoch().values | _steps(course.stopping.best.epoch, data, task)


def _is_over(course: Course, task: Task) -> bool:
    """Whether no epoch follows: all are trained, or early stopping ends them."""
    return course.epoch >= task.flags.epochs or course.stopping.exhausted(task.flags.early_stopping)


def _train_epoch(network: Trainable, data: Prepared, task: Task, course: Course) -> bool:
    seed = stream_seed(task.seed_base, task.replicate, f"shuffle/{course.epoch}")
    order = permutation(seed, len(data.train.y))
    rate = learning_rate(task.flags, course.epoch, course.plateaus)
    return network.train_epoch(data.train.x, data.train.y, order, data.loss_weights, rate)


def _steps(epoch: int, data: Prepared, task: Task) -> Values:
    """The Estimator's global_step after that epoch, for its models."""
    per_epoch = math.ceil(len(data.train.y) / task.flags.batch_size)
    return {("global_step", ""): float(epoch * per_epoch)} if task.flags.is_estimator else {}


def _watch(course: Course, seen: Seen, task: Task) -> None:
    """Takes the epoch's metrics into account."""
    course.best, course.stopping = (
        watch.seen(course.epoch, seen.train, seen.stop, seen.val) for watch in (course.best, course.stopping)
    )
    since = course.stopping.epochs_since
    if since and since % task.flags.decay_epochs == 0:
        course.plateaus += 1


def _late_gain(course: Course, task: Task) -> Values:
    """What the last tenth of the epochs brought, where that is known."""
    gain = course.best.late_gain(course.epoch) if task.evaluates_objective else None
    return {} if gain is None else {LATE_GAIN: gain}


def _reported(best: Best | None, task: Task) -> Best | None:
    return best if task.evaluates_objective else None
