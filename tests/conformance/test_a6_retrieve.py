"""§A.6: `conversation.item.retrieve`: the item with all of its audio."""

from __future__ import annotations

import base64

from config import ServerConfig
from tests.conformance.misuse import missing, other, refusals
from tests.conformance.sequences import driver
from tests.support.session_driver import Driver, pcm, session_config

ROWS = [
    other("unknown", "conversation.item.retrieve", "item_retrieve_invalid_item_id", None,
          "Error retrieving item: the item with id 'nobody' does not exist.", item_id="nobody"),
    other("no id", "conversation.item.retrieve", "missing_required_parameter", "item_id",
          missing("item_id")),
]  # fmt: skip


test_a_misuse_is_answered_by_one_error_and_nothing_is_applied = refusals(ROWS)


def test_the_transcript_is_there_when_the_item_is_retrieved() -> None:
    d = driver()
    d.speak()
    item_id = d.items()[0]
    (before,) = d.send("conversation.item.retrieve", item_id=item_id)
    assert before["item"]["content"][0]["transcript"] is None
    d.heard(item_id, "Hello.")
    (after,) = d.send("conversation.item.retrieve", item_id=item_id)
    (part,) = after["item"]["content"]
    assert (part["type"], part["transcript"]) == ("input_audio", "Hello.")
    assert base64.b64decode(part["audio"]) == pcm(960)


def test_spoken_items_are_retrieved_with_their_audio() -> None:
    d = driver()
    d.respond()
    item_id = d.answer("Hello.", 250)
    (retrieved,) = d.send("conversation.item.retrieve", item_id=item_id)
    (part,) = retrieved["item"]["content"]
    assert (part["type"], part["transcript"]) == ("output_audio", "Hello.")
    assert base64.b64decode(part["audio"]) == pcm(250)


def keeping(minutes: float) -> Driver:
    """A session that keeps this much audio, whose turns are answered."""
    return Driver(session_config(server=ServerConfig(kept_audio_minutes=minutes)))


def test_beyond_the_limit_the_oldest_items_are_retrieved_without_their_audio() -> None:
    d = keeping(0.06)
    d.speak(0, 960)
    first = d.items()[0]
    d.heard(first, "Hello.")
    answered = d.answer("Good day.", 2000)
    (whole,) = d.send("conversation.item.retrieve", item_id=first)
    assert base64.b64decode(whole["item"]["content"][0]["audio"]) == pcm(960)
    d.speak(5200, 6160)
    (bare,) = d.send("conversation.item.retrieve", item_id=first)
    assert bare["item"]["content"] == [{"type": "input_audio", "transcript": "Hello."}]
    (kept,) = d.send("conversation.item.retrieve", item_id=answered)
    assert len(base64.b64decode(kept["item"]["content"][0]["audio"])) == len(pcm(2000))


def test_the_newest_item_keeps_its_audio_whatever_the_limit() -> None:
    d = keeping(0)
    d.speak(0, 960)
    (item,) = d.send("conversation.item.retrieve", item_id=d.items()[0])
    assert base64.b64decode(item["item"]["content"][0]["audio"]) == pcm(960)


def test_speech_without_its_audio_can_still_be_truncated() -> None:
    d = keeping(0)
    d.speak(0, 960)
    d.heard(d.items()[0], "Hello.")
    answered = d.answer("One two three four.", 1000)
    d.speak(3200, 4160)
    (truncated,) = d.send(
        "conversation.item.truncate", item_id=answered, content_index=0, audio_end_ms=500
    )
    assert truncated["type"] == "conversation.item.truncated"
    assert d.inside.conversation.get(answered).audio_ms == 500  # type: ignore[union-attr]
