"""The one list of regularising flags, and who goes by it."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from regsweep.api.regularizers import REGULARIZERS, is_off
from regsweep.api.spec import DEFAULT_SIMPLICITY_ORDER
from regsweep_trainer.flags import Flags
from regsweep_trainer.flags.regularization import RegularizationFlags


def test_the_reference_trainer_has_these_flags_and_they_are_off_by_default() -> None:
    fields = Flags.model_fields
    assert set(REGULARIZERS) <= set(fields)
    for name in REGULARIZERS:
        assert is_off(name, fields[name].default), name


def test_every_flag_that_regularises_is_known() -> None:
    """All of that kind but two, which only say how early stopping works."""
    known = set(RegularizationFlags.model_fields) - {"early_stopping_metric", "restore_best"}
    assert set(REGULARIZERS) == known


def test_the_default_order_is_fixed_since_frozen_picks_rest_on_it() -> None:
    assert [(each.flag, each.simpler) for each in DEFAULT_SIMPLICITY_ORDER] == [
        ("l2", "More"),
        ("l1", "More"),
        ("dropout", "More"),
        ("layers", "Fewer"),
        ("units", "Fewer"),
    ]


@pytest.mark.parametrize(
    ("value", "off"),
    [
        (0, True),
        (0.0, True),
        (False, True),
        (None, True),
        ([0, 0.0], True),
        ([], True),
        (0.1, False),
        (True, False),
        ([0, 0.1], False),
        ("", False),
        ("0", False),
    ],
)
def test_a_regulariser_is_off_at_nought_false_null_and_lists_of_those(value: JsonValue, off: bool) -> None:
    assert is_off("l2", value) is off
