"""§A.6: `conversation.item.retrieve`: the item with all of its audio."""

from __future__ import annotations

import base64

from tests.conformance.misuse import missing, other, refusals
from tests.conformance.sequences import driver
from tests.session_driver import pcm

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
