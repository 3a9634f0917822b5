"""The contract's environment, read: defaults, which replicates a pod trains, and every wrong value named at once."""

import pytest

from regsweep_trainer.contract import Epoch, Goal, Objective, read_contract
from regsweep_trainer.errors import InvalidContractError, NothingToTrainError
from regsweep_trainer.resampling import Fold, Resampling, ResamplingKind


def test_an_empty_environment_has_the_documented_defaults() -> None:
    contract = read_contract({})
    assert contract.flags == {}
    assert contract.replicates == (0,)
    assert contract.objective == Objective("val_average_loss", Goal.MINIMIZE, Epoch.LAST)
    assert (contract.gpus, contract.linger_seconds, contract.metrics_port) == (0, 0.0, 9090)
    assert not contract.allow_cpu
    assert not contract.score_test
    assert contract.resampling == Resampling(ResamplingKind.HOLDOUT, None)


@pytest.mark.parametrize(
    ("environment", "replicates"),
    [
        pytest.param({"REGSWEEP_REPLICATES": "3"}, (0, 1, 2), id="one pod trains several"),
        pytest.param(
            {"REGSWEEP_FIRST_REPLICATE": "5", "REGSWEEP_REPLICATES": "2"}, (5, 6), id="they start where they are told"
        ),
        pytest.param(
            {"REGSWEEP_FIRST_REPLICATE": "5", "REGSWEEP_REPLICATES": "2", "JOB_COMPLETION_INDEX": "3"},
            (11, 12),
            id="the index moves them",
        ),
        pytest.param(
            {"REGSWEEP_REPLICATES": "2", "JOB_COMPLETION_INDEX": "2", "REGSWEEP_LAST_REPLICATE": "4"},
            (4,),
            id="the last pod may have fewer",
        ),
        pytest.param(
            {"REGSWEEP_REPLICATES": "2", "JOB_COMPLETION_INDEX": "", "REGSWEEP_LAST_REPLICATE": " "},
            (0, 1),
            id="an empty variable is an absent one",
        ),
    ],
)
def test_replicates_of_a_pod(environment: dict[str, str], replicates: tuple[int, ...]) -> None:
    assert read_contract(environment).replicates == replicates


def test_an_index_beyond_the_last_replicate_is_final_for_the_index_only() -> None:
    with pytest.raises(NothingToTrainError, match="starts at replicate 6, but the last one is 4") as caught:
        read_contract({"REGSWEEP_REPLICATES": "2", "JOB_COMPLETION_INDEX": "3", "REGSWEEP_LAST_REPLICATE": "4"})
    assert caught.value.exit_code == 65


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("REGSWEEP_FLAGS", "{", "want a JSON object of flags"),
        ("REGSWEEP_FLAGS", "[1]", "want a JSON object of flags"),
        ("REGSWEEP_FLAG_NAMES", '{"a":1}', "want a JSON list of flag names"),
        ("REGSWEEP_FLAG_NAMES", "[1]", "want a JSON list of flag names"),
        ("REGSWEEP_SEED_BASE", "x", "got 'x', want an integer"),
        ("REGSWEEP_REPLICATES", "0", "want an integer of at least 1 and at most 16"),
        ("REGSWEEP_REPLICATES", "17", "want an integer of at least 1 and at most 16"),
        ("REGSWEEP_FIRST_REPLICATE", "-1", "want an integer of at least 0"),
        ("REGSWEEP_OBJECTIVE", '{"metric":"a","goal":"Least"}', "want an object such as"),
        ("REGSWEEP_OBJECTIVE", '{"metrik":"a"}', "want an object such as"),
        ("REGSWEEP_OBJECTIVE", '"val_loss"', "want an object such as"),
        ("REGSWEEP_RESAMPLING", "{", 'want {"kind": "Holdout"}, or {"kind": "KFold"'),
        ("REGSWEEP_RESAMPLING", '"KFold"', 'want {"kind": "Holdout"}, or'),
        ("REGSWEEP_RESAMPLING", "{}", 'want {"kind": "Holdout"}, or'),
        ("REGSWEEP_RESAMPLING", '{"kind":"Bootstrap"}', 'want {"kind": "Holdout"}, or'),
        ("REGSWEEP_RESAMPLING", '{"kind":"KFold"}', '"folds": 2 to 1000'),
        ("REGSWEEP_RESAMPLING", '{"kind":"RepeatedKFold","folds":null}', '"folds": 2 to 1000'),
        ("REGSWEEP_RESAMPLING", '{"kind":"KFold","folds":1}', '"folds": 2 to 1000'),
        ("REGSWEEP_RESAMPLING", '{"kind":"KFold","folds":1001}', '"folds": 2 to 1000'),
        ("REGSWEEP_RESAMPLING", '{"kind":"KFold","folds":"5"}', '"folds": 2 to 1000'),
        ("REGSWEEP_RESAMPLING", '{"kind":"KFold","folds":5.0}', '"folds": 2 to 1000'),
        ("REGSWEEP_RESAMPLING", '{"kind":"KFold","folds":true}', '"folds": 2 to 1000'),
        ("REGSWEEP_RESAMPLING", '{"kind":"KFold","folds":5,"repeats":2}', '"folds": 2 to 1000'),
        ("REGSWEEP_RESAMPLING", '{"kind":"Holdout","folds":5}', "Holdout has no folds"),
        ("REGSWEEP_LINGER_SECONDS", "nan", "want a number of seconds"),
        ("REGSWEEP_LINGER_SECONDS", "-1", "want a number of seconds"),
        ("REGSWEEP_METRICS_PORT", "65536", "at most 65535"),
        ("REGSWEEP_SCORE_TEST", "yes", "want 1 or 0"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(name: str, text: str, says: str) -> None:
    with pytest.raises(InvalidContractError) as caught:
        read_contract({name: text})
    assert str(caught.value).startswith(f"{name}: got ")
    assert says in str(caught.value)
    assert caught.value.exit_code == 64


def test_all_wrong_variables_are_named_at_once() -> None:
    with pytest.raises(InvalidContractError, match=r"REGSWEEP_SEED_BASE.*; .*REGSWEEP_GPUS"):
        read_contract({"REGSWEEP_SEED_BASE": "x", "REGSWEEP_GPUS": "x"})


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("val_average_loss", "average_loss"),
        ("train_loss", "loss"),
        ("test_auc", "auc"),
        ("regularization_loss", "regularization_loss"),
    ],
)
def test_the_objectives_metric_without_its_split(metric: str, name: str) -> None:
    assert Objective(metric).name == name


@pytest.mark.parametrize(
    ("text", "resampling"),
    [
        ('{"kind":"Holdout"}', Resampling()),
        ('{"kind":"KFold","folds":2}', Resampling(ResamplingKind.K_FOLD, 2)),
        ('{"kind":"RepeatedKFold","folds":1000}', Resampling(ResamplingKind.REPEATED_K_FOLD, 1000)),
    ],
)
def test_resampling_is_read(text: str, resampling: Resampling) -> None:
    assert read_contract({"REGSWEEP_RESAMPLING": text}).resampling == resampling


@pytest.mark.parametrize("kind", [ResamplingKind.K_FOLD, ResamplingKind.REPEATED_K_FOLD])
def test_replicates_go_through_the_folds_of_one_repeat_after_the_other(kind: ResamplingKind) -> None:
    resampling = Resampling(kind, 3)
    dealt = [(resampling.draw(replicate), resampling.fold(replicate)) for replicate in range(5)]
    assert dealt == [(0, Fold(0, 3)), (0, Fold(1, 3)), (0, Fold(2, 3)), (1, Fold(0, 3)), (1, Fold(1, 3))]


def test_with_holdout_every_replicate_has_a_draw_of_its_own() -> None:
    assert [(Resampling().draw(replicate), Resampling().fold(replicate)) for replicate in (0, 7)] == [
        (0, None),
        (7, None),
    ]
