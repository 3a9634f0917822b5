"""The reference training container of regsweep: a dense Keras network, real data, the whole training contract.

The contract itself is kept by regsweep_kit; here is what this trainer adds.
Pure (no I/O, no Keras): flags, dataset, preparation, weighting, estimator, metrics, record_columns, audit, fitting (do flags and data fit),
task, judging and training (one replicate).
Shell: bundled and identity (which files, and what identifies a training), sources (reads them),
backend and models (Keras on TensorFlow, imported only once the flags are valid), run, main.
"""
