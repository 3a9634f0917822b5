"""`regsweep view`: a sweep or a run as a page."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from regsweep.cli.consoles import result_console
from regsweep.cli.exits import COMPLETE, UsageError
from regsweep.cli.runs import NONE_FOUND, kept_runs
from regsweep.local.directory import write_atomically
from regsweep.local.inventory import KeptRun, UnknownRunError, only
from regsweep.report.printing import print_prose


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """The options of the command line."""

    name: str | None
    """None: the sweep of the latest run."""
    file: Path | None
    """None: named after what it shows, in the working directory."""
    runs_dir: Path
    flags: tuple[str, ...] = ()
    """Of the heat map; none: those that explain most."""
    context: str | None = None
    namespace: str | None = None
    kubeconfig: Path | None = None
    prometheus: str | None = None
    replace: bool = False
    """Replace the file where it exists."""

    @property
    def in_cluster(self) -> bool:
        """Whether the sweep is in a cluster."""
        return any(each is not None for each in (self.context, self.namespace, self.kubeconfig))


def view_command(options: ViewOptions) -> int:
    """Writes the page. Raises UsageError and other RegsweepErrors."""
    name, page = _cluster_page(options) if options.in_cluster else local_page(options)
    file = options.file or Path(f"{re.sub(r'[^A-Za-z0-9._-]', '-', name)}.html")
    if file.exists() and not options.replace:
        raise UsageError(f"{file}: exists already. Give --yes to replace it, or another file with --output.")
    try:
        write_atomically(file, page)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written ({error.strerror}). Name another file with --output.") from error
    print_prose(result_console(), f"{file} ({len(page.encode()) / 1000:,.0f} kB). Open it with a browser.")
    return COMPLETE


def local_page(options: ViewOptions) -> tuple[str, str]:
    """(name, page) of what `regsweep run` has kept. Raises RegsweepError."""
    from regsweep.cli.viewing import local_run_html, local_sweep_html  # needs the extra, which says so itself

    runs = kept_runs(options.runs_dir)
    if not runs:
        raise UsageError(NONE_FOUND.format(options.runs_dir))
    name = options.name if options.name is not None else runs[-1].facts.sweep
    of_sweep = [run for run in runs if run.facts.sweep == name and run.path.parent.name == name]
    if of_sweep:
        return name, local_sweep_html(options.runs_dir / name, of_sweep, options.flags)
    run = _only(runs, name)
    return run.path.name, local_run_html(run)


def _cluster_page(options: ViewOptions) -> tuple[str, str]:
    from regsweep.cli.clusterview import ClusterViewOptions, cluster_sweep_html

    if options.name is None:
        raise UsageError("a sweep in a cluster needs its name, such as `regsweep view NAME --namespace team-a`.")
    cluster = (options.namespace, options.context, options.kubeconfig)
    wanted = ClusterViewOptions(options.name, *cluster, prometheus=options.prometheus, flags=options.flags)
    return options.name, asyncio.run(cluster_sweep_html(wanted))


def _only(runs: tuple[KeptRun, ...], name: str) -> KeptRun:
    try:
        return only(runs, name)
    except UnknownRunError as error:
        raise UsageError(str(error)) from error
