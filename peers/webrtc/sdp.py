"""What an offer and an answer of a call say, as far as a call needs it; pure.

`offer` reads what a client offers, `answer` writes what the server says to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
CodecName = Literal["opus", "PCMU", "PCMA"]
DtlsRole = Literal["client", "server"]


class InvalidOffer(ValueError):
    """An offer that cannot be answered; the message says why, and what to offer."""


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """User name and password of one side's connectivity checks."""

    username: str
    password: str
    lite: bool = False


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Digest of the certificate that the DTLS handshake must show."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class IceCandidate:
    """An address, by number, and a port at which a side may be reached."""

    foundation: str
    priority: int
    address: str
    port: int
    type: str


@dataclass(frozen=True, slots=True)
class Codec:
    """How audio is encoded, under which payload type."""

    name: CodecName
    payload_type: int
    fec: bool = False
    """Whether the client wants redundancy against loss (Opus)."""

    @property
    def clock_rate(self) -> int:
        """Ticks of RTP timestamps per second."""
        return 48000 if self.name == "opus" else 8000


@dataclass(frozen=True, slots=True)
class Section:
    """One media section (`m=`) of an offer."""

    kind: str
    protocol: str
    formats: tuple[str, ...]
    rejected: bool
    attributes: tuple[tuple[str, str], ...]

    def all(self, name: str) -> Iterator[str]:
        """Yield the values of an attribute, in order."""
        return (value for key, value in self.attributes if key == name)

    def first(self, name: str) -> str | None:
        """Return the first value of an attribute."""
        return next(self.all(name), None)


@dataclass(frozen=True, slots=True)
class OfferedAudio:
    """The audio stream of a call."""

    section: int
    codec: Codec
    direction: Direction
    """As answered, seen from the server."""


@dataclass(frozen=True, slots=True)
class OfferedChannel:
    """The association that carries the data channel of a call."""

    section: int
    port: int
    max_message_size: int
    """Bytes of the largest message that the client takes; 0: any."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client offers, as far as a call needs it."""

    sections: tuple[Section, ...]
    bundle: tuple[str, ...]
    """The `mid`s of those that share one connection; empty: there is one alone."""
    audio: OfferedAudio | None
    channel: OfferedChannel | None
    ice: IceCredentials
    fingerprints: tuple[Fingerprint, ...]
    role: DtlsRole
    """The server's role in the DTLS handshake."""
    candidates: tuple[IceCandidate, ...]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The server's side of a call, as its answer announces it."""

    ice: IceCredentials
    fingerprints: Sequence[Fingerprint]
    candidates: Sequence[IceCandidate]
    ssrc: int
    cname: str
    session_id: int
