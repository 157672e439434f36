"""Offers that nobody can answer: those of real clients, changed so that something is wrong.

One seed gives the same offers every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

_VALUES = ("", "0", "-1", "65536", "99999999999999999999", "1e9", "\x00", "é", "\ud7ff", "a" * 5000)
_LINES = (
    "a=candidate:1 1 udp 1 192.0.2.1 9 typ host",
    "a=candidate:1 1 udp 99999999999999 256.1.1.1 99999 typ host",
    "a=candidate:" + "x " * 200,
    "a=candidate:1 1 udp 1 ::1 9 typ host generation 0",
    "a=candidate:1 1 udp 1 whoever.local 9 typ host",
    "a=fingerprint:sha-256 00",
    "a=fingerprint:md5 " + "00:" * 15 + "00",
    "a=fingerprint:sha-256 " + "ZZ:" * 31 + "ZZ",
    "a=setup:holdconn",
    "a=setup:nonsense",
    "a=ice-ufrag:",
    "a=ice-ufrag:" + "u" * 300,
    "a=ice-pwd:short",
    "a=ice-lite",
    "a=ice-options:trickle renomination",
    "a=group:BUNDLE 0 0 0 7 x",
    "a=group:BUNDLE",
    "a=mid:",
    "a=mid:" + "m" * 2000,
    "a=rtpmap:111 opus/0/0",
    "a=rtpmap:300 opus/48000/2",
    "a=rtpmap:x",
    "a=fmtp:111 ;;;=;=",
    "a=sctp-port:0",
    "a=sctp-port:-5",
    "a=sctpmap:5000 webrtc-datachannel 1024",
    "a=max-message-size:0",
    "a=max-message-size:99999999999999999999999",
    "a=max-message-size:x",
    "a=ssrc:99999999999 cname:x",
    "a=extmap:15/sendrecv x",
    "a=rtcp-fb:* nack",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "m=audio 0 RTP/AVP 0",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "m=application 9 DTLS/SCTP 5000",
    "m=video 9 UDP/TLS/RTP/SAVPF " + " ".join(map(str, range(96, 128))),
    "m=",
    "m=audio x y z",
    "c=IN IP6 ::1",
    "b=AS:-1",
    "v=1",
    "o=- 1 1 IN IP4 0.0.0.0",
    "=",
    "a",
    "",
)
_MOST_LINES = 4000
_MOST = 200_000
"""Characters of an offer; servers refuse long before."""


def offers(seed: int, real: str) -> Iterator[bytes]:
    """Yield hostile offers without end, as bodies of `POST …/calls`.

    Args:
        seed: For the same ones again.
        real: An offer of a real client.
    """
    rng = Random(seed)
    while True:
        lines = real.split("\r\n")
        for _ in range(rng.choice((1, 1, 2, 5, 20))):
            lines = _changed(rng, lines)[:_MOST_LINES]
        text = rng.choice(("\r\n", "\r\n", "\r\n", "\n", "\r", "")).join(lines)[:_MOST]
        body = text.encode("utf-8", "surrogatepass")
        match rng.randrange(12):
            case 0:
                yield body[: rng.randint(0, len(body))]
            case 1:
                yield rng.randbytes(rng.choice((0, 1, 100, 3000)))
            case 2:
                yield body.replace(b"=", b"\xff", rng.randint(1, 5))
            case _:
                yield body


def _changed(rng: Random, lines: list[str]) -> list[str]:
    at = rng.randrange(len(lines)) if lines else 0
    match rng.randrange(8):
        case 0 if lines:
            return lines[:at] + lines[at + 1 :]
        case 1 if lines:
            return lines[: at + 1] + lines[at:]
        case 2:
            return [*lines[:at], rng.choice(_LINES), *lines[at:]]
        case 3 if lines:
            words = lines[at].split(" ")
            words[rng.randrange(len(words))] = rng.choice(_VALUES)
            return [*lines[:at], " ".join(words), *lines[at + 1 :]]
        case 4 if lines:
            name, sign, _value = lines[at].partition(":")
            return [*lines[:at], name + sign + rng.choice(_VALUES), *lines[at + 1 :]]
        case 5 if rng.random() < 0.2:
            rng.shuffle(lines)
            return lines
        case 6:
            return [*lines, *([rng.choice(_LINES)] * rng.choice((1, 40, 400)))]
        case _:
            # A whole section more, or many.
            starts = [n for n, line in enumerate(lines) if line.startswith("m=")]
            if not starts:
                return lines
            return lines + lines[rng.choice(starts) :] * rng.choice((1, 3, 40))
