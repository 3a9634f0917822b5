"""What matters, in words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.api.analysis import Effects, Share
from regsweep.core.judging.words.effects import effects_sentence, percents


def share(*flags: str, eta: float | None, by_chance: float = 0.05, p: float | None = 0.001) -> Share:
    """What flags account for; surely more than chance unless said otherwise."""
    omega = None if eta is None or p is None else eta - by_chance
    return Share(flags=list(flags), eta_squared=eta, omega_squared=omega, expected_share=by_chance, p_value=p)


TWO = (share("l2", eta=0.77, by_chance=0.09), share("dropout", eta=0.17, by_chance=0.03))


@pytest.mark.parametrize(
    ("effects", "sentence"),
    [
        pytest.param(
            Effects(shares=[*TWO, share("l2", "dropout", eta=0.04, by_chance=0.09, p=0.4)]),
            "What matters: l2 explains 77 % of the differences (by chance alone: 9 %); dropout 17 % (by chance alone: 3 %); the "
            "interplay of l2 and dropout not surely more than chance. The rest "
            "differs between replicates, or is not surely more than chance. All within the ranges "
            "swept.",
            id="each share beside what chance brings",
        ),
        pytest.param(
            Effects(shares=list(TWO[::-1])),
            "What matters: l2 explains 77 % of the differences (by chance alone: 9 %); dropout 17 % (by chance alone: 3 %). The rest "
            "differs between replicates, or is not surely more than chance. All within the ranges swept.",
            id="the largest comes first",
        ),
        pytest.param(
            Effects(shares=[share("l2", eta=1.0, by_chance=0.0)]),
            "What matters: l2 explains 100 % of the differences (by chance alone: 0 %). All within the ranges swept.",
            id="of what is the same in all replicates there is no rest",
        ),
        pytest.param(
            Effects(shares=[share("l2", eta=0.3, by_chance=0.3, p=0.5)]),
            "What matters: of no flag or pair of flags is it sure that it explains more than chance would. All within the ranges swept.",
            id="a large share that chance brings too",
        ),
        pytest.param(
            Effects(shares=list(TWO[:1]), adds_up=False, log_scale=True, left_out=2),
            "What matters: l2 explains 77 % of the differences (by chance alone: 9 %). All within the ranges swept; in ratios, since "
            "losses differ more than tenfold; without 2 combinations in which a replicate diverged or has no value; shares need "
            "not add up, since the grid is not complete.",
            id="what the shares rest on",
        ),
        pytest.param(
            Effects(shares=[share(name, eta=0.15, by_chance=0.01) for name in "abcdef"]),
            "What matters: a explains 15 % of the differences (by chance alone: 1 %); b 15 % (by chance alone: 1 %); c 15 % (by "
            "chance alone: 1 %); d 15 % (by chance alone: 1 %); 2 more together 30 % (by chance alone: 2 %). The rest "
            "differs between replicates, or is not surely more than chance. All within the ranges swept.",
            id="many flags are summed up",
        ),
        pytest.param(
            Effects(
                shares=[
                    share("l2", eta=0.5, p=0.01),
                    share("dropout", eta=0.2, p=None),
                    share("units", eta=0.1, p=0.4),
                ],
                adds_up=False,
            ),
            "What matters: l2 explains 50 % of the differences (by chance alone: 5 %); units not surely more than chance. Not tested, "
            "since too few combinations differ in nothing else: dropout. All within the ranges swept; shares need not add up, since "
            "the grid is not complete.",
            id="in a sparse sample a flag is not tested",
        ),
        pytest.param(Effects(shares=[share("l2", eta=0.9, p=None)]), "", id="without replicates noise is not known"),
        pytest.param(Effects(shares=[share("l2", eta=None, p=None)]), "", id="what cannot be estimated"),
        pytest.param(
            Effects(shares=[share("l2", eta=0.9996, by_chance=0.0001)]),
            "What matters: l2 explains over 99 % of the differences (by chance alone: under 1 %). The rest "
            "differs between replicates, or is not surely more than chance. All within the ranges swept.",
            id="not all of it, since there is a rest",
        ),
    ],
)
def test_effects_are_put_in_words(effects: Effects, sentence: str) -> None:
    assert effects_sentence(effects) == sentence


def test_that_no_flag_is_sure_does_not_say_that_combinations_are_alike() -> None:
    unsure = Effects(shares=[share("l2", eta=0.5, by_chance=0.1, p=0.19)])
    assert effects_sentence(unsure, combinations_differ=True) == (
        "What matters: of no flag or pair of flags is it sure that it explains more than chance would, though some combinations are "
        "surely worse than the best. All within the ranges swept."
    )


@given(st.lists(st.floats(0.0001, 1), min_size=1, max_size=6))
def test_percentages_of_one_whole_never_add_up_to_more_than_all_of_it(parts: list[float]) -> None:
    shares = [part / max(sum(parts), 1) for part in parts]
    shown = percents(shares)
    assert sum(int(number) for text in shown for number in re.findall(r"^\d+", text)) <= 100
    for value, text in zip(shares, shown, strict=True):
        number = {"under 1 %": 0.0, "over 99 %": 100.0}.get(text) if text[0] in "uo" else float(text.split()[0])
        assert number is not None and abs(number - 100 * value) <= 1


def test_shares_of_a_partial_grid_that_add_up_to_more_are_shown_as_they_are() -> None:
    assert percents([0.62, 0.55, 0.3]) == ["62 %", "55 %", "30 %"]


def test_thirds_and_halves_are_rounded_down_where_they_would_exceed_all() -> None:
    assert percents([0.335, 0.335, 0.33]) == ["33 %", "34 %", "33 %"]
    assert percents([0.56]) == ["56 %"]
