"""Answers say what clients need, and an independent implementation reads them as meant."""

from __future__ import annotations

from aiortc import sdp as aiortc_sdp
from hypothesis import given
from hypothesis import strategies as st

from peers.webrtc.answer import MAX_MESSAGE_SIZE, write_answer
from peers.webrtc.offer import read_offer
from peers.webrtc.sdp import Endpoint, Fingerprint, IceCandidate, IceCredentials, InvalidOffer
from tests.support.sdp_offers import AUDIO, CHANNEL, CHROMIUM, FINGERPRINT, VIDEO, offer

ENDPOINT = Endpoint(
    ice=IceCredentials("w01234", "p" * 24),
    fingerprints=[Fingerprint("sha-256", FINGERPRINT.partition(" ")[2])],
    candidates=[
        IceCandidate("1", 2130706431, "192.0.2.1", 8000, "host"),
        IceCandidate("2", 2130706175, "2001:db8::1", 8000, "host"),
    ],
    ssrc=7,
    cname="voice",
    session_id=99,
)


def answer(text: str) -> str:
    return write_answer(read_offer(text), ENDPOINT)


def sections(text: str) -> list[aiortc_sdp.MediaDescription]:
    return aiortc_sdp.SessionDescription.parse(answer(text)).media


def test_opus_with_redundancy_and_pauses() -> None:
    audio, _ = sections(CHROMIUM)
    (codec,) = audio.rtp.codecs
    assert (codec.mimeType, codec.payloadType, codec.channels) == ("audio/opus", 111, 2)
    assert codec.parameters == {"minptime": 10, "useinbandfec": 1, "usedtx": "1"}
    assert (audio.direction, audio.rtcp_mux) == ("sendrecv", True)
    assert audio.msid
    assert [one.ssrc for one in audio.ssrc] == [7]


def test_the_channel_and_its_largest_message() -> None:
    _, channel = sections(CHROMIUM)
    assert channel.sctp_port == 5000
    assert channel.sctpCapabilities is not None
    assert channel.sctpCapabilities.maxMessageSize == MAX_MESSAGE_SIZE


def test_all_candidates_are_inside() -> None:
    for section in sections(CHROMIUM):
        assert [one.ip for one in section.ice_candidates] == ["192.0.2.1", "2001:db8::1"]
        assert section.ice_candidates_complete
        assert section.ice is not None
        assert section.ice.usernameFragment == "w01234"
        assert section.dtls is not None
        assert section.dtls.role == "client"
        assert section.dtls.fingerprints[0].algorithm == "sha-256"


def test_lines_end_as_they_must() -> None:
    text = answer(CHROMIUM)
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")


def test_video_is_inactive() -> None:
    audio, channel, video = sections(offer(AUDIO, CHANNEL, VIDEO, bundle="0 1 2"))
    assert (audio.direction, video.direction) == ("sendrecv", "inactive")
    assert [codec.mimeType for codec in video.rtp.codecs] == ["video/VP8"]
    assert "a=group:BUNDLE 0 1 2" in answer(offer(AUDIO, CHANNEL, VIDEO, bundle="0 1 2"))
    assert channel.sctp_port == 5000


def test_a_second_audio_is_inactive() -> None:
    second = [line.replace("a=mid:0", "a=mid:2") for line in AUDIO]
    first, _, other = sections(offer(AUDIO, CHANNEL, second, bundle="0 1 2"))
    assert (first.direction, other.direction) == ("sendrecv", "inactive")


def test_what_is_outside_the_bundle_is_rejected() -> None:
    text = answer(offer(AUDIO, CHANNEL, VIDEO))
    assert "m=video 0 " in text
    assert "a=group:BUNDLE 0 1\r\n" in text


def test_no_bundle_is_answered_with_none() -> None:
    assert "BUNDLE" not in answer(offer(AUDIO, bundle=None))


def test_who_only_listens_is_sent_to_and_who_only_speaks_is_not() -> None:
    def audio_of(direction: str) -> aiortc_sdp.MediaDescription:
        lines = [line.replace("a=sendrecv", f"a={direction}") for line in AUDIO]
        return sections(offer(lines, CHANNEL))[0]

    assert audio_of("recvonly").direction == "sendonly"
    assert audio_of("recvonly").ssrc
    assert audio_of("sendonly").direction == "recvonly"
    assert not audio_of("sendonly").ssrc


def test_an_active_client_gets_a_passive_server() -> None:
    text = answer(CHROMIUM.replace("actpass", "active"))
    assert "a=setup:passive" in text
    assert "a=setup:active" not in text


def test_without_an_address_there_is_still_an_answer() -> None:
    bare = Endpoint(ENDPOINT.ice, ENDPOINT.fingerprints, [], 7, "voice", 1)
    assert "m=audio 9 " in write_answer(read_offer(CHROMIUM), bare)


LINES = st.sampled_from(
    [*AUDIO[1:], *CHANNEL[1:], *VIDEO[1:], "m=video 0 X/Y 1", "m=audio 9 A/B 5"]
)


@given(st.lists(LINES, max_size=30))
def test_whatever_is_read_has_an_answer_with_as_many_sections(lines: list[str]) -> None:
    text = CHROMIUM + "\r\n".join(lines)
    try:
        read = read_offer(text)
    except InvalidOffer:
        return
    written = write_answer(read, ENDPOINT)
    assert written.count("\r\nm=") == len(read.sections)
