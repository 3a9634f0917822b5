"""Simulates what is not simulated yet, writes the tables into the page, says which goals were missed."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from bench.calibration.sections import CASES, cases_of, figures_of
from bench.calibration.store import Store
from bench.calibration.tables import filled, missed, tables_of

PAGE = Path(__file__).parents[3] / "docs" / "calibration.md"
KEPT = Path(__file__).parents[3] / ".calibration"


def main() -> int:
    """Exit status: 1 where a goal was missed."""
    arguments = _arguments()
    store = Store(arguments.directory, arguments.seed, arguments.scale)
    sections = arguments.section or list(CASES)
    if not arguments.assemble:
        _simulate(store, sections, arguments)
    page = arguments.page.read_text(encoding="utf-8")
    failures: list[str] = []
    for section in CASES:
        known = store.known(section)
        if known:
            page = filled(page, section, tables_of(cases_of(section), known))
            failures += missed(cases_of(section), known)
    arguments.page.write_text(page, encoding="utf-8")
    for line in failures:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.calibration", description=__doc__)
    parser.add_argument(
        "--section", choices=CASES, action="append", help="only this section; may be repeated (default: all)"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="part of the sweeps that are simulated (default: 1)")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default: 2)")
    parser.add_argument("--seed", type=int, default=1, help="seed of all simulations (default: 1)")
    parser.add_argument("--directory", type=Path, default=KEPT, help="where figures are kept (default: .calibration)")
    parser.add_argument("--page", type=Path, default=PAGE, help="page with the tables (default: docs/calibration.md)")
    parser.add_argument("--assemble", action="store_true", help="simulate nothing, write the page from what is kept")
    return parser.parse_args()


def _simulate(store: Store, sections: list[str], arguments: argparse.Namespace) -> None:
    """Simulates the missing cases, and keeps each as soon as it is done."""
    todo = store.missing(case for section in sections for case in cases_of(section))
    places = [(case.section, cases_of(case.section).index(case)) for case in todo]
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        running = {
            pool.submit(figures_of, section, place, arguments.seed, arguments.scale): case
            for (section, place), case in zip(places, todo, strict=True)
        }
        for count, future in enumerate(as_completed(running), start=1):
            case = running[future]
            store.add(case, future.result())
            print(f"{count} of {len(todo)}: {case.section}: {case.key}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
