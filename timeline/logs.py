"""How log lines are written: data, on standard error, never a token, a payload or a quoted passage."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import MutableMapping
from io import StringIO
from typing import Any, TextIO, cast

import structlog

CONNECTION_NAME_MAX = 63
"""Bytes; PostgreSQL cuts off the rest, and request ids are ASCII of at most 64."""


class _Lines:
    """A stream whose end never fails a request: whoever read our lines may have gone, the disk may be full."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure(log_format: str, level: str) -> None:
    """Set structlog, and route the libraries' own loggers through it."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info
        if log_format == "json" or not sys.stderr.isatty()
        else structlog.processors.StackInfoRenderer(),
        *([] if log_format == "json" else [_inert]),  # JSON escapes by itself
    ]
    rendered: Any = structlog.processors.JSONRenderer() if log_format == "json" else _console()
    least = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, rendered],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Lines(sys.stderr))),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_news)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=rendered, foreign_pre_chain=shared))
    logging.basicConfig(level=max(least, logging.WARNING), handlers=[handler], force=True)
    logging.captureWarnings(True)
    # Its pool tells a lost database with a page of traceback; our own loops say so in a line.
    logging.getLogger("asyncpg").setLevel(logging.ERROR)


def request_name() -> str:
    """What a connection to the database is called while it works for the request at hand: `timeline <request id>`."""
    found = structlog.contextvars.get_contextvars().get("request_id", "")
    return f"timeline {found}".strip()[:CONNECTION_NAME_MAX]


def _inert(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Whatever a terminal would act on, and whatever would begin a line of its own, as its escape."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = _escaped(value, "\n" if name == "exception" else "")
    return event


def _traceback(stream: TextIO, error: Any) -> None:
    """A traceback for a terminal; what its exception says may be anybody's words."""
    whole = StringIO()
    structlog.dev.plain_traceback(whole, error)
    stream.write(_escaped(whole.getvalue(), "\n"))


def _escaped(text: str, kept: str) -> str:
    return "".join(c if c.isprintable() or c in kept else repr(c)[1:-1] for c in text)


def _console() -> Any:
    """Colours for a person at a terminal. A file gets plain lines, written in a quarter of the time."""
    if sys.stderr.isatty():
        return structlog.dev.ConsoleRenderer(exception_formatter=_traceback)
    return _plain


def _plain(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """`2019-06-07T08:00:00Z [info] request method=GET status=200`, and a traceback below where there is one."""
    when, level, said = event.pop("timestamp", ""), event.pop("level", ""), event.pop("event", "")
    below = event.pop("exception", None)
    told = "".join(f" {name}={_word(value)}" for name, value in event.items())
    return f"{when} [{level}] {said}{told}" + (f"\n{below}" if below else "")


def _word(value: Any) -> str:
    """A value as one word: quoted where it has blanks, quotes or controls in it."""
    text = str(value)
    return text if text.isprintable() and text and not set(text) & set(" \"'=") else repr(text)


def _is_news(record: logging.LogRecord) -> bool:
    """Not that a request was cut off: stopping says how many, and needs no traceback for each."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))
