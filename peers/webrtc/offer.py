"""Reads the SDP offers of clients; pure.

Only what a call needs is taken: one audio stream, in Opus, and one data channel. What a browser,
aiortc, pion or an ESP32 writes differs in small things (no candidates yet, no final line break, old
names of SCTP); all of it is read. An offer that cannot work is refused with the reason, before it
has cost anything (`docs/wire.md` §D.2).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from peers.webrtc.sdp import (
    Codec,
    CodecName,
    Direction,
    DtlsRole,
    Fingerprint,
    IceCandidate,
    IceCredentials,
    InvalidOffer,
    Offer,
    OfferedAudio,
    OfferedChannel,
    Section,
)

MAX_OFFER = 64 * 1024
"""Characters of an offer; browsers write about 6000."""
MAX_SECTIONS = 32
MAX_CANDIDATES = 20
"""Candidates of a client that are tried; each costs packets to an address that it names."""
DEFAULT_MAX_MESSAGE_SIZE = 65536
"""Bytes of the largest message of a client whose offer does not say (RFC 8841, section 6)."""

_ANSWERS: dict[str, Direction] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
_STATIC_CODECS: dict[int, CodecName] = {0: "PCMU", 8: "PCMA"}
"""Payload types that need no `rtpmap`."""
_DIGEST_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_ICE_USERNAME = re.compile(r"[A-Za-z0-9+/]{4,256}")
_ICE_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,64}")
_LINE = re.compile(r"([a-z])=(.*)")
_SCTP = ("UDP/DTLS/SCTP", "DTLS/SCTP")


def read_offer(text: str) -> Offer:
    """Read an offer.

    Raises:
        InvalidOffer: It is no SDP, or nothing in it can be answered.
    """
    session, sections = _parse(text)
    audio = _audio(sections)
    channel = _channel(sections)
    used = [part.section for part in (audio, channel) if part is not None]
    if not used:
        raise InvalidOffer(
            "The offer has neither an audio section nor a data channel: add an audio track or a "
            "data channel before creating it."
        )
    bundle = _bundle(session, sections, used)
    # In a bundle, the first section's transport is that of all (RFC 8843); what stands before the
    # sections holds for each.
    transport = [sections[min(used)], session, *(sections[index] for index in used)]
    return Offer(
        sections=tuple(_outside_rejected(sections, used, bundle)),
        bundle=bundle,
        audio=audio,
        channel=channel,
        ice=_credentials(transport),
        fingerprints=_fingerprints(transport),
        role=_role(transport),
        candidates=_candidates([sections[index] for index in used]),
    )


def _parse(text: str) -> tuple[Section, list[Section]]:
    if len(text) > MAX_OFFER:
        raise InvalidOffer(f"The offer is longer than {MAX_OFFER} characters.")
    if not text.lstrip().startswith("v=0"):
        raise InvalidOffer("The offer is not SDP: it does not begin with `v=0`.")
    attributes: list[tuple[str, str]] = []
    session = Section("", "", (), False, ())
    sections: list[Section] = []
    head = session

    def finish() -> None:
        nonlocal session
        done = Section(head.kind, head.protocol, head.formats, head.rejected, tuple(attributes))
        if head.kind:
            sections.append(done)
        else:
            session = done

    for line in text.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None:
            continue
        kind, value = match.groups()
        if kind == "m":
            finish()
            if len(sections) == MAX_SECTIONS:
                raise InvalidOffer(f"The offer has more than {MAX_SECTIONS} media sections.")
            head = _media(value)
            attributes = []
        elif kind == "a":
            name, _, rest = value.partition(":")
            attributes.append((name, rest.strip()))
    finish()
    if not sections:
        raise InvalidOffer("The offer has no media sections.")
    sections = [_without_port_zero(section) for section in sections]
    mids = [mid for section in sections if (mid := section.first("mid")) is not None]
    if not all(_TOKEN.fullmatch(mid) for mid in mids) or len(set(mids)) < len(mids):
        raise InvalidOffer("The offer has an `a=mid` that is no token, or the same one twice.")
    return session, sections


def _media(value: str) -> Section:
    fields = value.split()
    tokens = [*fields[:1], *fields[3:]]
    if (
        len(fields) < 4
        or not re.fullmatch(r"[0-9]{1,5}(/[0-9]{1,5})?", fields[1])
        or not re.fullmatch(r"[A-Z/]{3,32}", fields[2])
        or not all(_TOKEN.fullmatch(token) for token in tokens)
    ):
        raise InvalidOffer(f"The offer has a media line that cannot be read: `m={value[:80]}`.")
    return Section(fields[0], fields[2], tuple(fields[3:]), int(fields[1].split("/")[0]) == 0, ())


def _without_port_zero(section: Section) -> Section:
    """Port 0 rejects a section, unless it has no port of its own because it is bundled."""
    if not section.rejected or section.first("bundle-only") is None:
        return section
    return replace(section, rejected=False)


def _audio(sections: Sequence[Section]) -> OfferedAudio | None:
    for index, section in enumerate(sections):
        if section.kind != "audio" or section.rejected:
            continue
        if "RTP/SAVP" not in section.protocol:
            raise InvalidOffer(
                f"The audio is offered as {section.protocol}, which is not encrypted: offer "
                "UDP/TLS/RTP/SAVPF, as WebRTC does."
            )
        if section.first("rtcp-mux") is None:
            raise InvalidOffer("The audio is offered without `a=rtcp-mux`, which is required.")
        return OfferedAudio(index, _codec(section), _direction(section))
    return None


def _codec(section: Section) -> Codec:
    names: dict[int, str] = {}
    for value in section.all("rtpmap"):
        number, _, name = value.partition(" ")
        if number.isascii() and number.isdigit() and len(number) <= 3:
            names[int(number)] = name.strip().lower()
    offered = [
        int(form)
        for form in section.formats
        if form.isascii() and form.isdigit() and len(form) <= 3 and int(form) < 128
    ]
    for payload_type in offered:
        if names.get(payload_type, "").startswith("opus/48000"):
            settings = next(
                (
                    value.partition(" ")[2]
                    for value in section.all("fmtp")
                    if value.partition(" ")[0] == str(payload_type)
                ),
                "",
            )
            return Codec("opus", payload_type, "useinbandfec=1" in settings.replace(" ", ""))
    for payload_type in offered:
        if payload_type in _STATIC_CODECS:
            return Codec(_STATIC_CODECS[payload_type], payload_type)
    raise InvalidOffer("The offer has no audio codec that this server speaks: offer Opus.")


def _direction(section: Section) -> Direction:
    for name, _ in section.attributes:
        if name in _ANSWERS:
            return _ANSWERS[name]
    return "sendrecv"


def _channel(sections: Sequence[Section]) -> OfferedChannel | None:
    for index, section in enumerate(sections):
        if section.kind != "application" or section.rejected or section.protocol not in _SCTP:
            continue
        port = section.first("sctp-port") or (section.first("sctpmap") or "5000").split()[0]
        size = section.first("max-message-size")
        return OfferedChannel(
            index,
            _number(port, "a=sctp-port", 65535),
            DEFAULT_MAX_MESSAGE_SIZE if size is None else _number(size, "a=max-message-size"),
        )
    return None


def _number(text: str, name: str, largest: int = 2**63) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= largest):
        raise InvalidOffer(f"The offer's `{name}` is no number that it can be: `{text[:40]}`.")
    return int(text)


def _bundle(session: Section, sections: Sequence[Section], used: Sequence[int]) -> tuple[str, ...]:
    wanted = {sections[index].first("mid") for index in used}
    for value in session.all("group"):
        semantics, *mids = value.split() or [""]
        if semantics == "BUNDLE" and wanted <= set(mids):
            return tuple(dict.fromkeys(mids))
    if len(used) > 1:
        raise InvalidOffer(
            "Audio and data channel are offered as connections of their own: offer them in one "
            "`a=group:BUNDLE`, as browsers do."
        )
    return ()


def _outside_rejected(
    sections: Sequence[Section], used: Sequence[int], bundle: Sequence[str]
) -> Iterator[Section]:
    """Reject what would need a connection of its own."""
    for index, section in enumerate(sections):
        outside = index not in used and section.first("mid") not in bundle
        yield replace(section, rejected=True) if outside else section


def _credentials(transport: Sequence[Section]) -> IceCredentials:
    username = next(filter(None, (part.first("ice-ufrag") for part in transport)), "")
    password = next(filter(None, (part.first("ice-pwd") for part in transport)), "")
    if not _ICE_USERNAME.fullmatch(username) or not _ICE_PASSWORD.fullmatch(password):
        raise InvalidOffer(
            "The offer's `a=ice-ufrag` or `a=ice-pwd` is missing or not what RFC 8839 allows."
        )
    lite = any(part.first("ice-lite") is not None for part in transport)
    return IceCredentials(username, password, lite)


def _fingerprints(transport: Sequence[Section]) -> tuple[Fingerprint, ...]:
    for part in transport:
        found = []
        for value in part.all("fingerprint"):
            algorithm, _, digest = value.partition(" ")
            length = _DIGEST_BYTES.get(algorithm.lower())
            if length is None:
                continue
            digest = digest.strip().upper()
            if not re.fullmatch(rf"[0-9A-F]{{2}}(:[0-9A-F]{{2}}){{{length - 1}}}", digest):
                raise InvalidOffer(f"The offer has a `{algorithm}` fingerprint that is none.")
            found.append(Fingerprint(algorithm.lower(), digest))
        if found:
            return tuple(found)
    raise InvalidOffer(
        "The offer has no `a=fingerprint` in SHA-256, SHA-384 or SHA-512: WebRTC calls are "
        "encrypted by DTLS."
    )


def _role(transport: Sequence[Section]) -> DtlsRole:
    setup = next(filter(None, (part.first("setup") for part in transport)), "actpass")
    if setup not in ("actpass", "active", "passive"):
        raise InvalidOffer(f"The offer's `a=setup:{setup[:40]}` is not actpass, active or passive.")
    return "server" if setup == "active" else "client"


def _candidates(sections: Sequence[Section]) -> tuple[IceCandidate, ...]:
    """Return what can be tried: by number, UDP. A `.local` name would cost a second to resolve."""
    found: dict[tuple[str, int], IceCandidate] = {}
    for section in sections:
        for value in section.all("candidate"):
            candidate = _candidate(value.split())
            if candidate is not None and len(found) < MAX_CANDIDATES:
                found.setdefault((candidate.address, candidate.port), candidate)
    return tuple(found.values())


def _candidate(fields: Sequence[str]) -> IceCandidate | None:
    if len(fields) < 8 or fields[1] != "1" or fields[2].lower() != "udp" or fields[6] != "typ":
        return None
    if not all(fields[at].isascii() and fields[at].isdigit() for at in (3, 5)):
        return None
    if len(fields[3]) > 10 or len(fields[5]) > 5 or fields[7] not in ("host", "srflx", "relay"):
        return None
    priority, port = int(fields[3]), int(fields[5])
    if not 0 < port < 65536 or not priority < 2**32 or len(fields[0]) > 32:
        return None
    try:
        address = ipaddress.ip_address(fields[4])
    except ValueError:
        return None
    if address.is_multicast or address.is_unspecified or "%" in fields[4]:
        return None
    return IceCandidate(fields[0], priority, str(address), port, fields[7])
