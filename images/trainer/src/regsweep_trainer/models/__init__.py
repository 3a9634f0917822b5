"""The networks: `inputs` and `schedules` are pure; `layers`, `penalties`, `optimizers` and `network` need Keras on TensorFlow."""
