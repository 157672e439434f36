"""Conversations that stock clients have had with an earlier server are the same with this one.

A difference is a change of the wire. Where it is meant, they are recorded anew (`CONTRIBUTING.md`).
"""

from __future__ import annotations

import pytest

from open_realtime_pytest.process import ServerProcess
from recordings.command import main
from tests.support.places import DATA

RECORDED = sorted((DATA / "recordings").glob("*.jsonl"))


def test_there_are_ten():
    assert len(RECORDED) == 10


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_session_is_the_same_with_this_server(
    path, server: ServerProcess, capsys: pytest.CaptureFixture[str]
):
    url = f"http://127.0.0.1:{server.port}/v1"
    status = main(
        ["replay", str(path), "--url", url, "--api-key", server.api_key, "--scripted", "--fast"]
    )
    told = capsys.readouterr()
    assert status == 0, told.out + told.err
    assert "no difference" in told.out
    assert told.err == ""
