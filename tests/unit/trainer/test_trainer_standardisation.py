"""What a network sees: standardised by the training rows alone, the live sample fixed."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep_kit.splits import Division, Draw, Splits, split
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.data.sources import load_bundled
from regsweep_trainer.encoding import fit
from regsweep_trainer.preparation import fixed_sample, prepare
from regsweep_trainer.run import outline


def divide(data: Dataset, audit_fraction: float = 0.0) -> Splits:
    return split(outline(data), Division(audit_fraction=audit_fraction), Draw(1))


def test_standardisation_is_fitted_on_train_alone() -> None:
    data = load_bundled("diabetes")
    parts = divide(data)
    prepared = prepare(data, parts)
    assert prepared.train.x.dtype == np.float32
    np.testing.assert_allclose(prepared.train.x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(prepared.train.x.std(axis=0), 1, atol=1e-5)
    assert np.abs(prepared.val.x.mean(axis=0)).max() > 0.01
    assert prepared.target_mean == pytest.approx(data.target[parts.train].mean())
    np.testing.assert_allclose(
        prepared.target_mean + prepared.target_scale * prepared.val.y.astype(float), prepared.val.target, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("name", "by_channel"),
    [
        pytest.param("diabetes", False, id="a regression, whose target is standardised too"),
        pytest.param("digits", False, id="columns"),
        pytest.param("digits", True, id="images, standardised by channel"),
    ],
)
@settings(deadline=None, max_examples=20)
@given(change=st.floats(-1e3, 1e3), factor=st.floats(0.01, 100))
def test_whatever_the_other_rows_hold_training_sees_the_same(
    name: str, by_channel: bool, change: float, factor: float
) -> None:
    """The leak test: all other rows are changed."""
    data = load_bundled(name)
    parts = divide(data)
    others = np.setdiff1d(np.arange(len(data.target)), parts.train)
    features, target = data.features.copy(), data.target.copy()
    features[others] = features[others] * factor + change
    if data.classes is None:
        target[others] = target[others] * factor + change
    one, two = (
        prepare(each, parts, encoder=partial(fit, each, by_channel=by_channel))
        for each in (data, replace(data, features=features, target=target))
    )
    np.testing.assert_array_equal(one.train.x, two.train.x)
    np.testing.assert_array_equal(one.train.y, two.train.y)
    assert (one.target_mean, one.target_scale) == (two.target_mean, two.target_scale)


def test_audited_rows_are_prepared_as_val_is() -> None:
    data = load_bundled("diabetes")
    parts = divide(data, audit_fraction=0.1)
    prepared = prepare(data, parts, parts.val)
    assert np.array_equal(prepared.audit_rows, parts.val)
    assert np.array_equal(prepared.audit.x, prepared.val.x)
    assert np.array_equal(prepared.audit.target, prepared.val.target)
    assert len(prepare(data, parts).audit.y) == len(prepare(data, parts).audit_rows) == 0


def test_a_column_that_is_constant_in_train_stays_finite() -> None:
    data = Dataset("made", np.full((40, 1), 0.1), (np.arange(40) % 2).astype(float), ("a", "b"))
    assert np.isfinite(prepare(data, divide(data)).train.x).all()


def test_the_live_sample_is_fixed_and_bounded() -> None:
    data = Dataset("made", np.zeros((6000, 1)), np.repeat([0.0, 1.0], 3000), ("a", "b"))
    train = prepare(data, divide(data)).train
    sample = fixed_sample(train, 2000)
    assert len(sample.y) == len(sample.x) == len(sample.target) == 2000
    assert np.array_equal(sample.x, fixed_sample(train, 2000).x)
    assert abs(sample.y.mean() - 0.5) < 0.05
    assert fixed_sample(train, 10_000) is train
