"""Commands that hand a sweep to other tools: their arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regsweep.cli import arguments
from regsweep.cli.exits import EXIT_CODES_HELP, readable_errors
from regsweep.cli.picks import Pick
from regsweep.cli.runcommands import RUNS, Context, Kubeconfig, Namespace, PrometheusUrl, RunsDir, Yes

Sweep = Annotated[
    str | None,
    typer.Argument(help="A sweep; default: that of the latest run.", metavar="[SWEEP]", parser=arguments.existing_text),
]


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    for command in (model, tensorboard, mlflow):
        app.command(epilog=EXIT_CODES_HELP)(command)


def model(
    name: Sweep = None,
    pick: Annotated[
        Pick, typer.Option(help="best: the best mean; one-se: the simplest within one standard error of it.")
    ] = Pick.ONE_SE,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder; default: SWEEP-model.", parser=arguments.path, metavar="PATH"),
    ] = None,
    runs_dir: RunsDir = RUNS,
    context: Context = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    yes: Yes = False,
) -> None:
    """Write the model of a sweep's pick and its card: flags, metrics with errors, data, image, seed, how it was chosen.

    The final evaluation saves it. Without one, a sweep that `regsweep run` has kept trains the pick once more, with the same seed and rows.
    Of a sweep in a cluster the card is written, and it is said where the model is.
    """
    with readable_errors():
        from regsweep.cli.exporting import SweepSource
        from regsweep.cli.model import ModelOptions, model_command

        source = SweepSource(name, runs_dir, context, namespace, kubeconfig)
        code = model_command(ModelOptions(source, pick, output, replace=yes))
    raise typer.Exit(code)


def tensorboard(
    name: Sweep = None,
    log_dir: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Log directory; default: tensorboard in the sweep's folder, SWEEP-tensorboard for a sweep in a cluster.",
            parser=arguments.path,
            metavar="PATH",
        ),
    ] = None,
    runs_dir: RunsDir = RUNS,
    context: Context = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    prometheus: PrometheusUrl = None,
    histograms: Annotated[
        Path | None,
        typer.Option(
            help="Of a sweep in a cluster: folder with the files that its pods wrote to REGSWEEP_HISTOGRAMS, RUN.jsonl each.",
            parser=arguments.path,
            metavar="PATH",
        ),
    ] = None,
) -> None:
    """Write a sweep as a log directory for TensorBoard: scalars by epoch, and flags and metrics for its HParams dashboard.

    Again, it adds what is new: TensorBoard may be open meanwhile. With --context, --namespace or --kubeconfig it is a sweep in a
    cluster; else one that `regsweep run` has kept.
    """
    with readable_errors():
        from regsweep.cli.exporting import SweepSource
        from regsweep.cli.tensorboard import tensorboard_command

        source = SweepSource(name, runs_dir, context, namespace, kubeconfig, prometheus, histograms)
        code = tensorboard_command(source, log_dir)
    raise typer.Exit(code)


def mlflow(
    name: Sweep = None,
    uri: Annotated[
        str,
        typer.Option(
            help="Address of the MLflow tracking server, such as http://127.0.0.1:5000.",
            envvar="MLFLOW_TRACKING_URI",
            parser=arguments.existing_text,
            metavar="URL",
        ),
    ] = "",
    experiment: Annotated[
        str | None,
        typer.Option(help="Experiment; default: the sweep's name.", parser=arguments.existing_text, metavar="TEXT"),
    ] = None,
    runs_dir: RunsDir = RUNS,
    context: Context = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    prometheus: PrometheusUrl = None,
) -> None:
    """Log a sweep to MLflow: a parent run for the sweep, and in it a run for each training with flags, metrics and model.

    Again, it adds what is new and makes nothing twice. MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and
    MLFLOW_TRACKING_PASSWORD, are the credentials.
    """
    with readable_errors():
        from regsweep.cli.exporting import SweepSource
        from regsweep.cli.mlflow import mlflow_command

        source = SweepSource(name, runs_dir, context, namespace, kubeconfig, prometheus)
        code = mlflow_command(source, uri, experiment)
    raise typer.Exit(code)
