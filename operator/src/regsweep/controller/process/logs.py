"""Logging of the operator: one line per event, on stderr, as text or JSON; other people's libraries only when something is wrong."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

_QUIET = ("kopf", "aiohttp", "asyncio", "kubernetes")


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.exc_info else text.replace("\n", " | ")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def set_up_logging(level: str, form: str) -> None:
    """Sends everything to stderr; `level` as in logging, lower case; `form` is `text` or `json`."""
    handler = logging.StreamHandler()
    text = _TextFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(_JsonFormatter() if form == "json" else text)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # Each of its failed requests and tasks, with a trace; our own informers and `listener` say the same in one line.
    for name in ("kopf._cogs.clients", "kopf._core.reactor"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
