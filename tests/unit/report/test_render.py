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


def test_programs_get_the_analysis_typed_and_by_id_and_label() -> None:
    found = json.loads(render(breast_cancer(), Output.JSON))["analysis"]
    assert found["tiedWithBest"] == ["l2=0.01, dropout=0.3", "l2=0.01, dropout=0.5", "l2=0.001, dropout=0.5"]
    assert (found["pick"]["label"], found["pick"]["isBest"]) == ("l2=0.01, dropout=0.5", False)
    assert [each["fit"] for each in found["comparisons"]].count("Overfits") == 2
    rows = json.loads(render(breast_cancer(), Output.JSON))["results"]
    assert [each["combination"] for each in found["comparisons"]] == [row["combination"] for row in rows[:6]]
    assert found["pick"]["combination"] == rows[1]["combination"]
    assert found["effects"]["shares"][0] == {
        "flags": ["l2"],
        "etaSquared": 0.77,
        "omegaSquared": 0.68,
        "expectedShare": 0.09,
        "pValue": 0.001,
    }
    (finding,) = found["findings"]
    assert finding == {
        "type": "AtGridEdge",
        "message": "",
        "subject": "Pick",
        "flag": "dropout",
        "value": 0.5,
        "end": "Largest",
        "suggestion": 0.7,
    }
    assert [each["type"] for each in found["notes"]] == ["NoBiasVariance", "FewReplicates"]


def test_csv_says_of_each_combination_whether_it_is_tied_picked_and_why_it_is_worse() -> None:
    rows = list(csv.DictReader(io.StringIO(render(breast_cancer(), Output.CSV))))
    assert [row["tied_with_best"] for row in rows] == ["true"] * 3 + ["false"] * 3 + ["", ""]
    assert [row["pick"] for row in rows[:3]] == ["false", "true", "false"]
    assert [row["fit"] for row in rows[3:6]] == ["Overfits", "Underfits", "Overfits"]


def test_the_columns_of_the_csv_and_their_order_are_what_programs_rely_on() -> None:
    header = render(breast_cancer(), Output.CSV).splitlines()[0]
    assert header == (
        "rank,flag_l2,flag_dropout,objective,objective_standard_error,val_average_loss,train_average_loss,overfit_gap,"
        "overfit_gap_standard_error,replicates,diverged,failed,source,tied_with_best,pick,fit,note,"
        "better_beside_best,equivalent_beside_best,worse_beside_best,"
        "better_beside_unregularized,equivalent_beside_unregularized,worse_beside_unregularized,objective_adjusted,gpu_seconds"
    )


def test_the_fields_of_a_result_in_json_are_what_programs_rely_on() -> None:
    best = json.loads(render(breast_cancer(), Output.JSON))["results"][0]
    assert list(best) == [
        "rank",
        "combination",
        "flags",
        "label",
        "objective",
        "trainLoss",
        "valLoss",
        "overfitGap",
        "replicates",
        "diverged",
        "failed",
        "source",
        "note",
    ]
    assert best["note"] == "best"
