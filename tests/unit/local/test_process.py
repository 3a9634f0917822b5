from __future__ import annotations

from pathlib import Path

import pytest

from regsweep.local.process import oom_kills


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("pgfault 9\noom_kill 15\nswap_ra 1\n", 15, id="a kernel that counts"),
        pytest.param("pgfault 9\n", 0, id="one that does not"),
        pytest.param(None, 0, id="no /proc"),
    ],
)
def test_what_the_kernel_has_killed_for_its_memory_is_known_where_it_says_so(
    tmp_path: Path, text: str | None, count: int
) -> None:
    vmstat = tmp_path / "vmstat"
    if text is not None:
        vmstat.write_text(text)
    assert oom_kills(vmstat) == count
