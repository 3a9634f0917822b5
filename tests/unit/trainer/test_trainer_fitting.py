"""Flags that do not fit the data are refused before training; class weights come from the training rows alone."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from regsweep_kit.errors import InvalidFlagsError
from regsweep_kit.splits import Splits
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.encoding import fit as fit_encoding
from regsweep_trainer.fitting import fit
from regsweep_trainer.flags import parse_flags
from regsweep_trainer.models.inputs import Image
from regsweep_trainer.preparation import prepare
from regsweep_trainer.weighting import loss_weights

NUMBERS = np.arange(120.0).reshape(20, 6) ** 2
CLASSES = Dataset("t", NUMBERS, np.array([0.0] * 15 + [1.0] * 5), ("no", "yes"))
REGRESSION = Dataset("t", NUMBERS, np.arange(20.0), None)

DNN: dict[str, Any] = {"model": "dnn_classifier", "hidden_units": [4]}


def flags(**given: Any) -> Any:
    return parse_flags({"dataset": "iris", **given})


@pytest.mark.parametrize(
    ("data", "given", "says"),
    [
        (REGRESSION, {"early_stopping_metric": "accuracy"}, "flag early_stopping_metric: got 'accuracy', but t (regr"),
        (REGRESSION, {"label_smoothing": 0.1}, "flag label_smoothing: t is a regression, which has no classes"),
        (REGRESSION, {"class_weights": "balanced"}, "flag class_weights: t is a regression, which has no classes"),
        (CLASSES, {"class_weights": {"no": 1, "yas": 2}}, "flag class_weights: there is no class 'yas'; the classes"),
        (CLASSES, {"class_weights": {"no": 1}}, "flag class_weights: class 'yes' has none; give one for each class"),
        (REGRESSION, DNN, "flag model: dnn_classifier is for a classification, and t is a regression"),
        (CLASSES, {**DNN, "model": "dnn_regressor"}, "flag model: dnn_regressor is for a regression, and t is a class"),
        (CLASSES, {**DNN, "n_classes": 3}, "flag n_classes: got 3, but t has 2 classes ('no', 'yes'); correct it"),
        (CLASSES, {"model": "cnn"}, "flag model: cnn needs images, and t is a table of 6 columns; set image_shape"),
        (CLASSES, {"model": "cnn", "image_shape": [2, 2]}, "flag image_shape: [2, 2] are 4 numbers, but t has 6"),
    ],
)
def test_what_the_data_do_not_have_is_refused(data: Dataset, given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidFlagsError) as caught:
        fit(flags(**given), data)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "image"), [([2, 3], Image(2, 3, 1)), ([1, 2, 3], Image(1, 2, 3)), ([3, "1", 2], Image(3, 1, 2))]
)
def test_the_columns_of_a_table_may_be_an_image(shape: list[Any], image: Image) -> None:
    assert fit(flags(model="cnn", image_shape=shape), CLASSES).image == image


def test_a_dense_network_takes_no_notice_of_images() -> None:
    assert fit(flags(image_shape=[9, 9]), CLASSES) is CLASSES


def test_balanced_weights_are_by_the_training_rows_alone() -> None:
    train = np.array([0, 1, 2, 15])  # three of one class and one of the other
    weights = loss_weights(CLASSES, train, "balanced")
    assert weights is not None
    assert weights.tolist() == pytest.approx([4 / 6, 4 / 6, 4 / 6, 2])


def test_weights_by_class_are_those_that_were_given() -> None:
    np.testing.assert_array_equal(loss_weights(CLASSES, np.array([0, 15]), {"yes": 5.0, "no": 0.5}), [0.5, 5])
    assert loss_weights(CLASSES, np.array([0, 15]), "none") is None


def test_images_are_standardised_by_channel_with_the_training_rows_alone() -> None:
    data = Dataset("t", NUMBERS, CLASSES.target, CLASSES.classes, image=Image(1, 3, 2))
    rows = [np.arange(start, start + 4) for start in range(0, 20, 4)]
    splits = Splits(*rows)
    prepared = prepare(data, splits, encoder=partial(fit_encoding, data, by_channel=True))
    for channel in range(2):
        pixels = NUMBERS[rows[0]][:, channel::2]
        expected = (NUMBERS[rows[2]][:, channel::2] - pixels.mean()) / pixels.std()
        np.testing.assert_allclose(prepared.val.x[:, channel::2], expected, rtol=1e-5)
