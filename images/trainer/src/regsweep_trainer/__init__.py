"""The reference training container of regsweep: a dense Keras network, real data, the whole training contract.

The contract itself is kept by regsweep_kit; here is what this trainer adds.
Pure modules (no I/O, no Keras): flags, dataset, preparation, estimator, metrics, record_columns, audit, training.
Shell: bundled and identity (which files, and what identifies a training), sources (reads them),
backend and network (Keras on TensorFlow, imported only once the flags are valid), run, main.
"""
