"""Keys of points and names of runs: from content alone, and short enough for Kubernetes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.api.spec import EpochChoice, Goal, Resampling, ResamplingKind
from regsweep.api.status import ObjectiveStatus, Resolved
from regsweep.core.identity import point_key, run_name

RESOLVED = Resolved(
    image="registry.example/trainer:1",
    parameters={"dataset": "iris", "epochs": 10},
    gpus=1,
    gpu_resource="nvidia.com/gpu",
    seed=0,
    operator_version="0.1.0",
)
FLAGS = {"l2": 0.01, "dropout": 0.3}
DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


@pytest.mark.parametrize(
    "resolved",
    [
        pytest.param(RESOLVED.model_copy(update={"image": "other"}), id="another trainer image"),
        pytest.param(RESOLVED.model_copy(update={"seed": 1}), id="another seed base"),
        pytest.param(RESOLVED.model_copy(update={"data_revision": "2026-11"}), id="another data revision"),
        pytest.param(
            RESOLVED.model_copy(update={"parameters": {"dataset": "iris", "epochs": 11}}), id="another parameter"
        ),
    ],
)
def test_what_changes_results_changes_the_key(resolved: Resolved) -> None:
    assert point_key(FLAGS, resolved) != point_key(FLAGS, RESOLVED)


@pytest.mark.parametrize(
    "resolved",
    [
        pytest.param(RESOLVED.model_copy(update={"gpus": 0}), id="how many GPUs"),
        pytest.param(RESOLVED.model_copy(update={"gpu_resource": "nvidia.com/mig-1g.10gb"}), id="which GPU resource"),
        pytest.param(RESOLVED.model_copy(update={"operator_version": "9"}), id="the operator's version"),
        pytest.param(
            RESOLVED.model_copy(update={"parameters": {"epochs": 10.0, "dataset": "iris"}}), id="spelling and order"
        ),
    ],
)
def test_what_does_not_change_results_does_not_change_the_key(resolved: Resolved) -> None:
    assert point_key(FLAGS, resolved) == point_key(FLAGS, RESOLVED)


def test_the_key_depends_on_the_flags_and_not_on_their_order() -> None:
    assert point_key({"dropout": 0.3, "l2": 0.01}, RESOLVED) == point_key(FLAGS, RESOLVED)
    assert point_key({"dropout": 0.3, "l2": 0.1}, RESOLVED) != point_key(FLAGS, RESOLVED)


def test_folds_and_the_final_evaluation_make_points_of_their_own() -> None:
    folds = RESOLVED.model_copy(update={"resampling": Resampling(kind=ResamplingKind.KFOLD, folds=5)})
    repeated = RESOLVED.model_copy(update={"resampling": Resampling(kind=ResamplingKind.REPEATED_KFOLD, folds=5)})
    points = [(RESOLVED, False), (RESOLVED, True), (folds, False), (folds, True), (repeated, False)]
    assert len({point_key(FLAGS, resolved, final=final) for resolved, final in points}) == len(points)


FOLDS = {"resampling": Resampling(kind=ResamplingKind.KFOLD, folds=5)}
MINIMIZE = ObjectiveStatus(metric="val_average_loss", goal=Goal.MINIMIZE, epoch=EpochChoice.BEST)
V2 = {"key_version": 2}


@pytest.mark.parametrize(
    ("pinned", "final", "key"),
    [
        pytest.param({}, False, "99bf663e0c44422c", id="of the first version"),
        pytest.param({}, True, "8031d27fdfa15688", id="of the first version, final"),
        pytest.param(FOLDS, False, "dd17915eecb282a8", id="of the first version, folds"),
        pytest.param(FOLDS, True, "0f22d4fe08e82eef", id="of the first version, folds, final"),
        pytest.param({"objective": MINIMIZE}, False, "99bf663e0c44422c", id="of the first version, its objective noted later"),
        pytest.param({"data_revision": "2"}, False, "bd516883ffa4045a", id="of the first version, a data revision"),
        pytest.param(V2, False, "53c1129eb4796030", id="of the second version"),
        pytest.param(V2 | {"objective": MINIMIZE}, False, "82b7eae7adc207ef", id="of the second version, best epoch"),
        pytest.param(V2 | {"data_revision": "2"}, True, "88f3f27ecbbbcd6c", id="of the second version, data, final"),
    ],
)  # fmt: skip
def test_stored_keys_stay_valid(pinned: dict[str, object], final: bool, key: str) -> None:
    """Records are found by these keys in later versions too: a change of one trains everything again."""
    assert point_key(FLAGS, RESOLVED.model_copy(update=pinned), final=final) == key


def test_stored_names_stay_valid() -> None:
    assert [run_name("breast-cancer", "uid", "abc", 0, attempt) for attempt in range(4)] == [
        "breast-cancer-3aea3f64d028",
        "breast-cancer-7a3ecc996613",
        "breast-cancer-f79cd20e6b67",
        "breast-cancer-c75b802f8a0a",
    ]


def test_the_rule_of_the_best_epoch_is_in_the_key_where_results_are_taken_from_there() -> None:
    def key(**objective: object) -> str:
        pinned = V2 | {"objective": MINIMIZE.model_copy(update=objective)}
        return point_key(FLAGS, RESOLVED.model_copy(update=pinned))

    assert len({key(), key(goal=Goal.MAXIMIZE), key(metric="val_accuracy"), key(epoch=EpochChoice.LAST)}) == 4
    last = {"epoch": EpochChoice.LAST}
    assert key(**last) == key(**last, goal=Goal.MAXIMIZE) == key(**last, metric="val_accuracy")


@pytest.mark.parametrize(
    ("sweep", "readable"),
    [
        pytest.param("breast-cancer", "breast-cancer", id="a usual name stands whole"),
        pytest.param("a" * 63, "a" * 40, id="63 characters are cut to 40"),
        pytest.param("a" * 253, "a" * 40, id="253 characters are cut to 40"),
        pytest.param("team.a.sweep", "team-a-sweep", id="dots become dashes"),
        pytest.param("a" * 39 + ".b", "a" * 39, id="no dash stays at the cut"),
        pytest.param("1st", "1st", id="a digit may come first"),
    ],
)
def test_the_readable_part_of_a_name(sweep: str, readable: str) -> None:
    assert re.fullmatch(f"{readable}-[0-9a-f]{{12}}", run_name(sweep, "uid", "abc", 0, 0))


@given(st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", fullmatch=True))
def test_every_pod_of_a_run_has_a_name_that_kubernetes_takes(sweep: str) -> None:
    pod = f"{run_name(sweep, 'uid', 'abc', 0, 0)}-9999"
    assert len(pod) <= 63
    assert DNS_LABEL.fullmatch(pod)


def test_each_part_of_an_identity_makes_another_name() -> None:
    names = {
        run_name("s", "uid-1", "abc", 0, 0),
        run_name("s", "uid-2", "abc", 0, 0),
        run_name("s", "uid-1", "abd", 0, 0),
        run_name("s", "uid-1", "abc", 1, 0),
        run_name("s", "uid-1", "abc", 0, 1),
        run_name("s", "uid-1", "abc", 0, 0, lost=1),
        run_name("s", "uid-1", "abc", 0, 1, lost=1),
        run_name("t", "uid-1", "abc", 0, 0),
    }
    assert len(names) == 8
    assert len({name[-12:] for name in names}) == 7, "the sweep's name is there for people only"
