"""Every rule of validity with the words that a person reads, and what is nevertheless fine."""

import re
from typing import Any

import pytest
import yaml

from regsweep.api.validation import objective_goal, parse_sweep
from regsweep.errors import InvalidSweep

HEAD = "apiVersion: regsweep.dev/v1alpha1\nkind: RegularizationSweep\nmetadata: {name: s}\n"
OK = "{name: l2, values: [0, 0.1]}"


def problems(spec: str, **options: Any) -> dict[str, str]:
    """Field -> message of all problems of a spec in YAML; empty where it is valid."""
    try:
        parse_sweep(yaml.safe_load(f"{HEAD}spec: {spec}"), **options)
    except InvalidSweep as error:
        return {problem.field: problem.message for problem in error.problems}
    return {}


def flags(*entries: str, rest: str = "") -> str:
    return f"{{flags: [{', '.join(entries)}]{', ' if rest else ''}{rest}}}"


FLAG_CASES = [
    pytest.param(
        flags("{name: dataset, values: [iris, wine]}"), "spec.flags[0].name", "cannot be swept", id="data as a flag"
    ),
    pytest.param(
        flags(OK, "{name: data_path, values: [a.csv]}"),
        "spec.flags[1].name",
        "spec.trainer.parameters",
        id="a file as a flag",
    ),
    pytest.param("{}", "spec.flags", "is required", id="no flags"),
    pytest.param("{flags: }", "spec.flags", "is required", id="flags without anything after them"),
    pytest.param("{flags: []}", "spec.flags", "from 1 to 20 entries, got 0", id="an empty list of flags"),
    pytest.param("{flags: {l2: [1]}}", "spec.flags", "must be a list", id="flags as a mapping"),
    pytest.param(flags("3"), "spec.flags[0]", "must be a mapping", id="a flag that is a number"),
    pytest.param(flags("{name: l2}"), "spec.flags[0]", "needs `values`", id="neither values nor range"),
    pytest.param(
        flags("{name: l2, values: [1], range: {from: 0, to: 1, points: 2}}"),
        "spec.flags[0]",
        "both `values` and `range`",
        id="both values and range",
    ),
    pytest.param(flags("{values: [1]}"), "spec.flags[0].name", "is required", id="a flag without a name"),
    pytest.param(flags("{name: 1x, values: [1]}"), "spec.flags[0].name", 'got "1x"', id="a name that is none"),
    pytest.param(flags(OK, OK), "spec.flags[1].name", "the name of spec.flags[0] too", id="two flags of one name"),
    pytest.param(
        flags("{name: a.b, values: [1]}", "{name: a_b, values: [1]}"),
        "spec.flags[1].name",
        "`flag_a_b`",
        id="two names that Prometheus cannot tell apart",
    ),
    pytest.param(flags("{name: l2, values: []}"), "spec.flags[0].values", "got 0", id="no values"),
    pytest.param(flags("{name: l2, values: 1}"), "spec.flags[0].values", "must be a list, got 1", id="a single value"),
    pytest.param(
        flags("{name: l2, values: [1, 2, 1]}"),
        "spec.flags[0].values[2]",
        "listed already, as values[0]",
        id="one value twice",
    ),
    pytest.param(flags("{name: l2, values: [1, 1.0]}"), "spec.flags[0].values[1]", "listed already", id="1 and 1.0"),
    pytest.param(flags("{name: u, values: [[1], [1.0]]}"), "spec.flags[0].values[1]", "already", id="one list twice"),
    pytest.param(
        flags("{name: l2, values: [1, relu]}"),
        "spec.flags[0].values[1]",
        'is a string, "relu", but the first value is a number, 1',
        id="a number and a text",
    ),
    pytest.param(flags("{name: l2, values: [1, true]}"), "spec.flags[0].values[1]", "boolean", id="1 and true"),
    pytest.param(flags("{name: u, values: [64, [64]]}"), "spec.flags[0].values[1]", "list", id="a number and a list"),
    pytest.param(flags("{name: l2, values: [1, null]}"), "spec.flags[0].values[1]", "null", id="nothing as a value"),
    pytest.param(
        flags("{name: u, values: [[1, null]]}"), "spec.flags[0].values[0]", "null", id="nothing within a list"
    ),
    pytest.param(
        flags("{name: l2, values: [{a: 1}]}"),
        "spec.flags[0].values[0]",
        'a list of these, got {"a": 1}',
        id="a mapping as a value",
    ),
    pytest.param(flags("{name: l2, values: [.nan]}"), "spec.flags[0].values[0]", "finite", id="NaN"),
    pytest.param(flags("{name: l2, values: [2026-01-01]}"), "spec.flags[0].values[0]", "a date", id="a date of YAML"),
    pytest.param(
        flags("{name: l2, values: [0, 1e-4]}"),
        "spec.flags[0].values[1]",
        "Write 0.0001 or 1.0e-4",
        id="1e-4, which YAML takes for a text, amid numbers",
    ),
    pytest.param(
        flags("{name: l2, values: [1e-4, 1e-3]}"),
        "spec.flags[0].values[0]",
        "Write 0.0001 or 1.0e-4",
        id="1e-4 and 1e-3, which YAML takes for texts, alone",
    ),
    pytest.param(
        flags("{name: l2, values: [0, '0.5']}"),
        "spec.flags[0].values[1]",
        "without quotes: 0.5",
        id="a number in quotes",
    ),
]

RANGE_CASES = [
    pytest.param("{from: 1, to: 0, points: 3}", "from", "Swap them", id="from above to"),
    pytest.param("{from: 1, to: 1, points: 3}", "from", "below `to`", id="from equal to to"),
    pytest.param("{from: 0, to: 1, points: 1}", "points", "from 2 to 1000, got 1", id="one point"),
    pytest.param("{from: 0, to: 1, points: 3, scale: Log}", "from", "above 0, got 0", id="log from nought"),
    pytest.param("{from: -1, to: 1, points: 3, scale: Log}", "from", "above 0, got -1", id="log through nought"),
    pytest.param("{from: 0, to: 1, points: 3, scale: log}", "scale", "Did you mean `Log`?", id="log in small letters"),
    pytest.param("{from: 1e-4, to: 1, points: 3}", "from", "Write 0.0001 or 1.0e-4", id="1e-4 as an end"),
    pytest.param("{from: 0, to: 1}", "points", "is required", id="without points"),
    pytest.param("{from: 0, until: 1, points: 3}", "until", "Allowed: from, to, points, scale", id="an unknown field"),
]

OTHER_CASES = [
    pytest.param("exclude: [{l3: 1}]", "spec.exclude[0].l3", "Did you mean `l2`?", id="exclude names an unknown flag"),
    pytest.param("exclude: [{}]", "spec.exclude[0]", "everything", id="exclude names no flag"),
    pytest.param("exclude: [{l2: x}]", "spec.exclude[0].l2", "can never match", id="exclude by another type"),
    pytest.param(
        "exclude: [{l2: 1e-4}]", "spec.exclude[0].l2", "1.0e-4", id="exclude by a number that YAML made a text"
    ),
    pytest.param("exclude: [{l2: 0}, {l2: 0.1}]", "spec.exclude", "excludes all 2", id="everything is excluded"),
    pytest.param("replicas: 3", "spec.replicas", "Did you mean `replicates`?", id="an unknown field"),
    pytest.param("replicates_per_pod: 3", "spec.replicates_per_pod", "`replicatesPerPod`", id="snake case"),
    pytest.param("replicates: 0", "spec.replicates", "from 1 to 1000, got 0", id="too small a number"),
    pytest.param("replicates: '5'", "spec.replicates", "without quotes", id="a number in quotes"),
    pytest.param("parallelism: true", "spec.parallelism", "must be an integer, got true", id="true for a number"),
    pytest.param("suspend: 'yes'", "spec.suspend", "Write true", id="yes in quotes"),
    pytest.param("sample: {size: 0}", "spec.sample.size", "at least|from 1", id="an empty sample"),
    pytest.param("trainer: {gpu: 1}", "spec.trainer.gpu", "Did you mean `gpus`?", id="an unknown field deeper down"),
    pytest.param("trainer: {parameters: [1]}", "spec.trainer.parameters", "mapping", id="parameters as a list"),
    pytest.param(
        "trainer: {dataRevision: 2}", "spec.trainer.dataRevision", "must be a", id="a revision that is a number"
    ),
    pytest.param("trainer: {dataRevision: ''}", "spec.trainer.dataRevision", "from 1 to 63", id="an empty revision"),
    pytest.param("trainer: {image: ''}", "spec.trainer.image", "from 1 to 500 characters", id="an empty image"),
    pytest.param("maxFailedRuns: 101%", "spec.maxFailedRuns", "0% to 100%", id="more than all runs"),
    pytest.param("maxFailedRuns: -1", "spec.maxFailedRuns", "got -1", id="less than no run"),
    pytest.param("maxFailedRuns: 1.5", "spec.maxFailedRuns", "got 1.5", id="half a run"),
    pytest.param("templateRef: gpu", "spec.templateRef", "must be a mapping", id="templateRef as a text"),
    pytest.param("objective: {metric: accuracy}", "spec.objective.metric", "split first", id="a metric without split"),
    pytest.param("objective: {metric: test_loss}", "spec.objective.metric", "split first", id="ranking on test rows"),
    pytest.param("objective: {goal: max}", "spec.objective.goal", "Did you mean `Maximize`?", id="a goal cut short"),
    pytest.param(
        "objective: {metric: val_label_mean}",
        "spec.objective.goal",
        "is required: `val_label_mean` does not tell",
        id="no goal to derive",
    ),
]


@pytest.mark.parametrize(("spec", "field", "words"), FLAG_CASES)
def test_flags(spec: str, field: str, words: str) -> None:
    assert re.search(re.escape(words), problems(spec)[field])


@pytest.mark.parametrize(("entry", "field", "words"), RANGE_CASES)
def test_ranges(entry: str, field: str, words: str) -> None:
    found = problems(flags(OK, f"{{name: dropout, range: {entry}}}"))
    assert words in found[f"spec.flags[1].range.{field}"]


@pytest.mark.parametrize(("entry", "field", "words"), OTHER_CASES)
def test_everything_else(entry: str, field: str, words: str) -> None:
    found = problems(flags(OK, rest=entry))
    assert list(found) == [field], "this and nothing else is wrong"
    assert re.search(words, found[field])


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param("sample: {size: 1000}", id="a sample larger than the grid is all of it"),
        pytest.param("maxFailedRuns: 5", id="failed runs as a number"),
        pytest.param("maxFailedRuns: 100%", id="failed runs as a percentage"),
        pytest.param("replicates: 5.0", id="a whole number with a point, as the API server takes it"),
        pytest.param("trainer: ", id="a field with nothing after it"),
        pytest.param("parallelism: 0", id="no pod at a time drains"),
        pytest.param("objective: {metric: val_label_mean, goal: Minimize}", id="a goal that is given"),
        pytest.param("trainer: {parameters: {x: null, y: {z: [1]}}}", id="parameters of any kind"),
        pytest.param("template: {spec: {nodeSelector: {a: b}}}", id="a template"),
        pytest.param("exclude: [{l2: 0.7}]", id="excluding a value that is not there (any more)"),
    ],
)
def test_what_is_fine(rest: str) -> None:
    assert problems(flags(OK, rest=rest)) == {}


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param("{name: a, values: [relu, tanh]}", id="texts"),
        pytest.param("{name: a, values: [true, false]}", id="booleans"),
        pytest.param("{name: a, values: [[], [64], [64, 64]]}", id="lists of different lengths"),
        pytest.param("{name: a, values: ['1', v2]}", id="texts of which only some spell numbers"),
        pytest.param("{name: a.b-c_d, values: [1]}", id="a name with dot, dash and underscore"),
    ],
)
def test_flags_that_are_fine(entry: str) -> None:
    assert problems(flags(entry)) == {}


HUNDRED = "range: {from: 0, to: 1, points: 100}"
TWO_HUNDRED = "range: {from: 0, to: 1, points: 200}"
LARGE = (f"{{name: a, {HUNDRED}}}", f"{{name: b, {TWO_HUNDRED}}}")
"""20,000 combinations."""


@pytest.mark.parametrize(
    ("rest", "limit", "field", "words"),
    [
        pytest.param(
            "",
            10_000,
            "spec.flags",
            "the grid has 20,000 combinations (100 x 200), but a sweep may train at most 10,000.",
            id="the grid",
        ),
        pytest.param(
            "exclude: [{a: 0}, {a: 1}]",
            10_000,
            "spec.flags",
            "(100 x 200), 19,600 of them not excluded, but a sweep may train at most 10,000.",
            id="what is left of the grid",
        ),
        pytest.param(
            "sample: {size: 15000}",
            10_000,
            "spec.sample.size",
            "is 15,000, but a sweep may train at most 10,000 combinations. Use a smaller sample.",
            id="the sample",
        ),
        pytest.param("", 19_999, "spec.flags", "at most 19,999", id="one combination above a limit of one's own"),
    ],
)
def test_more_than_a_sweep_may_train_is_refused(rest: str, limit: int, field: str, words: str) -> None:
    (found,) = problems(flags(*LARGE, rest=rest), max_combinations=limit).items()
    assert found[0] == field
    assert words in found[1]


@pytest.mark.parametrize(
    ("rest", "limit"),
    [
        pytest.param("", 20_000, id="as many as are allowed"),
        pytest.param("sample: {size: 20}", 10_000, id="a small sample of a large grid"),
        pytest.param("sample: {size: 10000}", 10_000, id="a sample of as many as are allowed"),
        pytest.param("sample: {size: 30000}, exclude: [{b: 0}]", 19_900, id="a sample above what is left"),
        pytest.param("exclude: [{a: 0}]", 19_800, id="a grid that exclude brings down to the limit"),
    ],
)
def test_only_what_is_trained_counts_for_the_limit(rest: str, limit: int) -> None:
    assert problems(flags(*LARGE, rest=rest), max_combinations=limit) == {}


@pytest.mark.parametrize("rest", ["", "sample: {size: 1}"])
def test_a_grid_that_is_too_large_to_go_through_is_refused_at_once(rest: str) -> None:
    thousand = [f"{{name: {name}, range: {{from: 0, to: 1, points: 1000}}}}" for name in "abcdefghij"]
    (message,) = problems(flags(*thousand, rest=rest)).values()
    assert "1,000,000,000,000,000,000,000,000,000,000 combinations" in message
    assert "at most 1,000,000 are allowed" in message


@pytest.mark.parametrize("rest", ["", "sample: {size: 15000}"])
def test_advice_to_raise_the_limit_is_given_only_where_somebody_can(rest: str) -> None:
    (alone,) = problems(flags(*LARGE, rest=rest)).values()
    assert "operator" not in alone and "REGSWEEP" not in alone
    (told,) = problems(flags(*LARGE, rest=rest), how_to_raise="raise the operator's REGSWEEP_MAX_COMBINATIONS").values()
    assert ", or raise the operator's REGSWEEP_MAX_COMBINATIONS." in told


def test_all_problems_come_at_once() -> None:
    spec = flags(
        "{name: l2, values: [1, 1], rnge: 2}", "{name: l2, range: {from: 2, to: 1, points: 1}}", rest="replicates: x"
    )
    assert set(problems(spec)) == {
        "spec.flags[0].rnge",
        "spec.flags[0].values[1]",
        "spec.flags[1].name",
        "spec.flags[1].range.from",
        "spec.flags[1].range.points",
        "spec.replicates",
    }


@pytest.mark.parametrize(
    ("manifest", "field", "words"),
    [
        pytest.param({}, "spec", "is required", id="nothing at all"),
        pytest.param({"spec": None}, "spec", "got null", id="an empty spec"),
        pytest.param({"kind": "Job", "spec": {}}, "kind", "must be RegularizationSweep", id="another kind"),
        pytest.param({"apiVersion": "v1", "spec": {}}, "apiVersion", "regsweep.dev/v1alpha1", id="another API"),
        pytest.param({"flags": [], "spec": {}}, "flags", "belongs under `spec`", id="a field one level too high"),
        pytest.param(
            {"metadata": {"name": "A_b"}, "spec": {}}, "metadata.name", "lower-case", id="a name that is none"
        ),
        pytest.param({"metadata": {"name": "a" * 254}, "spec": {}}, "metadata.name", "253", id="too long a name"),
        pytest.param(
            {"spec": {"trainer": {"parameters": {1: 2}}}}, "spec.trainer.parameters.1", "quotes", id="1 as a name"
        ),
    ],
)
def test_what_stands_around_the_spec(manifest: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidSweep) as error:
        parse_sweep(manifest)
    assert words in {problem.field: problem.message for problem in error.value.problems}[field]


@pytest.mark.parametrize(
    ("length", "refused"),
    [
        pytest.param(1, [], id="1 character"),
        pytest.param(64, [], id="more than a label may have"),
        pytest.param(253, [], id="253 characters"),
        pytest.param(254, ["metadata.name"], id="one more"),
    ],
)
def test_a_name_may_be_as_long_as_kubernetes_allows(length: int, refused: list[str]) -> None:
    manifest = {"metadata": {"name": "a" * length}, "spec": {"flags": [{"name": "l2", "values": [1]}]}}
    fields: list[str] = []
    try:
        parse_sweep(manifest)
    except InvalidSweep as invalid:
        fields = [problem.field for problem in invalid.problems]
    assert fields == refused


@pytest.mark.parametrize(
    ("metric", "goal"),
    [
        ("val_average_loss", "Minimize"),
        ("train_loss", "Minimize"),
        ("val_mean_squared_error", "Minimize"),
        ("val_rmse", "Minimize"),
        ("val_accuracy", "Maximize"),
        ("val_auc", "Maximize"),
        ("val_auc_precision_recall", "Maximize"),
        ("val_r2", "Maximize"),
        ("val_accuracy_baseline", None),
        ("val_prediction_mean", None),
        ("val_frobnication", None),
    ],
)
def test_goals_that_names_of_metrics_say(metric: str, goal: str | None) -> None:
    spec = {"flags": [{"name": "l2", "values": [1]}], "objective": {"metric": metric}}
    if goal is None:
        with pytest.raises(InvalidSweep, match="does not tell whether smaller or larger is better"):
            parse_sweep({"spec": spec})
    else:
        assert objective_goal(parse_sweep({"spec": spec}).objective) == goal


def test_the_goal_that_is_given_wins() -> None:
    spec = {"flags": [{"name": "l2", "values": [1]}], "objective": {"metric": "val_loss", "goal": "Maximize"}}
    assert objective_goal(parse_sweep({"spec": spec}).objective) == "Maximize"
