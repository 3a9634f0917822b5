"""Commands about runs that are kept: their arguments and options, apart from those about manifests and clusters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regsweep.cli import arguments
from regsweep.cli.exits import EXIT_CODES_HELP, UsageError, readable_errors
from regsweep.report.outputs import ListOutput, RunOutput

RunsDir = Annotated[Path, typer.Option(help="Directory of the runs.", parser=arguments.path, metavar="PATH")]
RUNS = Path("runs")
Names = Annotated[
    list[str] | None,
    typer.Argument(
        help="Runs: a name, its beginning or end, a folder; or a sweep's name for all of its runs.",
        parser=arguments.existing_text,
        metavar="RUN...",
    ),
]
Name = Annotated[str, typer.Argument(help="A run: its name, beginning or end, or its folder.", metavar="RUN")]
Filter = Annotated[
    str | None,
    typer.Option(
        "--filter", help="Conditions on columns, such as 'eval_accuracy > 0.9 and flag_dropout == 0.2'.", metavar="TEXT"
    ),
]
Context = Annotated[
    str | None,
    typer.Option(help="A sweep in the cluster of this context.", parser=arguments.existing_text, metavar="TEXT"),
]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Its namespace.", parser=arguments.namespace, metavar="TEXT")
]
Kubeconfig = Annotated[
    Path | None, typer.Option(help="Kubeconfig file of the cluster.", parser=arguments.path, metavar="PATH")
]
PrometheusUrl = Annotated[
    str | None,
    typer.Option(
        help="Address of the cluster's Prometheus, for learning curves. Its login: REGSWEEP_PROMETHEUS_*, as for the operator.",
        envvar="REGSWEEP_PROMETHEUS_URL",
        parser=arguments.existing_text,
        metavar="URL",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    for command in (ls, show, diff, view, cp, clean, archive, purge):
        app.command(epilog=EXIT_CODES_HELP)(command)


def ls(
    runs_dir: RunsDir = RUNS,
    filter: Filter = None,  # noqa: A002 - the option's name
    order: Annotated[str, typer.Option(help="Columns to order by, the first one first.", metavar="NAME,...")] = "start",
    ascending: Annotated[bool, typer.Option("--ascending", help="Smallest or earliest first.")] = False,
    latest: Annotated[bool, typer.Option("--latest", help="Only the run that was begun last.")] = False,
    replicates: Annotated[bool, typer.Option("--replicates", help="A row per replicate, not per combination.")] = False,
    columns: Annotated[str | None, typer.Option(help="Columns to show.", metavar="NAME,...")] = None,
    output: Annotated[ListOutput, typer.Option("--output", "-o", help="Format.")] = ListOutput.TABLE,
    file: Annotated[
        Path | None, typer.Option(help="File for --output parquet.", parser=arguments.path, metavar="PATH")
    ] = None,
    rows: Annotated[int, typer.Option(min=0, help="Maximum number of rows in the table; 0 shows all.")] = 50,
) -> None:
    """List the runs that `regsweep run` has kept: a row per combination, with the mean of each metric over its replicates."""
    with readable_errors():
        from regsweep.cli.runs import ListOptions, ls_command

        names = _names(order)
        chosen = _names(columns) if columns is not None else ()
        code = ls_command(
            ListOptions(runs_dir, filter, names, ascending, latest, replicates, chosen, output, file, rows)
        )
    raise typer.Exit(code)


def show(
    run: Annotated[str | None, typer.Argument(help="A run; default: the latest.", metavar="[RUN]")] = None,
    runs_dir: RunsDir = RUNS,
    console: Annotated[bool, typer.Option("--console", help="All that it printed.")] = False,
    source: Annotated[bool, typer.Option("--source", help="Its source files, too.")] = False,
    output: Annotated[RunOutput, typer.Option("--output", "-o", help="Format.")] = RunOutput.TEXT,
) -> None:
    """Show a run: metrics, settings, what it was trained with, and what it printed."""
    with readable_errors():
        from regsweep.cli.runs import show_command

        code = show_command(runs_dir, run, console_text=console, source=source, output_json=output is RunOutput.JSON)
    raise typer.Exit(code)


def diff(before: Name, after: Name, runs_dir: RunsDir = RUNS) -> None:
    """Show what differs between two runs: flags, metrics, what they were trained with, source and console."""
    with readable_errors():
        from regsweep.cli.runs import diff_command

        code = diff_command(runs_dir, before, after)
    raise typer.Exit(code)


def view(
    name: Annotated[
        str | None,
        typer.Argument(help="A sweep or a run; default: the latest run's sweep.", metavar="[SWEEP|RUN]"),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File; default: NAME.html.", parser=arguments.path, metavar="PATH"),
    ] = None,
    runs_dir: RunsDir = RUNS,
    flags: Annotated[
        str | None, typer.Option(help="The two flags of the heat map; default: those that explain most.", metavar="A,B")
    ] = None,
    context: Context = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    prometheus: PrometheusUrl = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace the file where it exists.")] = False,
) -> None:
    """Write a sweep or a run as one HTML page that opens from the disk.

    With --context, --namespace or --kubeconfig it is a sweep in a cluster; else one that `regsweep run` has kept.
    """
    with readable_errors():
        from regsweep.cli.view import ViewOptions, view_command

        cluster = (context, namespace, kubeconfig)
        code = view_command(
            ViewOptions(name, file, runs_dir, _names(flags or ""), *cluster, prometheus=prometheus, replace=yes)
        )
    raise typer.Exit(code)


def cp(
    paths: Annotated[
        list[str], typer.Argument(help="Runs, and last the folder that gets the copies.", metavar="RUN... FOLDER")
    ],
    runs_dir: RunsDir = RUNS,
    name: Annotated[str | None, typer.Option(help="Name of the copy, for one run.", metavar="TEXT")] = None,
    files_only: Annotated[
        bool, typer.Option("--files-only", help="Only what the trainer itself wrote, such as a model.")
    ] = False,
) -> None:
    """Copy runs into a folder. Nothing is overwritten."""
    with readable_errors():
        from regsweep.cli.upkeep import cp_command

        if len(paths) < 2:
            raise UsageError("cp needs at least one run and a folder, such as `regsweep cp RUN best`.")
        code = cp_command(runs_dir, paths[:-1], arguments.path(paths[-1]), name=name, files_only=files_only)
    raise typer.Exit(code)


def clean(runs: Names = None, runs_dir: RunsDir = RUNS, filter: Filter = None, yes: Yes = False) -> None:  # noqa: A002
    """Move runs into the archive: those named, those that meet the filter, or all. Runs that are being trained stay."""
    with readable_errors():
        from regsweep.cli.upkeep import clean_command

        code = clean_command(runs_dir, runs or [], filter, yes=yes)
    raise typer.Exit(code)


def archive(
    runs: Names = None,
    runs_dir: RunsDir = RUNS,
    restore: Annotated[bool, typer.Option("--restore", help="Move runs back, all or those named.")] = False,
    output: Annotated[ListOutput, typer.Option("--output", "-o", help="Format of the list.")] = ListOutput.TABLE,
) -> None:
    """List the runs in the archive, or bring them back."""
    with readable_errors():
        from regsweep.cli.upkeep import archive_command

        code = archive_command(runs_dir, runs or [], restore=restore, output=output)
    raise typer.Exit(code)


def purge(runs_dir: RunsDir = RUNS, yes: Yes = False) -> None:
    """Remove the archive for good."""
    with readable_errors():
        from regsweep.cli.upkeep import purge_command

        code = purge_command(runs_dir, yes=yes)
    raise typer.Exit(code)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
