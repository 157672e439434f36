"""How the two kinds of turn detection show themselves (§C.4)."""

from __future__ import annotations

import pytest

from session.turn_settings import SemanticVad, ServerVad, TurnDetection

SERVER = ServerVad(threshold=0.7, prefix_padding_ms=100, silence_duration_ms=400)
SEMANTIC = SemanticVad(prefix_padding_ms=100, eagerness="low", create_response=False)


@pytest.mark.parametrize(
    ("detection", "hearing", "about_responses"),
    [
        (
            SERVER,
            [
                ("type", "server_vad"),
                ("threshold", 0.7),
                ("prefix_padding_ms", 100),
                ("silence_duration_ms", 400),
            ],
            [
                ("idle_timeout_ms", None),
                ("create_response", True),
                ("interrupt_response", True),
            ],
        ),
        (
            SEMANTIC,
            [("type", "semantic_vad"), ("eagerness", "low")],
            [("create_response", False), ("interrupt_response", True)],
        ),
    ],
    ids=["server_vad", "semantic_vad"],
)
def test_a_detection_shows_every_key_in_the_service_s_order(
    detection: TurnDetection,
    hearing: list[tuple[str, object]],
    about_responses: list[tuple[str, object]],
) -> None:
    assert list(detection.wire().items()) == [*hearing, *about_responses]
    assert list(detection.hearing_wire().items()) == hearing


def test_only_server_vad_answers_a_silence() -> None:
    idle = ServerVad(0.5, 300, 200, idle_timeout_ms=6000)
    assert [idle.idle_timeout_ms, SEMANTIC.idle_timeout_ms] == [6000, None]
