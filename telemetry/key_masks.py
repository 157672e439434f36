"""Masks keys in what is logged: those of the settings in every line, those of clients in a request.

A vendor may quote the key that it refuses, and Pipecat logs what vendors say. What libraries log of
a request is its URL and its headers (§D.7). The server itself logs neither. uvicorn writes the URL
of each request to its access log, and at its levels `debug` and `trace` the handshake's lines as
they came, before the application can take a key out of them (`serving/access/url_keys.py`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import TextIO

from settings.masks import HIDDEN, masked

_IN_TEXT = re.compile(
    r"""(?P<query>\?)(?!\*\*\*(?:[\s'"]|$))\S+
    |(?P<scope>query_string':[ ]b)(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
    |(?P<key>\bauthorization=(?:(?:bearer|basic|digest|negotiate|ntlm|hmac|signature
        |(?:api-?)?key|token|aws4-hmac-sha256)(?:\s|%20|\+)+)?
      |\bapi(?:-|%2d)key=|openai-insecure-api-key\.
      |(?<![\w-])--(?:password|passwd|passphrase|token|secret|api-?key)=['"]?)
      (?:[\w-]+="[^"]*"(?:,\s*[\w-]+=(?:"[^"]*"|[^\s,;'"]+))*
      |[a-z][\w-]*(?:\s|%20|\+)(?=[^\s,;'"]*\d)[^\s,;'"=:]{3,}(?![^\s,;'"])|[^\s,;'"]+)
    |(?P<user>(?<![\w-])(?:-u|--user|--proxy-user)[\s=,'"]*[^\s:=,'"-][^\s:'"]*:)
      (?!\d+(?:[\s'"]|$)|//)[^\s'"]+""",
    re.IGNORECASE | re.VERBOSE,
)
"""The whole query of a URL, where a key may stand under any name, and a key elsewhere: behind its
name, with or without a scheme before it, and in the options of a command."""
_COMMANDS = re.compile(r"(\n|;\s|\s(?:&&|\|\|?)\s)")
_USER = re.compile(r"(?<![\w-])(?:-u|--user(?![\w-]))[\s=,'\"]*[A-Za-z]")
_PASSWORD = re.compile(
    r"(?P<option>(?<![\w-])-p(?:[\s,'\"]+(?!-))?)(?![\d:./]+(?:[\s'\"]|$))[^\s'\"]+"
)
"""`-p` has a password where `-u` has a user beside it; elsewhere it has ports, paths, projects."""
_HEADER = re.compile(r"< ([\w-]+): ")
"""How the websockets library logs a header that it received."""
_SHOWN = {
    *("accept", "accept-encoding", "accept-language", "cache-control", "connection"),
    *("content-length", "content-type", "host", "openai-beta", "origin", "pragma"),
    *("sec-websocket-extensions", "sec-websocket-version", "upgrade", "user-agent"),
}
"""Headers that are logged as they are."""
_LIBRARIES = ("uvicorn.error", "uvicorn.access", "uvicorn.asgi")
"""Loggers that `uvicorn main:app` gives handlers of their own."""


class Masked:
    """A stream on which no key is written."""

    def __init__(self, stream: TextIO, keys: Iterable[str]) -> None:
        self._stream = stream
        self._keys = tuple(keys)

    def write(self, text: str) -> None:
        """Write a text, in which all keys are masked: one in two pieces would not be found."""
        self._stream.write(masked(text, self._keys))

    def flush(self) -> None:
        """Write what is buffered."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Return whether somebody reads it on a terminal."""
        return self._stream.isatty()


def without_keys(text: str) -> str:
    """Return a text with its keys masked."""
    shown = _IN_TEXT.sub(_hidden, text)
    if "-p" not in shown:
        return shown
    return "".join(map(_without_password, _COMMANDS.split(shown)))


def _without_password(command: str) -> str:
    if _USER.search(command) is None:
        return command
    return _PASSWORD.sub(rf"\g<option>{HIDDEN}", command)


def _hidden(found: re.Match[str]) -> str:
    kept = found["query"] or found["scope"] or found["key"] or found["user"]
    return f"{kept}'{HIDDEN}'" if found["scope"] else f"{kept}{HIDDEN}"


def mask_keys(record: logging.LogRecord) -> bool:
    """Mask the keys in a record, which is logged in any case; a filter for `logging`."""
    said = record.getMessage()
    header = _HEADER.match(said)
    if header is not None and header[1].lower() not in _SHOWN:
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
