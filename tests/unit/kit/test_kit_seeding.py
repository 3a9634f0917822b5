"""Global generators are seeded in every replicate, whenever its framework is imported."""

import importlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regsweep_kit.script.seeding import seed_generators


@pytest.fixture
def torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of this name, which draws when it is imported, as frameworks may, and notes its seeds."""
    text = "import random, numpy\nrandom.random(), numpy.random.random()\nseeds = []\nmanual_seed = seeds.append\n"
    (tmp_path / "torch.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("keras", "torch"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield "torch"
    sys.modules.pop("torch", None)


def test_a_framework_that_is_imported_within_a_replicate_gets_its_seed(torch: str) -> None:
    seed_generators(7)
    module: Any = importlib.import_module(torch)
    assert module.seeds == [7]
    assert type(module.__loader__).__name__ == "SourceFileLoader"
    seed_generators(8)
    assert module.seeds == [7, 8]
    assert importlib.import_module(torch).seeds == [7, 8], "and no other"


def test_of_several_replicates_the_one_that_imports_it_counts(torch: str) -> None:
    for seed in (1, 2, 3):
        seed_generators(seed)
    assert importlib.import_module(torch).seeds == [3]


def test_what_was_drawn_before_that_import_is_not_drawn_again(torch: str) -> None:
    seed_generators(7)
    drawn = [random.random(), np.random.random()]
    importlib.import_module(torch)
    assert not {random.random(), np.random.random()} & set(drawn)


def test_a_framework_that_is_not_there_is_not_found_as_without_us(torch: str, tmp_path: Path) -> None:
    (tmp_path / "torch.py").unlink()
    seed_generators(7)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("keras_that_is_not_there")
