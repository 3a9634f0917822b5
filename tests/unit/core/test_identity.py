"""Keys of points and names of runs: from content alone, and short enough for Kubernetes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.api.spec import Resampling, ResamplingKind
from regsweep.api.status import Resolved
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


def test_stored_keys_stay_valid() -> None:
    """Records are found by this key in later versions too: a change of it trains everything again."""
    assert point_key(FLAGS, RESOLVED) == "99bf663e0c44422c"
    assert run_name("breast-cancer", "uid", "abc", 0, 0) == "breast-cancer-3aea3f64d028"


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
        run_name("t", "uid-1", "abc", 0, 0),
    }
    assert len(names) == 6
    assert len({name[-12:] for name in names}) == 5, "the sweep's name is there for people only"
