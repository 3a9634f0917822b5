from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from regsweep.adapters.yamlreader.limits import MAX_BYTES
from regsweep.api.constants import API_VERSION
from regsweep.cli.exits import UsageError
from regsweep.cli.manifest import STANDARD_INPUT, load_documents, load_manifest
from regsweep.errors import InvalidSweep

SWEEP = """\
apiVersion: regsweep.dev/v1alpha1
kind: RegularizationSweep
metadata: {name: mine}
spec: {flags: [{name: l2, values: [0, 1e-4]}]}
"""
TRUE = " YAML reads y, yes, on and true as true unless quoted. Put the word in quotes."
FALSE = " YAML reads n, no, off and false as false unless quoted. Put the word in quotes."
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: data}\ndata: {a: b}\n"


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "sweep.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", f"is empty, so it has no RegularizationSweep. A manifest begins with `apiVersion: {API_VERSION}`", id="empty"),
        pytest.param("# later\n\n", "is empty, so it has no RegularizationSweep", id="comments"),
        pytest.param("---\n---\n# nothing\n---\n", "is empty, so it has no RegularizationSweep", id="empty documents"),
        pytest.param("null\n", "is empty, so it has no RegularizationSweep", id="null"),
        pytest.param(
            "apiVersion: v1\nkind: Pod\n---\napiVersion: batch/v1\nkind: Job\n",
            "has Pod (line 1), Job (line 4), but no RegularizationSweep. A sweep has `kind: RegularizationSweep`",
            id="other kinds",
        ),
        pytest.param("kind: List\napiVersion: v1\nitems: []\n", "is empty, so it has no RegularizationSweep", id="an empty list"),
        pytest.param("- 1\n", "line 1, column 1: the document: must be a mapping of fields, such as `kind: ", id="no mapping"),
        pytest.param(f"{SWEEP}---\nreplicates: 3\n", "line 6, column 1: the document: kind is missing", id="a stray document"),
        pytest.param("kind: [\n", "line 2, column 1: did not find expected node content. Write a value, or", id="not YAML"),
        pytest.param(f"{SWEEP}kind: Pod\n", 'line 5, column 1: duplicate key "kind", first in line 2', id="a key twice"),
        pytest.param("\x00", "line 1, column 1: the character U+0000 is not allowed here. Save the file as UTF-8", id="binary"),
        pytest.param(SWEEP.encode("utf-16-le"), "U+0000 is not allowed here. Save the file as UTF-8", id="UTF-16 without a mark"),
        pytest.param(
            SWEEP.replace("mine", "größe").encode("latin-1"), "bytes that are not UTF-8. Save the file as UTF-8", id="Latin-1"
        ),
        pytest.param(b"#" * (MAX_BYTES + 1), "the file has more than 3,145,728 bytes", id="too large"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_manifest_is_refused_in_words(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as error:
        load_manifest(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        pytest.param("RegularisationSweep", "Did you mean `RegularizationSweep`?", id="British"),
        pytest.param("Regularizationsweep", "Did you mean `RegularizationSweep`?", id="a small letter"),
        pytest.param("RegularizationSweeps", "Did you mean `RegularizationSweep`?", id="plural"),
        pytest.param("Sweep", "has no kind Sweep.", id="short"),
        pytest.param("Pod", "has no kind Pod.", id="another kind"),
    ],
)
def test_a_kind_that_the_api_does_not_have_is_named_wherever_it_stands(tmp_path: Path, kind: str, message: str) -> None:
    misspelt = SWEEP.replace("kind: RegularizationSweep", f"kind: {kind}")
    for text, line in ((misspelt, 1), (f"{SWEEP}---\n{misspelt}", 6)):
        with pytest.raises(UsageError) as error:
            load_manifest(written(tmp_path, text))
        assert f"line {line}: {API_VERSION} has no kind {kind}." in str(error.value)
        assert message in str(error.value)
        assert str(error.value).endswith("A sweep has `kind: RegularizationSweep`.")


def test_a_misspelt_kind_of_another_api_is_guessed_at(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"has RegularisationSweep \(line 1\), but no .*Did you mean `RegularizationSweep`"
    ):
        load_manifest(written(tmp_path, "apiVersion: v1\nkind: RegularisationSweep\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            f"{SWEEP}---\n{SWEEP.replace('mine', 'other')}",
            "has 2 objects of kind RegularizationSweep: mine (line 1), other (line 6). One sweep runs at a time",
            id="two documents",
        ),
        pytest.param(
            "---\n".join([SWEEP] * 7), "has 7 objects of kind RegularizationSweep: mine (line 1), mine (line 6)", id="seven"
        ),
        pytest.param(
            f"apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: {API_VERSION}, kind: RegularizationSweep}}\n"
            f"- {{apiVersion: {API_VERSION}, kind: RegularizationSweep, metadata: {{name: b}}}}\n",
            "has 2 objects of kind RegularizationSweep: without a name (line 4), b (line 5)",
            id="two items of a list",
        ),
    ],
)  # fmt: skip
def test_several_sweeps_are_refused_with_their_names(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        load_manifest(written(tmp_path, text))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param(f"apiVersion: {API_VERSION}\n", "", f"apiVersion is missing. Write `apiVersion: {API_VERSION}`", id="no API"),
        pytest.param(f": {API_VERSION}\n", ":\n", f"apiVersion is missing. Write `apiVersion: {API_VERSION}`", id="an empty API"),
        pytest.param(API_VERSION, "1", "line 1, column 13: apiVersion: must be a string, got 1. Put it in quotes", id="a number as API"),
        pytest.param("kind: RegularizationSweep\n", "", "kind is missing", id="no kind"),
        pytest.param("name: mine", "labels: {}", "metadata.name is missing. Write it into the file, or", id="no name"),
        pytest.param("name: mine", "name: ''", "metadata.name is missing. Write it into the file, or", id="an empty name"),
        pytest.param("metadata: {name: mine}\n", "", "metadata.name is missing. Write it into the file, or", id="no metadata"),
        pytest.param("{name: mine}", "mine", "line 3, column 11: metadata: must be a mapping of fields", id="metadata as a string"),
        pytest.param("mine", "no", "line 3, column 18: metadata.name: must be a string, got false. YAML reads n, no,", id="no"),
        pytest.param("mine", "off", "metadata.name: must be a string, got false. YAML reads n, no, off and false", id="off"),
        pytest.param("mine", "y", "metadata.name: must be a string, got true. YAML reads y, yes, on and true as true", id="y"),
        pytest.param("mine", "0", "metadata.name: must be a string, got 0. Put it in quotes", id="zero"),
        pytest.param("mine", "1e3", "metadata.name: must be a string, got 1000. Put it in quotes", id="a number like a commit"),
        pytest.param("name: mine", "name: mine, labels: {gpu: yes}", "metadata.labels.gpu: must be a string, got true", id="a label"),
        pytest.param("mine", "[a]", "metadata.name: must be a string, got a list", id="a list as name"),
    ],
)  # fmt: skip
def test_what_is_wrong_around_the_spec_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SWEEP
    path = written(tmp_path, SWEEP.replace(old, new, 1))
    with pytest.raises(UsageError) as error:
        load_manifest(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


@pytest.mark.parametrize("version", ["regsweep.dev/v1", "v1alpha1", "apps/v1"])
def test_another_api_version_is_named_with_the_right_one(tmp_path: Path, version: str) -> None:
    with pytest.raises(InvalidSweep, match=f'apiVersion: must be {API_VERSION}, got "{version}"'):
        load_manifest(written(tmp_path, SWEEP.replace(API_VERSION, version)))


@pytest.mark.parametrize("name", ["a.b", "'no'", '"0"', "a-1"])
def test_a_name_may_be_any_that_kubernetes_takes(tmp_path: Path, name: str) -> None:
    assert load_manifest(written(tmp_path, SWEEP.replace("mine", name))).name == name.strip("'\"")


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.yaml: cannot be read \(No such file or directory\)"):
        load_manifest(tmp_path / "nowhere.yaml")


def test_a_folder_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read \(Is a directory\)"):
        load_manifest(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{CONFIG_MAP}---\n{SWEEP}", id="before it"),
        pytest.param(f"---\n{SWEEP}---\n{CONFIG_MAP}---\n", id="after it"),
        pytest.param(f"apiVersion: v1\nkind: List\nitems:\n- {SWEEP.replace(chr(10), chr(10) + '  ')}", id="in a list"),
        pytest.param(f"{CONFIG_MAP}---\r\n{SWEEP}".replace("\n", "\r\n"), id="with line ends of Windows"),
        pytest.param(f"\ufeff{SWEEP}", id="with a byte order mark"),
        pytest.param(f"\ufeff{SWEEP}".encode("utf-16"), id="in UTF-16"),
        pytest.param(SWEEP.replace("\n", " # größe\n").encode("latin-1"), id="with comments in Latin-1"),
        pytest.param(SWEEP.replace("mine}", "mine}\t# a tab"), id="with a tab before a comment"),
        pytest.param(
            f'{{\n\t"apiVersion": "{API_VERSION}",\n\t"kind": "RegularizationSweep", "metadata": {{"name": "mine"}},\n'
            '\t"spec": {"flags": [{"name": "l2", "values": [0, 1e-4]}]}\n}',
            id="in JSON with tabs",
        ),
    ],
)  # fmt: skip
def test_the_sweep_is_found_among_other_kinds_and_in_every_form(tmp_path: Path, text: str | bytes) -> None:
    manifest = load_manifest(written(tmp_path, text))
    assert manifest.name == "mine"
    assert manifest.spec.flags[0].values == [0, 0.0001]


def test_all_documents_of_a_file_are_given_in_order(tmp_path: Path) -> None:
    found = load_documents(
        written(
            tmp_path,
            f"{SWEEP}---\n{CONFIG_MAP}---\napiVersion: v1\nkind: List\nitems:\n- {{apiVersion: v1, kind: A}}\n",
        )
    )
    assert [(one.kind, one.line) for one in found] == [("RegularizationSweep", 1), ("ConfigMap", 6), ("A", 14)]
    assert found[1].value["data"] == {"a": "b"}


def test_another_name_may_be_given(tmp_path: Path) -> None:
    assert load_manifest(written(tmp_path, SWEEP), "other").name == "other"
    assert load_manifest(written(tmp_path, SWEEP.replace("metadata: {name: mine}\n", "")), "other").name == "other"


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(SWEEP.encode())))
    assert load_manifest(STANDARD_INPUT).name == "mine"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a: [\n")))
    with pytest.raises(UsageError, match="standard input: line 2, column 1: "):
        load_manifest(STANDARD_INPUT)


def test_a_standard_input_that_is_closed_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match=r"standard input: cannot be read \(standard input is closed\)"):
        load_manifest(STANDARD_INPUT)


def test_an_endless_standard_input_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/zero").open("rb") as endless:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=endless))
        with pytest.raises(UsageError, match="the file has more than 3,145,728 bytes"):
            load_manifest(STANDARD_INPUT)


@pytest.mark.parametrize(
    ("written_as", "value"),
    [
        pytest.param("1e-4", 0.0001, id="a number without a dot is a number, as for kubectl"),
        pytest.param("5E3", 5000, id="a capital exponent"),
        pytest.param(".5", 0.5, id="no leading zero"),
        pytest.param("-3", -3, id="negative"),
        pytest.param("1_000", 1000, id="an underscore between digits"),
        pytest.param("0o17", 15, id="octal"),
        pytest.param("017", 15, id="octal as C has it"),
        pytest.param("2026-01-01", "2026-01-01", id="a date is a string"),
        pytest.param("1:30", "1:30", id="base 60 is a string"),
        pytest.param("relu", "relu", id="a string"),
        pytest.param("y", True, id="a boolean of one letter, as for kubectl"),
        pytest.param("'true'", "true", id="quotes keep a string a string"),
        pytest.param("'y'", "y", id="quotes keep a letter a string"),
    ],
)
def test_values_are_read_as_kubectl_reads_them(tmp_path: Path, written_as: str, value: object) -> None:
    text = SWEEP.replace("[0, 1e-4]", f"[{written_as}]")
    values = load_manifest(written(tmp_path, text)).spec.flags[0].values
    assert values == [value]
    assert [type(found) for found in values or ()] == [type(value)]


def test_anchors_and_merges_work(tmp_path: Path) -> None:
    parameters = "trainer: {parameters: {<<: &p {dataset: iris, layers: [1]}, layers: [2]}}"
    text = SWEEP.replace("spec: {", f"spec: {{{parameters}, ")
    assert load_manifest(written(tmp_path, text)).spec.trainer.parameters == {"dataset": "iris", "layers": [2]}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("name: l2", "name: y", f"got true.{TRUE}", id="a flag's name"),
        pytest.param("name: l2", "name: 1", "got 1. Put it in quotes", id="a flag's name as a number"),
        pytest.param("[0, 1e-4]", "[relu, on]", f"All must be of one type.{TRUE}", id="a value among texts"),
        pytest.param("[0, 1e-4]", "[off, relu]", f"All must be of one type.{FALSE}", id="the first value among texts"),
        pytest.param("spec: {", "spec: {pick: {rule: no}, ", f"got false.{FALSE}", id="a word of several"),
        pytest.param("spec: {", "spec: {objective: {metric: yes}, ", f"got true.{TRUE}", id="a metric"),
        pytest.param("spec: {", "spec: {trainer: {image: on}, ", f"got true.{TRUE}", id="an image"),
        pytest.param("l2, values: [0, 1e-4]}]", "'y', values: [0, 1]}], exclude: [{y: 1}]", "YAML reads y as true", id="an exclude"),
        pytest.param("0, 1e-4]}]", "a, b]}], exclude: [{l2: no}]", f"it can never match.{FALSE}", id="a value of an exclude"),
    ],
)  # fmt: skip
def test_a_boolean_where_a_text_belongs_says_what_yaml_made_of_the_word(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in SWEEP
    with pytest.raises(InvalidSweep) as error:
        load_manifest(written(tmp_path, SWEEP.replace(old, new, 1)))
    assert message in str(error.value)
