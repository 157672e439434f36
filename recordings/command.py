"""`python -m recordings`, or `open-realtime-recordings`: shows what a server has recorded."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from recordings.reading import BadRecording, read
from recordings.show import events, told
from settings.arguments import PlainParser
from settings.installation import program_name
from settings.localisation import _


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; returns its exit status."""
    parser = PlainParser(
        prog=program_name("recordings"),
        description=_("Shows sessions that a server has recorded (--record)."),
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar=_("COMMAND"))
    show = commands.add_parser("show", help=_("print the conversation, and where its time went"))
    show.add_argument("file", metavar=_("FILE"), type=Path, help=_("a recording's .jsonl file"))
    show.add_argument("--events", action="store_true", help=_("print every event instead"))
    given = parser.parse_args(argv)
    try:
        recording = read(given.file)
        for line in events(recording) if given.events else told(recording):
            print(line)
        if recording.cut_off is not None:
            print(cut_off(given.file, recording.cut_off), file=sys.stderr)
    except BadRecording as error:
        print(_("error: {error}").format(error=error), file=sys.stderr)
        return 1
    except BrokenPipeError:
        # `| head` has read enough; at its end Python would try to write once more.
        sys.stdout = None  # type: ignore[assignment]
    return 0


def cut_off(path: Path, line: int) -> str:
    """Return the warning that the rest of a recording is missing."""
    return _("{path}, line {line}: the rest is missing; the server was killed meanwhile, or writes "
             "it still").format(path=path, line=line)  # fmt: skip
