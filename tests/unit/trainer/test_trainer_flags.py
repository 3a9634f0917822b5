"""Flags: coerced by their declared type, refused with a sentence that says which, what it got, and what there is."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep_kit.errors import InvalidFlagsError
from regsweep_trainer.flags import Flags, describe, flag_lines, idle, label_value, parse_flags

IRIS: dict[str, Any] = {"dataset": "iris"}


def refusal(**flags: Any) -> str:
    with pytest.raises(InvalidFlagsError) as caught:
        parse_flags(flags)
    assert caught.value.exit_code == 64
    assert caught.value.reason == "InvalidFlags"
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "given_value", "value"),
    [
        pytest.param("l2", "1e-4", 1e-4, id="YAML reads 1e-4 as a string"),
        pytest.param("l2", 0, 0.0, id="a whole number is a number"),
        pytest.param("learning_rate", " 0.5 ", 0.5, id="blanks do not matter"),
        pytest.param("epochs", "60", 60, id="an integer as a string"),
        pytest.param("epochs", "1e2", 100, id="an integer in exponent form"),
        pytest.param("epochs", 60.0, 60, id="an integer as a float"),
        pytest.param("train_rows", None, None, id="absent said aloud"),
        pytest.param("batch_norm", "true", True, id="a truth as a string"),
        pytest.param("units", "64", 64, id="units as a string"),
        pytest.param("units", [8, "4"], [8, 4], id="units as a list"),
        pytest.param("units", [], [], id="a linear model"),
        pytest.param("dropout", ["1e-1", 0], [0.1, 0.0], id="dropout as a list"),
        pytest.param("class_weights", {"no": "1", "yes": 5}, {"no": 1.0, "yes": 5.0}, id="weights by class"),
    ],
)
def test_a_value_is_coerced_by_its_declared_type(name: str, given_value: Any, value: Any) -> None:
    parsed = getattr(parse_flags({**IRIS, name: given_value}), name)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("flags", "hidden"),
    [
        ({}, (64, 64)),
        ({"units": 8}, (8,)),
        ({"units": 8, "layers": 3}, (8, 8, 8)),
        ({"units": 8, "layers": 0}, ()),
        ({"units": [8, 4]}, (8, 4)),
    ],
)
def test_hidden_layers(flags: dict[str, Any], hidden: tuple[int, ...]) -> None:
    assert parse_flags({**IRIS, **flags}).hidden_layers == hidden


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("l2", -1, "flag l2: got -1, want a number of at least 0"),
        ("l2", "small", 'flag l2: got "small", want a number of at least 0'),
        ("l2", float("nan"), "flag l2: got nan, want a number of at least 0"),
        ("l2", "inf", 'flag l2: got "inf", want a number of at least 0'),
        ("l2", True, "flag l2: got true, want a number of at least 0"),
        ("l2", None, "flag l2: got null, want a number of at least 0"),
        ("l2", [0.1], "flag l2: got [0.1], want a number of at least 0"),
        ("dropout", 1, "flag dropout: got 1, want a number from 0 to below 1"),
        ("dropout", [0.2, 1], "flag dropout: got [0.2, 1], want a number from 0 to below 1, or a list of one for each"),
        ("dropout", [True, 0], "flag dropout: got [true, 0], want a number from 0 to below 1"),
        ("activation", ["relu", "rellu"], 'flag activation: got ["relu", "rellu"], want one of relu'),
        ("normalization", "bach", "did you mean batch?"),
        ("max_norm", None, "flag max_norm: got null, want a number of at least 0"),
        ("clip_norm", -1, "flag clip_norm: got -1, want a number of at least 0"),
        ("schedule", "cosin", "did you mean cosine?"),
        ("decay_rate", 0, "flag decay_rate: got 0, want a number above 0 and at most 1"),
        ("class_weights", "balance", "did you mean balanced?"),
        ("class_weights", {"no": 0}, 'flag class_weights: got {"no": 0}, want none, balanced, or a weight above 0'),
        ("label_smoothing", 1, "flag label_smoothing: got 1, want a number from 0 to below 1"),
        ("weight_decay", "inf", 'flag weight_decay: got "inf", want a number from 0 to below 1'),
        ("image_shape", [8], "flag image_shape: got [8], want [height, width] or [height, width, channels]"),
        (
            "columns",
            {"a": "numerical"},
            'flag columns: got {"a": "numerical"}, want an object, by column a kind (numeric,',
        ),
        ("columns", {"a": {"kind": "numeric", "missing": "category"}}, "want an object, by column a kind"),
        ("columns", ["a"], 'flag columns: got ["a"], want an object'),
        ("label_vocabulary", ["a"], 'flag label_vocabulary: got ["a"], want a list of 2 to 1000 labels'),
        ("filters", [], "flag filters: got [], want a list of 1 to 64 integers"),
        ("epochs", 1.5, "flag epochs: got 1.5, want an integer from 1 to 100000"),
        ("epochs", 0, "flag epochs: got 0, want an integer from 1 to 100000"),
        ("epochs", False, "flag epochs: got false, want an integer from 1 to 100000"),
        ("units", [64, "wide"], 'flag units: got [64, "wide"], want an integer from 1 to 65536, or a list'),
        ("units", [64, 0], "flag units: got [64, 0], want an integer from 1 to 65536, or a list"),
        ("units", True, "flag units: got true, want an integer from 1 to 65536, or a list"),
        ("activation", "rellu", 'flag activation: got "rellu", want one of relu, elu,'),
        ("activation", "rellu", "did you mean relu?"),
        ("activation", 3, "flag activation: got 3, want one of relu"),
        ("dataset", "irsi", "did you mean iris?"),
        ("separator", ";", 'flag separator: got ";", want auto, comma, semicolon, tab or pipe'),
        ("batch_norm", "perhaps", 'flag batch_norm: got "perhaps", want true or false'),
        ("learning_rate", 0, "flag learning_rate: got 0, want a number above 0"),
        ("val_fraction", 1, "flag val_fraction: got 1, want a number above 0 and below 1"),
        ("audit_fraction", 1, "flag audit_fraction: got 1, want a number from 0 to below 1"),
        ("train_rows", 1, "flag train_rows: got 1, want an integer of at least 2"),
        ("drop_out", 0.2, 'unknown flag "drop_out" (got 0.2), did you mean dropout?'),
        ("zzz", 1, "the flags are activation, activity_l1,"),
    ],
)
def test_a_wrong_value_is_refused_in_words(name: str, value: Any, says: str) -> None:
    assert says in refusal(**{**IRIS, name: value})


@pytest.mark.parametrize("name", ["target", "split_column"])
@pytest.mark.parametrize(
    ("value", "says"),
    [
        (
            True,
            'got true, want a column\'s name; YAML reads an unquoted y, yes, on or true as true: quote it, as in "y"',
        ),
        (False, "got false, want a column's name; YAML reads an unquoted n, no, off or false as false: quote it"),
        (1, 'got 1, want a column\'s name; YAML reads it as a number without quotes: quote it, as in "1"'),
        (0, 'YAML reads it as a number without quotes: quote it, as in "0"'),
        (1.5, 'YAML reads it as a number without quotes: quote it, as in "1.5"'),
    ],
)
def test_a_name_that_yaml_reads_as_something_else_is_to_be_quoted(name: str, value: Any, says: str) -> None:
    text = refusal(**{"data_path": "/x", "target": "label", name: value})
    assert text.startswith(f"flag {name}: got ")
    assert says in text


@pytest.mark.parametrize("value", [["y"], {"name": "y"}, " "])
def test_what_is_no_name_at_all_is_not_told_to_be_quoted(value: Any) -> None:
    assert "quote" not in refusal(data_path="/x", target=value)


def test_only_free_text_is_told_to_be_quoted() -> None:
    assert "quote" not in refusal(**IRIS, activation=True, l2=False, epochs=None)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        pytest.param({}, "flag dataset: missing", id="no data"),
        pytest.param(
            {**IRIS, "data_path": "/x", "target": "y"},
            "flag data_path: given together with dataset",
            id="two kinds of data",
        ),
        pytest.param(
            {**IRIS, "target": "y"}, 'flag target: got "y", but data_path is not set', id="a target without a file"
        ),
        pytest.param(
            {**IRIS, "task": "regression"},
            'flag task: got "regression": it applies to data_path only',
            id="a task without a file",
        ),
        pytest.param(
            {**IRIS, "separator": "tab"},
            'flag separator: got "tab": it applies to data_path only',
            id="a separator without a file",
        ),
        pytest.param(
            {**IRIS, "layers": 2}, "flag layers: it applies only if units is one number", id="layers given twice"
        ),
        pytest.param(
            {"data_path": "/x", "target": "y", "split_column": "y"},
            'flag split_column: "y" is the target',
            id="y twice",
        ),
        pytest.param(
            {**IRIS, "columns": {"a": "ignored"}},
            'flag columns: got {"a": "ignored"}, but data_path',
            id="columns of no file",
        ),
        pytest.param(
            {"data_path": "/x", "target": "y", "columns": {"y": "categorical"}},
            'flag columns: "y" is the target; it has no kind',
            id="a target with a kind",
        ),
        pytest.param(
            {"data_path": "/x", "target": "y", "weight_column": "w", "group_column": "w"},
            'flag group_column: "w" is the weight column',
            id="weights and groups at once",
        ),
        pytest.param(
            {"data_path": "/x", "target": "y", "time_column": "t", "group_column": "g"},
            "flag time_column: given together with group_column",
            id="groups in order of time",
        ),
        pytest.param(
            {"data_path": "/x", "target": "y", "time_column": "t", "audit_fraction": 0.1},
            "flag audit_fraction: given together with time_column",
            id="an audit in the midst of time",
        ),
        pytest.param(
            {"data_path": "/x", "target": "y", "task": "regression", "label_vocabulary": ["a", "b"]},
            "flag label_vocabulary: given together with task: regression",
            id="classes of a regression",
        ),
        pytest.param(
            {**IRIS, "dropout": [0.1, 0.2, 0.3]},
            "flag dropout: got 3 values ([0.1, 0.2, 0.3]) for 2 hidden layers ([64, 64] units)",
            id="more dropouts than layers",
        ),
        pytest.param(
            {**IRIS, "activation": ["relu"], "units": 8, "layers": 2},
            'flag activation: got 1 values (["relu"]) for 2 hidden layers',
            id="fewer activations than layers",
        ),
        pytest.param(
            {**IRIS, "batch_norm": True, "normalization": "layer"},
            'flag normalization: got "layer", but batch_norm is true',
            id="two normalisations",
        ),
        pytest.param(
            {**IRIS, "clip_norm": 1, "clip_value": 1},
            "flag clip_value: given together with clip_norm",
            id="clipped twice",
        ),
        pytest.param(
            {**IRIS, "spatial_dropout": 0.2},
            "flag spatial_dropout: got 0.2, but model is dense, which has no feature maps",
            id="feature maps of a dense network",
        ),
        pytest.param(
            {**IRIS, "orthogonal": 0.1, "units": []},
            "flag orthogonal: got 0.1, but there is no hidden layer",
            id="orthogonal",
        ),
    ],
)
def test_flags_that_contradict_each_other(flags: dict[str, Any], says: str) -> None:
    assert says in refusal(**flags)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({}, []),
        ({"decay_rate": 0.1}, ["flag decay_rate has no effect: schedule is constant"]),
        ({"decay_rate": 0.1, "schedule": "step"}, []),
        ({"filters": [8]}, ["flag filters has no effect: model is dense"]),
        ({"optimizer": "adamw"}, ["optimizer adamw is the same as adam: weight_decay is 0"]),
        ({"optimizer": "adamw", "weight_decay": 0.01}, []),
    ],
)
def test_a_flag_without_effect_is_named(flags: dict[str, Any], says: list[str]) -> None:
    assert list(idle(parse_flags({**IRIS, **flags}))) == says


def test_gradients_clipped_in_one_way_and_not_in_another_are_clipped_in_one_way() -> None:
    assert parse_flags({**IRIS, "clip_norm": 1, "clip_value": 0}).clip_norm == 1


DNN: dict[str, Any] = {"data_path": "/x", "target": "y", "model": "dnn_classifier", "hidden_units": [8, 4]}


def test_the_estimators_models_have_the_estimators_defaults() -> None:
    parsed = parse_flags(DNN)
    assert (parsed.optimizer, parsed.learning_rate, parsed.activation, parsed.dropout) == ("adagrad", 0.05, "relu", 0)
    assert parsed.hidden_layers == (8, 4)
    assert parse_flags({**DNN, "optimizer": "adam"}).optimizer == "adam"
    assert parse_flags({**IRIS, "model": "dense"}).optimizer == "adam"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"hidden_units": None}, "flag hidden_units: missing, model dnn_classifier needs the number of units"),
        ({"units": [8]}, "flag units: model dnn_classifier has hidden_units instead"),
        ({"model": "dense", "units": [8]}, "flag hidden_units: got [8, 4], but model is dense; it is for dnn_classifier"),
        ({"task": "regression"}, "flag task: got regression, but model dnn_classifier is for a classification"),
        ({"model": "dnn_regressor", "n_classes": 2}, "flag n_classes: model dnn_regressor has no classes"),
        ({"n_classes": 3, "label_vocabulary": ["a", "b"]}, "flag n_classes: got 3, but label_vocabulary has 2 labels"),
        ({"model": "cnn", "hidden_units": None, "columns": {"a": {"kind": "hashed", "bins": 9}}}, "flag columns: model cnn takes images"),
        ({"columns": {"a": "hashed"}}, 'flag columns: got {"a": "hashed"}, want an object, by column a kind'),
        ({"columns": {"a": {"kind": "bucketized", "bins": 3, "boundaries": [1]}}}, "; in a: hashed columns have bins, bucketized ones"),
        ({"columns": {"a": {"kind": "bucketized", "boundaries": [2, 1]}}}, "; in a: boundaries ascend"),
        ({"columns": {"a": {"kind": "numeric", "embedding": 3}}}, "; in a: categorical, bucketized and hashed columns have embeddings"),
        ({"columns": {"b": "numeric", "a": "numerical"}}, "; in a.kind: \"numerical\" (input should be 'numeric', 'boolean', 'date',"),
        ({"columns": {"a": {"kind": "date", "fomat": 1}}}, "; in a.fomat: 1 (extra inputs are not permitted)"),
        ({"columns": {"a": {"kind": "numeric", "missing": "category"}}}, "; in a: numeric columns have missing refuse, mean, median"),
        ({"crosses": [{"columns": ["a", "b"], "bins": 1}]}, "; in 0.bins: 1 (input should be greater than or equal to 2)"),
        ({"crosses": [{"columns": ["a"], "bins": 9}]}, 'flag crosses: got [{"columns": ["a"], "bins": 9}], want a list of at most 100'),
        ({"crosses": [{"columns": ["a", "b"], "bins": 9}] * 2}, 'flag crosses: columns ["a", "b"] are crossed twice'),
        ({"model": "cnn", "hidden_units": None, "crosses": [{"columns": ["a", "b"], "bins": 9}]}, "flag crosses: model cnn takes images"),
        ({"dropout": [0.1]}, "flag dropout: got 1 values ([0.1]) for 2 hidden layers"),
    ],
)  # fmt: skip
def test_what_contradicts_the_estimators_models(flags: dict[str, Any], says: str) -> None:
    assert says in refusal(**{**DNN, **flags})


@pytest.mark.parametrize("model", ["linear", "constant"])
def test_a_reference_stands_beside_the_estimators_models(model: str) -> None:
    parsed = parse_flags({**DNN, "model": model, "n_classes": 2, "columns": {"a": {"kind": "hashed", "bins": 9}}})
    assert parsed.uses_feature_space
    assert not parse_flags({**DNN, "model": model}).uses_feature_space


def test_batch_norm_and_normalization_may_agree() -> None:
    assert parse_flags({**IRIS, "batch_norm": True, "normalization": "batch"}).normalizes == "batch"


def test_everything_wrong_is_reported_at_once_and_once_each() -> None:
    text = refusal(unts=3, epochs="x", dropout=2, layers=1)
    for part in (
        "flag dataset",
        "flag dropout",
        "flag epochs",
        "flag layers",
        'unknown flag "unts"',
        "did you mean units?",
    ):
        assert text.count(part) == 1


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*Flags.model_fields, "x"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    )
)
def test_whatever_comes_is_parsed_or_refused_by_name(flags: dict[str, Any]) -> None:
    try:
        parsed = parse_flags(flags)
    except InvalidFlagsError as error:
        assert "flag" in str(error)
    else:
        assert parse_flags(parsed.model_dump(exclude_unset=True)) == parsed


def test_the_schema_describes_every_flag_and_allows_no_other() -> None:
    schema = describe()
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(Flags.model_fields)
    assert all(entry["description"] for entry in schema["properties"].values())
    assert json.loads(json.dumps(schema)) == schema


def test_help_has_every_flag_with_default_values_and_meaning() -> None:
    lines = {name: rest for name, *rest in flag_lines()}
    assert list(lines) == list(Flags.model_fields)
    assert all(all(rest) for rest in lines.values())
    assert lines["units"][0] == "[64, 64]"


def test_the_readme_has_every_flag_as_the_help_has_it() -> None:
    readme = (Path(__file__).parents[3] / "images" / "trainer" / "README.md").read_text()
    table = readme.partition("| Flag |")[2].partition("\n\n")[0]
    assert table.splitlines()[2:] == [f"| `{name}` | {' | '.join(rest)} |" for name, *rest in flag_lines()]


@pytest.mark.parametrize(
    ("value", "label"), [("relu", "relu"), (0.0001, "0.0001"), ("1e-4", "1e-4"), (True, "true"), ([64, 32], "[64,32]")]
)
def test_a_flags_value_as_a_label(value: Any, label: str) -> None:
    assert label_value(value) == label
