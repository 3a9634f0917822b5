"""Imports all that a training on the CPU needs, and computes nothing: for a process that forks one for each run."""

from regsweep_trainer import backend

backend.set_environment(0)

import keras  # noqa: E402, F401
import tensorflow as tf  # noqa: E402, F401

from regsweep_trainer import run  # noqa: E402, F401
from regsweep_trainer.models import featurespace, network  # noqa: E402, F401
