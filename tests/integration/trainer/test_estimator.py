"""The Estimator's areas against Keras' own metric, whose defaults are the Estimator's: 200 thresholds, careful interpolation."""

import os

import numpy as np
import pytest

from regsweep_trainer import backend, estimator
from regsweep_trainer.data.dataset import Head
from regsweep_trainer.metrics import evaluate


@pytest.fixture(scope="module", autouse=True)
def _keras() -> None:
    assert "KERAS_BACKEND" not in os.environ or backend.chosen() is backend.USUAL
    backend.start(0, allow_cpu=False)


def keras_area(curve: str, probabilities: np.ndarray, positive: np.ndarray) -> float:
    import keras

    metric = keras.metrics.AUC(num_thresholds=200, curve=curve)
    metric.update_state(positive.astype(np.float32), probabilities.astype(np.float32))
    return float(metric.result())


def scores(case: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    positive = rng.random(300) < 0.3
    beta = np.where(positive, rng.beta(3, 2, 300), rng.beta(2, 3, 300))
    return {
        "spread": (beta, positive),
        "at chance": (rng.random(300), positive),
        "sure": (np.where(positive, beta, 1 - beta) ** 20, positive),
        "a few values": (np.round(beta * 4) / 4, positive),
        "all alike": (np.full(300, 0.37), positive),
        "all wrong": (np.where(positive, 0.1, 0.9), positive),
        "one row of each": (np.array([0.2, 0.7]), np.array([False, True])),
        "0 and 1": (np.where(positive, 1.0, 0.0), positive),
    }[case]


CASES = ["spread", "at chance", "sure", "a few values", "all alike", "all wrong", "one row of each", "0 and 1"]


@pytest.mark.parametrize("case", CASES)
def test_areas_are_those_of_keras(case: str) -> None:
    probabilities, positive = scores(case)
    assert estimator.auc(probabilities, positive) == pytest.approx(keras_area("ROC", probabilities, positive), abs=2e-6)
    assert estimator.auc_pr(probabilities, positive) == pytest.approx(
        keras_area("PR", probabilities, positive), abs=2e-6
    )


def test_a_splits_metrics_have_keras_areas_of_its_probabilities() -> None:
    logits = np.random.default_rng(6).normal(0, 2, (200, 1)).astype(np.float32)
    target = (logits[:, 0] + np.random.default_rng(7).normal(0, 2, 200) > 0).astype(float)
    values = evaluate(Head.BINARY, logits, target, 0.0, batch_size=32)
    probabilities = 1 / (1 + np.exp(-logits[:, 0].astype(float)))
    assert values["estimator_auc"] == pytest.approx(keras_area("ROC", probabilities, target == 1), abs=2e-6)
    assert values["estimator_auc_pr"] == pytest.approx(keras_area("PR", probabilities, target == 1), abs=2e-6)
