"""§A.7: `conversation.item.delete`."""

from __future__ import annotations

from tests.conformance.misuse import Case, check_refused, each, missing, other
from tests.conformance.sequences import AUDIO_CLOSE, END, driver
from tests.session_driver import types

ROWS = [
    other("unknown", "conversation.item.delete", "item_delete_invalid_item_id", None,
          "Error deleting item: the item with id 'nobody' does not exist.", item_id="nobody"),
    other("no id", "conversation.item.delete", "missing_required_parameter", "item_id",
          missing("item_id")),
]  # fmt: skip


@each(ROWS)
def test_a_misuse_is_answered_by_one_error_and_nothing_is_applied(
    case: Case, event_id: str | None
) -> None:
    check_refused(case, event_id)


def test_an_item_may_be_deleted_while_it_is_streamed() -> None:
    d = driver()
    d.respond()
    d.text("Hello")
    item_id = d.items()[0]
    assert types(d.send("conversation.item.delete", item_id=item_id)) == [
        "conversation.item.deleted"
    ]
    d.audio(100)
    assert types(d.finish()) == [*AUDIO_CLOSE, *END]
    assert d.items() == []
