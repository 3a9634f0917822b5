"""What TensorBoard's files say of a sweep, read back as TensorBoard reads them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from pydantic import JsonValue
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.util.tensor_util import make_ndarray

from regsweep.export.events import event_files
from regsweep.export.trainings import Exported, Snapshot, Weights
from support.exports import BEGAN, model, sweep, training


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Reads the events of a sweep's file."""

    def events(of: Exported, folder: str) -> list[Any]:
        content = next(file.content for file in event_files(of) if file.folder == PurePosixPath(folder))
        path = tmp_path / "events.out.tfevents.1"
        path.write_bytes(content)
        return list(EventFileLoader(str(path)).Load())

    return events


def hparams(events: list[Any]) -> list[Any]:
    """The messages to the HParams dashboard."""
    told = [value.metadata.plugin_data for event in events for value in event.summary.value]
    return [
        plugin_data_pb2.HParamsPluginData.FromString(each.content)
        for each in told
        if each.plugin_name == metadata.PLUGIN_NAME
    ]


def scalars(events: list[Any]) -> dict[tuple[str, int], float]:
    found = {}
    for event in events:
        for value in event.summary.value:
            if len(value.tensor.float_val) == 1:
                found[value.tag, event.step] = value.tensor.float_val[0]
    return found


def test_each_split_is_a_run_of_its_own_so_that_one_chart_has_both(read: Any) -> None:
    of = sweep(training(model({"l2": 0.1})))
    train, val = (read(of, f"l2=0.1/replicate-0/{split}") for split in ("train", "val"))
    assert scalars(val) == pytest.approx({("average_loss", 1): 0.5, ("average_loss", 2): 0.4, ("average_loss", 3): 0.3})
    assert scalars(train)["average_loss", 3] == pytest.approx(0.2)
    assert [event.wall_time for event in val[1:]] == [BEGAN + 1, BEGAN + 2, BEGAN + 3]
    assert scalars(read(of, "l2=0.1/replicate-0/other"))["regularization_loss", 1] == pytest.approx(0.01)


def test_what_a_training_came_to_stands_beside_its_course(read: Any) -> None:
    found = scalars(read(sweep(training(model({"l2": 0.1}))), "l2=0.1/replicate-0"))
    assert found["result/train_average_loss", 3] == pytest.approx(0.21), "train on all rows, not on the live sample"


def test_flags_and_metrics_are_declared_once_for_the_sweep(read: Any) -> None:
    of = sweep(training(model({"l2": 0.1})), training(model({"l2": 0}, rank=2)), training(model({"l2": 0}, rank=2), 1))
    (declared,) = hparams(read(of, "."))
    assert [(info.name, info.type) for info in declared.experiment.hparam_infos] == [("l2", api_pb2.DATA_TYPE_FLOAT64)]
    assert [value.number_value for value in declared.experiment.hparam_infos[0].domain_discrete.values] == [0.1, 0.0]
    assert [info.name.tag for info in declared.experiment.metric_infos] == [
        "result/val_average_loss",
        "result/train_average_loss",
    ]
    assert sum(len(hparams(read(of, str(file.folder)))) for file in event_files(of) if file.folder.parts) == 3 * 2


def test_a_replicate_is_a_session_of_its_combinations_group(read: Any) -> None:
    of = sweep(training(model({"l2": 0.1})), training(model({"l2": 0.1}), 1))
    starts = [hparams(read(of, f"l2=0.1/replicate-{k}"))[0].session_start_info for k in (0, 1)]
    assert {start.group_name for start in starts} == {"l2=0.1"}
    assert [start.hparams["l2"].number_value for start in starts] == [0.1, 0.1]


@pytest.mark.parametrize(
    ("values", "kind", "shown"),
    [
        pytest.param([0, 0.5], api_pb2.DATA_TYPE_FLOAT64, 0.0, id="numbers are numbers, whole or not"),
        pytest.param([True, False], api_pb2.DATA_TYPE_BOOL, True, id="truth values stay such"),
        pytest.param([True, 1], api_pb2.DATA_TYPE_STRING, "true", id="a truth value among numbers makes all text"),
        pytest.param([0.1, "auto"], api_pb2.DATA_TYPE_STRING, "0.1", id="one text makes all text"),
        pytest.param([0.1, None], api_pb2.DATA_TYPE_STRING, "0.1", id="null makes all text"),
        pytest.param([[8, 8], [16]], api_pb2.DATA_TYPE_STRING, "[8, 8]", id="lists are text"),
    ],
)
def test_a_flag_has_one_type_in_all_sessions(read: Any, values: list[JsonValue], kind: int, shown: object) -> None:
    of = sweep(*(training(model({"f": value}, rank=None)) for value in values))
    (declared,) = hparams(read(of, "."))
    info = declared.experiment.hparam_infos[0]
    assert info.type == kind
    folders = [file.folder for file in event_files(of) if file.folder.name == "replicate-0"]
    sessions = [hparams(read(of, str(folder)))[0].session_start_info.hparams["f"] for folder in folders]
    assert len({session.WhichOneof("kind") for session in sessions}) == 1
    assert getattr(sessions[0], sessions[0].WhichOneof("kind")) == shown
    assert len(info.domain_discrete.values) == len(values)


def test_a_diverged_training_has_failed_and_its_result_is_no_number(read: Any) -> None:
    of = sweep(training(model({"l2": 0.1})), training(model({"l2": 0.1}), 1, diverged=True))
    events = read(of, "l2=0.1/replicate-1")
    assert math.isnan(scalars(events)["result/val_average_loss", 3])
    assert hparams(events)[-1].session_end_info.status == api_pb2.STATUS_FAILURE


def test_a_training_that_has_not_ended_has_no_end(read: Any) -> None:
    events = read(sweep(training(model({"l2": 0.1}), ended=False)), "l2=0.1/replicate-0")
    assert [found.WhichOneof("data") for found in hparams(events)] == ["session_start_info"]


@pytest.mark.parametrize(
    ("flags", "folder"),
    [
        ({"l2": 0.1, "dropout": 0}, "l2=0.1 dropout=0"),
        ({"path": "../../x"}, "path=.._.._x key-path"),
        ({"text": "a" * 200}, "text=" + "a" * 75 + " key-text"),
    ],
)
def test_a_folder_is_named_after_the_flags_as_far_as_a_name_can_be(flags: dict[str, JsonValue], folder: str) -> None:
    assert model(flags).folder == folder


def test_histograms_are_as_tensorboard_has_them_and_the_graph_is_keras_own(read: Any) -> None:
    first, second = (Snapshot(epoch, BEGAN + epoch, {"dense/kernel": (-1.0, 1.0, [1, 0, 3, 4])}) for epoch in (1, 6))
    of = replace(training(model({"l2": 0.1})), weights=Weights((first, second), '{"config": {}}'))
    _, graph, *noted = read(sweep(of), "l2=0.1/replicate-0/weights")
    (drawn,) = graph.summary.value
    assert drawn.metadata.plugin_data.plugin_name == "graph_keras_model"
    assert make_ndarray(drawn.tensor).item() == b'{"config": {}}'
    assert [(event.step, event.wall_time) for event in noted] == [(1, BEGAN + 1), (6, BEGAN + 6)]
    (value,) = noted[1].summary.value
    assert (value.tag, value.metadata.plugin_data.plugin_name) == ("dense/kernel", "histograms")
    assert make_ndarray(value.tensor).tolist() == [[-1, -0.5, 1], [-0.5, 0, 0], [0, 0.5, 3], [0.5, 1, 4]]


def test_without_a_graph_there_are_the_histograms_alone(read: Any) -> None:
    of = replace(training(model({"l2": 0.1})), weights=Weights((Snapshot(1, BEGAN, {"w": (3.0, 3.0, [0, 2])}),)))
    _, noted = read(sweep(of), "l2=0.1/replicate-0/weights")
    assert make_ndarray(noted.summary.value[0].tensor).tolist() == [[3, 3, 0], [3, 3, 2]]


def test_what_was_not_asked_for_is_no_file() -> None:
    assert not [file for file in event_files(sweep(training(model({"l2": 0.1})))) if file.folder.name == "weights"]
