"""A sweep's records to its analysis: one call from the spec to what status and report show."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from pydantic import JsonValue

from regsweep.api.analysis import Analysis, Comparison, Fit, PickRole, RaceReason
from regsweep.api.findings import FindingType, NoteType
from regsweep.api.objective import EpochRule
from regsweep.api.spec import Flags, Goal, Resampling, ResamplingKind
from regsweep.api.validation import parse_sweep
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.judging.analysis import judge, prior_analysis, rank
from regsweep.core.judging.stats.final import FinalTraining, evaluate_final
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record, Records
from regsweep.core.sweep import Sweep

NOISE = (0.0, 0.011, -0.007, 0.004, -0.003)


def sweep(values: int, spec: Mapping[str, JsonValue] | None = None) -> Sweep:
    flags: JsonValue = [{"name": "l2", "values": list(range(values))}]
    whole = {"flags": flags, "replicates": 5, **(spec or {})}
    obj = {"kind": "RegularizationSweep", "metadata": {"name": "mine"}, "spec": whole}
    defaults = Defaults("trainer:1", "nvidia.com/gpu", "0.1.0")
    return accept(Identity("mine", "team", "uid", 1), parse_sweep(obj), defaults)[0]


def trained(
    of: Sweep,
    losses: Sequence[float],
    replicates: Mapping[int, range] | None = None,
    environments: Sequence[Environment] = (Environment(),),
) -> Records:
    """Records over l2 with these validation losses; training loss 0.1 throughout."""
    records = Records()
    for point in of.points:
        l2 = point.combination.index
        for k in (replicates or {}).get(l2, range(5)):
            val = losses[l2] + NOISE[(k + 2 * l2) % 5]
            metrics = {"val_average_loss": val, "train_average_loss": 0.1, "val_accuracy": 1 - val}
            where = environments[k % len(environments)]
            records.add(Record(point.key, k, Outcome.OK, "r", epochs=10, metrics=metrics, environment=where))
    return records


def analysis_result(losses: Sequence[float], replicates: Mapping[int, range] | None = None) -> Analysis:
    found = sweep(len(losses))
    return judge(found, trained(found, losses, replicates)).analysis


def beside_the_best(analysis: Analysis, label: str) -> Comparison | None:
    """The comparison of the combination with this label."""
    return next((each for each in analysis.comparisons if each.label == label), None)


def test_a_whole_sweep_is_judged() -> None:
    found = analysis_result([0.90, 0.200, 0.202, 0.60])
    assert (set(found.tied_with_best), found.tied_count) == ({"l2=1", "l2=2"}, 2)
    assert found.tied_by_accuracy == found.tied_with_best
    assert found.pick is not None
    assert (found.pick.label, found.pick.is_best, found.pick.rule) == ("l2=2", False, "Paired")
    assert found.pick.level.given_data is not None and found.pick.difference.given_data is not None
    assert found.pick.difference.given_data.mean == pytest.approx(0.002, abs=1e-6)
    worst = beside_the_best(found, "l2=0")
    assert worst is not None and (worst.fit, worst.gap_larger, worst.tied) == (Fit.OVERFITS, True, False)
    assert found.comparisons[0].difference == 0 and found.comparisons[0].standard_error is None
    assert found.best is not None and found.best.given_data is not None and found.best.new_data is None
    assert found.effects is not None and (found.effects.shares[0].eta_squared or 0) > 0.9
    assert (found.race, found.final, found.rests_on, found.paired) == (None, None, "", True)


def test_numbers_have_six_digits_and_the_analysis_survives_json() -> None:
    found = analysis_result([0.9, 0.2, 0.2123456789])
    assert Analysis.model_validate(found.to_json()) == found
    assert found.best is not None and found.best.given_data is not None
    assert found.best.given_data.mean == float(f"{found.best.given_data.mean:.6g}")


def test_every_finding_and_note_has_its_message() -> None:
    found = analysis_result([0.9, 0.2, 0.6])
    messages = [each.message for each in found.findings] + [each.message for each in found.notes]
    assert messages and all(message.endswith(".") for message in messages)


def test_combinations_are_named_by_their_ids() -> None:
    swept = sweep(4)
    found = judge(swept, trained(swept, [0.90, 0.200, 0.202, 0.60])).analysis
    ids = {f"l2={point.combination.flags['l2']}": point.combination.id for point in swept.points}
    assert [each.combination for each in found.comparisons] == [ids[each.label] for each in found.comparisons]
    assert found.pick is not None and found.pick.combination == ids["l2=2"]


def test_values_that_read_alike_are_two_combinations() -> None:
    """A list of the number 1 and a list of the text 1."""
    alike: list[Flags] = [{"units": [1]}, {"units": ["1"]}]
    found = sweep(2)
    points = [
        replace(point, combination=replace(point.combination, flags=flags))
        for point, flags in zip(found.points, alike, strict=True)
    ]
    analysis = judge(replace(found, points=tuple(points)), trained(found, [0.2, 0.9])).analysis
    assert [(each.label, each.tied) for each in analysis.comparisons] == [("units=[1]", True), ('units=["1"]', False)]
    assert [each.combination for each in analysis.comparisons] == [point.combination.id for point in points]


@pytest.mark.parametrize(
    ("spec", "without_id", "taken"),
    [
        pytest.param({}, False, True, id="as it is"),
        pytest.param({}, True, True, id="of an older version: nothing rests on the pick's id"),
        pytest.param({"final": {"evaluate": "Test"}}, False, True, id="with a final evaluation"),
        pytest.param({"final": {"evaluate": "Test"}}, True, False, id="a final evaluation needs to know the pick"),
        pytest.param({"racing": {}}, False, False, id="a race goes by more than the status holds"),
    ],
)
def test_an_analysis_in_the_status_is_taken_where_nothing_more_is_needed(
    spec: Mapping[str, JsonValue], without_id: bool, taken: bool
) -> None:
    analysis = analysis_result([0.9, 0.200, 0.202, 0.6])
    assert analysis.pick is not None
    if without_id:
        analysis = analysis.model_copy(update={"pick": analysis.pick.model_copy(update={"combination": None})})
    assert (prior_analysis(analysis, sweep(4, spec)) is not None) is taken


def test_below_three_replicates_there_are_no_ties() -> None:
    found = analysis_result([0.9, 0.2], {0: range(2), 1: range(2)})
    assert (found.tied_with_best, found.tied_count, found.pick, found.comparisons) == ([], 0, None, [])


def test_a_first_of_the_ranking_with_few_replicates_is_not_judged_by_another_best() -> None:
    found = analysis_result([0.9, 0.2, 0.1], {2: range(1)})
    assert (found.tied_with_best, found.pick, found.comparisons, found.best) == ([], None, [], None)
    (note,) = [each for each in found.notes if each.type is NoteType.REPLICATES_MISSING]
    assert note.message == (
        "Replicates are missing, so that the others cannot be compared with the first of the ranking: no ties, no labels, no "
        "pick. They come once the missing replicates are trained."
    )


def test_a_ranking_of_accuracies_with_a_missing_replicate_is_that_of_the_values() -> None:
    """Values that lie far from 0 beside their differences: the last one is the worst, and lacks a replicate."""
    rng = np.random.default_rng(7)
    found = sweep(8, {"objective": {"metric": "val_accuracy"}})
    for _ in range(100):
        values = 0.98 + 0.005 * rng.standard_normal(5) + 0.003 * rng.standard_normal((8, 5))
        values[7] -= 0.05
        records = Records()
        for point in found.points:
            row = point.combination.index
            for k in range(4 if row == 7 else 5):
                metrics = {"val_accuracy": round(float(values[row, k]), 6)}
                records.add(Record(point.key, k, Outcome.OK, "r", epochs=10, metrics=metrics))
        assert rank(found, records, judge(found, records)).rows[-1].combination.index == 7


def test_the_luck_of_others_is_not_that_of_a_best_that_lacks_a_replicate() -> None:
    losses = [0.5] * 16
    losses[5] = 0.2
    assert analysis_result(losses, {5: range(4)}).selection_optimism is None
    assert analysis_result(losses, {6: range(4)}).selection_optimism is not None


def test_combinations_without_a_common_replicate_have_no_effects() -> None:
    found = analysis_result([0.9, 0.2], {0: range(1), 1: range(1, 2)})
    assert (found.effects, found.tied_with_best) == (None, [])


def test_nothing_trained_is_nothing_judged() -> None:
    found = sweep(3)
    assert judge(found, Records()).analysis.tied_count == 0


def test_the_specs_rule_order_and_constraints_are_followed() -> None:
    pick: JsonValue = {"rule": "Glmnet", "simplicityOrder": [{"flag": "l2", "simpler": "Fewer"}]}
    constrained: JsonValue = {"constraints": [{"metric": "val_average_loss", "min": 0.15}]}
    found = sweep(4, {"pick": pick, "objective": constrained})
    analysis = judge(found, trained(found, [0.201, 0.200, 0.1, 0.6])).analysis
    assert analysis.pick is not None
    assert (analysis.pick.label, analysis.pick.rule) == ("l2=0", "Glmnet")
    assert beside_the_best(analysis, "l2=2") is None, "it breaks the constraint"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        pytest.param({}, True, id="trained for a fixed number of epochs"),
        pytest.param({"early_stopping": 5}, False, id="early stopping in all combinations"),
    ],
)
def test_what_early_stopping_ended_is_not_called_cut_short(parameters: dict[str, JsonValue], said: bool) -> None:
    found = sweep(3, {"trainer": {"parameters": parameters}})
    late = Records()
    records = trained(found, [0.9, 0.2, 0.6])
    for point in found.points:
        for record in records.of(point.key).values():
            late.add(replace(record, best=BestEpoch(10, 0.1, record.metrics["val_average_loss"])))
    findings = judge(found, late).analysis.findings
    assert any(each.type is FindingType.NOT_CONVERGED for each in findings) is said


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        pytest.param({}, True, id="by a hundredth of the loss"),
        pytest.param({"minimumDifference": 0.01}, False, id="by less than what matters"),
        pytest.param({"minimumDifference": 0.001}, True, id="by more than what matters"),
    ],
)
def test_what_the_last_epochs_brought_is_held_against_the_difference_that_matters(
    difference: dict[str, JsonValue], said: bool
) -> None:
    found = sweep(3, {"objective": difference})
    rule = EpochRule("val_average_loss", Goal.MINIMIZE)
    late = Records()
    records = trained(found, [0.9, 0.2, 0.6])
    for point in found.points:
        for record in records.of(point.key).values():
            metrics = {**record.metrics, "late_gain": 0.004}
            late.add(
                replace(record, metrics=metrics, best=BestEpoch(10, 0.1, record.metrics["val_average_loss"], rule))
            )
    findings = [each for each in judge(found, late).analysis.findings if each.type is FindingType.NOT_CONVERGED]
    assert [each.gain for each in findings] == [0.004] * said


def test_the_pinned_resampling_is_followed() -> None:
    found = sweep(3)
    folds = Resampling(kind=ResamplingKind.KFOLD, folds=5)
    found = replace(found, resolved=found.resolved.model_copy(update={"resampling": folds}))
    analysis = judge(found, trained(found, [0.9, 0.2, 0.3])).analysis
    assert analysis.best is not None and analysis.best.new_data is not None
    assert analysis.best.new_data.approximate


def test_a_mixed_sweep_is_unpaired() -> None:
    found = sweep(3)
    records = trained(found, [0.9, 0.2, 0.3], environments=(Environment(device="cpu"), Environment(device="gpu")))
    analysis = judge(found, records).analysis
    assert not analysis.paired
    assert any("devices (cpu, gpu)" in note.message for note in analysis.notes)


RACE: Mapping[str, JsonValue] = {"racing": {"initialReplicates": 3, "maxReplicates": 8}}


def test_a_race_says_what_to_train_and_what_has_left() -> None:
    found = sweep(4, RACE)
    ids = [point.combination.id for point in found.points]
    start = judge(found, Records())
    assert start.wanted == dict.fromkeys(ids, 3) and not start.dropped
    records = trained(found, [0.9, 0.200, 0.202, 0.6], {l2: range(3) for l2 in range(4)})
    look = judge(found, records)
    assert look.wanted == {ids[1]: 5, ids[2]: 5}
    assert look.dropped == {ids[0], ids[3]}
    race = look.analysis.race
    assert race is not None
    assert (race.reason, race.racing, race.dropped, race.replicates) == (RaceReason.RACING, 2, 2, 5)
    assert (race.trained, race.full_grid) == (12, 32)
    assert set(look.analysis.tied_with_best) == {"l2=1", "l2=2"}
    assert [each.label for each in look.analysis.comparisons] == ["l2=1", "l2=2", "l2=3", "l2=0"]
    dropped = beside_the_best(look.analysis, "l2=0")
    assert dropped is not None
    assert (dropped.tied, dropped.comparable, dropped.fit) == (False, True, Fit.OVERFITS)


def test_the_best_of_a_race_is_looked_for_among_those_still_racing() -> None:
    found = sweep(3, RACE)
    records = trained(found, [0.9, 0.2, 0.202], {0: range(3), 1: range(4), 2: range(4)})
    for k in range(3, 8):  # trained ahead, and lucky: it left at the first look all the same
        records.add(Record(found.points[0].key, k, Outcome.OK, "r", metrics={"val_average_loss": -9.0}))
    look = judge(found, records)
    assert found.points[0].combination.id in look.dropped
    assert look.analysis.comparisons[0].label in {"l2=1", "l2=2"}
    assert "l2=0" not in look.analysis.tied_with_best


def test_a_failed_replicate_leaves_the_race_unless_a_person_asked_for_it_again() -> None:
    found = sweep(3, RACE)
    records = trained(found, [0.2, 0.2, 0.202], {0: range(2), 1: range(3), 2: range(3)})
    records.add(Record(found.points[0].key, 2, Outcome.FAILED, "r"))
    ident = found.points[0].combination.id
    assert ident in judge(found, records).dropped
    assert judge(replace(found, retry=1), records).wanted[ident] == 3


def test_final_trainings_stand_in_the_analysis() -> None:
    found = sweep(3)
    metrics = [{"test_average_loss": 0.123456789 + 0.01 * k, "test_accuracy": 0.9} for k in range(3)]
    records = {k: Record("key", k, Outcome.OK, "r", metrics=each) for k, each in enumerate(metrics)}
    final = FinalTraining((PickRole.BEST, PickRole.ONE_STANDARD_ERROR), found.points[1].combination, records)
    analysis = judge(found, trained(found, [0.9, 0.2, 0.6]), evaluate_final([final])).analysis
    assert analysis.final is not None
    (result,) = analysis.final.results
    assert (result.combination, result.label) == (found.points[1].combination.id, "l2=1")
    assert result.loss is not None and result.loss.mean == 0.133457
    assert result.metrics["test_average_loss"] == 0.133457


def test_what_renders_loads_no_library_for_statistics_before_there_is_something_to_judge() -> None:
    program = "import sys, regsweep.cli.run, regsweep.report.render; print({'numpy', 'scipy'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "set()"


def test_judging_loads_no_library_for_statistics_before_the_first_call() -> None:
    program = "import sys, regsweep.core.judging.analysis; print({'numpy', 'scipy'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "set()"


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        pytest.param({}, RaceReason.RACING, id="without one the race goes on"),
        pytest.param({"objective": {"minimumDifference": 0.5}}, RaceReason.EQUIVALENT, id="the objective's"),
    ],
)
def test_a_race_ends_by_the_minimum_difference_of_the_objective(
    spec: Mapping[str, JsonValue], reason: RaceReason
) -> None:
    found = sweep(3, {**RACE, **spec})
    race = judge(found, trained(found, [0.2, 0.2, 0.2], {row: range(3) for row in range(3)})).analysis.race
    assert race is not None and race.reason is reason


def test_what_more_replicates_show_stands_in_words_too() -> None:
    found = analysis_result([0.90, 0.200, 0.202, 0.60])
    assert found.planning is not None and found.planning.message.endswith(").")
    assert found.planning.second is not None and found.planning.first_two is not None


def test_the_status_stays_small_however_many_values_flags_have() -> None:
    many = sweep(60, {"objective": {"minimumDifference": 0.01}})
    whole = judge(many, trained(many, [0.2 + 0.001 * row for row in range(60)])).analysis
    assert whole.effects is not None and len(whole.effects.means) == 60
    shown = whole.shortened(20)
    assert shown.effects is not None and shown.effects.means == [] and len(shown.comparisons) == 20
