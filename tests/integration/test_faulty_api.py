"""A whole sweep through a proxy that breaks, delays and repeats what goes between operator and API server.

Each kind of fault alone, then all of them at once; every fifth request or event meets one. The seeds are fixed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.laboratory import Lab, Way, lab, operating
from integration.soundness import TWELVE, is_quiet, train_to_the_end, unsound
from support.faulty_proxy import OF_A_SOUND_SERVER, OFTEN_LISTED, Fault, Schedule, faulty_proxy

__all__ = ["lab"]


@pytest.mark.parametrize(
    "kinds",
    [
        *(pytest.param([kind], id=kind.value) for kind in OF_A_SOUND_SERVER),
        pytest.param(OF_A_SOUND_SERVER, id="all of a sound server"),
        pytest.param([Fault.LOST_EVENT], id=Fault.LOST_EVENT.value),
        pytest.param(list(Fault), id="all of them"),
    ],
)
async def test_a_sweep_comes_to_a_sound_end_whatever_happens_to_its_requests(
    lab: Lab, tmp_path: Path, kinds: list[Fault]
) -> None:
    schedule = Schedule(kinds, seed=11)
    settings = OFTEN_LISTED if Fault.LOST_EVENT in kinds else {}
    async with (
        faulty_proxy(lab.cluster, schedule, tmp_path / "kubeconfig") as proxy,
        operating(lab, Way(kubeconfig=tmp_path / "kubeconfig"), **settings) as operator,
    ):
        await lab.apply(flags=TWELVE, replicates=1, parallelism=4, retention={"succeededJobs": 4})
        await train_to_the_end(lab)
        proxy.schedule = Schedule([], seed=11)
        await is_quiet(lab, operator)
    assert await unsound(lab, parallelism=4) == []
    assert len(schedule.tried) > len(kinds) / 2, f"hardly anything has happened: {schedule.tried}"
    assert (await lab.status())["progress"] == "12/12"
