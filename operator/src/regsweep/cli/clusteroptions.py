"""Options of commands that always work on a cluster: which one, and which namespace of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regsweep.cli import arguments

Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        help="Namespace; default: that of the kubectl context.",
        parser=arguments.namespace,
        metavar="TEXT",
    ),
]
Context = Annotated[
    str | None,
    typer.Option(
        help="Context of the kubeconfig; default: the current one.", parser=arguments.existing_text, metavar="TEXT"
    ),
]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(help="Kubeconfig file; default: the one that kubectl uses.", parser=arguments.path, metavar="PATH"),
]
