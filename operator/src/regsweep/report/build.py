"""From a sweep and its records to what is rendered: the whole ranking, where the status holds its first rows alone."""

from __future__ import annotations

from collections.abc import Mapping

from regsweep.api.status import SweepStatus
from regsweep.core.judging.analysis import AnalysisResult, analyse_records, rank
from regsweep.core.progress import analysis_request, progress_of
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.status import ranked_results, reference_results
from regsweep.core.sweep import Sweep
from regsweep.report.model import Divergence, SweepReport


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
    rows = tuple(ranked_results(sweep, records, ranking.rows))
    return SweepReport(
        name=sweep.name,
        replicates=sweep.most_replicates,
        flag_names=tuple(flag.name for flag in sweep.spec.flags),
        status=status,
        ranking=rows,
        references=tuple(reference_results(sweep, records)),
        parameters=sweep.resolved.parameters,
        divergences={
            point.combination.id: found
            for point in sweep.points
            if (found := divergence(records.of(point.key), sweep.most_replicates)) is not None
        },
        analysis=analysis_result.analysis if analysis_result is not None and rows else None,
    )


def divergence(records: Mapping[int, Record], replicates: int) -> Divergence | None:
    """When the point's replicates diverged, of those from 0 to `replicates` - 1; None where none did."""
    wanted = [record for replicate, record in records.items() if replicate < replicates]
    epochs = [record.epochs for record in wanted if record.outcome is Outcome.DIVERGED]
    return Divergence(len(epochs), len(wanted), min(epochs), max(epochs)) if epochs else None
