"""Boosted trees on breast cancer data: how deep may a tree be, and how strongly are its leaves pulled to zero? Needs XGBoost."""

import regsweep_kit as kit

flags = kit.flags(
    depth=kit.flag(4, "greatest depth of a tree"),
    l2=kit.flag(1.0, "XGBoost's lambda: L2 penalty of the leaves; it is no part of the losses"),
    epochs=kit.flag(40, "trees"),
)

import xgboost
from sklearn.datasets import load_breast_cancer


class Report(xgboost.callback.TrainingCallback):
    """Reports each tree as an epoch."""

    def __init__(self, replicate):
        super().__init__()
        self.replicate = replicate

    def after_iteration(self, model, epoch, evals_log):  # noqa: ARG002 - XGBoost's signature
        logs = {part: {"average_loss": log["logloss"][-1], "AUC": log["auc"][-1]} for part, log in evals_log.items()}
        self.replicate.report(epoch + 1, **logs)
        return False


x, y = load_breast_cancer(return_X_y=True)
for replicate in kit.replicates():
    rows = replicate.split(x, y)
    parts = {"train": rows.train, "stop": rows.stop, "val": rows.val, "test": rows.test}
    matrices = {name: xgboost.DMatrix(*part) for name, part in parts.items() if part is not None}
    options = {
        "objective": "binary:logistic",
        "eval_metric": ["logloss", "auc"],
        "max_depth": flags.depth,
        "lambda": flags.l2,
        "subsample": 0.8,
        "seed": replicate.seed,
    }
    xgboost.train(
        options,
        matrices["train"],
        flags.epochs,
        evals=[(matrix, name) for name, matrix in matrices.items()],
        callbacks=[Report(replicate)],
        verbose_eval=False,
    )
