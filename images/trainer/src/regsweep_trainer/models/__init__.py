"""The networks.

`inputs`, `schedules` and `constant` are pure. The others need Keras; `on_tensorflow` and `featurespace` TensorFlow, `on_jax` JAX.
"""
