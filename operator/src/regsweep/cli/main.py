"""`regsweep`: commands and options. Each command imports what it needs when it is called, so that --help is quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from regsweep.cli import arguments, exportcommands, runcommands, transfercommands
from regsweep.cli.clusteroptions import Context, Kubeconfig, Namespace
from regsweep.cli.exits import EXIT_CODES_HELP, readable_errors, report_error
from regsweep.cli.streams import OutputError, prepare_streams
from regsweep.local.gpus import MOST_GPUS
from regsweep.report.outputs import Output

app = typer.Typer(
    name="regsweep",
    help="Finds out which regularisation keeps a neural network from overfitting, and how sure that is.",
    epilog=EXIT_CODES_HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

File = Annotated[
    Path, typer.Argument(help="Manifest of a RegularizationSweep; - reads standard input.", parser=arguments.path)
]
OptionalFile = Annotated[
    Path | None,
    typer.Argument(
        help="Manifest of a RegularizationSweep; - reads standard input. Not with --script.", parser=arguments.path
    ),
]
Script = Annotated[
    Path | None,
    typer.Option(
        help="Python script to train, instead of a manifest. It uses regsweep_kit.",
        parser=arguments.path,
        metavar="PATH",
    ),
]
FlagOptions = Annotated[
    list[str] | None,
    typer.Option(
        help="With --script: a flag's values in YAML. A list is swept ('dropout=[0, 0.5]'), any other value is the same in every run.",
        metavar="NAME=VALUE",
    ),
]
Replicates = Annotated[int | None, typer.Option(min=1, help="With --script: number of trainings of each combination.")]
MetricOption = Annotated[
    str | None,
    typer.Option(help="With --script: metric to rank by; default: val_average_loss.", metavar="TEXT"),
]
GoalOption = Annotated[
    str | None,
    typer.Option(
        help="With --script: Minimize or Maximize, for a metric of your own whose name does not say which is better.",
        metavar="TEXT",
    ),
]
Warm = Annotated[
    bool,
    typer.Option(
        "--warm/--no-warm",
        help="Fork runs from a process that has imported TensorFlow once, where that is safe, or start each afresh.",
    ),
]
Histograms = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1_000_000,
        help="Keep histograms of the weights of each combination's first replicate every so many epochs, and the graph, for "
        "`regsweep tensorboard`.",
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Format of the results on standard output.")]
Rows = Annotated[int, typer.Option("--rows", min=0, help="Maximum number of combinations in the table; 0 shows all.")]
Parallelism = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Maximum number of runs at a time. Default: spec.parallelism, at most one per core, per GiB of free memory and, with "
        "--gpus, per GPU.",
    ),
]
GpuOption = Annotated[
    int,
    typer.Option(
        "--gpus", min=0, max=MOST_GPUS, help="Number of GPUs of this machine that each run gets; 0 asks for none."
    ),
]
Means = Annotated[
    bool,
    typer.Option(
        "--means", help="Show the means at the values of all flags; by default of those alone that surely matter."
    ),
]


@app.command(epilog=EXIT_CODES_HELP)
def run(
    file: OptionalFile = None,
    runs_dir: Annotated[
        Path,
        typer.Option(
            help="Directory of the runs; finished ones are not trained again.", parser=arguments.path, metavar="PATH"
        ),
    ] = Path("runs"),
    parallelism: Parallelism = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the sweep, instead of metadata.name.", parser=arguments.sweep_name, metavar="TEXT"),
    ] = None,
    trainer_command: Annotated[
        str | None,
        typer.Option(help="Command of a trainer that follows the training contract, instead of the reference trainer."),
    ] = None,
    script: Script = None,
    flag: FlagOptions = None,
    replicates: Replicates = None,
    metric: MetricOption = None,
    goal: GoalOption = None,
    warm: Warm = True,
    histograms: Histograms = None,
    gpus: GpuOption = 0,
    output: OutputOption = Output.TABLE,
    rows: Rows = 20,
    means: Means = False,
) -> None:
    """Run a sweep on this machine, without a cluster: one process per run, as many at a time as cores and memory allow.

    Ctrl-C stops it, and the same command continues: results in the runs directory are not trained again, unless what
    determines them (flags, parameters, seed, data, trainer, environment, the objective of the best epoch) has changed.
    """
    with readable_errors():
        from regsweep.cli.run import RunOptions, run_command
        from regsweep.cli.scripts import script_options

        swept = script_options(script, flag or [], replicates, (metric, goal), others=[file, trainer_command])
        code = run_command(
            RunOptions(
                file, runs_dir, name, parallelism, trainer_command, swept, output, rows, means, warm, histograms, gpus
            )
        )
    raise typer.Exit(code)


@app.command(epilog=EXIT_CODES_HELP)
def results(
    name: Annotated[str, typer.Argument(help="Name of the RegularizationSweep.", parser=arguments.sweep_name)],
    namespace: Namespace = None,
    follow: Annotated[
        bool, typer.Option("--follow", "--wait", "-f", help="Follow the sweep until it is over, then print.")
    ] = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: OutputOption = Output.TABLE,
    rows: Rows = 20,
    means: Means = False,
) -> None:
    """Print the ranked results of a sweep in a cluster, all combinations included."""
    with readable_errors():
        from regsweep.cli.results import ResultsOptions, results_command

        code = results_command(ResultsOptions(name, namespace, follow, context, kubeconfig, output, rows, means))
    raise typer.Exit(code)


@app.command(epilog=EXIT_CODES_HELP)
def validate(file: File) -> None:
    """Check a manifest, and list everything that is wrong in it."""
    with readable_errors():
        from regsweep.cli.check import validate_command

        code = validate_command(file)
    raise typer.Exit(code)


@app.command(epilog=EXIT_CODES_HELP)
def plan(
    file: File,
    like: Annotated[
        str | None,
        typer.Option(
            help="A sweep that has been trained: a folder of `regsweep run`, or the name of a sweep in the cluster. Its times and "
            "the spread of its replicates say how long this one would take, and what so many replicates show.",
            parser=arguments.existing_text,
            metavar="SWEEP|DIRECTORY",
        ),
    ] = None,
    difference: Annotated[
        float | None,
        typer.Option(
            help="With --like: how many replicates a difference of the objective takes. Default: objective.minimumDifference.",
            parser=arguments.positive_number,
            metavar="NUMBER",
        ),
    ] = None,
    job: Annotated[
        bool,
        typer.Option(
            "--job",
            help="Show the first Job too, as an operator would create it; with its PodTemplate from the cluster.",
        ),
    ] = False,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: OutputOption = Output.TABLE,
    rows: Rows = 50,
) -> None:
    """List the combinations that a manifest would train, and how many trainings that is. Nothing is trained.

    With --like it also says how long that would take, what GPU time, and how small a difference it would show.
    """
    with readable_errors():
        from regsweep.cli.check import PlanOptions, plan_command
        from regsweep.cli.like import Source
        from regsweep.cli.place import Place

        source = None if like is None else Source(like, namespace, context, kubeconfig)
        place = Place(namespace, context, kubeconfig) if job else None
        code = plan_command(PlanOptions(file, output, rows, source, difference, place))
    raise typer.Exit(code)


runcommands.register(app)
transfercommands.register(app)
exportcommands.register(app)


@app.command(epilog=EXIT_CODES_HELP)
def operator() -> None:
    """Run the operator. Its settings are environment variables REGSWEEP_..."""
    with readable_errors():
        from regsweep.controller.process.main import run as run_operator

        run_operator()


@app.command()
def version() -> None:
    """Print the version."""
    from importlib import metadata

    typer.echo(metadata.version("regsweep"))


def main() -> None:
    """The program `regsweep`."""
    prepare_streams()
    try:
        app()
    except OutputError as error:  # of what the command line itself prints: help and version
        sys.exit(report_error(error))


if __name__ == "__main__":
    main()
