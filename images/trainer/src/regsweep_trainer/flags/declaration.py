"""Every flag of the reference trainer: one typed model is the source of validation, of --help and of --describe."""

from pydantic import ConfigDict

from regsweep_trainer.flags.data import DataFlags, SplitFlags
from regsweep_trainer.flags.network import NetworkFlags
from regsweep_trainer.flags.regularization import RegularizationFlags
from regsweep_trainer.flags.training import TrainingFlags


class Flags(SplitFlags, TrainingFlags, RegularizationFlags, NetworkFlags, DataFlags):
    """In the order of help and README: data, network, regularisation, training, splits. `None` means: not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def has_layers(self) -> bool:
        """Whether the flags of hidden layers play a part: a linear or constant model stands beside networks that have them."""
        return self.model not in ("linear", "constant")

    @property
    def is_estimator(self) -> bool:
        """Whether the model is one of the Estimator's."""
        return self.model in ("dnn_classifier", "dnn_regressor")

    @property
    def uses_feature_space(self) -> bool:
        """Whether columns are made by FeatureSpace: always those of the Estimator's models, else where one is of a kind that needs it."""
        special = bool(self.crosses) or any(column.needs_feature_space for column in self.columns.values())
        return self.is_estimator or special

    @property
    def wanted_task(self) -> str:
        """`task`, or what the model predicts."""
        return {"dnn_classifier": "classification", "dnn_regressor": "regression"}.get(self.model, self.task)

    @property
    def hidden_layers(self) -> tuple[int, ...]:
        """Units of each hidden layer, first to last."""
        if not self.has_layers:
            return ()
        if self.is_estimator:
            return tuple(self.hidden_units or ())
        if isinstance(self.units, list):
            return tuple(self.units)
        return (self.units,) * (1 if self.layers is None else self.layers)

    @property
    def activations(self) -> tuple[str, ...]:
        """Activation of each hidden layer, first to last."""
        if isinstance(self.activation, list):
            return tuple(self.activation) if self.has_layers else ()
        return (self.activation,) * len(self.hidden_layers)

    @property
    def dropouts(self) -> tuple[float, ...]:
        """Dropout after each hidden layer, first to last."""
        if isinstance(self.dropout, list):
            return tuple(self.dropout) if self.has_layers else ()
        return (self.dropout,) * len(self.hidden_layers)

    @property
    def normalizes(self) -> str:
        """The normalisation, however it was given."""
        return "batch" if self.batch_norm else self.normalization

    @property
    def penalizes_activity(self) -> bool:
        return self.activity_l1 > 0 or self.activity_l2 > 0

    @property
    def stop_chooses(self) -> bool:
        """Whether the `stop` half plays a part in the training: it is no longer out of sample then."""
        return self.early_stopping > 0 or self.restore_best or self.schedule == "plateau"
