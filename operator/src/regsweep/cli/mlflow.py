"""`regsweep mlflow`: a sweep as runs of MLflow."""

from __future__ import annotations

import asyncio
import os

from regsweep.api.wording import plural
from regsweep.cli.consoles import result_console
from regsweep.cli.exits import COMPLETE, UsageError
from regsweep.cli.exporting import SweepSource, read_sweep
from regsweep.export.mlflowruns import Logged, log_sweep
from regsweep.export.mlflowserver import MLflow, credentials
from regsweep.export.trainings import Exported
from regsweep.report.printing import print_prose


def mlflow_command(source: SweepSource, uri: str, experiment: str | None) -> int:
    """Logs the sweep, and says what was new. Raises RegsweepError."""
    if not uri.startswith(("http://", "https://")):
        raise UsageError(
            f"--uri: got {uri!r}, want the address of a tracking server, such as http://127.0.0.1:5000 "
            "(`mlflow server` starts one; MLFLOW_TRACKING_URI is the default)."
        )
    sweep = read_sweep(source)
    logged = asyncio.run(_log(sweep, uri, experiment or sweep.name))
    words = ", ".join(
        f"{plural(count, 'run')} {what}"
        for count, what in ((logged.made, "logged"), (logged.replaced, "logged anew"), (logged.retagged, "ranked anew"))
        if count
    )
    text = f"{sweep.name}: {words or 'nothing new'}, {plural(logged.same, 'run')} as before; experiment {logged.experiment_id} of {uri}."
    if logged.open:
        text += f" {plural(logged.open, 'training')} not ended: logged once they have."
    print_prose(result_console(), " ".join([text, *logged.notes]))
    return COMPLETE


async def _log(sweep: Exported, uri: str, experiment: str) -> Logged:
    server = MLflow(uri, credentials(os.environ))
    try:
        return await log_sweep(server, sweep, experiment)
    finally:
        await server.close()
