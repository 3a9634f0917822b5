"""``python -m grafana`` writes ../dashboards/*.json; with --check it names those that are not current, and exits with 1."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from grafana import fleet, operator, run, sweep

FOLDER: Final = Path(__file__).parents[1] / "dashboards"
DASHBOARDS: Final = {
    "fleet": fleet.DASHBOARD,
    "operator": operator.DASHBOARD,
    "run": run.DASHBOARD,
    "sweep": sweep.DASHBOARD,
}


def main() -> int:
    """Write what is not current, or name it."""
    parser = argparse.ArgumentParser(prog="grafana", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = False
    for name, dashboard in DASHBOARDS.items():
        target, text = FOLDER / f"{name}.json", json.dumps(dashboard, indent=2) + "\n"
        if target.exists() and target.read_text() == text:
            continue
        stale = True
        if check:
            sys.stderr.write(f"{target} is not current: make manifests\n")
        else:
            target.write_text(text)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
