"""The 40 trainings by joblib with two workers."""

from joblib import Parallel, delayed
from training import ACTIVATIONS, DROPOUTS, SEEDS, train

Parallel(n_jobs=2)(
    delayed(train)(dropout, activation, seed)
    for dropout in DROPOUTS
    for activation in ACTIVATIONS
    for seed in range(SEEDS)
)
