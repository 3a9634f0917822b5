"""`regsweep validate` and `regsweep plan`: check a manifest and list its combinations, without training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from regsweep.api.forecast import Forecast
from regsweep.api.spec import SweepSpec
from regsweep.api.warnings import spec_warnings
from regsweep.api.wording import plural
from regsweep.cli.consoles import error_console, result_console
from regsweep.cli.exits import UsageError
from regsweep.cli.like import Source, trained_like
from regsweep.cli.manifest import Manifest, load_manifest
from regsweep.cli.place import Place
from regsweep.core.cost import Trainings, cost_of, trainings_needed
from regsweep.core.grid import Combination, combinations, label
from regsweep.core.references import count_beside
from regsweep.core.rounding import in_six_digits
from regsweep.errors import Problem
from regsweep.local.trainer import default_parallelism
from regsweep.report.documents import as_csv, as_json, as_yaml, flag_cell
from regsweep.report.forecast import budget_sentences, forecast_sentences
from regsweep.report.outputs import Output
from regsweep.report.printing import charset_of, print_lines, print_prose, write_document

ROWS = 50
"""Default number of combinations in the table."""


def validate_command(file: Path) -> int:
    """Says that the manifest is valid, and what it would train; raises what is wrong with it."""
    manifest = load_manifest(file, None)
    selected = combinations(manifest.spec)
    print_prose(result_console(), f"{file} is valid: {_size(manifest, selected)}")
    print_warnings(spec_warnings(manifest.spec, len(selected)))
    return 0


def print_warnings(warnings: Iterable[Problem]) -> None:
    """Prints each warning on a line of standard error."""
    console = error_console()
    for warning in warnings:
        print_prose(console, f"warning: {warning}")


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """The options of the command line."""

    file: Path
    output: Output = Output.TABLE
    rows: int = ROWS
    like: Source | None = None
    """A sweep that has been trained, by which times and replicates are forecast."""
    difference: float | None = None
    """Of the objective; None: `objective.minimumDifference`."""
    job_in: Place | None = None
    """Where the first Job would be created that is shown; None: none is."""


def plan_command(options: PlanOptions) -> int:
    """Lists the combinations that would be trained; raises what is wrong with the manifest."""
    manifest, output = load_manifest(options.file, None), options.output
    selected = combinations(manifest.spec)
    print_warnings(spec_warnings(manifest.spec, len(selected)))
    if options.difference is not None and options.like is None:
        raise UsageError(
            "--difference needs --like: how many replicates it takes depends on how much they differ there."
        )
    found = None if options.like is None else _forecast(manifest, selected, options.like, options.difference)
    console = result_console()
    job = None if options.job_in is None else _first_job(manifest, options.job_in)
    if output is Output.TABLE:
        print_prose(console, _size(manifest, selected))
        for sentence in budget_sentences(manifest.spec, len(selected), found):
            print_prose(console, sentence)
        for sentence in forecast_sentences(found) if found is not None else ():
            print_prose(console, sentence)
        print_lines(console, *_listed(selected, options.rows))
        if job is not None:
            print_prose(console, FIRST_JOB)
            print_lines(console, *as_yaml(job, not charset_of(console).is_utf8).splitlines())
        return 0
    if output is Output.CSV and found is not None:  # whose lines are combinations
        for sentence in forecast_sentences(found):
            print_prose(error_console(), sentence)
    document = _render(manifest, selected, output, found, job, ascii_only=not charset_of(console).is_utf8)
    write_document(console.file, document)
    return 0


FIRST_JOB = "The first Job, by an operator's default settings; the end of its name depends on the sweep's UID:"


def _first_job(manifest: Manifest, place: Place) -> Mapping[str, JsonValue]:
    from regsweep.cli.firstjob import first_job  # a client of Kubernetes

    return first_job(manifest, place)


def _forecast(
    manifest: Manifest, selected: tuple[Combination, ...], like: Source, difference: float | None
) -> Forecast:
    from regsweep.core.judging.forecast import forecast  # numpy and scipy

    spec = manifest.spec
    if difference is not None:
        objective = spec.objective.model_copy(update={"minimum_difference": difference})
        spec = spec.model_copy(update={"objective": objective})
    parallelism = default_parallelism(spec.parallelism) if like.is_folder else spec.parallelism
    return in_six_digits(forecast(spec, selected, cost_of(spec, selected), parallelism, trained_like(like)))


def _listed(selected: tuple[Combination, ...], rows: int) -> Iterator[str]:
    shown = selected if rows <= 0 else selected[:rows]
    digits = len(str(len(selected)))
    for combination in shown:
        yield f"{combination.index + 1:>{digits}}  {label(combination.flags)}"
    if len(shown) < len(selected):
        yield f"{plural(len(selected) - len(shown), 'more combination')} not shown: --rows 0 shows all."


def _size(manifest: Manifest, selected: tuple[Combination, ...]) -> str:
    spec = manifest.spec
    most = "at most " if spec.racing is not None else ""
    beside = count_beside(spec, selected)
    models = plural(len(selected), "run") + (f" and {plural(beside, 'reference')}" if beside else "")
    needed = trainings_needed(spec, len(selected), beside)
    grid = f"{models} x {most}{plural(spec.most_replicates, 'replicate')}"
    trainings = plural(needed.grid + needed.references, "training")
    return f"{manifest.name}: {grid} = {most}{trainings}{_refinement(spec, needed)}{_final(spec, needed)}"


def _refinement(spec: SweepSpec, needed: Trainings) -> str:
    if spec.refinement is None:
        return ""
    return f", and at most {needed.refinement:,} more for refinement"


def _final(spec: SweepSpec, needed: Trainings) -> str:
    """What the final evaluation adds."""
    if spec.final is None:
        return ""
    if not spec.outer_folds:
        return f", and {spec.final.replicates} of each pick on the test rows"
    return (
        f", {needed.outer:,} more in {spec.outer_folds} outer folds, and {spec.final.replicates} of each fold's picks: at most "
        f"{plural(needed.total, 'training')}"
    )


def _render(
    manifest: Manifest,
    selected: tuple[Combination, ...],
    output: Output,
    found: Forecast | None,
    job: Mapping[str, JsonValue] | None,
    ascii_only: bool,
) -> str:
    if output is Output.CSV:
        names = [flag.name for flag in manifest.spec.flags]
        headers = [f"flag_{name}" for name in names]
        return as_csv([headers, *([flag_cell(c.flags[name]) for name in names] for c in selected)])
    beside = count_beside(manifest.spec, selected)
    needed = trainings_needed(manifest.spec, len(selected), beside)
    document: dict[str, JsonValue] = {
        "sweep": manifest.name,
        "runs": len(selected),
        "replicates": manifest.spec.most_replicates,
        "references": beside,
        "trainings": needed.grid + needed.references,
        "outerTrainings": needed.outer,
        "mostTrainings": needed.total,
        "combinations": [dict(c.flags) for c in selected],
    }
    if found is not None:
        document["forecast"] = found.to_json()
    if job is not None:
        document["firstJob"] = dict(job)
    return as_json(document, ascii_only) if output is Output.JSON else as_yaml(document, ascii_only)
