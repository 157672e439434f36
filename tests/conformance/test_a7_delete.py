"""§A.7: `conversation.item.delete`."""

from __future__ import annotations

from tests.conformance.misuse import missing, other, refusals
from tests.conformance.sequences import AUDIO_CLOSE, END, driver, messages
from tests.support.session_driver import types

ROWS = [
    other("unknown", "conversation.item.delete", "item_delete_invalid_item_id", None,
          "Error deleting item: the item with id 'nobody' does not exist.", item_id="nobody"),
    other("no id", "conversation.item.delete", "missing_required_parameter", "item_id",
          missing("item_id")),
]  # fmt: skip


test_a_misuse_is_answered_by_one_error_and_nothing_is_applied = refusals(ROWS)


def test_an_item_may_be_deleted_while_it_is_streamed() -> None:
    d = driver()
    d.respond()
    d.text("Hello")
    item_id = d.items()[0]
    assert types(d.send("conversation.item.delete", item_id=item_id)) == [
        "conversation.item.deleted"
    ]
    d.audio(100)
    # A client that is told of the whole item would take it for a new one.
    closed = [one for one in AUDIO_CLOSE if one != "conversation.item.done"]
    assert types(d.finish()) == [*closed, *END]
    assert d.items() == []


def test_the_model_does_not_read_a_deleted_item() -> None:
    d = driver()
    d.say("One.", id="one")
    d.say("Two.", id="two")
    (deleted,) = d.named(d.send("conversation.item.delete", item_id="one"))
    assert deleted == {"type": "conversation.item.deleted", "item_id": "one"}
    d.respond()
    assert messages(d) == [("user", "Two.")]


def test_deleting_links_the_neighbours() -> None:
    d = driver()
    for name in ("a", "b"):
        d.say(name, id=name)
    d.send("conversation.item.delete", item_id="b")
    event, _ = d.say("c", id="c")
    assert event["previous_item_id"] == "a"
    (error,) = d.send("conversation.item.delete", item_id="b")
    assert error["error"]["code"] == "item_delete_invalid_item_id"


def test_a_deleted_turn_that_waits_for_its_answer_gets_none() -> None:
    d = driver(interrupt_response=False)
    d.respond()
    d.text("Once upon")
    d.speak()
    turn = d.items()[-1]
    d.send("conversation.item.delete", item_id=turn)
    assert types(d.finish()) == [*AUDIO_CLOSE, *END]
