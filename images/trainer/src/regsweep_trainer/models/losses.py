"""The loss that is trained, from logits: with smoothed labels and weights where the flags ask for them. Metrics know neither."""

from typing import Any

import tensorflow as tf

from regsweep_trainer.data.dataset import Head


def row_losses(head: Head, logits: Any, y: Any, smoothing: float) -> Any:
    """The loss of each row, shape (rows,). logits: shape (rows, 1 or classes). y: classes' indices, or standardised numbers."""
    if head is Head.BINARY:
        labels = y * (1 - smoothing) + smoothing / 2 if smoothing else y
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits[:, 0])
    if head is Head.MULTICLASS:
        classes = tf.cast(y, tf.int32)
        if not smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=logits)
        count = logits.shape[1]
        labels = tf.one_hot(classes, count) * (1 - smoothing) + smoothing / count
        return tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return tf.square(logits[:, 0] - y)
