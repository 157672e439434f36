"""What a form asks for, and what of it is refused."""

from __future__ import annotations

import pytest

from models_http.transcription_request import read_transcription_request
from wire.errors import ProtocolError


def form(*fields: tuple[str, bytes]) -> bytes:
    parts = [
        b'--b\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + content
        for name, content in fields
    ]
    return b"\r\n".join([*parts, b"--b--\r\n"])


USUAL = (("file", b"sound"), ("model", b"whisper-1"))


def test_lists_and_flags_are_read():
    request = read_transcription_request(
        form(
            *USUAL,
            ("languages[]", b"en"),
            ("languages[]", b"de-AT"),
            ("keywords[]", b" Bo "),
            ("keywords[]", b""),
            ("include[]", b"logprobs"),
            ("timestamp_granularities[]", b"segment"),
            ("stream", b"False"),
            ("temperature", b"0"),
            ("chunking_strategy", b"auto"),
            ("prompt", " 请 ".encode()),
            ("response_format", b"verbose_json"),
        ),
        b"b",
    )
    assert request.file == b"sound"
    assert request.languages == ("en", "de-AT")
    assert request.keywords == ("Bo",)
    assert (request.logprobs, request.stream, request.prompt) == (True, False, "请")
    assert request.response_format == "verbose_json"


def test_events_are_json():
    assert read_transcription_request(form(*USUAL, ("stream", b"1")), b"b").stream
    for shape in (b"text", b"verbose_json"):
        with pytest.raises(ProtocolError, match="events are JSON"):
            read_transcription_request(
                form(*USUAL, ("stream", b"true"), ("response_format", shape)), b"b"
            )


def test_a_bad_value_is_not_repeated_at_its_length():
    for name in ("language", "response_format", "temperature", "stream", "x" * 5000):
        with pytest.raises(ProtocolError) as refused:
            read_transcription_request(form(*USUAL, (name, b"y" * 5000)), b"b")
        assert len(refused.value.message) < 300


def test_one_language_stands_before_several():
    request = read_transcription_request(
        form(*USUAL, ("language", b"fr"), ("languages", b"en")), b"b"
    )
    assert request.languages == ("fr",)


def test_what_is_not_said_is_left_to_the_server():
    request = read_transcription_request(form(*USUAL), b"b")
    assert (request.languages, request.prompt, request.keywords) == ((), None, ())
    assert (request.response_format, request.logprobs, request.stream) == ("json", False, False)


@pytest.mark.parametrize(
    ("field", "code", "named"),
    [
        (("language", b"english please"), "invalid_value", "language"),
        (("stream", b"perhaps"), "invalid_value", "stream"),
        (("include[]", b"words"), "invalid_value", "include"),
        (("response_format", b"vtt"), "unsupported_value", "response_format"),
        (("response_format", b"diarized_json"), "unsupported_value", "response_format"),
        (("response_format", b"xml"), "invalid_value", "response_format"),
        (("temperature", b"hot"), "unsupported_value", "temperature"),
        (("chunking_strategy", b'{"type": "server_vad"}'), "unsupported_value", "chunking"),
        (("known_speaker_names[]", b"Bo"), "unsupported_parameter", "known_speaker_names"),
        (("prompt", b"\xff"), "invalid_value", "prompt"),
        (("file", b"another sound"), "invalid_value", "file"),
        (("vad_filter", b"true"), "unknown_parameter", "vad_filter"),
    ],
)
def test_what_is_not_done_is_refused_by_name(field, code, named):
    with pytest.raises(ProtocolError) as refused:
        read_transcription_request(form(*USUAL, field), b"b")
    assert refused.value.code == code
    assert named in str(refused.value.param)


@pytest.mark.parametrize("left", USUAL)
def test_a_file_and_a_model_are_needed(left):
    with pytest.raises(ProtocolError) as refused:
        read_transcription_request(form(left), b"b")
    assert refused.value.code == "missing_required_parameter"
