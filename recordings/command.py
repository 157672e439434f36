"""`python -m recordings`, or `open-realtime-recordings`: shows sessions, and plays them again."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from recordings import client_test_command, replay_command
from recordings.reading import BadRecording, Recording, read
from recordings.show import events, told
from settings.arguments import PlainParser
from settings.installation import program_name
from settings.localisation import _


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; returns its exit status."""
    parser = PlainParser(
        prog=program_name("recordings"),
        description=_(
            "Shows sessions that a server has recorded (--record), and plays them again."
        ),
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar=_("COMMAND"))
    show = commands.add_parser("show", help=_("print the conversation, and where its time went"))
    show.add_argument("file", metavar=_("FILE"), type=Path, help=_("a recording's .jsonl file"))
    show.add_argument("--events", action="store_true", help=_("print every event instead"))
    page = commands.add_parser("page", help=_("write one HTML file: to open, search and play"))
    page.add_argument("file", metavar=_("FILE"), type=Path, help=_("a recording's .jsonl file"))
    page.add_argument(
        "-o", "--output", metavar=_("PAGE"), type=Path, help=_("where (default: beside the file)")
    )
    replay_command.add_commands(commands)
    client_test_command.add_command(commands)
    given = parser.parse_args(argv)
    try:
        recording = read(given.file)
        if recording.cut_off is not None:
            print(cut_off(given.file, recording.cut_off), file=sys.stderr)
        if given.command == "replay":
            return replay_command.replay(recording, given)
        if given.command == "as-client-test":
            return client_test_command.client_test(recording, given)
        if given.command == "script":
            replay_command.print_script(recording)
        elif given.command == "page":
            print(write_page(recording, given.output))
        else:
            for line in events(recording) if given.events else told(recording):
                print(line)
    except BadRecording as error:
        print(_("error: {error}").format(error=error), file=sys.stderr)
        plays = given.command in ("replay", "as-client-test")
        return replay_command.NOT_REPLAYED if plays else 1
    except BrokenPipeError:
        # `| head` has read enough; at its end Python would try to write once more.
        sys.stdout = None
    return 0


def write_page(recording: Recording, output: Path | None) -> Path:
    """Write a recording's page, for its owner alone, and return where it is.

    Raises:
        BadRecording: A track cannot be read, or the page cannot be written.
    """
    # What draws waveforms takes longer to load than a conversation to print.
    from recordings.page import page

    text = page(recording)
    path = output or recording.path.with_suffix(".html")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise BadRecording(f"{path}: {error.strerror}") from None
    return path


def cut_off(path: Path, line: int) -> str:
    """Return the warning that the rest of a recording is missing."""
    return _("{path}, line {line}: the rest is missing; the server was killed meanwhile, or writes "
             "it still").format(path=path, line=line)  # fmt: skip
