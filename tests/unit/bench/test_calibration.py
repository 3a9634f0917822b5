"""A slice of the calibration: what it shows of a few cases of each kind is seen in every run of the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.calibration import effects, finals, findings, labels, nested, notes, races, refinement, tables, ties
from bench.calibration.cases import Case
from bench.calibration.figures import Figure, share
from bench.calibration.sections import CASES, cases_of
from bench.calibration.store import BESIDE, CORE, Store, digest_of

SWEEPS = 120


def simulated(case: Case, sweeps: int = SWEEPS) -> list[Figure]:
    return list(case.simulation(np.random.default_rng(1), sweeps))


@pytest.mark.parametrize(
    "case",
    [
        ties.case("two bests, the rest far and 1/4 as noisy", 8, 5),
        ties.case("idle flag of 2 values", 8, 5),
        ties.case("two clusters, 0.9", 4, 3),
        ties.case("25 % missing", 4, 5),
        ties.case("25 % missing", 24, 10),
        notes.case("equal normal noise", 8, 5),
        notes.case("slope x replicate", 8, 10),
        ties.case("saturated", 8, 5),
        ties.case("residuals of breast cancer", 8, 5),
        ties.case("nothing in common, unequal variances", 4, 5, paired=False),
        effects.case("slope x replicate", (4, 2), 5),
        effects.case("idle flags", (4, 4), 5),
        effects.case("residuals of wine", (4, 2), 5),
        finals.case("rows most, skewed", 5),
        *(labels.case(name, 5) for name in labels.WORLDS),
    ],
    ids=lambda case: f"{case.section}: {case.key}",
)
def test_promises_are_kept_in_worlds_that_nobody_chose(case: Case) -> None:
    assert [figure for figure in simulated(case) if figure.missed] == []


@pytest.mark.parametrize(
    "case",
    [case for case in findings.cases() if case.labels["n"] == "5" and case.labels["G"] in ("1", "8")],
    ids=lambda case: f"{case.labels['Finding']}: {case.labels['World']}",
)
def test_findings_are_seldom_said_where_there_is_nothing_to_find(case: Case) -> None:
    assert [figure for figure in simulated(case) if figure.missed] == []


def test_a_true_best_is_seldom_dropped_from_a_race() -> None:
    assert [figure for figure in simulated(races.of_world("idle flag of 2 values", 8), 60) if figure.missed] == []


def test_nested_resampling_says_how_well_a_way_of_choosing_does() -> None:
    assert [figure for figure in simulated(nested.case("60 rows x 30", 3), 25) if figure.missed] == []


def test_a_refinement_is_judged_by_replicates_that_did_not_choose_it() -> None:
    found = simulated(refinement.case("all are equal", 3), 25)
    assert [figure for figure in found if figure.missed] == []
    values = {figure.measure: figure.value for figure in found}
    assert values[refinement.CHOOSING] < min(values[refinement.NEW], values[refinement.AMONG]), values


def test_a_curve_that_still_falls_is_seen() -> None:
    (said,) = simulated(next(case for case in findings.cases() if "falls by 3 %" in case.key and "n=5" in case.key))
    assert said.value > 0.9, said


def test_a_combination_whose_trainings_end_in_one_of_two_ways_is_seen() -> None:
    shown, *_ = simulated(notes.case("one ends in two ways", 8, 10))
    assert shown.measure == notes.TWO_WAYS and shown.value > 0.9, shown


def test_figures_rest_on_the_decisions_that_made_them() -> None:
    digests = {section: digest_of(section) for section in CASES}
    assert len(set(digests.values())) == len(CASES) - 1, "ties and unpaired are made by one module"
    for names in BESIDE.values():
        assert all((CORE / name).is_file() for name in names)


def test_what_is_clearly_worse_is_left_out_of_the_tied_set() -> None:
    _, power = simulated(ties.case("equal normal noise", 8, 5))
    assert power.value > 0.75, power


def test_every_section_has_a_place_on_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "calibration.md").read_text(encoding="utf-8")
    for section in CASES:
        assert tables.filled(page, section, "| a table |") != page


def test_a_case_that_was_simulated_is_not_simulated_again(tmp_path: Path) -> None:
    cases = cases_of("labels")
    Store(tmp_path, 1, 0.5).add(cases[0], [share("a wrong label", 1, 500)])
    assert Store(tmp_path, 1, 0.5).missing(cases) == list(cases[1:])
    assert Store(tmp_path, 1, 0.2).missing(cases) == list(cases[1:]), "more sweeps do as well"
    assert Store(tmp_path, 1, 1.0).missing(cases) == list(cases), "fewer do not"
    assert Store(tmp_path, 2, 0.5).missing(cases) == list(cases), "nor another seed"


def test_a_missed_goal_is_bold_in_the_table_and_listed() -> None:
    cases = cases_of("labels")[:2]
    known = {
        cases[0].key: (500, [share("a wrong label", 100, 500, at_most=0.05)]),
        cases[1].key: (500, [share("a wrong label", 20, 500, at_most=0.05)]),
    }
    assert tables.tables_of(cases, known).splitlines()[-1] == (
        "| worse by equal parts | **0.200 ± 0.018** | 0.040 ± 0.009 |"
    )
    assert tables.missed(cases, known) == ["labels: World=worse by equal parts; n=3: a wrong label: **0.200 ± 0.018**"]


def test_figures_of_many_worlds_are_put_together_by_their_sweeps() -> None:
    cases = [case for case in cases_of("ties") if case.labels["n"] == "5"]
    known = {
        case.key: (100 if place else 900, [share(ties.LEFT_OUT, 0 if place else 90, 900, at_most=0.05)])
        for place, case in enumerate(cases)
    }
    last = tables.tables_of(cases, known).splitlines()[-1]
    whole = 900 + 100 * (len(cases) - 1)
    assert last.startswith(f"| all of them together |  | {90 / whole:.3f} ± ")
