"""Imports all that a training on the CPU needs, and computes nothing: for a process that forks one for each run."""

from importlib import import_module

from regsweep_trainer import backend

which = backend.set_environment(0)
backend.import_keras()

from regsweep_trainer import run  # noqa: E402, F401
from regsweep_trainer.models import network  # noqa: E402, F401

import_module(f"regsweep_trainer.models.on_{which}")
if which is backend.Backend.TENSORFLOW:
    from regsweep_trainer.models import featurespace  # noqa: F401
