"""Misspelt flags of the programs, and values that a flag cannot have."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import main
import push_to_talk_app
import test_client

PROGRAMS = {"server": main.main, "talk": push_to_talk_app.main, "check": test_client.main}


def complaint(
    program: Callable[[list[str]], object], arguments: list[str], shown: pytest.CaptureFixture[str]
) -> str:
    with pytest.raises(SystemExit) as ended:
        program(arguments)
    assert ended.value.code == 2
    return shown.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("program", "arguments", "said"),
    [
        ("server", ["--prot", "9000"], "there is no --prot. Did you mean --port?"),
        ("server", ["--insecur3"], "Did you mean --insecure?"),
        ("server", ["zzz"], "there is no zzz. --help lists"),
        ("server", ["--port", "many"], "--port: must be a whole number, not 'many'"),
        ("server", ["--workers", "1.5"], "--workers: must be a whole number, not '1.5'"),
        ("server", ["--download", "--check"], "--download and --check are two commands"),
        (
            "server",
            ["--profile", "local", "--download", "offline"],
            "two profiles: local, offline. Give one of them.",
        ),
        ("talk", ["--apikey", "x"], "Did you mean --api-key?"),
        ("talk", ["--theme", "drak"], "not 'drak'. Did you mean dark?"),
        ("check", ["--tiemout", "5"], "Did you mean --timeout?"),
        ("check", ["--timeout", "long"], "--timeout: must be a number, not 'long'"),
    ],
)
def test_a_flag_that_cannot_be_used_is_answered_with_what_was_meant(
    program: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in complaint(PROGRAMS[program], arguments, capsys)
