"""An operator of another version as a process: a sweep that one has begun is finished by the other, with nothing lost or trained twice.

The other versions are commits that this one comes from; where git does not have them (a shallow clone, an archive) the tests are skipped.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from integration.laboratory import Lab, Way, is_complete, lab, operating
from integration.soundness import begin, crowds, finishes, is_quiet
from support.versions import source_of

__all__ = ["lab"]

VERSIONS = {"before sweeps of many thousand runs": "25053ab58c32a25182d9d06d588527003fdbd92c"}
"""What came with the next one, and the commit. Its operator has to take what the present CRDs put where a spec is silent: an older one
calls such a sweep Invalid, and leaves it as it is."""


@pytest.fixture(params=VERSIONS)
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Another version's source, to be imported from."""
    return source_of(VERSIONS[request.param], tmp_path) / "operator" / "src"


async def test_what_another_version_has_begun_this_one_finishes(lab: Lab, other: Path) -> None:
    await begin(lab, other)
    pinned = (await lab.status())["resolved"]
    await finishes(lab, pinned)


async def test_what_this_version_has_begun_another_one_finishes(lab: Lab, other: Path) -> None:
    await begin(lab, None)
    async with operating(lab, Way(source=other)) as operator:
        await lab.train_until(is_complete)
        await is_quiet(lab, operator)
    assert crowds(lab, parallelism=3) == []
    assert len(lab.trained) == 24
    assert sorted(await lab.records()) == sorted(lab.trained)
    assert max(Counter(lab.seen.values()).values()) == 1
