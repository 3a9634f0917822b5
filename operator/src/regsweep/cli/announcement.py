"""What `regsweep run` says of a sweep before anything is spent, and of what it has not written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from regsweep.api.final_spec import FinalSpec
from regsweep.api.wording import plural
from regsweep.core.progress import progress_of
from regsweep.core.refinement import refines
from regsweep.core.results.records import Records
from regsweep.core.standings import is_done
from regsweep.core.sweep import Sweep
from regsweep.local.facts import histograms_file
from regsweep.local.gpus import Gpus
from regsweep.local.identify import NO_DATA, DataIdentity
from regsweep.local.lineage import basis


def announcement(sweep: Sweep, records: Records, path: Path, data: DataIdentity = NO_DATA) -> str:
    """What is going to be trained, before anything is spent."""
    targets = progress_of(sweep, records, None, None).compared
    replicates, beside = min(t.replicates for t in targets), len(targets) - len(sweep.points)
    missing = [
        sum(not is_done(records.of(target.point.key).get(k), sweep) for k in range(target.replicates))
        for target in targets
    ]
    to_train = sum(missing)
    runs = sum(count > 0 for count in missing)
    models = plural(len(sweep.points), "run") + (f" and {plural(beside, 'reference')}" if beside else "")
    total = f"{models} x {plural(replicates, 'replicate')}"
    if contenders := sweep.contenders:
        total += f" and {plural(len(contenders), 'contender')} once more"
    trainings = sum(target.replicates for target in targets)
    whole = f"{sweep.name}: {total} = {plural(trainings, 'training')}{_beyond(sweep)}"
    if not to_train and sweep.spec.racing is None and sweep.spec.final is None and not refines(sweep):
        return f"{whole}, all done already (in {path}): nothing is trained. {basis(data)}".rstrip()
    at_a_time = f"{sweep.spec.parallelism} at a time, in {path}"
    if to_train == trainings:
        return f"{whole}, {at_a_time}"
    return f"{whole}; to train: {plural(runs, 'run')}, {plural(to_train, 'training')}, {at_a_time} (the rest is done)"


def _beyond(sweep: Sweep) -> str:
    """What may be trained beside the grid's first replicates."""
    parts = []
    if (racing := sweep.spec.racing) is not None:
        parts.append(f"then a race to at most {plural(racing.max_replicates, 'replicate')}")
    if (refinement := sweep.spec.refinement) is not None and refines(sweep):
        parts.append(
            f"then at most {plural(refinement.max_runs, 'run')} around the tied set, and the tied set once more"
        )
    if (final := sweep.spec.final) is not None:
        parts.append(_final(sweep, final))
    return "".join(f", {part}" for part in parts)


def _final(sweep: Sweep, final: FinalSpec) -> str:
    each = plural(final.replicates, "replicate")
    if not sweep.outer:
        return f"then the picks x {each} on the test rows"
    outer = plural(len(sweep.outer) * sweep.spec.replicates, "training")
    return f"then the grid in {final.outer_folds} outer folds ({outer}), and each fold's picks x {each} on its rows"


def without_histograms(asked: int, folder: Path, has_trained: bool) -> Iterator[str]:
    """That histograms were asked for, every so many epochs (0: not asked for), and none is there."""
    if not asked or any(folder.glob(f"*/{histograms_file(0)}")):
        return
    if has_trained:
        yield "note: --histograms: the trainer has written none. The reference trainer does, and a script with `replicate.keras(rows)`."
    else:
        yield "note: --histograms: nothing was trained, and finished trainings have none. With another --runs-dir all are trained anew."


def shared_gpus(parallelism: int, gpus: Gpus | None) -> list[str]:
    """That runs share GPUs, if they do."""
    if gpus is None or parallelism <= gpus.room:
        return []
    return [
        f"note: {parallelism} runs at a time share GPUs, since only {gpus.room} of them can have {gpus.each} to themselves: they slow "
        "each other down, and may run out of the GPU's memory."
    ]
