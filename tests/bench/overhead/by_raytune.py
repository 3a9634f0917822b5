"""The 40 trainings by Ray Tune with two workers."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import ray
from ray import tune
from training import ACTIVATIONS, DROPOUTS, SEEDS

here = str(Path(__file__).parent)


def trainable(config: dict[str, Any]) -> dict[str, float]:
    sys.path.insert(0, here)
    from training import train

    return {"val_loss": train(config["dropout"], config["activation"], config["seed"])}


with tempfile.TemporaryDirectory() as folder:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    space = {
        "dropout": tune.grid_search(list(DROPOUTS)),
        "activation": tune.grid_search(list(ACTIVATIONS)),
        "seed": tune.grid_search(list(range(SEEDS))),
    }
    results = tune.Tuner(trainable, param_space=space, run_config=tune.RunConfig(storage_path=folder, verbose=0)).fit()
    assert len(results) == len(DROPOUTS) * len(ACTIVATIONS) * SEEDS
    assert not results.errors
