"""The loss that is trained, from logits: with smoothed labels and weights where the flags ask for them. Metrics know neither."""

from typing import Any

from keras import ops

from regsweep_trainer.data.dataset import Head


def row_losses(head: Head, logits: Any, y: Any, smoothing: float) -> Any:
    """The loss of each row, shape (rows,). logits: shape (rows, 1 or classes). y: classes' indices, or standardised numbers."""
    if head is Head.BINARY:
        labels = y * (1 - smoothing) + smoothing / 2 if smoothing else y
        return ops.binary_crossentropy(labels, logits[:, 0], from_logits=True)
    if head is Head.MULTICLASS:
        classes = ops.cast(y, "int32")
        if not smoothing:
            return ops.sparse_categorical_crossentropy(classes, logits, from_logits=True)
        count = logits.shape[1]
        labels = ops.one_hot(classes, count) * (1 - smoothing) + smoothing / count
        return ops.categorical_crossentropy(labels, logits, from_logits=True)
    return ops.square(logits[:, 0] - y)
