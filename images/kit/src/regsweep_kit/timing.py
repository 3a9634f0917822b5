"""When a run began, and how long ago that was."""

import time


class Stopwatch:
    """Runs from its creation on. The clock may be set meanwhile: what has passed is measured by another one."""

    def __init__(self) -> None:
        self.start = int(time.time())
        """In Unix seconds."""
        self._began = time.monotonic()

    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._began
