"""Benchmarks: what regsweep costs, measured on the built-in Kubernetes."""
