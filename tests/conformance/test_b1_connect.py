"""§B.1: a session begins."""

from __future__ import annotations

from typing import Any

import pytest

from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from session.effects import HearAs, SetTurnDetection
from tests.conformance.sequences import driver
from tests.conformance.sessions import apply
from tests.support.session_driver import Driver, session_config


def test_connecting_is_greeted_by_the_session_and_nothing_else() -> None:
    d = driver()
    (event,) = d.events
    assert event["type"] == "session.created"
    assert event["session"] == d.inside.config.wire()
    assert d.kind(SetTurnDetection) == [SetTurnDetection(d.inside.config.turn_detection)]
    assert len(d.effects) == 2


@pytest.mark.parametrize(
    ("minted", "hears"),
    [
        ({"format": {"type": "audio/pcma"}}, HearAs(AudioFormat("audio/pcma"), None)),
        (
            {"noise_reduction": {"type": "far_field"}},
            HearAs(AudioFormat(), NoiseReduction("far_field")),
        ),
    ],
)
def test_what_a_client_secret_says_of_the_input_counts_at_once(
    minted: dict[str, Any], hears: HearAs
) -> None:
    config = session_config()
    apply(config, audio={"input": minted})
    d = Driver(config)
    assert d.kind(HearAs) == [hears]
    assert d.inside.buffer.format == hears.format
