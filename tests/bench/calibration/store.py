"""Figures that are simulated already, on disk: an interrupted calibration goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from bench.calibration.cases import Case
from bench.calibration.figures import Figure
from bench.calibration.worlds import RESIDUALS

CORE = Path(__file__).parents[3] / "operator" / "src" / "regsweep" / "core"
ROOTS = {"bench.calibration": Path(__file__).parent, "regsweep.core.judging.stats": CORE / "judging" / "stats"}
"""Packages whose code a figure rests on."""
SHARED = {"unpaired": "ties"}
"""Sections that another one's module makes."""
BESIDE = {
    "nested": ("judging/analysis.py", "judging/stats/pipeline.py", "judging/stats/nested.py", "nested.py"),
    "refinement": ("judging/analysis.py", "judging/stats/pipeline.py", "refinement.py"),
}
"""What sections rest on beside what their module imports from `ROOTS`: files below `regsweep.core`."""
IMPORTED = re.compile(rf"^from ({'|'.join(map(re.escape, ROOTS))})(?:\.(\w+))? import ([\w, ]*)", re.MULTILINE)


class Store:
    """One file for each section, a line for each case; figures of other code, sweeps or seeds are not read."""

    def __init__(self, directory: Path, seed: int, scale: float) -> None:
        self._directory = directory
        self._seed, self._scale = seed, scale

    def known(self, section: str) -> dict[str, tuple[int, list[Figure]]]:
        """By the case's key: its sweeps and figures."""
        path = self._path(section)
        if not path.exists():
            return {}
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {
            line["case"]: (line["sweeps"], [Figure(**figure) for figure in line["figures"]])
            for line in lines
            if all(line.get(name) == value for name, value in self._basis(section, line["case"]).items())
        }

    def missing(self, cases: Iterable[Case]) -> list[Case]:
        """Those that are to be simulated, at this scale or at all."""
        of_section: dict[str, Mapping[str, tuple[int, list[Figure]]]] = {}
        found = []
        for case in cases:
            known = of_section.setdefault(case.section, self.known(case.section))
            if case.key not in known or known[case.key][0] < case.scaled(self._scale):
                found.append(case)
        return found

    def add(self, case: Case, figures: Iterable[Figure]) -> None:
        """Keeps a case's figures."""
        line = {
            "case": case.key,
            "sweeps": case.scaled(self._scale),
            **self._basis(case.section, case.key),
            "figures": [asdict(figure) for figure in figures],
        }
        self._directory.mkdir(parents=True, exist_ok=True)
        with self._path(case.section).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _basis(self, section: str, key: str) -> dict[str, int | str]:
        """What the figures of a case rest on: others are not read."""
        data = hashlib.sha256(RESIDUALS.read_bytes()).hexdigest()[:12] if "residuals" in key else ""
        return {"seed": self._seed, "code": digest_of(section), "data": data}

    def _path(self, section: str) -> Path:
        return self._directory / f"{section}.jsonl"


@lru_cache(maxsize=64)
def digest_of(section: str) -> str:
    """Of all files that the section's module imports, and those that they import, within `ROOTS`."""
    start = ROOTS["bench.calibration"] / f"{SHARED.get(section, section)}.py"
    todo = [start, *(CORE / name for name in BESIDE.get(section, ()))]
    found = set(todo)
    while todo:
        for package, module, names in IMPORTED.findall(todo.pop().read_text(encoding="utf-8")):
            for name in [module] if module else names.split(", "):
                path = ROOTS[package] / f"{name}.py"
                if path.exists() and path not in found:
                    found.add(path)
                    todo.append(path)
    digest = hashlib.sha256()
    for path in sorted(found):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
