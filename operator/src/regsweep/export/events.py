"""TensorBoard's events of a sweep, as bytes of its event files: scalars by epoch, and what the HParams dashboard shows. Pure.

A replicate is a session, its combination the session's group, so that the dashboard shows means over replicates. Flags and metrics are
declared once, in the folder of the whole sweep: TensorBoard shows neither where a session lacks some of them and nothing declares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from regsweep.core.grid import value_text
from regsweep.errors import RegsweepError
from regsweep.export.trainings import SPLITS, Epoch, Exported, Training, Weights, results_of

try:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.plugins.histogram import metadata as histogram_metadata
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter
    from tensorboard.util.tensor_util import make_tensor_proto
except ImportError as missing:
    raise RegsweepError(
        f"Event files need tensorboard ({missing}). Install it with `pip install 'regsweep[tensorboard]'`."
    ) from missing

RESULT: Final = "result/"
"""Before the tags of what a training came to: those of its course are by epoch, train on a sample of its rows."""
OTHER: Final = "other"
"""Folder of metrics that belong to no split, such as `regularization_loss`."""
WEIGHTS: Final = "weights"
"""Folder of histograms and graph."""
KERAS_GRAPH: Final = "graph_keras_model"
"""TensorBoard's name of the plugin that draws Keras' JSON of a model, and Keras' own."""
FILE_VERSION: Final = "brain.Event:2"


@dataclass(frozen=True, slots=True)
class EventFile:
    """What one event file holds."""

    folder: PurePosixPath
    """Relative to the log directory; TensorBoard's name of the run."""
    content: bytes


def event_files(sweep: Exported) -> list[EventFile]:
    """The event files of a sweep: one for the sweep itself, one for each replicate, and one for each split of a course."""
    texts = {name: _is_text(sweep, name) for name in sweep.flag_names}
    declared = _experiment(sweep, texts)
    files = [EventFile(PurePosixPath(), _file([_hparams(metadata.EXPERIMENT_TAG, declared)], _begin(sweep.trainings)))]
    for training in sweep.trainings:
        files += _training_files(training, sweep, texts)
    return files


def folder_of(training: Training) -> PurePosixPath:
    """The folder of a replicate's files."""
    return PurePosixPath(training.model.folder, f"replicate-{training.replicate}")


def _training_files(training: Training, sweep: Exported, texts: Mapping[str, bool]) -> Iterator[EventFile]:
    folder, began = folder_of(training), _began(training)
    record = training.record
    events = [_hparams(metadata.SESSION_START_INFO_TAG, _session_start(training, texts))]
    if record is not None:
        ended = record.ended_at.timestamp() if record.ended_at is not None else began
        events += _scalars(
            {RESULT + name: value for name, value in results_of(training, sweep).items()}, record.epochs, ended
        )
        status = api_pb2.STATUS_FAILURE if training.diverged else api_pb2.STATUS_SUCCESS
        end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=ended)
        data = plugin_data_pb2.HParamsPluginData(session_end_info=end)
        events.append(_hparams(metadata.SESSION_END_INFO_TAG, data, ended))
    yield EventFile(folder, _file(events, began))
    for split in ("", *SPLITS):
        course = [event for epoch in training.epochs for event in _of_split(epoch, split, began)]
        if course:
            yield EventFile(folder / (split or OTHER), _file(course, course[0].wall_time))
    if training.weights is not None:
        noted = list(_weights(training.weights))
        yield EventFile(folder / WEIGHTS, _file(noted, noted[0].wall_time))


def _weights(weights: Weights) -> Iterator[Any]:
    """The graph, and the histograms of each epoch."""
    first = weights.snapshots[0].at
    if weights.graph:
        plugin = SummaryMetadata.PluginData(plugin_name=KERAS_GRAPH, content=b"1")
        tensor = make_tensor_proto(weights.graph)
        value = Summary.Value(tag="keras", metadata=SummaryMetadata(plugin_data=plugin), tensor=tensor)
        yield Event(wall_time=first, summary=Summary(value=[value]))
    metadata_of_histograms = histogram_metadata.create_summary_metadata(display_name=None, description=None)
    for snapshot in weights.snapshots:
        values = [
            Summary.Value(tag=name, metadata=metadata_of_histograms, tensor=make_tensor_proto(_buckets(*histogram)))
            for name, histogram in snapshot.histograms.items()
        ]
        yield Event(wall_time=snapshot.at, step=snapshot.epoch, summary=Summary(value=values))


def _buckets(low: float, high: float, counts: Sequence[int]) -> NDArray[np.float64]:
    """Rows of left edge, right edge and count, as TensorBoard has them."""
    edges = np.linspace(low, high, len(counts) + 1)
    return np.column_stack([edges[:-1], edges[1:], np.asarray(counts, np.float64)])


def _of_split(epoch: Epoch, split: str, began: float) -> list[Any]:
    """The epoch's scalars of one split, by their names without it; of none with the empty one."""
    at = began if epoch.at is None else epoch.at
    if split:
        values = {k.removeprefix(f"{split}_"): v for k, v in epoch.values.items() if k.startswith(f"{split}_")}
    else:
        values = {k: v for k, v in epoch.values.items() if k.partition("_")[0] not in SPLITS}
    return _scalars(values, epoch.epoch, at)


def _experiment(sweep: Exported, texts: Mapping[str, bool]) -> Any:
    """The flags with their values and the metrics, declared for the whole sweep."""
    experiment = api_pb2.Experiment(
        name=sweep.name,
        description=f"{sweep.answer}\n\n{sweep.source}".strip(),
        time_created_secs=_begin(sweep.trainings),
    )
    for name in sweep.flag_names:
        info = experiment.hparam_infos.add(name=name, type=_type(sweep, name, texts))
        for value in _domain(sweep, name):
            info.domain_discrete.values.add(**_hparam(value, texts[name]))
    for metric in sweep.metrics:
        info = experiment.metric_infos.add(display_name=metric)
        info.name.tag = RESULT + metric
    return plugin_data_pb2.HParamsPluginData(experiment=experiment)


def _session_start(training: Training, texts: Mapping[str, bool]) -> Any:
    start = plugin_data_pb2.SessionStartInfo(group_name=training.model.folder, start_time_secs=_began(training))
    for name, value in training.model.flags.items():
        if name in texts:
            _set(start.hparams[name], value, texts[name])
    return plugin_data_pb2.HParamsPluginData(session_start_info=start)


def _is_text(sweep: Exported, name: str) -> bool:
    """Whether the flag is shown as text: as soon as one of its values is no number, or numbers and truth values are mixed.

    Of values of two types TensorBoard would show the trainings of one alone.
    """
    values = _values(sweep, name)
    return not (all(isinstance(value, bool) for value in values) or all(map(_is_number, values)))


def _type(sweep: Exported, name: str, texts: Mapping[str, bool]) -> Any:
    if texts[name]:
        return api_pb2.DATA_TYPE_STRING
    numbers = any(map(_is_number, _values(sweep, name)))
    return api_pb2.DATA_TYPE_FLOAT64 if numbers else api_pb2.DATA_TYPE_BOOL


def _domain(sweep: Exported, name: str) -> list[JsonValue]:
    """The flag's values, each once, in the order of the grid."""
    return list({value_text(value): value for value in _values(sweep, name)}.values())


def _values(sweep: Exported, name: str) -> list[JsonValue]:
    flags = [training.model.flags for training in sweep.trainings]
    return [each[name] for each in flags if name in each]


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _hparam(value: JsonValue, text: bool) -> dict[str, Any]:
    if text or not isinstance(value, int | float):
        return {"string_value": value if isinstance(value, str) else value_text(value)}
    return {"bool_value": value} if isinstance(value, bool) else {"number_value": float(value)}


def _set(target: Any, value: JsonValue, text: bool) -> None:
    for field, content in _hparam(value, text).items():
        setattr(target, field, content)


def _scalars(values: Mapping[str, float], step: int, at: float) -> list[Any]:
    return [
        Event(wall_time=at, step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))
        for tag, value in values.items()
    ]


def _hparams(tag: str, data: Any, at: float = 0.0) -> Any:
    value = Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(data), tensor=metadata.NULL_TENSOR)
    return Event(wall_time=at, summary=Summary(value=[value]))


def _file(events: Iterable[Any], at: float) -> bytes:
    """A file of these events: the same bytes for the same events."""
    buffer = BytesIO()
    records = RecordWriter(buffer)
    for event in (Event(wall_time=at, file_version=FILE_VERSION), *events):
        records.write(event.SerializeToString(deterministic=True))
    return buffer.getvalue()


def _began(training: Training) -> float:
    """When it began, in seconds since 1970; 0 where nothing says it."""
    if training.record is not None and training.record.started_at is not None:
        return training.record.started_at.timestamp()
    return next((epoch.at for epoch in training.epochs if epoch.at is not None), 0.0)


def _begin(trainings: Sequence[Training]) -> float:
    return min(filter(None, map(_began, trainings)), default=0.0)
