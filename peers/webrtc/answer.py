"""Writes the SDP answers to clients; pure.

What an offer has beyond one audio stream and one data channel, such as video, is answered as
inactive; what would need a connection of its own is rejected.
"""

from __future__ import annotations

import ipaddress

from peers.webrtc.sdp import DtlsRole, Endpoint, IceCandidate, Offer, OfferedAudio, Section

MAX_MESSAGE_SIZE = 262144
"""Bytes of the largest message that a client may send on its data channel, as answered: what
browsers built on libwebrtc send at most. aiortc puts together no more than 1 MiB, and slowly."""


def write_answer(offer: Offer, endpoint: Endpoint) -> str:
    """Write the answer to an offer, with all of the server's candidates."""
    default = endpoint.candidates[0] if endpoint.candidates else None
    lines = [
        "v=0",
        f"o=- {endpoint.session_id} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
    ]
    answered = {section.first("mid") for section in offer.sections if not section.rejected}
    bundled = [mid for mid in offer.bundle if mid in answered]
    if bundled:
        lines.append("a=group:BUNDLE " + " ".join(bundled))
    lines.append("a=msid-semantic:WMS *")
    for index, section in enumerate(offer.sections):
        if section.rejected:
            lines.append(f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}")
            lines.append("c=IN IP4 0.0.0.0")
            lines += _mid(section)
            continue
        is_channel = offer.channel is not None and offer.channel.section == index
        is_audio = offer.audio is not None and offer.audio.section == index
        formats = section.formats[:1]
        if is_audio and offer.audio is not None:
            formats = (str(offer.audio.codec.payload_type),)
        lines += [
            f"m={section.kind} {default.port if default else 9} {section.protocol} "
            + " ".join(formats),
            f"c=IN {_family(default)}",
            *_mid(section),
        ]
        if is_channel and offer.channel is not None:
            lines += _channel_lines(section)
        elif is_audio and offer.audio is not None:
            lines += _audio_lines(offer.audio, endpoint)
        else:
            lines += _inactive_lines(section)
        lines += _transport_lines(offer.role, endpoint)
    return "\r\n".join(lines) + "\r\n"


def _mid(section: Section) -> list[str]:
    mid = section.first("mid")
    return [] if mid is None else [f"a=mid:{mid}"]


def _family(candidate: IceCandidate | None) -> str:
    if candidate is None:
        return "IP4 0.0.0.0"
    return f"IP{ipaddress.ip_address(candidate.address).version} {candidate.address}"


def _channel_lines(section: Section) -> list[str]:
    if section.first("sctpmap") is not None:
        return [f"a=sctpmap:{section.formats[0]} webrtc-datachannel 65535"]
    return ["a=sctp-port:5000", f"a=max-message-size:{MAX_MESSAGE_SIZE}"]


def _audio_lines(audio: OfferedAudio, endpoint: Endpoint) -> list[str]:
    codec = audio.codec
    lines = [f"a={audio.direction}", "a=rtcp-mux", "a=rtcp:9 IN IP4 0.0.0.0"]
    if codec.name == "opus":
        lines += [
            f"a=rtpmap:{codec.payload_type} opus/48000/2",
            # Without it browsers send no redundancy, and packets of silence all the time.
            f"a=fmtp:{codec.payload_type} minptime=10;useinbandfec=1;usedtx=1",
        ]
    else:
        lines.append(f"a=rtpmap:{codec.payload_type} {codec.name}/8000")
    if audio.direction in ("sendrecv", "sendonly"):
        # Clients play the first stream of the track.
        lines += [
            "a=msid:answer voice",
            f"a=ssrc:{endpoint.ssrc} cname:{endpoint.cname}",
        ]
    return lines


def _inactive_lines(section: Section) -> list[str]:
    lines = ["a=inactive"]
    if section.first("rtcp-mux") is not None:
        lines.append("a=rtcp-mux")
    payload_type = section.formats[0]
    for name in ("rtpmap", "fmtp", "sctp-port"):
        lines += [
            f"a={name}:{value}"
            for value in section.all(name)
            if name == "sctp-port" or value.partition(" ")[0] == payload_type
        ]
    return lines


def _transport_lines(role: DtlsRole, endpoint: Endpoint) -> list[str]:
    return [
        *(
            f"a=candidate:{candidate.foundation} 1 udp {candidate.priority} "
            f"{candidate.address} {candidate.port} typ {candidate.type}"
            for candidate in endpoint.candidates
        ),
        "a=end-of-candidates",
        f"a=ice-ufrag:{endpoint.ice.username}",
        f"a=ice-pwd:{endpoint.ice.password}",
        *(f"a=fingerprint:{print_.algorithm} {print_.value}" for print_ in endpoint.fingerprints),
        f"a=setup:{'active' if role == 'client' else 'passive'}",
    ]
