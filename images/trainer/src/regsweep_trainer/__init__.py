"""The reference training container of regsweep: a dense Keras network, real data, the whole training contract.

The contract itself is kept by regsweep_kit; here is what this trainer adds.
Pure (no I/O, no Keras): flags; fitting (do flags and data fit); encoding, scaling, weighting and preparation (what a network sees);
estimator, metrics, record_columns, audit; task, judging and training (one replicate).
Shell: identity (which files, and what identifies a training), data (reads them), backend and models (Keras on TensorFlow or JAX, imported
only once the flags are valid), run, main.
"""
