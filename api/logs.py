"""Logs as one JSON object a line, for whatever collects them."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

# What every record has; the rest was given with the message.
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Time, level, logger and message, and what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        given = {k: v for k, v in vars(record).items() if k not in _OF_EVERY_RECORD}
        if record.exc_info:
            given["exception"] = self.formatException(record.exc_info)
        return json.dumps(told | given, default=str)


def log_config(level: str = "INFO") -> dict[str, Any]:
    """Configuration of `logging` (and uvicorn's `log_config`): all to standard error, as JSON.

    uvicorn's own access log stays silent: ours knows the request's id, route and tenant.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonLines}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {"uvicorn.access": {"level": "WARNING"}},
    }
