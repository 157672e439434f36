"""Offers as clients write them."""

from __future__ import annotations

FINGERPRINT = "sha-256 " + ":".join(["AB"] * 32)

HEAD = ["v=0", "o=- 4611731400430051336 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]

TRANSPORT = [
    "a=ice-ufrag:EsAw",
    "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1",
    f"a=fingerprint:{FINGERPRINT}",
    "a=setup:actpass",
]

AUDIO = [
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126",
    "c=IN IP4 0.0.0.0",
    "a=rtcp:9 IN IP4 0.0.0.0",
    *TRANSPORT,
    "a=ice-options:trickle",
    "a=mid:0",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "a=sendrecv",
    "a=msid:- 6c1f5ee4-8ee8-4d0b-9d8c-1f2ad1f60b8f",
    "a=rtcp-mux",
    "a=rtcp-rsize",
    "a=rtpmap:111 opus/48000/2",
    "a=rtcp-fb:111 transport-cc",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "a=rtpmap:63 red/48000/2",
    "a=fmtp:63 111/111",
    "a=rtpmap:9 G722/8000",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:13 CN/8000",
    "a=ssrc:2231627014 cname:lTsQqZ4n7a3MQfTt",
]

CHANNEL = [
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "c=IN IP4 0.0.0.0",
    *TRANSPORT,
    "a=mid:1",
    "a=sctp-port:5000",
    "a=max-message-size:262144",
]

VIDEO = [
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
    "c=IN IP4 0.0.0.0",
    *TRANSPORT,
    "a=mid:2",
    "a=sendrecv",
    "a=rtcp-mux",
    "a=rtpmap:96 VP8/90000",
    "a=rtcp-fb:96 nack",
    "a=rtpmap:97 rtx/90000",
    "a=fmtp:97 apt=96",
]


def offer(*sections: list[str], bundle: str | None = "0 1", end: str = "\r\n") -> str:
    """Return an offer with these sections; `bundle`: the `mid`s in one group, None: no group."""
    group = [] if bundle is None else [f"a=group:BUNDLE {bundle}"]
    lines = [*HEAD, *group, "a=msid-semantic: WMS", *(line for part in sections for line in part)]
    return "\r\n".join(lines) + end


CHROMIUM = offer(AUDIO, CHANNEL)
"""What a browser offers before it has candidates."""
