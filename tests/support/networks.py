"""Networks of the reference trainer, and data to train them on. Keras must be up: `backend.start(0, allow_cpu=False)`."""

from typing import Any

from regsweep_kit.objective import Objective
from regsweep_kit.record import Record
from regsweep_kit.seeds import stream_seed
from regsweep_kit.splits import Division, Draw, split
from regsweep_trainer.data.dataset import Dataset, Head
from regsweep_trainer.data.sources import load_bundled
from regsweep_trainer.flags import parse_flags
from regsweep_trainer.models.inputs import Image, Inputs
from regsweep_trainer.preparation import Prepared, prepare
from regsweep_trainer.run import outline
from regsweep_trainer.task import Task
from regsweep_trainer.training import train_replicate


def network(
    head: Head = Head.BINARY,
    inputs: int = 30,
    classes: int = 2,
    image: Image | None = None,
    weighted: bool = False,
    **flags: Any,
) -> Any:
    from regsweep_trainer.models.network import Network

    parsed = parse_flags({"dataset": "breast_cancer", "units": [16, 8], **flags})
    return Network(parsed, head, Inputs(inputs, image), classes, weighted=weighted)


def data(name: str = "breast_cancer", replicate: int = 3) -> tuple[Prepared, Dataset]:
    loaded = load_bundled(name)
    seed = stream_seed(7, replicate, "split")
    parts = split(outline(loaded), Division(train_rows=100), Draw(seed))
    return prepare(loaded, parts), loaded


def train(net: Any, replicate: int = 3, name: str = "breast_cancer", **flags: Any) -> Record:
    prepared, loaded = data(name, replicate)
    task = Task(
        replicate=replicate,
        seed_base=7,
        head=loaded.head,
        flags=parse_flags({"dataset": name, "epochs": 3, **flags}),
        objective=Objective(),
    )
    return train_replicate(net, prepared, task, lambda progress: None)[0]
