"""Masks keys in what libraries log of a request: its URL and its headers (§D.7).

The server itself logs neither. uvicorn writes the URL of each request to its access log, and at its
levels `debug` and `trace` the handshake's lines as they came, before the application can take a key
out of them (`serving/access/url_keys.py`).
"""

from __future__ import annotations

import logging
import re

HIDDEN = "***"

_IN_TEXT = re.compile(
    r"(?P<name>\?(?=[^\s'\"]*=)|query_string': b['\"]"
    r"|\b(?:api(?:-|%2d)key|authorization)=(?:bearer(?:\s|%20|\+)+)?"
    r"|openai-insecure-api-key\.)[^\s,;'\"]+",
    re.IGNORECASE,
)
"""The whole query of a URL, where a key may stand under any name, and a key in a browser's
subprotocol."""
_HEADER = re.compile(r"< ([\w-]*(?:auth|key|token|secret|cookie)[\w-]*): ", re.IGNORECASE)
"""How the websockets library logs a header that it received."""
_LIBRARIES = ("uvicorn.error", "uvicorn.access", "uvicorn.asgi")
"""Loggers that `uvicorn main:app` gives handlers of their own."""


def without_keys(text: str) -> str:
    """Return a text with its keys masked."""
    return _IN_TEXT.sub(rf"\g<name>{HIDDEN}", text)


def mask_keys(record: logging.LogRecord) -> bool:
    """Mask the keys in a record, which is logged in any case; a filter for `logging`."""
    said = record.getMessage()
    header = _HEADER.match(said)
    if header is not None:
        record.msg, record.args = f"{header[0]}{HIDDEN}", ()
    elif without_keys(said) != said:
        # The formatter of the access log wants the arguments, and a number must stay one.
        if isinstance(record.args, tuple):
            record.args = tuple(_masked(argument) for argument in record.args)
        record.msg = _masked(record.msg)
        said = record.getMessage()
        if without_keys(said) != said:
            record.msg, record.args = without_keys(said), ()
    return True


def mask_libraries() -> None:
    """Mask keys in what libraries log to handlers of their own."""
    for name in _LIBRARIES:
        logging.getLogger(name).addFilter(mask_keys)


def _masked(value: object) -> object:
    text = str(value)
    shown = without_keys(text)
    return value if shown == text else shown
