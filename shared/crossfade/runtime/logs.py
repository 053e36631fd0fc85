"""Logs: constant phrases with everything variable beside them; JSON, or text on a terminal."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

from crossfade.runtime.service import delivery
from crossfade.settings import LogSettings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_NOISY = ("faststream", "nats", "aiohttp.access", "kubernetes_asyncio", "asyncio")
_PLAIN = "\x1b[0m"
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31;1m"}


def configure(settings: LogSettings, service: str) -> None:
    """Send this process's logs to standard error in the wanted form."""
    text = settings.format == "text" or (settings.format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(TextFormatter(service) if text else JsonFormatter(service))
    logging.basicConfig(handlers=[handler], level=settings.level.upper(), force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def extras(record: logging.LogRecord) -> dict[str, Any]:
    """What a line carries besides its phrase."""
    cause = delivery.get().cause
    own = {k: v for k, v in vars(record).items() if k not in _STANDARD}
    return ({"cause": cause} if cause else {}) | own


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "service": self.service,
            "what": record.getMessage(),
            "logger": record.name,
        }
        line |= extras(record)
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class TextFormatter(logging.Formatter):
    """One readable line, coloured by severity."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        more = " ".join(f"{key}={value}" for key, value in extras(record).items())
        colour = _COLOURS.get(record.levelname, "")
        line = f"{at} {self.service:<9} {colour}{record.getMessage()}{colour and _PLAIN} {more}"
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return line.rstrip() + trace
