"""Questions of analysis for tests."""

from __future__ import annotations

from typing import Any

from regsweep.api.validation import parse_sweep
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.judging.analysis import AnalysisRequest
from regsweep.core.progress import analysis_request, progress_of
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record, Records
from unit.controller.fake_cluster import sweep_object


def question(values: int = 3, replicates: int = 5, **spec: Any) -> AnalysisRequest:
    """About a sweep over l2 whose records are all there."""
    flags = [{"name": "l2", "values": list(range(values))}]
    parsed = parse_sweep(sweep_object(flags=flags, replicates=replicates, **spec))
    sweep, _ = accept(Identity("demo", "lab", "uid", 1), parsed, Defaults("t:1", "nvidia.com/gpu", "1"))
    records = Records(
        Record(
            point.key,
            k,
            Outcome.OK,
            run="r",
            epochs=9,
            metrics={"val_average_loss": 0.5 + 0.1 * point.combination.index + 0.01 * k, "train_average_loss": 0.1},
            best=BestEpoch(7, 0.1, 0.4),
            environment=Environment("tensorflow", "cpu", train_rows=100, val_rows=30),
        )
        for point in sweep.points
        for k in range(replicates)
    )
    return analysis_request(sweep, records, progress_of(sweep, records, None, None), None)
