"""§A.11, A.12: events of other transports, dialects and sessions."""

from __future__ import annotations

from tests.conformance.frames import UNKNOWN_TYPE
from tests.conformance.misuse import Case, check_refused, each, other

ROWS = [
    other(name, type_, "invalid_value", "type", UNKNOWN_TYPE.replace("nope", type_), **fields)
    for name, type_, fields in [
        ("WebRTC's", "output_audio_buffer.clear", {}),
        ("beta's", "transcription_session.update", {"session": {}}),
        ("a translation's", "session.input_audio_buffer.append", {"audio": "AAAA"}),
    ]
]


@each(ROWS)
def test_what_belongs_elsewhere_is_an_unknown_type(case: Case, event_id: str | None) -> None:
    check_refused(case, event_id)
