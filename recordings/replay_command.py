"""`python -m recordings replay` and `… script`: a recorded session is played to a server again."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

from recordings.address import Address, NoAddress
from recordings.differences import ASKED_MODEL
from recordings.ignored import IGNORABLE, ignorable
from recordings.latency import latencies
from recordings.posting import post_script
from recordings.reading import BadRecording, Recording
from recordings.replay import CannotReplay, Pace, Played, Server, play
from recordings.replay_outcome import Outcome, compare
from recordings.script import is_scripted, script
from recordings.telling import slow, told, waited, waterfall
from recordings.timeline import Timeline, timeline
from settings.arguments import PlainParser
from settings.localisation import _

SAME, DIFFERENT, NOT_REPLAYED = 0, 1, 2
"""Exit statuses."""
UNSCRIPTED = ("audio", "usage", "messages")
"""What a script cannot say as real stages have said it."""


def add_commands(commands: argparse._SubParsersAction[PlainParser]) -> None:
    """Add the commands to those of the program."""
    replay = commands.add_parser(
        "replay", help=_("play the client's side to a server, and print what it says otherwise")
    )
    replay.add_argument("file", metavar=_("FILE"), type=Path, help=_("a recording's .jsonl file"))
    replay.add_argument(
        "--url",
        required=True,
        help=_("the server, as SDKs take it for a base URL: http://localhost:8000/v1"),
    )
    replay.add_argument(
        "--api-key",
        default=os.environ.get("OPENAI_API_KEY") or "none",
        help=_("API key (default: $OPENAI_API_KEY, else 'none')"),
    )
    replay.add_argument(
        "--model", type=_name, help=_("ask for this model (default: the recorded one)")
    )
    replay.add_argument(
        "--fast",
        action="store_true",
        help=_("keep the order alone, and no time: for a server with --virtual-clock"),
    )
    replay.add_argument(
        "--scripted",
        action="store_true",
        help=_("have the server (--testing) say what the recorded one said"),
    )
    replay.add_argument(
        "--ignore",
        action="append",
        type=ignorable,
        default=[],
        metavar=_("WHAT"),
        help=_("do not compare this: {names}, or a type of events; may be repeated").format(
            names=", ".join(IGNORABLE)
        ),
    )
    replay.add_argument(
        "--slower-than",
        type=positive,
        metavar=_("RATIO"),
        help=_("let an answer that takes more than so many times as long be a difference"),
    )
    replay.add_argument(
        "--patience",
        type=positive,
        default=Pace().patience_s,
        metavar=_("S"),
        help=_("seconds to wait for what the server had said (default: 10)"),
    )
    rules = commands.add_parser(
        "script", help=_("print the script that makes a server say the same again (--testing)")
    )
    rules.add_argument("file", metavar=_("FILE"), type=Path, help=_("a recording's .jsonl file"))


def _name(text: str) -> str:
    """Read the name of a model: `type` of an argument."""
    if not text.strip():
        raise argparse.ArgumentTypeError(_("must be a name"))
    return text


def positive(text: str) -> float:
    """Read a number above 0: `type` of an argument."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(_("must be a number above 0"))
    return number


def print_script(recording: Recording) -> None:
    """Print the rules that make a server say again what a recorded one said."""
    retold = script(timeline(recording, to_play=False))
    for warning in retold.warnings:
        _warn(warning)
    lines = [json.dumps(rule, ensure_ascii=False) for rule in retold.rules]
    print("[\n  " + ",\n  ".join(lines) + "\n]" if lines else "[]")


def replay(recording: Recording, given: argparse.Namespace) -> int:
    """Play a session to a server again; returns the exit status."""
    try:
        server = Server(Address.read(given.url), given.api_key, given.model)
        laid = timeline(recording)
        ignore = [*given.ignore, *([ASKED_MODEL] if given.model else [])]
        for warning in laid.warnings:
            _warn(warning)
        if given.scripted:
            ignore += _tell_server(laid, server)
        played = asyncio.run(play(laid, server, Pace(given.fast, given.patience)))
    except (BadRecording, CannotReplay, NoAddress) as error:
        print(_("error: {error}").format(error=error), file=sys.stderr)
        return NOT_REPLAYED
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return NOT_REPLAYED
    outcome = compare(laid, played, ignore)
    return _tell(outcome, laid, played, given)


def _tell_server(laid: Timeline, server: Server) -> list[str]:
    """Have the server say what was said; returns what can then not be compared."""
    retold = script(laid)
    for warning in retold.warnings:
        _warn(warning)
    post_script(server, retold.rules)
    if is_scripted(laid):
        return []
    _warn(
        _("a script has no real voice and no real model: {names} are not compared").format(
            names=", ".join(UNSCRIPTED)
        )
    )
    return [*UNSCRIPTED]


def _tell(outcome: Outcome, laid: Timeline, played: Played, given: argparse.Namespace) -> int:
    compared = latencies(laid.messages, played.met, played.ids)
    found = outcome.differences
    for line in waited(played.unmet, given.patience):
        print(line)
    if outcome.closing is not None:
        print(_("end      {told}").format(told=outcome.closing))
    if played.unsent:
        # What nobody has asked for any more has no line each.
        found = [one for one in found if one.kind != "missing"]
        gone = len(outcome.differences) - len(found)
        print(_("missing  {count} events that would have come then").format(count=gone))
    for line in told(found):
        print(line)
    if not given.fast:
        for line in waterfall(compared):
            print(line)
    late = slow(compared, given.slower_than) if given.slower_than and not given.fast else []
    for one in late:
        print(
            _("slower   answer {number}, {stage}: {ratio} times as long").format(
                number=one.answer, stage=one.stage, ratio=f"{one.ratio:.1f}"
            )
        )
    count = len(outcome.differences) + len(late) + (outcome.closing is not None)
    sent = len(played.met) - len(played.of_server())
    passed = _("{sent} messages sent, {came} came").format(sent=sent, came=len(played.of_server()))
    if count:
        print(_("differences: {count}; {passed}").format(count=count, passed=passed))
        return DIFFERENT
    print(_("no difference; {passed}").format(passed=passed))
    return SAME


def _warn(text: str) -> None:
    print(_("warning: {text}").format(text=text), file=sys.stderr)
