"""Configures the server's log: lines for people, or JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING

from loguru import logger

from config import ServerConfig
from settings.masks import masked
from telemetry.key_masks import Masked, mask_keys, mask_libraries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loguru import Message, Record

_QUOTING = ("mcp", "client")
"""Libraries whose errors quote what they were sent: words, which are logged with `debug` alone.
`client` is a name that `mcp` uses. What failed for a user is logged and reported in any case."""


def configure_logging(server: ServerConfig, keys: Sequence[str] = ()) -> None:
    """Write the log to standard error; with `debug`, that of libraries too.

    Args:
        server: How much of it, and in which form.
        keys: Texts that no line may show, whoever writes it (`Settings.key_texts`): a service may
            quote the key that it refuses, and Pipecat what services say.
    """
    verbose = server.verbose
    level = "DEBUG" if verbose else server.log_level.upper()
    forwarding = _Forwarding()
    forwarding.addFilter(mask_keys)
    logging.basicConfig(
        handlers=[forwarding], level=logging.INFO if verbose else logging.WARNING, force=True
    )
    mask_libraries()
    for name in _QUOTING:
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.CRITICAL)
    logging.getLogger("uvicorn.error").addFilter(_is_no_refusal)
    logger.remove()
    if verbose:
        logger.enable("pipecat")
    if server.log_json:
        write = _JsonLines(keys)
        logger.add(write, level=level, format="{message}", backtrace=False, diagnose=False)
        return
    logger.add(
        Masked(sys.stderr, keys),
        level=level,
        format="{time:HH:mm:ss} {level:<7} {message}" + (" ({name}:{line})" if verbose else ""),
        backtrace=verbose,
        diagnose=False,
    )


class _Forwarding(logging.Handler):
    """Forwards records of Python's `logging`, which libraries use, to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record under the library's name."""

        def name(line: Record) -> None:
            line["name"] = record.name

        log = logger.patch(name).opt(exception=record.exc_info)
        log.log(record.levelname, record.getMessage())


_MEANT = (
    "ASGI callable returned without completing handshake.",
    "ASGI callable returned without completing response.",
)
"""What uvicorn says of each handshake that was refused with an HTTP status, and of each response
that was cut so that its client does not take it for whole: no errors."""


def _is_no_refusal(record: logging.LogRecord) -> bool:
    """Drop what is no error."""
    return record.msg not in _MEANT


class _JsonLines:
    """Writes one JSON object per line, with the values bound to the line as fields."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = keys

    def __call__(self, message: Message) -> None:
        """Write a line."""
        record = message.record
        line = {
            "time": record["time"].isoformat(),
            "level": record["level"].name.lower(),
            "message": record["message"],
            "logger": record["name"],
            **record["extra"],
        }
        if record["exception"] is not None:
            # The text after the message is the traceback, without the values of variables.
            line["exception"] = str(message).removeprefix(record["message"]).strip()
        written = json.dumps(line, ensure_ascii=False, default=str)
        print(masked(written, self._keys), file=sys.stderr, flush=True)
