"""Forms, as clients write them."""

from __future__ import annotations

import pytest

from serving.calls.offers import MOST_PARTS, form_fields
from wire.errors import ProtocolError


def part(disposition: str, content: bytes = b"x") -> bytes:
    return b"--b\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + content + b"\r\n"


@pytest.mark.parametrize(
    "disposition",
    [
        'form-data; name="sdp"',
        "form-data; name=sdp",
        'form-data; name="sdp"; filename="offer.sdp"',
        'form-data; filename="offer.sdp"; name="sdp"',
        "form-data; name*=utf-8''sdp",
    ],
)
def test_a_part_is_known_by_its_name(disposition: str) -> None:
    assert form_fields(part(disposition) + b"--b--\r\n", b"b") == {"sdp": b"x"}


def test_contents_are_kept_to_the_byte() -> None:
    content = b"v=0\r\n--b-not\r\n\r\n\x00\xff\r\n"
    body = b"preamble\r\n" + part('form-data; name="sdp"', content) + b"--b--"
    with pytest.raises(ProtocolError):
        form_fields(body, b"bb")
    content = content.replace(b"--b", b"--c")
    body = b"preamble\r\n" + part('form-data; name="sdp"', content) + b"--b--"
    assert form_fields(body, b"b") == {"sdp": content}


def test_of_parts_with_one_name_the_first_holds() -> None:
    body = part('form-data; name="sdp"', b"1") + part('form-data; name="sdp"', b"2") + b"--b--"
    assert form_fields(body, b"b") == {"sdp": b"1"}


@pytest.mark.parametrize(
    ("body", "boundary"),
    [
        (b"", b"b"),
        (b"--b", b"b"),
        (b"--b--", b""),
        (part('form-data; name="sdp"'), b"b"),
        (part('form-data; name="sdp"') + b"--b--", b"other"),
        (part('form-data; name="sdp"') * (MOST_PARTS + 1) + b"--b--", b"b"),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, boundary: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        form_fields(body, boundary)
    assert caught.value.code == "invalid_multipart"


def test_a_part_whose_head_does_not_end_is_ignored():
    """Looking for headers in megabytes of a file would take seconds."""
    endless = b"--b\r\n" + b"a: b\r\n" * 100_000
    body = endless + b"\r\n" + part('form-data; name="sdp"') + b"--b--"
    assert form_fields(body, b"b")["sdp"] == b"x"


def test_a_part_without_a_name_or_headers_is_ignored() -> None:
    body = b"--b\r\n\r\nx\r\n--b\r\nno header at all\r\n" + part('form-data; name="sdp"') + b"--b--"
    assert form_fields(body, b"b")["sdp"] == b"x"
