"""The contract's environment, read: defaults, which replicates a pod trains, and every wrong value named at once."""

import pytest

from regsweep_kit.contract import read_contract, read_flags
from regsweep_kit.errors import InvalidContractError, NothingToTrainError
from regsweep_kit.objective import Epoch, Goal, Objective, Rule
from regsweep_kit.resampling import Fold, Resampling, ResamplingKind


def test_an_empty_environment_has_the_documented_defaults() -> None:
    contract = read_contract({})
    assert contract.flags == {}
    assert contract.replicates == (0,)
    assert contract.objective == Objective(Rule("val_average_loss", Goal.MINIMIZE), Epoch.LAST)
    assert (contract.gpus, contract.linger_seconds, contract.metrics_port) == (0, 0.0, 9090)
    assert not contract.allow_cpu
    assert not contract.score_test
    assert not contract.final
    assert contract.data_digest is None
    assert contract.message_bytes == 4096
    assert contract.resampling == Resampling(ResamplingKind.HOLDOUT, None, None)


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
        ("REGSWEEP_FLAGS", '{"l2": NaN}', "want a JSON object of flags (NaN is not JSON)"),
        ("REGSWEEP_FLAGS", '{"l2": -Infinity}', "want a JSON object of flags (-Infinity is not JSON)"),
        ("REGSWEEP_FLAGS", "[" * 100_000, "want a JSON object of flags (it is nested too deeply)"),
        ("REGSWEEP_FLAGS", "9" * 10_000, "want a JSON object of flags"),
        ("REGSWEEP_FLAG_NAMES", '{"a":1}', "want a JSON list of flag names"),
        ("REGSWEEP_FLAG_NAMES", "[1]", "want a JSON list of flag names"),
        ("REGSWEEP_SEED_BASE", "x", "got 'x', want an integer"),
        ("REGSWEEP_SEED_BASE", "1_0", "got '1_0', want an integer"),
        ("REGSWEEP_SEED_BASE", "9" * 10_000, "want an integer"),
        ("JOB_COMPLETION_INDEX", "100000", "want an integer of at least 0 and at most 99999"),
        ("REGSWEEP_LAST_REPLICATE", "1e3", "want an integer of at least 0 and at most 99999"),
        ("REGSWEEP_GPUS", "100", "want an integer of at least 0 and at most 99"),
        ("REGSWEEP_MESSAGE_BYTES", "1023", "want an integer of at least 1024 and at most 65536"),
        ("REGSWEEP_MESSAGE_BYTES", "65537", "want an integer of at least 1024 and at most 65536"),
        ("REGSWEEP_DATA_DIGEST", "0f" * 5, "want 12 to 64 hex digits of a SHA-256"),
        ("REGSWEEP_DATA_DIGEST", "0f" * 33, "want 12 to 64 hex digits of a SHA-256"),
        ("REGSWEEP_DATA_DIGEST", "sha256:0f0f0f0f0f0f", "want 12 to 64 hex digits of a SHA-256"),
        ("REGSWEEP_FINAL", "yes", "want 1 or 0"),
        ("REGSWEEP_REPLICATES", "0", "want an integer of at least 1 and at most 16"),
        ("REGSWEEP_REPLICATES", "17", "want an integer of at least 1 and at most 16"),
        ("REGSWEEP_FIRST_REPLICATE", "-1", "want an integer of at least 0"),
        ("REGSWEEP_OBJECTIVE", '{"metric":"a","goal":"Least"}', "want an object such as"),
        ("REGSWEEP_OBJECTIVE", '{"metrik":"a"}', "want an object such as"),
        ("REGSWEEP_OBJECTIVE", '"val_loss"', "want an object such as"),
        ("REGSWEEP_OBJECTIVE", '{"metric":3}', "want an object such as"),
        ("REGSWEEP_OBJECTIVE", '{"metric":"val loss"}', "the metric a name of at most 63 letters, digits, _, . and -"),
        (
            "REGSWEEP_OBJECTIVE",
            '{"metric":"' + "m" * 64 + '"}',
            "the metric a name of at most 63 letters, digits, _, . and -",
        ),
        ("REGSWEEP_OBJECTIVE", '{"goal":["Minimize"]}', "want an object such as"),
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
        ("REGSWEEP_RESAMPLING", '{"kind":"Holdout","outer":{"fold":5,"folds":5}}', '"outer": {"fold": 0 to folds - 1'),
        ("REGSWEEP_RESAMPLING", '{"kind":"Holdout","outer":{"fold":-1,"folds":5}}', '"outer": {"fold": 0 to folds - 1'),
        (
            "REGSWEEP_RESAMPLING",
            '{"kind":"Holdout","outer":{"fold":true,"folds":5}}',
            '"outer": {"fold": 0 to folds - 1',
        ),
        ("REGSWEEP_RESAMPLING", '{"kind":"Holdout","outer":{"fold":0,"folds":1}}', '"folds": 2 to 1000}'),
        ("REGSWEEP_RESAMPLING", '{"kind":"Holdout","outer":{"folds":5}}', '"outer": {"fold": 0 to folds - 1'),
        ("REGSWEEP_RESAMPLING", '{"kind":"Holdout","outer":[0,5]}', '"outer": {"fold": 0 to folds - 1'),
        ("REGSWEEP_RESAMPLING", '{"outer":{"fold":0,"folds":5}}', 'want {"kind": "Holdout"}, or'),
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
    assert Rule(metric, Goal.MINIMIZE).name == name


@pytest.mark.parametrize(
    ("text", "resampling"),
    [
        ('{"kind":"Holdout"}', Resampling()),
        ('{"kind":"KFold","folds":2}', Resampling(ResamplingKind.K_FOLD, 2)),
        ('{"kind":"RepeatedKFold","folds":1000}', Resampling(ResamplingKind.REPEATED_K_FOLD, 1000)),
        ('{"kind":"Holdout","outer":null}', Resampling()),
        ('{"kind":"Holdout","outer":{"fold":0,"folds":5}}', Resampling(outer=Fold(0, 5))),
        ('{"kind":"KFold","folds":3,"outer":{"fold":4,"folds":5}}', Resampling(ResamplingKind.K_FOLD, 3, Fold(4, 5))),
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


def test_the_last_replicates_number_is_bounded_where_index_and_replicates_lead_to_it() -> None:
    with pytest.raises(InvalidContractError, match="index 99999 ends at replicate 299999, want at most 99999"):
        read_contract({"REGSWEEP_REPLICATES": "3", "JOB_COMPLETION_INDEX": "99999", "REGSWEEP_FIRST_REPLICATE": "0"})


def test_additions_to_the_contract_are_read() -> None:
    contract = read_contract(
        {"REGSWEEP_MESSAGE_BYTES": "2048", "REGSWEEP_DATA_DIGEST": " " + "0F" * 8, "REGSWEEP_FINAL": "1"}
    )
    assert (contract.message_bytes, contract.data_digest, contract.final) == (2048, "0f" * 8, True)


def test_flags_are_read_without_all_else() -> None:
    assert read_flags({"REGSWEEP_FLAGS": '{"l2": 1}', "REGSWEEP_GPUS": "many"}) == {"l2": 1}
    assert read_flags({}) == {}
    with pytest.raises(InvalidContractError, match=r"^REGSWEEP_FLAGS: got '\{', want a JSON object of flags"):
        read_flags({"REGSWEEP_FLAGS": "{"})


@pytest.mark.parametrize(
    ("goal", "value", "than", "better"),
    [
        (Goal.MINIMIZE, 1, 2, True),
        (Goal.MINIMIZE, 1, 1, False),
        (Goal.MAXIMIZE, 2, 1, True),
        (Goal.MAXIMIZE, float("nan"), 1, False),
        (Goal.MINIMIZE, 1, float("nan"), False),
    ],
)
def test_which_value_is_better(goal: Goal, value: float, than: float, better: bool) -> None:
    assert Rule("val_m", goal).better(value, than) is better
