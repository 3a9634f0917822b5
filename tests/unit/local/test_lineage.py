"""What changed since earlier trainings, in one sentence that says what is trained again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from regsweep.api.objective import objective_status
from regsweep.api.spec import SweepSpec
from regsweep.cli.run import local_sweep
from regsweep.core.progress import progress_of
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.sweep import Sweep
from regsweep.local.facts import ProcessFacts, RunFacts
from regsweep.local.identify import DataIdentity
from regsweep.local.lineage import basis, changes, data_facts, environment_note, known_data, other_packages, rule_facts
from regsweep.local.trainer import TrainerCommand, of_generation

TRAINER = TrainerCommand(("train",), "process:x")
DATA = DataIdentity("1f0c000000000000", 1, by_trainer=True, answers=True)
FILES = DataIdentity("aa00000000000000", files={"mine.csv": "1f0c000000000000"})
BEST = {"metric": "val_average_loss", "epoch": "Best"}


def sweep_of(data: DataIdentity = DATA, command: TrainerCommand = TRAINER, **spec: Any) -> Sweep:
    body = {
        "flags": [{"name": "l2", "values": [0, 0.1]}],
        "replicates": 3,
        "trainer": {"gpus": 0, "parameters": {"epochs": 3}},
    }
    return local_sweep("mine", SweepSpec.model_validate({**body, **spec}), command, 1, data)


def facts_of(
    sweep: Sweep, data: DataIdentity, started_at: str = "2026-11-25T10:00:00Z", **fields: Any
) -> list[RunFacts]:
    """Runs that have trained the whole sweep."""
    return [
        RunFacts(
            sweep="mine",
            run=f"mine-{point.key}",
            flags=point.combination.flags,
            parameters=sweep.resolved.parameters,
            seed=sweep.resolved.seed,
            trainer=sweep.resolved.image,
            point_key=point.key,
            first_replicate=0,
            replicates=3,
            replicates_per_pod=3,
            attempt=0,
            key_version=sweep.resolved.key_version,
            resampling=sweep.resolved.resampling.to_json(),
            rule=rule_facts(objective_status(sweep.spec.objective)),
            data=data_facts(data),
            command=["train"],
            processes=[ProcessFacts(index=0, started_at=started_at)],
        ).model_copy(update=fields)
        for point in sweep.points
    ]


def records_of(facts: list[RunFacts]) -> Records:
    return Records(Record(each.point_key, k, Outcome.OK, run=each.run) for each in facts for k in range(3))


def changes_between(
    before: Sweep, now: Sweep, before_data: DataIdentity = DATA, data: DataIdentity = DATA, **fields: Any
) -> list[str]:
    facts = facts_of(before, before_data, **fields)
    records = records_of(facts)
    return changes(now, progress_of(now, records, None, None).grid, facts, records, data)


def test_nothing_is_reported_where_nothing_is_trained_again() -> None:
    assert changes_between(sweep_of(), sweep_of()) == []


def test_changed_data_are_reported_with_what_rests_on_the_old() -> None:
    new = replace(DATA, digest="9a3e000000000000")
    assert changes_between(sweep_of(), sweep_of(new), data=new) == [
        "the data changed (1f0c -> 9a3e): 6 of 6 trainings rest on the old data and are trained again."
    ]


@pytest.mark.parametrize(
    ("before", "now", "change"),
    [
        pytest.param(DATA, replace(DATA, backend="jax"), "its usual one -> jax", id="to another one"),
        pytest.param(replace(DATA, backend="jax"), DATA, "jax -> its usual one", id="and back"),
    ],
)
def test_results_of_another_backend_are_not_ranked_with_its_own(
    before: DataIdentity, now: DataIdentity, change: str
) -> None:
    old, new = sweep_of(before), sweep_of(now)
    assert not {point.key for point in old.points} & {point.key for point in new.points}
    assert changes_between(old, new, before, now) == [
        f"the trainer's backend changed ({change}): 6 of 6 trainings rest on the old backend and are trained again."
    ]


TORCH = replace(DATA, settings={"keras.backend": "torch"})


@pytest.mark.parametrize(
    ("before", "now", "change"),
    [
        pytest.param(DATA, TORCH, "keras.backend: tensorflow -> torch", id="to another backend"),
        pytest.param(TORCH, DATA, "keras.backend: torch -> tensorflow", id="and back"),
        pytest.param(replace(DATA, settings={"LR": "1f"}), replace(DATA, settings={"LR": "9a"}), "LR has another value", id="a variable"),
    ],
)  # fmt: skip
def test_results_of_another_environment_are_not_ranked_with_those_of_this_one(
    before: DataIdentity, now: DataIdentity, change: str
) -> None:
    old, new = sweep_of(before), sweep_of(now)
    assert not {point.key for point in old.points} & {point.key for point in new.points}
    assert changes_between(old, new, before, now) == [
        f"the environment changed ({change}): 6 of 6 trainings rest on the old environment and are trained again."
    ]
    assert changes_between(new, new, now, now) == []


def test_results_of_a_version_that_did_not_note_the_environment_are_of_what_was_taken_for_theirs() -> None:
    facts = facts_of(sweep_of(), DATA)
    old = [each.model_copy(update={"data": data_facts(DATA).model_copy(update={"settings": None})}) for each in facts]
    records = records_of(old)
    for data, count in ((replace(TORCH, usual=TORCH.settings), 0), (replace(DATA, usual=TORCH.settings), 1)):
        now = sweep_of(data)
        found = changes(now, progress_of(now, records, None, None).grid, old, records, data)
        assert len(found) == count
        assert all(each.startswith("the environment changed (keras.backend: torch -> tensorflow)") for each in found)


def test_what_the_environment_sets_is_said() -> None:
    assert environment_note(DATA) == ""
    assert environment_note(replace(DATA, settings={"LR": "1f", "keras.backend": "torch"})) == (
        "note: the environment sets LR, keras.backend torch: results of other settings are other results."
    )


@pytest.mark.parametrize(
    ("before", "now", "replicates", "said"),
    [
        pytest.param({"keras": "3.14"}, {"keras": "3.15"}, 4, "keras 3.14, now 3.15", id="another version"),
        pytest.param({}, {"keras": "3.15"}, 4, "", id="it was not noted"),
        pytest.param({"keras": "3.14"}, {}, 4, "", id="it is not known"),
        pytest.param({"keras": "3.14"}, {"keras": "3.14", "jax": "1"}, 4, "jax absent, now 1", id="one more"),
        pytest.param({"keras": "3.14"}, {"keras": "3.14"}, 4, "", id="the same ones"),
        pytest.param({"keras": "3.14"}, {"keras": "3.15"}, 3, "", id="nothing is trained"),
    ],
)
def test_what_is_trained_with_other_packages_is_said(
    before: dict[str, str], now: dict[str, str], replicates: int, said: str
) -> None:
    facts = facts_of(sweep_of(), DATA, packages=before)
    records = records_of(facts)
    sweep = sweep_of(replicates=replicates)
    found = other_packages(sweep, progress_of(sweep, records, None, None).grid, facts, records, now)
    assert found == (
        f"note: 6 of 6 results were trained with other packages ({said}): they are kept, and compared with new ones as unpaired."
        if said
        else ""
    )


def test_a_grid_that_grew_meanwhile_counts_what_was_trained_alone() -> None:
    new = replace(DATA, digest="9a3e000000000000")
    grown = sweep_of(new, flags=[{"name": "l2", "values": [0, 0.1, 0.2]}], replicates=4)
    assert changes_between(sweep_of(), grown, data=new) == [
        "the data changed (1f0c -> 9a3e): 6 of 12 trainings rest on the old data and are trained again."
    ]


@pytest.mark.parametrize(
    ("files", "change"),
    [
        pytest.param({"mine.csv": "9a3e000000000000"}, "mine.csv: 1f0c -> 9a3e", id="a file with other bytes"),
        pytest.param({"mine.csv": "1f0c000000000000", "b.csv": "9a"}, "b.csv: new", id="a file that is new"),
        pytest.param({}, "mine.csv: no longer a data file", id="a file that is named no more"),
        pytest.param(
            {f"{n}.csv": "9a" for n in range(5)}, "0.csv: new, 1.csv: new, 2.csv: new and 3 more", id="more than are listed"
        ),
    ],
)  # fmt: skip
def test_changed_files_are_named(files: dict[str, str], change: str) -> None:
    new = DataIdentity("bb00000000000000", files=files)
    (sentence,) = changes_between(sweep_of(FILES), sweep_of(new), FILES, new)
    assert sentence.startswith(f"the data changed ({change}): 6 of 6 trainings rest on the old data")


@pytest.mark.parametrize(
    ("spec", "change"),
    [
        pytest.param(
            {"objective": {"metric": "val_accuracy", "epoch": "Best"}},
            "the objective changed (best epoch by val_average_loss, Minimize -> best epoch by val_accuracy, Maximize)",
            id="the metric of the best epoch",
        ),
        pytest.param(
            {"objective": BEST | {"goal": "Maximize"}},
            "the objective changed (best epoch by val_average_loss, Minimize -> best epoch by val_average_loss, Maximize)",
            id="its goal",
        ),
        pytest.param(
            {"objective": {"metric": "val_average_loss"}},
            "the objective changed (best epoch by val_average_loss, Minimize -> last epoch)",
            id="the last epoch instead",
        ),
    ],
)
def test_an_objective_of_another_best_epoch_is_reported(spec: dict[str, Any], change: str) -> None:
    assert changes_between(sweep_of(objective=BEST), sweep_of(**spec)) == [
        f"{change}: 6 of 6 trainings rest on the old objective and are trained again."
    ]


def test_another_metric_of_the_last_epoch_trains_nothing_again() -> None:
    assert changes_between(sweep_of(), sweep_of(objective={"metric": "val_accuracy"})) == []


@pytest.mark.parametrize(
    ("now", "data", "change"),
    [
        pytest.param(
            {"trainer": {"gpus": 0, "parameters": {"epochs": 5}}}, DATA, "the parameter epochs changed (3 -> 5)", id="a value"
        ),
        pytest.param(
            {"trainer": {"gpus": 0, "parameters": {}}}, DATA, "the parameter epochs changed (3 -> absent)", id="a parameter less"
        ),
        pytest.param({"seed": 4}, DATA, "the seed changed (0 -> 4)", id="the seed"),
        pytest.param(
            {"resampling": {"kind": "KFold", "folds": 3}}, DATA, "the resampling changed", id="folds instead of a split"
        ),
        pytest.param(
            {}, replace(DATA, settings={"file conf.yaml": "1f"}), "files of the command changed (conf.yaml)", id="a file of the command"
        ),
        pytest.param({}, replace(DATA, generation=2), "the trainer's generation changed (1 -> 2)", id="the generation"),
        pytest.param({}, FILES, "the data are identified by their files now", id="another way to tell data apart"),
        pytest.param({"command": "other"}, DATA, "the trainer changed", id="the trainer"),
        pytest.param(
            {"seed": 4, "trainer": {"gpus": 0, "parameters": {"epochs": 5}}},
            replace(DATA, digest="9a3e000000000000"),
            "the data changed (1f0c -> 9a3e) and the parameter epochs changed (3 -> 5) and the seed changed (0 -> 4)",
            id="several at once",
        ),
    ],
)  # fmt: skip
def test_whatever_was_changed_is_reported(now: dict[str, Any], data: DataIdentity, change: str) -> None:
    other = TrainerCommand(("other",), "process:y") if now.pop("command", None) else TRAINER
    (sentence, *_) = changes_between(sweep_of(), sweep_of(data, other, **now), data=data)
    assert sentence.startswith(f"{change}: 6 of 6 trainings rest on the old ")


def test_results_of_an_earlier_version_are_kept_and_trained_again() -> None:
    old: dict[str, Any] = {"key_version": None, "data": None, "rule": None, "point_key": "0123"}
    assert changes_between(sweep_of(), sweep_of(), **old) == [
        "results of an earlier version of regsweep, which did not record their data, are kept; 6 of 6 trainings are "
        "trained again."
    ]


def test_trainings_of_the_final_evaluation_are_not_the_grids() -> None:
    assert changes_between(sweep_of(), sweep_of(seed=4), final=True) == []


def test_of_several_earlier_states_the_latest_is_compared() -> None:
    oldest, latest = (replace(DATA, digest=f"{n}{n}00000000000000") for n in "12")
    now = replace(DATA, digest="9a3e000000000000")
    facts = facts_of(sweep_of(latest), latest, "2026-11-25T12:00:00Z")
    facts += facts_of(sweep_of(oldest), oldest, "2026-11-25T11:00:00Z")
    sweep, records = sweep_of(now), records_of(facts)
    (sentence,) = changes(sweep, progress_of(sweep, records, None, None).grid, facts, records, now)
    assert sentence.startswith("the data changed (2200 -> 9a3e)")


def test_what_the_latest_run_of_a_trainer_rests_on_is_known() -> None:
    earlier = facts_of(sweep_of(FILES), FILES, "2026-11-25T09:00:00Z")
    later = facts_of(sweep_of(), DATA)
    assert known_data([*later, *earlier], TRAINER) == DATA
    assert known_data(later, TrainerCommand(("other",), "process:y")) is None
    assert known_data([], TRAINER) is None


def test_a_new_version_of_the_reference_trainer_of_the_same_generation_is_no_other_trainer() -> None:
    versions = [TrainerCommand(("t",), f"process:regsweep-trainer=={n}", is_reference=True) for n in (1, 2)]
    same = [of_generation(each, 3) for each in versions]
    assert [each.identity for each in same] == ["process:regsweep-trainer"] * 2
    assert sweep_of(command=same[0]).points == sweep_of(command=same[1]).points
    assert of_generation(versions[0], None) == versions[0], "one that does not tell its generation"
    assert of_generation(TRAINER, 3) == TRAINER
    assert known_data(facts_of(sweep_of(command=same[0]), DATA), versions[1]) == DATA


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(DATA, "Results rest on data 1f0c0000 (SHA-256) and on generation 1 of the trainer.", id="by the trainer"),
        pytest.param(
            replace(DATA, backend="jax"), "Results rest on data 1f0c0000 (SHA-256) and on generation 1 of the trainer on jax.", id="on jax"
        ),
        pytest.param(FILES, "Results rest on data aa000000 (SHA-256 of mine.csv).", id="by files"),
        pytest.param(
            replace(FILES, settings={"keras.backend": "torch"}),
            "Results rest on data aa000000 (SHA-256 of mine.csv) and on the environment (keras.backend torch).",
            id="on another backend",
        ),
        pytest.param(DataIdentity(), "", id="by nothing"),
    ],
)  # fmt: skip
def test_what_results_rest_on_in_words(data: DataIdentity, sentence: str) -> None:
    assert basis(data) == sentence
