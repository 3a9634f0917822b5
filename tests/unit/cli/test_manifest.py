from __future__ import annotations

from pathlib import Path

import pytest

from regsweep.cli.exits import UsageError
from regsweep.cli.manifest import load_manifest

SWEEP = "kind: RegularizationSweep\nmetadata: {name: mine}\nspec: {flags: [{name: l2, values: [0, 1e-4]}]}\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "is empty, so it has no RegularizationSweep", id="empty"),
        pytest.param("kind: Pod\n---\nkind: Job\n", "has Pod, Job, but no RegularizationSweep", id="other kinds"),
        pytest.param("- 1\n", "has a list, but no RegularizationSweep", id="no mapping"),
        pytest.param(f"{SWEEP}---\n{SWEEP}", "has 2 RegularizationSweep documents", id="two sweeps"),
        pytest.param("kind: [\n", "is not YAML: line 2, column 1", id="not YAML"),
        pytest.param(f"{SWEEP}kind: Pod\n", "line 4, column 1: key 'kind' is there twice", id="a key twice"),
        pytest.param("\x00", "is not YAML", id="binary"),
        pytest.param(
            SWEEP.replace("name: mine", "labels: {}"),
            "metadata.name is missing. Write it into the file, or",
            id="no name",
        ),
    ],
)
def test_a_file_that_is_no_manifest_is_refused_in_words(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as error:
        load_manifest(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.yaml: cannot be read \(No such file or directory\)"):
        load_manifest(tmp_path / "nowhere.yaml")


def test_the_sweep_is_found_among_other_kinds(tmp_path: Path) -> None:
    assert load_manifest(written(tmp_path, f"kind: ConfigMap\n---\n{SWEEP}---\n")).name == "mine"


def test_another_name_may_be_given(tmp_path: Path) -> None:
    assert load_manifest(written(tmp_path, SWEEP), "other").name == "other"


@pytest.mark.parametrize(
    ("written_as", "value"),
    [
        pytest.param("1e-4", 0.0001, id="a number without a dot is a number, as for kubectl"),
        pytest.param("5E3", 5000, id="a capital exponent"),
        pytest.param(".5", 0.5, id="no leading zero"),
        pytest.param("-3", -3, id="negative"),
        pytest.param("2026-01-01", "2026-01-01", id="a date is a text"),
        pytest.param("1:30", "1:30", id="base 60 is a text"),
        pytest.param("relu", "relu", id="a text"),
        pytest.param("'true'", "true", id="quotes keep a text a text"),
    ],
)
def test_values_are_read_as_kubectl_reads_them(tmp_path: Path, written_as: str, value: object) -> None:
    text = SWEEP.replace("[0, 1e-4]", f"[{written_as}]")
    assert load_manifest(written(tmp_path, text)).spec.flags[0].values == [value]


def test_anchors_and_merges_work(tmp_path: Path) -> None:
    text = SWEEP + "x: &a {k: 1}\ny: {<<: *a, k: 2}\n"
    with pytest.raises(Exception, match="unknown field"):
        load_manifest(written(tmp_path, text))
