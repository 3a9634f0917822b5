"""The reference training container of regsweep: a dense Keras network, real data, the whole training contract.

Pure modules (no I/O, no Keras): contract, resampling, flags, seeds, dataset, splits, preparation, estimator, metrics, testlosses,
audit, epochs, record.
Shell: sources (files), journal (termination message), exposition and server (/metrics), stopping (SIGTERM),
backend, network and training (Keras on TensorFlow, imported only once the flags are valid), run, main.
"""
