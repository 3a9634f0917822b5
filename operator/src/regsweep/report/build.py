"""From a sweep and its records to what is rendered: the whole ranking, where the status holds its first rows alone."""

from __future__ import annotations

from collections.abc import Mapping

from regsweep.api.status import SweepStatus
from regsweep.core.grid import label
from regsweep.core.judging.analysis import AnalysisResult, analyse_records, rank
from regsweep.core.progress import analysis_request, progress_of
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.status import ranked_result
from regsweep.core.sweep import Sweep
from regsweep.report.model import SweepReport


def results_of(sweep: Sweep, records: Records, status: SweepStatus, known: AnalysisResult | None = None) -> SweepReport:
    """The results with every combination that has a record, ranked and analysed; counts come from the status.

    `known`: an analysis that is there already, taken where it is of just these records.
    """
    progress = progress_of(sweep, records, known, status.final)
    analysis_result = known
    if known is None or not progress.rests_on or known.analysis.rests_on != progress.rests_on:
        analysis_result = (
            analyse_records(analysis_request(sweep, records, progress, status.final)) if len(records) else None
        )
    ranking = rank(sweep, records, analysis_result)
    rows = tuple(ranked_result(row) for row in ranking.rows if row.replicates or row.failed)
    remarks = {
        label(point.combination.flags): remark
        for point in sweep.points
        if (remark := divergence(records.of(point.key), sweep.most_replicates))
    }
    return SweepReport(
        name=sweep.name,
        replicates=sweep.most_replicates,
        flag_names=tuple(flag.name for flag in sweep.spec.flags),
        status=status,
        ranking=rows,
        parameters=sweep.resolved.parameters,
        remarks=remarks,
        analysis=analysis_result.analysis if analysis_result is not None and rows else None,
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
