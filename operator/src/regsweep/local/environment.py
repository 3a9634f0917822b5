"""The training contract's environment for a local process (docs/trainer-contract.md)."""

from __future__ import annotations

import json
from pathlib import Path

from regsweep.core.plan import RunRequest
from regsweep.core.status import objective_status
from regsweep.core.sweep import Sweep


def contract_environment(sweep: Sweep, request: RunRequest, index: int, termination_log: Path) -> dict[str, str]:
    """What the process of this index is told. No metrics port, no linger: nobody scrapes it. GPUs: whatever there is.

    `REGSWEEP_GPUS` is 0 whatever the manifest asks of a cluster: it demands, and a laptop has what it has.
    """
    flags = sweep.resolved.parameters | request.point.combination.flags
    return {
        "REGSWEEP_FLAGS": json.dumps(flags),
        "REGSWEEP_FLAG_NAMES": json.dumps(list(request.point.combination.flags)),
        "REGSWEEP_SWEEP": sweep.name,
        "REGSWEEP_RUN": request.name,
        "REGSWEEP_SEED_BASE": str(sweep.resolved.seed),
        "REGSWEEP_FIRST_REPLICATE": str(request.first_replicate),
        "REGSWEEP_REPLICATES": str(request.replicates_per_pod),
        "REGSWEEP_LAST_REPLICATE": str(request.first_replicate + request.replicates - 1),
        "JOB_COMPLETION_INDEX": str(index),
        "REGSWEEP_OBJECTIVE": json.dumps(objective_status(sweep.spec.objective).to_json()),
        "REGSWEEP_GPUS": "0",
        "REGSWEEP_LINGER_SECONDS": "0",
        "REGSWEEP_METRICS_PORT": "0",
        "REGSWEEP_TERMINATION_LOG": str(termination_log.absolute()),
    }
