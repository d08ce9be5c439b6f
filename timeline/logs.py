"""How log lines are written: data, on standard error, never a token, a payload or a quoted passage."""

import asyncio
import logging
import sys
from typing import Any

import structlog


def configure(log_format: str, level: str) -> None:
    """Set structlog, and route the libraries' own loggers through it."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if log_format == "json" else structlog.processors.StackInfoRenderer(),
    ]
    rendered: Any = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    least = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, rendered],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_news)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=rendered, foreign_pre_chain=shared))
    logging.basicConfig(level=max(least, logging.WARNING), handlers=[handler], force=True)
    logging.captureWarnings(True)
    # Its pool tells a lost database with a page of traceback; our own loops say so in a line.
    logging.getLogger("asyncpg").setLevel(logging.ERROR)


def _is_news(record: logging.LogRecord) -> bool:
    """Not that a request was cut off: stopping says how many, and needs no traceback for each."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))
