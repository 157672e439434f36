"""Whether a file that was downloaded is the one that was asked for, as far as its source tells.

A file that is there is never fetched again. So what a portal that wants somebody to log in, a proxy
or a cut connection leaves in place of a model has to be found as it comes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import httpx

from settings.localisation import _

SIZE, SUM = "X-Linked-Size", "X-Linked-ETag"
"""Headers of Hugging Face, and of its mirrors, for files that lie elsewhere: bytes and SHA-256."""
_PAGES = ("text/html", "application/xhtml+xml")
_MARKUP = re.compile(rb"\s*<(!doctype|html|head|body)\b", re.IGNORECASE)
_BEGINS = {
    # The first field of a model, its format's version.
    ".onnx": re.compile(rb"\x08"),
    ".ort": re.compile(rb".{4}ORTM", re.DOTALL),
    ".json": re.compile(rb"(\xef\xbb\xbf)?\s*[\[{]"),
}
"""The end of a name → how such a file begins."""
_BLOCK_BYTES = 1 << 20
_LOOKED_AT = 512
"""Bytes that tell what a file is."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Unsound(Exception):
    """What came is not the file; the text says why."""


def refuse_answer(response: httpx.Response) -> None:
    """Raise `Unsound` if the head of an answer says that its body is not the file."""
    if (coding := response.headers.get("Content-Encoding", "identity").lower()) != "identity":
        raise Unsound(
            _("it comes coded by {coding}, which was not asked for").format(coding=coding)
        )
    if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() in _PAGES:
        raise Unsound(_page())


def refuse_file(file: Path) -> None:
    """Remove a file from Hugging Face's cache, and raise `Unsound`, if it is not what it should be.

    Its library looks at the size alone, and keeps files under what the hub calls their content: of
    large ones, the SHA-256.

    Args:
        file: As the library returned it.
    """
    kept = file.resolve()
    check = IntegrityCheck(file.name)
    check.expect(kept.name)
    with kept.open("rb") as opened:
        while piece := opened.read(_BLOCK_BYTES):
            check.add(piece)
    try:
        check.verify()
    except Unsound:
        file.unlink()
        kept.unlink(missing_ok=True)
        raise


class IntegrityCheck:
    """Compares a file, piece by piece as it comes, with what its source has said of it."""

    def __init__(self, name: str, answers: Sequence[httpx.Response] = ()) -> None:
        """Prepare.

        Args:
            name: The file's name.
            answers: The answers of HTTP in order: redirects, and the one that they led to.
        """
        size = told = ""
        for answer in answers:
            size = answer.headers.get(SIZE, size)
            told = answer.headers.get(SUM, told).strip('"').lower()
        self._begins = _BEGINS.get(Path(name).suffix)
        self._size = int(size) if size.isdecimal() else None
        self._sum: str | None = None
        self.expect(told)
        self._came = hashlib.sha256()
        self._head = b""
        self._bytes = 0

    def expect(self, told: str) -> None:
        """Expect content of this SHA-256, in hexadecimal.

        Of small files the hub tells another sum, which is not compared.
        """
        self._sum = told if _SHA256.fullmatch(told) else None

    def add(self, piece: bytes) -> None:
        """Take the next piece of the file."""
        self._head += piece[: _LOOKED_AT - len(self._head)]
        self._bytes += len(piece)
        if self._sum is not None:
            self._came.update(piece)

    def verify(self) -> None:
        """Raise `Unsound` if what came is not the file."""
        if not self._bytes:
            raise Unsound(_("it is empty"))
        if _MARKUP.match(self._head):
            raise Unsound(_page())
        if self._size not in (None, self._bytes):
            raise Unsound(
                _("{came} bytes came of {size}").format(came=self._bytes, size=self._size)
            )
        if self._sum not in (None, self._came.hexdigest()):
            raise Unsound(_("its SHA-256 is not the one that was announced"))
        if self._begins is not None and not self._begins.match(self._head):
            raise Unsound(_("it does not begin as such a file does"))


def _page() -> str:
    return _("a web page came instead, perhaps one to log in at")
