"""`python -m recordings as-client-test`: a recorded server for a client under test."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from recordings.client_outcome import Outcome
from recordings.client_test import PATIENCE_S, How, served
from recordings.ignored import IGNORABLE, ignorable
from recordings.reading import Recording
from recordings.replay_command import DIFFERENT, NOT_REPLAYED, SAME, positive
from recordings.telling import told
from recordings.timeline import Timeline, timeline
from settings.arguments import PlainParser, whole_number
from settings.localisation import _

DEFAULT_PORT = 8001
"""Beside a server, which has 8000."""


def add_command(commands: argparse._SubParsersAction[PlainParser]) -> None:
    """Add the command to those of the program."""
    test = commands.add_parser(
        "as-client-test",
        help=_("play the server's side to a client, and print what that sends otherwise"),
    )
    test.add_argument("file", metavar=_("FILE"), type=Path, help=_("a recording's .jsonl file"))
    test.add_argument(
        "--host", default="127.0.0.1", help=_("address to listen at (default: this machine alone)")
    )
    test.add_argument(
        "--port",
        type=whole_number,
        default=DEFAULT_PORT,
        help=_("TCP port (default: 8001); 0: any free one"),
    )
    test.add_argument(
        "--fast", action="store_true", help=_("keep the order alone, and no time of the server's")
    )
    test.add_argument(
        "--ignore",
        action="append",
        type=ignorable,
        default=[],
        metavar=_("WHAT"),
        help=_("do not compare this: {names}, or a type of events; may be repeated").format(
            names=", ".join(IGNORABLE)
        ),
    )
    test.add_argument(
        "--patience",
        type=positive,
        default=PATIENCE_S,
        metavar=_("S"),
        help=_("seconds to wait for what the client had sent (default: 10)"),
    )


def client_test(recording: Recording, given: argparse.Namespace) -> int:
    """Play the server's side to a client; returns the exit status.

    Raises:
        BadRecording: It cannot be played, or there is nothing to listen at.
    """
    laid = timeline(recording)
    for warning in laid.warnings:
        print(_("warning: {text}").format(text=warning), file=sys.stderr)
    how = How(given.fast, given.patience, tuple(given.ignore))
    try:
        outcome = asyncio.run(_serve(laid, how, given))
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return NOT_REPLAYED
    return _tell(outcome)


async def _serve(laid: Timeline, how: How, given: argparse.Namespace) -> Outcome:
    async with served(laid, how, given.host, given.port) as server:
        print(
            _(
                "waiting for one client; its base URL is {base_url} ({ws_url}), any key will do"
            ).format(base_url=server.base_url, ws_url=server.ws_url),
            flush=True,
        )
        return await server.outcome()


def _tell(outcome: Outcome) -> int:
    for line in outcome.facts:
        print(line)
    for line in told(outcome.differences):
        print(line)
    if outcome.late:
        types = ", ".join(outcome.late)
        print(_("the server went on without: {types}").format(types=types))
    passed = _("{came} messages came, {sent} were sent").format(
        came=outcome.came, sent=outcome.sent
    )
    if count := len(outcome.facts) + len(outcome.differences):
        print(_("differences: {count}; {passed}").format(count=count, passed=passed))
        return DIFFERENT
    print(_("no difference; {passed}").format(passed=passed))
    return SAME
