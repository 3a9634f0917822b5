from __future__ import annotations

import csv
import io
import json

import pytest
import yaml

from regsweep.report.outputs import Output
from regsweep.report.render import render
from unit.report.builders import breast_cancer


def test_json_and_yaml_hold_the_same_and_every_combination() -> None:
    document = json.loads(render(breast_cancer(), Output.JSON))
    assert document == yaml.safe_load(render(breast_cancer(), Output.YAML))
    assert len(document["results"]) == 8
    assert document["estimand"] == "givenData"
    assert document["results"][0]["objective"] == {"mean": 0.0712, "standardError": 0.0041}
    assert document["conclusion"].startswith("Without regularisation (l2=0, dropout=0)")


def test_json_has_no_nan_and_says_why_a_value_is_absent() -> None:
    text = render(breast_cancer(), Output.JSON)
    diverged = json.loads(text, parse_constant=lambda name: pytest.fail(name))["results"][6]
    assert "objective" not in diverged
    assert diverged["note"] == "diverged at epoch 3"


def test_csv_has_a_line_per_combination_with_flags_apart_from_metrics() -> None:
    rows = list(csv.DictReader(io.StringIO(render(breast_cancer(), Output.CSV))))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "5", "6", "", ""]
    assert (rows[0]["flag_l2"], rows[0]["objective"], rows[0]["objective_standard_error"]) == (
        "0.01",
        "0.0712",
        "0.0041",
    )
    assert rows[6]["objective"] == "NaN"
    assert rows[7]["objective"] == ""
