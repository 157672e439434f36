"""The embedded voices tell when they say each word: heard through the socket."""

from __future__ import annotations

import numpy as np
import pytest

from audio.pcm import duration_ms
from providers.in_process.packaged import package_folder
from providers.tts import hibari
from providers.tts.espeak import DEFAULT_VOICE, Espeak
from providers.tts.speech_engine import SpeechEngine
from providers.tts.word_places import word_places
from tests.providers.heard import heard_at_pauses

ENGINES = [
    "espeak",
    pytest.param(
        "hibari",
        marks=pytest.mark.skipif(package_folder("hibari") is None, reason="hibari is missing"),
    ),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("speed", [1.0, 0.75, 1.25])
async def test_a_cut_behind_a_pause_leaves_what_was_said_before_it(
    engine: str, speed: float
) -> None:
    # Sentences of one word, as no voice makes a pause behind every comma.
    text = "1987. Wonderfully. 1,250,000. Yes. 75%. Internationally. $99. No."
    settings = {"provider": "embedded", "options": {"engine": engine}}
    told = await heard_at_pauses(settings, text, speed)
    words = text.split()
    assert told == [" ".join(words[:count]) for count in range(len(words) - 1, 0, -1)]


@pytest.mark.parametrize("name", ENGINES)
async def test_every_word_has_its_time_whatever_it_is_read_as(name: str) -> None:
    engine: SpeechEngine = Espeak() if name == "espeak" else hibari.load()
    text = (
        "Dr. Smith paid $1,250 (75%) at 7:30, e.g. for “naïve” **art** – see example.com/foo. OK?"
    )
    made_ms, times = 0.0, {}
    async for pcm, words in engine.speak(text, DEFAULT_VOICE if name == "espeak" else "heart"):
        times.update({before: made_ms + ms for before, ms in words})
        made_ms += duration_ms(pcm, engine.sample_rate)
    engine.close()
    said = [word for word in word_places(text) if any(map(str.isalnum, word.text))]
    assert {word.before for word in said} <= times.keys()
    starts = [times[word.before] for word in said]
    assert starts == sorted(starts)
    assert 0 <= starts[0] < 100
    # Numbers and addresses take long, "at" does not.
    lasts = dict(zip([word.text for word in said], np.diff([*starts, made_ms]), strict=True))
    assert min(lasts["$1,250"], lasts["example.com/foo."]) > 1000 > 4 * lasts["at"]
