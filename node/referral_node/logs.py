"""Log lines: one JSON object each on standard error, and only what stands in the list.

Law: ids, codes, numbers and durations. A key that is not listed is dropped, not cut short, so that
no new call somewhere can let a name, an address or a word of a case in.
"""

import logging
import sys
from typing import Final

import structlog
from structlog.typing import EventDict, WrappedLogger

ALLOWED: Final = frozenset(
    {
        "answered",
        "asked",
        "attachment",
        "code",
        "command",  # one of the names in control.py's table, never what somebody typed
        "entries",  # how many the log of the directory has
        "error",  # the type of an exception, never its text
        "event",
        "exchange",
        "failures",
        "free_mib",
        "held",
        "incident",
        "kind",
        "level",
        "member",
        "messages",
        "metrics",
        "ms",
        "pages",
        "parcel",
        "peer",
        "proof",
        "refused",
        "route",  # as it is written in the program, without the values of a request
        "state",  # of our request to join
        "timestamp",
        "where",  # module and line in our code
    }
)


def only_allowed(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Drop every key that is not in the list."""
    return {key: value for key, value in line.items() if key in ALLOWED}


def set_up(level: str) -> None:
    """Send structlog's lines to standard error; nothing of other libraries below critical."""
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
