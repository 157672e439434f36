"""Reads what a network says of itself, without loading it.

Its metadata stand beside hundreds of megabytes of weights in one protocol buffer; the weights are
skipped over. Loading the network to ask it would take as much time and memory as using it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_METADATA = 14
"""Field of `ModelProto`: pairs of a key (field 1) and a value (field 2)."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class BrokenModelError(Exception):
    """The file is no ONNX network, or it is cut off."""


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of the network in a file.

    Raises:
        BrokenModelError: It is none.
        OSError: It cannot be read.
    """
    found: dict[str, str] = {}
    size = path.stat().st_size
    with path.open("rb") as file:
        for field, length in _fields(file, size):
            if field == _METADATA:
                end = file.tell() + length
                pair = {number: file.read(piece) for number, piece in _fields(file, end)}
                found[_text(pair.get(1, b""))] = _text(pair.get(2, b""))
    return found


def _fields(file: BinaryIO, end: int) -> Iterator[tuple[int, int]]:
    """Yield number and length of each field that holds bytes; the caller may read them."""
    while (start := file.tell()) < end:
        tag = _varint(file)
        number, kind = tag >> 3, tag & 7
        if kind == _BYTES:
            length = _varint(file)
            behind = file.tell() + length
            if behind > end:
                raise BrokenModelError(f"a field at {start} reaches beyond the end")
            yield number, length
            file.seek(behind)
        elif kind == _VARINT:
            _varint(file)
        elif kind in (_FIXED64, _FIXED32):
            file.seek(8 if kind == _FIXED64 else 4, 1)
        else:
            raise BrokenModelError(f"there is no field of type {kind}")


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise BrokenModelError("a number is cut off")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
