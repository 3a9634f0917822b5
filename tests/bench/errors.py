"""What keeps a benchmark from measuring."""


class BenchError(Exception):
    """A benchmark could not be carried out; what it measures is not judged."""
