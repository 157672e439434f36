"""Lines that are written one after the other tell times that never go back."""

from __future__ import annotations

import json

from serving.recording import rows


def test_a_later_line_tells_no_earlier_time() -> None:
    place = rows.place(None, 0, 0)
    lines = [
        rows.event(31.36, "server", b"{}"),
        rows.appended([(31.37, 960, None)], place),
        rows.unread(31.38, None),
        rows.stages(31.381, {}),
        rows.silenced(31.382),
        rows.end(31.39, "the client left"),
    ]
    assert [json.loads(line)["t"] for line in lines] == [31.3] * len(lines)
