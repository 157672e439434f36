"""A call that did not connect says why, and what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peers.webrtc.obstacles import Dtls, Progress, obstacle

NOTHING = Progress("192.0.2.1:8000", 15, False, False, Dtls.UNFINISHED, False)


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (NOTHING, ["No UDP packet", "192.0.2.1:8000", "webrtc.public_hosts", "TURN"]),
        (replace(NOTHING, checked=True), ["do not reach it", "webrtc.public_hosts"]),
        (replace(NOTHING, checked=True, has_way=True), ["DTLS", "MTU"]),
        (
            replace(NOTHING, checked=True, has_way=True, dtls=Dtls.FAILED, left=True),
            ["DTLS handshake failed", "certificate", "new offer"],
        ),
        (replace(NOTHING, checked=True, has_way=True, dtls=Dtls.DONE), ["data channel"]),
        (replace(NOTHING, left=True), ["client closed the call"]),
    ],
)
def test_the_reason_and_the_remedy(progress: Progress, words: list[str]) -> None:
    told = obstacle(progress)
    for word in words:
        assert word in told
