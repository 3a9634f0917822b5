"""Saves the model of a replicate, where that is asked for. That it cannot be saved never ends a run: its result is what counts."""

from pathlib import Path

from regsweep_kit.console import say
from regsweep_kit.errors import InvalidFlagsError
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.preparation import Prepared
from regsweep_trainer.task import Trainable


def save_model(file: Path | None, network: Trainable, data: Dataset, prepared: Prepared) -> None:
    """The network with its present weights and its preprocessing; `None`: nothing is saved."""
    if file is None or prepared.encoded is None:
        return
    from regsweep_trainer.models.whole import save, whole_model

    try:
        entry = prepared.encoded.layers()
        save(whole_model(entry, network.model(), data, prepared), file, entry, data)
    except InvalidFlagsError as error:
        say(f"note: REGSWEEP_MODELS: no model is saved: {error}", error=True)
    except OSError as error:
        say(f"note: REGSWEEP_MODELS: cannot write {file}: {error.strerror or error}; the results are whole", error=True)
