"""From a sweep and its records to what is rendered: the whole ranking, where the status holds its first rows alone."""

from __future__ import annotations

from collections.abc import Mapping

from regsweep.api.status import SweepStatus
from regsweep.core.grid import label
from regsweep.core.records import Outcome, Record, Records
from regsweep.core.status import rank, ranked_result
from regsweep.core.sweep import Sweep
from regsweep.report.judgement import judge
from regsweep.report.results import Results


def results_of(sweep: Sweep, records: Records, status: SweepStatus) -> Results:
    """The results with every combination that has a record, ranked and analysed anew; counts come from the status."""
    ranking = rank(sweep, records)
    rows = tuple(ranked_result(row) for row in ranking.rows if row.replicates or row.failed)
    remarks = {
        label(point.combination.flags): remark
        for point in sweep.points
        if (remark := divergence(records.of(point.key), sweep.spec.replicates))
    }
    return Results(
        name=sweep.name,
        replicates=sweep.spec.replicates,
        flag_names=tuple(flag.name for flag in sweep.spec.flags),
        status=status,
        ranking=rows,
        parameters=sweep.resolved.parameters,
        remarks=remarks,
        judgement=judge(sweep, records) if rows else None,
    )


def divergence(records: Mapping[int, Record], replicates: int) -> str:
    """When the point's replicates diverged, such as `diverged at epoch 3` or `2 of 5 diverged, first at epoch 7`."""
    wanted = [record for replicate, record in records.items() if replicate < replicates]
    epochs = sorted(record.epochs for record in wanted if record.outcome is Outcome.DIVERGED)
    if not epochs:
        return ""
    if len(epochs) < len(wanted):
        return f"{len(epochs)} of {len(wanted)} diverged, first at epoch {epochs[0]}"
    if epochs[0] == epochs[-1]:
        return f"diverged at epoch {epochs[0]}"
    return f"diverged at epochs {epochs[0]} to {epochs[-1]}"
