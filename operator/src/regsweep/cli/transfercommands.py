"""Commands that carry sweeps from one cluster to another: their arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regsweep.cli import arguments
from regsweep.cli.clusteroptions import Context, Kubeconfig, Namespace
from regsweep.cli.exits import EXIT_CODES_HELP, readable_errors

Target = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        help="Namespace of all of them; default: each has the one that it was exported from.",
        parser=arguments.namespace,
        metavar="TEXT",
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    app.command(epilog=EXIT_CODES_HELP)(export)
    app.command("import", epilog=EXIT_CODES_HELP)(import_sweeps)


def export(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names of RegularizationSweeps; none: all of the namespace.",
            parser=arguments.sweep_name,
            metavar="NAME...",
        ),
    ] = None,
    namespace: Namespace = None,
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="All sweeps of all namespaces.")
    ] = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Write sweeps of a cluster with their results to standard output, for `regsweep import`.

    What is pinned goes with them, so that nothing is trained again where they are imported. PodTemplates, ConfigMaps, volumes
    and images do not.
    """
    with readable_errors():
        from regsweep.cli.place import Place
        from regsweep.cli.transfer import export_command

        code = export_command(Place(namespace, context, kubeconfig), names or [], everywhere=all_namespaces)
    raise typer.Exit(code)


def import_sweeps(
    file: Annotated[
        Path,
        typer.Argument(
            help="File that `regsweep export` has written; - reads standard input.",
            parser=arguments.path,
            metavar="FILE",
        ),
    ],
    namespace: Target = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file and the names, and write nothing.")
    ] = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Create the sweeps of an export with their results in a cluster. An import that was interrupted goes on when it is repeated.

    It takes a role of its own: see docs/operations.md.
    """
    with readable_errors():
        from regsweep.cli.place import Place
        from regsweep.cli.transfer import import_command

        code = import_command(Place(namespace, context, kubeconfig), file, dry_run=dry_run)
    raise typer.Exit(code)
