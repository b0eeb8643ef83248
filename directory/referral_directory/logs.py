"""Log lines: one JSON object each on standard error, and only what stands in the list.

Law: ids, codes, numbers and durations. What is not listed is dropped, not cut short: a name or an
address cannot get in by a new call somewhere.
"""

import logging
import sys
from typing import Final

import structlog
from structlog.typing import EventDict, WrappedLogger

ALLOWED: Final = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "method",
        "route",
        "status",
        "ms",
        "code",
        "kind",
        "index",
        "request",
        "answer",
        "size",
        "port",
        "incident",
        "error",
        "where",
    }
)


def only_allowed(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Drop every key that is not in the list."""
    return {key: value for key, value in line.items() if key in ALLOWED}


def set_up(level: str) -> None:
    """Send structlog's lines to standard error; other libraries only from warnings on."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            only_allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    logging.basicConfig(level=logging.CRITICAL)  # aiohttp's own lines quote requests
