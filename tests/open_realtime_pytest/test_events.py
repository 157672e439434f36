"""What may be asserted of events, and what it says where it does not hold."""

from __future__ import annotations

import pytest

from open_realtime_pytest.events import Event, Events

PASSED = Events(
    [
        Event({"type": "session.created"}, "server", "sess_1", 1.4),
        Event({"type": "session.update", "session": {}}, "client", "sess_1", 5),
        Event({"type": "input_audio_buffer.append"}, "client", "sess_1", 20),
        Event({"type": "input_audio_buffer.append"}, "client", "sess_1", 40),
        Event({"type": "session.updated"}, "server", "sess_1", 41),
    ]
)


def test_events_are_what_they_are_and_who_sent_them() -> None:
    assert PASSED[1] == {"type": "session.update", "session": {}}
    assert (PASSED[1].sender, PASSED[1].session, PASSED[1].t_ms) == ("client", "sess_1", 5)
    assert PASSED.from_server.types == ["session.created", "session.updated"]
    assert PASSED.from_client.of("session.update").types == ["session.update"]
    assert repr(PASSED[1]) == '<client 5 ms {"type": "session.update", "session": {}}>'
    assert len(repr(Event({"type": "x" * 1000}, "client", "s", 0))) < 400
    assert Event({"unreadable": "x"}, "client", "s", 0).type is None


def test_the_only_event_of_a_type() -> None:
    assert PASSED.one("session.updated").t_ms == 41
    with pytest.raises(AssertionError) as none:
        PASSED.one("response.create")
    assert str(none.value) == (
        "0 events of type 'response.create':\n"
        "       1 ms ← session.created\n"
        "       5 ms → session.update\n"
        "      40 ms → input_audio_buffer.append × 2\n"
        "      41 ms ← session.updated"
    )
    with pytest.raises(AssertionError, match=r"2 events of type 'input_audio_buffer.append'"):
        PASSED.one("input_audio_buffer.append")


def test_types_that_do_not_exist_are_refused() -> None:
    def exists(type_: str) -> None:
        if type_ == "response.creat":
            raise ValueError(type_)

    passed = Events(PASSED, exists)
    assert passed.of("response.create") == []
    for ask in (
        lambda: passed.of("response.creat"),
        lambda: passed.from_server.from_client.of("response.creat"),
        lambda: passed.one("response.creat"),
        lambda: passed.assert_order("session.created", "response.creat"),
        lambda: passed.assert_types([], leaving_out=["response.creat"]),
    ):
        with pytest.raises(ValueError, match=r"response\.creat"):
            ask()
    with pytest.raises(ValueError, match="name the types"):
        passed.assert_order()


def test_all_types_or_a_difference() -> None:
    append = "input_audio_buffer.append"
    PASSED.assert_types(["session.created", "session.update", append, append, "session.updated"])
    kept = ["session.created", "session.update", "session.updated"]
    PASSED.assert_types(kept, leaving_out=[append])
    with pytest.raises(AssertionError) as other:
        PASSED.assert_types(["session.created", "response.create"], leaving_out=[append])
    assert str(other.value).splitlines()[1:] == [
        "--- expected",
        "+++ what passed",
        "@@ -1,2 +1,3 @@",
        " session.created",
        "-response.create",
        "+session.update",
        "+session.updated",
    ]


def test_a_listing_says_what_went_wrong() -> None:
    error = {"type": "invalid_request_error", "code": "session_expired", "message": "Time is up."}
    status = {"reason": "turn_detected"}
    response = {"status": "cancelled", "status_details": status}
    listed = Events(
        [
            Event({"type": "response.done", "response": response}, "server", "sess_1", 5),
            Event({"type": "error", "error": error}, "server", "sess_1", 12),
        ]
    ).listing()
    assert listed == (
        "       5 ms ← response.done  cancelled: turn_detected\n"
        "      12 ms ← error  session_expired: Time is up."
    )


def test_an_order_with_whatever_in_between() -> None:
    PASSED.assert_order("session.created", "session.updated")
    with pytest.raises(AssertionError, match=r"'session.created' behind 'session.updated'"):
        PASSED.assert_order("session.updated", "session.created")
    with pytest.raises(AssertionError, match=r"no event 'x':\n\(nothing passed\)"):
        Events().assert_order("x")
