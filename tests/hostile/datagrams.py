"""Datagrams that no client of good will sends to the UDP port of calls.

They look like checks (STUN), handshakes (DTLS) and media (RTP, RTCP), each as it should be up to
some point: what is wrong lies behind what a first look sees. One seed gives the same ones every
time.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import zlib
from collections.abc import Iterator
from random import Random

from google_crc32c import value as crc32c

COOKIE = 0x2112A442
REQUEST, INDICATION, RESPONSE, ERROR = 0x0001, 0x0011, 0x0101, 0x0111
USERNAME, INTEGRITY, PRIORITY, USE_CANDIDATE = 0x0006, 0x0008, 0x0024, 0x0025
FINGERPRINT, CONTROLLING, CONTROLLED, XOR_MAPPED = 0x8028, 0x802A, 0x8029, 0x0020
ATTRIBUTES = (
    *(0x0001, USERNAME, INTEGRITY, 0x0009, 0x000A, 0x000C, 0x000D, 0x0012, 0x0013, 0x0014, 0x0015),
    *(0x0016, 0x0019, XOR_MAPPED, PRIORITY, USE_CANDIDATE, FINGERPRINT, CONTROLLED, CONTROLLING),
    *(0x8022, 0x8023, 0xFFFF, 0x0000),
)
LARGEST = 65507
"""Bytes that a datagram can have over IPv4."""

Attribute = tuple[int, bytes]


def stun(
    kind: int,
    attributes: list[Attribute],
    transaction: bytes = bytes(12),
    password: str | None = None,
    *,
    fingerprint: bool = False,
) -> bytes:
    """Return a STUN message (RFC 8489).

    Args:
        kind: Method and class.
        attributes: Type and value of each.
        transaction: Twelve bytes.
        password: Makes a digest over what comes before; None: there is none.
        fingerprint: Whether a checksum ends it.
    """
    body = b"".join(map(_attribute, attributes))
    if password is not None:
        covered = _header(kind, len(body) + 24, transaction) + body
        digest = hmac.new(password.encode(), covered, hashlib.sha1).digest()
        body += _attribute((INTEGRITY, digest))
    if fingerprint:
        covered = _header(kind, len(body) + 8, transaction) + body
        body += _attribute((FINGERPRINT, struct.pack("!I", zlib.crc32(covered) ^ 0x5354554E)))
    return _header(kind, len(body), transaction) + body


def _header(kind: int, length: int, transaction: bytes) -> bytes:
    return struct.pack("!HHI", kind, length & 0xFFFF, COOKIE) + transaction


def _attribute(attribute: Attribute) -> bytes:
    kind, value = attribute
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


class Datagrams:
    """An endless supply of hostile datagrams."""

    def __init__(self, seed: int, username: str | None = None, password: str | None = None) -> None:
        """Prepare.

        Args:
            seed: For the same ones again.
            username: That of a call's checks, `server:client`; None: the sender knows of no call.
            password: The server's for that call: then the sender is its client.
        """
        self._random = Random(seed)
        self._username = username
        self._password = password

    def __iter__(self) -> Iterator[bytes]:
        """Yield them."""
        makers = (self._check, self._check, self._check, self._dtls, self._media, self._noise)
        while True:
            data = self._random.choice(makers)()
            yield (self._damaged(data) if self._random.random() < 0.3 else data)[:LARGEST]

    def _bytes(self, most: int) -> bytes:
        return self._random.randbytes(self._random.randint(0, most))

    def _check(self) -> bytes:
        rng = self._random
        good: list[Attribute] = [
            (USERNAME, (self._username or "nobody:else").encode()),
            (PRIORITY, struct.pack("!I", rng.getrandbits(32))),
            (CONTROLLING, rng.randbytes(8)),
            (USE_CANDIDATE, b""),
        ]
        chosen = [attribute for attribute in good if rng.random() < 0.8]
        for _ in range(rng.choice((0, 0, 1, 2, 8))):
            odd = rng.choice(ATTRIBUTES), self._bytes(rng.choice((0, 3, 8, 64)))
            chosen.insert(rng.randint(0, len(chosen)), odd)
        if rng.random() < 0.1:
            chosen.append((USERNAME, rng.choice((b"", b":", b"\xff:x", b"a" * 600, b"\0"))))
        kind = rng.choice((REQUEST, REQUEST, REQUEST, INDICATION, RESPONSE, ERROR, 0x0003, 0x3FFF))
        password = rng.choice((self._password, "guessed", None))
        return stun(kind, chosen, rng.randbytes(12), password, fingerprint=rng.random() < 0.5)

    def _dtls(self) -> bytes:
        rng = self._random
        body = self._bytes(rng.choice((0, 12, 200, 1400)))
        if rng.random() < 0.5:
            # A handshake message: its type, and lengths that need not be true.
            lengths = rng.choice((len(body), 0, 0xFFFFFF, 1))
            body = (
                bytes([rng.choice((1, 2, 11, 14, 16, 20, 255))])
                + lengths.to_bytes(3, "big")
                + struct.pack("!H", rng.choice((0, 1, 0xFFFF)))
                + rng.choice((0, 5, 0xFFFFFF)).to_bytes(3, "big")
                + len(body).to_bytes(3, "big")
                + body
            )
        return (
            bytes([rng.choice((20, 21, 22, 23, 24, 25, 63))])
            + rng.choice((b"\xfe\xff", b"\xfe\xfd", b"\xfe\xfc", b"\x03\x03"))
            + struct.pack("!H", rng.choice((0, 0, 1, 0xFFFF)))
            + rng.choice((0, 1, 2**48 - 1)).to_bytes(6, "big")
            + struct.pack("!H", rng.choice((len(body), 0, 0xFFFF)) & 0xFFFF)
            + body
        )

    def _media(self) -> bytes:
        return media(self._random)

    def _noise(self) -> bytes:
        rng = self._random
        return rng.choice(
            (b"", b"\0", bytes(20), b"\xff" * 12, self._bytes(100), self._bytes(1500), bytes(9000))
        )

    def _damaged(self, data: bytes) -> bytes:
        rng, damaged = self._random, bytearray(data)
        match rng.randrange(4):
            case 0:
                return data[: rng.randint(0, len(data))]
            case 1:
                return data + self._bytes(40)
            case 2 if damaged:
                for _ in range(rng.randint(1, 6)):
                    damaged[rng.randrange(len(damaged))] = rng.getrandbits(8)
            case _ if len(damaged) >= 4:
                # The length that STUN and RTCP have there.
                damaged[2:4] = rng.choice((b"\0\0", b"\xff\xff", b"\0\x01"))
        return bytes(damaged)


def media(rng: Random) -> bytes:
    """Return what looks like RTP or RTCP, and is as odd as it can be.

    A connected client may encrypt it, so that the server finds it genuine.
    """
    if rng.random() < 0.5:
        kind = rng.choice((200, 201, 202, 203, 204, 205, 206, 207, 192, 223))
        body = rng.randbytes(4 * rng.randint(0, 40))
        words = rng.choice((len(body) // 4, 0, 0xFFFF, len(body) // 4 + 1))
        count = rng.randrange(32)
        return bytes([0x80 | rng.choice((0, 0x20)) | count, kind]) + struct.pack("!H", words) + body
    first = 0x80 | rng.choice((0, 0, 0x10, 0x20, 0x30)) | rng.choice((0, 0, 1, 15))
    payload_type = rng.choice((0, 8, 13, 96, 109, 111, 111, 111, 126, 127))
    marker = rng.choice((0, 0x80))
    head = struct.pack(
        "!BBHII",
        first,
        payload_type | marker if payload_type | marker not in range(192, 224) else payload_type,
        rng.getrandbits(16),
        rng.choice((0, 2**32 - 1, rng.getrandbits(32))),
        rng.choice((0, 1, rng.getrandbits(32))),
    )
    return head + rng.randbytes(rng.choice((0, 1, 2, 3, 20, 160, 1200)))


def sctp(rng: Random, source: int, target: int, tag: int) -> bytes:
    """Return an SCTP packet that is odd behind its checksum, which is right nine times of ten."""
    chunks = b""
    for _ in range(rng.choice((0, 1, 1, 1, 3, 20))):
        body = rng.randbytes(rng.choice((0, 3, 12, 16, 40, 300)))
        kind = rng.choice((*range(15), 64, 128, 130, 192, 193, 255))
        length = rng.choice((len(body) + 4, len(body) + 4, len(body) + 4, 0, 3, 0xFFFF))
        chunks += (
            struct.pack("!BBH", kind, rng.getrandbits(8), length) + body + bytes(-len(body) % 4)
        )
    known = tag if rng.random() < 0.9 else rng.getrandbits(32)
    head = struct.pack("!HHI", source, target, known)
    checksum = crc32c(head + bytes(4) + chunks) if rng.random() < 0.9 else rng.getrandbits(32)
    return head + struct.pack("<I", checksum) + chunks
