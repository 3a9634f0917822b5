"""A sweep without a cluster: the same plan, carried out by processes and a directory of runs."""
