"""§A.8: `conversation.item.truncate`: the model keeps what the user heard."""

from __future__ import annotations

import base64

from session.reports import AudioMade, WordsTimed
from tests.conformance.misuse import missing, refusals, truncate
from tests.conformance.sequences import AUDIO_CLOSE, END, driver, messages
from tests.support.session_driver import pcm, types

ONLY_AUDIO = "Only model output audio messages can be truncated"


ROWS = [
    truncate("unknown item", "item_truncate_invalid_item_id", None,
             "Item with item_id not found: nobody", item_id="nobody"),
    truncate("beyond the audio", "invalid_value", "audio_end_ms",
             "Audio content of 1000ms is already shorter than 1001ms", audio_end_ms=1001),
    truncate("the user's item", None, None, ONLY_AUDIO, item_id="the_question"),
    truncate("an assistant's text", None, None, ONLY_AUDIO, item_id="the_text"),
    truncate("a call", None, None, ONLY_AUDIO, item_id="the_call"),
    truncate("a decimal", "invalid_type", "audio_end_ms",
             "Invalid type for 'audio_end_ms': expected an integer, but got a decimal number "
             "instead.", audio_end_ms=10.5),
    truncate("negative", "integer_below_min_value", "audio_end_ms", audio_end_ms=-1),
    truncate("another part", "invalid_value", "content_index", content_index=1),
    truncate("no content_index", "missing_required_parameter", "content_index",
             missing("content_index"), content_index=None),
    truncate("no audio_end_ms", "missing_required_parameter", "audio_end_ms",
             missing("audio_end_ms"), audio_end_ms=None),
    truncate("no item_id", "missing_required_parameter", "item_id", missing("item_id"),
             item_id=None),
]  # fmt: skip


test_a_misuse_is_answered_by_one_error_and_nothing_is_applied = refusals(ROWS)


def test_a_truncated_item_is_retrieved_without_its_transcript() -> None:
    d = driver()
    d.respond()
    item_id = d.answer("One two three four.", 1000)
    d.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=500)
    (retrieved,) = d.send("conversation.item.retrieve", item_id=item_id)
    (part,) = retrieved["item"]["content"]
    assert part["transcript"] is None
    assert base64.b64decode(part["audio"]) == pcm(500)
    d.respond()
    assert messages(d) == [("assistant", "One two")]


def test_an_item_may_be_truncated_while_it_is_streamed() -> None:
    d = driver()
    d.respond()
    d.text("Hello there.")
    (error,) = d.send(
        "conversation.item.truncate", item_id=d.items()[0], content_index=0, audio_end_ms=0
    )
    assert error["error"]["message"] == "Only model output audio messages can be truncated"
    d.audio(400)
    for _ in range(2):
        (truncated,) = d.send(
            "conversation.item.truncate", item_id=d.items()[0], content_index=0, audio_end_ms=0
        )
        assert truncated["type"] == "conversation.item.truncated"
    assert types(d.finish()) == [*AUDIO_CLOSE, *END]


def test_words_that_the_voice_times_are_cut_by_their_times() -> None:
    d = driver()
    d.respond()
    d.text("Well, a few.")
    d.speaking("Well, a few.")
    d.report(WordsTimed(d.running, ((0, 0), (5, 700), (6, 800))))
    d.audio(1000)
    d.finish()
    (item_id,) = d.items()
    d.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=790)
    d.respond()
    assert messages(d) == [("assistant", "Well,")]


def test_of_a_clause_that_is_still_being_made_no_more_is_heard_than_was_made() -> None:
    d = driver()
    d.respond()
    d.text("One two three four five six seven eight nine ten eleven twelve thirteen.")
    d.audio(1000)
    d.send("response.cancel")
    d.respond()
    ((_, heard),) = messages(d)
    assert heard in ("One two three", "One two three four")


def test_heard_words_follow_the_pauses_of_the_voice() -> None:
    d = driver()
    d.respond()
    d.text("Wonderfully, no one.")
    for ms, value in ((300, 900), (400, 0), (600, 900)):
        d.report(AudioMade(d.running, pcm(ms, value)))
    d.finish()
    (item_id,) = d.items()
    d.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=690)
    d.respond()
    assert messages(d) == [("assistant", "Wonderfully,")]
