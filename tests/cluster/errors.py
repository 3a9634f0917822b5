"""What goes wrong in the built-in cluster in a way that its user can mend."""


class ClusterError(Exception):
    """Says what was found, where, and what to do; shown without a traceback."""
