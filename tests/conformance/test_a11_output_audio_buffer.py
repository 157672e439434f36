"""§A.11, A.12: events of other transports, dialects and sessions."""

from __future__ import annotations

from typing import Any

from tests.conformance.frames import UNKNOWN_TYPE
from tests.conformance.misuse import other, refusals

ELSEWHERE: list[tuple[str, str, dict[str, Any]]] = [
    ("WebRTC's", "output_audio_buffer.clear", {}),
    ("beta's", "transcription_session.update", {"session": {}}),
]
ROWS = [
    other(name, type_, "invalid_value", "type", UNKNOWN_TYPE.replace("nope", type_), **fields)
    for name, type_, fields in ELSEWHERE
]


ROWS.append(
    other(
        "a translation's",
        "session.input_audio_buffer.append",
        "invalid_value",
        "type",
        # It is listed where a type is unknown, and then not as what may be sent.
        "Invalid value: 'session.input_audio_buffer.append': it is for translation sessions, at "
        "…/realtime/translations; here audio is sent by 'input_audio_buffer.append'.",
        audio="AAAA",
    )
)


test_what_belongs_elsewhere_is_an_unknown_type = refusals(ROWS)
