"""Offers of all kinds of clients are read, and those that cannot work refused in words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peers.webrtc.offer import MAX_CANDIDATES, MAX_OFFER, MAX_SECTIONS, read_offer
from peers.webrtc.sdp import Codec, IceCandidate, InvalidOffer, OfferedAudio, OfferedChannel
from tests.support.sdp_offers import AUDIO, CHANNEL, CHROMIUM, TRANSPORT, VIDEO, offer


def without(lines: list[str], *beginnings: str) -> list[str]:
    return [line for line in lines if not line.startswith(beginnings)]


def test_a_browsers_offer() -> None:
    read = read_offer(CHROMIUM)
    assert read.audio == OfferedAudio(0, Codec("opus", 111, fec=True), "sendrecv")
    assert read.channel == OfferedChannel(1, 5000, 262144)
    assert (read.ice.username, read.ice.lite) == ("EsAw", False)
    assert read.role == "client"
    assert read.candidates == ()
    assert read.bundle == ("0", "1")


def test_a_final_line_break_may_lack_and_lines_may_end_otherwise() -> None:
    expected = read_offer(CHROMIUM)
    assert read_offer(CHROMIUM.rstrip()) == expected
    assert read_offer(CHROMIUM.replace("\r\n", "\n")) == expected


def test_what_stands_before_the_sections_holds_for_all() -> None:
    early = [*TRANSPORT, *without(AUDIO, *TRANSPORT), *without(CHANNEL, *TRANSPORT)]
    assert read_offer(offer(early)).ice == read_offer(CHROMIUM).ice


def test_the_old_form_of_data_channels() -> None:
    old = [
        "m=application 9 DTLS/SCTP 5001",
        *TRANSPORT,
        "a=mid:1",
        "a=sctpmap:5001 webrtc-datachannel 1024",
    ]
    read = read_offer(offer(AUDIO, old))
    assert read.channel == OfferedChannel(1, 5001, 65536)


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ("sendrecv", "sendrecv"),
        ("sendonly", "recvonly"),
        ("recvonly", "sendonly"),
        ("inactive", "inactive"),
    ],
)
def test_directions_are_seen_from_the_server(offered: str, answered: str) -> None:
    lines = [f"a={offered}" if line == "a=sendrecv" else line for line in AUDIO]
    audio = read_offer(offer(lines, CHANNEL)).audio
    assert audio is not None
    assert audio.direction == answered


def test_audio_or_channel_may_lack() -> None:
    assert read_offer(offer(CHANNEL, bundle="1")).audio is None
    assert read_offer(offer(AUDIO, bundle=None)).channel is None


def test_the_handshake_is_begun_by_whoever_the_offer_says() -> None:
    def role(setup: str) -> str:
        return read_offer(CHROMIUM.replace("a=setup:actpass", f"a=setup:{setup}")).role

    assert (role("active"), role("passive"), role("actpass")) == ("server", "client", "client")


@pytest.mark.parametrize(
    ("formats", "maps", "name"),
    [
        ("0 8", [], "PCMU"),
        ("8 0", ["a=rtpmap:8 PCMA/8000"], "PCMA"),
        ("0 8 111", ["a=rtpmap:111 OPUS/48000/2"], "opus"),
    ],
)
def test_g711_only_where_there_is_no_opus(formats: str, maps: list[str], name: str) -> None:
    lines = [
        f"m=audio 9 UDP/TLS/RTP/SAVPF {formats}",
        *TRANSPORT,
        "a=mid:0",
        "a=rtcp-mux",
        *maps,
    ]
    audio = read_offer(offer(lines, bundle=None)).audio
    assert audio is not None
    assert audio.codec.name == name
    assert not audio.codec.fec


def test_a_bundled_section_has_port_0_and_is_no_rejected_one() -> None:
    lines = ["m=audio 0 UDP/TLS/RTP/SAVPF 111", "a=bundle-only", *AUDIO[1:]]
    assert read_offer(offer(CHANNEL, lines, bundle="1 0")).audio is not None
    rejected = ["m=audio 0 UDP/TLS/RTP/SAVPF 111", *AUDIO[1:]]
    assert read_offer(offer(CHANNEL, rejected, bundle="1")).audio is None


def test_only_addresses_that_can_be_tried_are_taken() -> None:
    lines = [
        "a=candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host generation 0",
        "a=candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host",
        "a=candidate:2 1 udp 2113937151 0b7a7cb4-5b0c.local 50001 typ host",
        "a=candidate:3 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active",
        "a=candidate:4 2 udp 2113937150 192.0.2.7 50002 typ host",
        "a=candidate:5 1 UDP 1677729535 2001:db8::7 50003 typ srflx raddr :: rport 0",
        "a=candidate:6 1 udp 1 224.0.0.1 50004 typ host",
        "a=candidate:7 1 udp 1 0.0.0.0 50004 typ host",
        "a=candidate:8 1 udp 99999999999 192.0.2.8 50004 typ host",
        "a=candidate:9 1 udp 1 192.0.2.9 70000 typ host",
        "a=candidate:broken",
        "a=end-of-candidates",
    ]
    assert read_offer(offer([*AUDIO, *lines], CHANNEL)).candidates == (
        IceCandidate("1", 2113937151, "192.0.2.7", 50000, "host"),
        IceCandidate("5", 1677729535, "2001:db8::7", 50003, "srflx"),
    )


def test_a_client_cannot_name_a_thousand_addresses() -> None:
    lines = [f"a=candidate:1 1 udp 1 192.0.2.7 {port} typ host" for port in range(1000, 1100)]
    assert len(read_offer(offer([*AUDIO, *lines], CHANNEL)).candidates) == MAX_CANDIDATES


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "does not begin with `v=0`"),
        ('{"sdp": "v=0"}', "does not begin with `v=0`"),
        ("v=0\r\n", "no media sections"),
        ("v=0\r\n" + "x" * MAX_OFFER, "longer than"),
        (offer(*[AUDIO] * (MAX_SECTIONS + 1)), "more than"),
        (offer(VIDEO, bundle="2"), "neither an audio section nor a data channel"),
        (offer(["m=audio nonsense"]), "media line that cannot be read"),
        (offer(AUDIO, AUDIO), "the same one twice"),
        (offer([line.replace("mid:0", "mid:a b") for line in AUDIO]), "no token"),
        (offer(AUDIO, CHANNEL, bundle=None), "a=group:BUNDLE"),
        (offer(AUDIO, CHANNEL, bundle="0"), "a=group:BUNDLE"),
        (offer(without(AUDIO, "a=rtcp-mux"), CHANNEL), "a=rtcp-mux"),
        (offer(without(AUDIO, "a=ice-pwd"), bundle=None), "a=ice-pwd"),
        (offer(without(AUDIO, "a=fingerprint"), bundle=None), "a=fingerprint"),
        (CHROMIUM.replace("sha-256 AB", "sha-256 A"), "fingerprint that is none"),
        (CHROMIUM.replace("sha-256", "sha-1"), "a=fingerprint"),
        (CHROMIUM.replace("EsAw", "Es w"), "a=ice-ufrag"),
        (CHROMIUM.replace("actpass", "holdconn"), "a=setup"),
        (CHROMIUM.replace("sctp-port:5000", "sctp-port:70000"), "a=sctp-port"),
        (CHROMIUM.replace("size:262144", "size:-1"), "a=max-message-size"),
        (offer(["m=audio 9 RTP/AVP 0", *TRANSPORT, "a=rtcp-mux"]), "not encrypted"),
        (
            offer(["m=audio 9 UDP/TLS/RTP/SAVPF 9", *TRANSPORT, "a=rtcp-mux"]),
            "offer Opus",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidOffer, match=re.escape(reason)):
        read_offer(text)


LINES = st.sampled_from([*AUDIO, *CHANNEL, *VIDEO, "a=group:BUNDLE 0 1", "a=bundle-only", "v=0"])
SPOILT = st.builds(
    lambda line, at, insert: line[: at % (len(line) + 1)] + insert + line[at % (len(line) + 1) :],
    LINES,
    st.integers(0, 200),
    st.one_of(st.text(max_size=8), st.sampled_from(["9" * 5000, ":", " ", "-", "\0"])),
)


@given(st.lists(st.one_of(LINES, SPOILT), max_size=60))
def test_any_text_is_read_or_refused(lines: list[str]) -> None:
    for text in ("\r\n".join(["v=0", *lines]), CHROMIUM + "\n".join(lines)):
        try:
            read_offer(text)
        except InvalidOffer as refused:
            assert str(refused)
