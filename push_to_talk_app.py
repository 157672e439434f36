"""Talk with a Realtime server from the terminal: push to talk, hear and read the answer.

The command line only. The conversation and its screen are in `clients/terminal/`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from settings.columns import wrapped
from settings.installation import command, missing_library, program_name
from settings.localisation import _, system_reason

try:
    from audio.devices import list_devices
    from audio.pcm import read_wav
    from clients.sdk import DEFAULT_MODEL, LOCAL_URL, ClientError, dial, is_openai, make_client
    from clients.terminal.app import THEMES, PushToTalkApp
    from clients.terminal.client import RealtimeClient
    from clients.terminal.echo import EchoCanceller, can_cancel
    from clients.terminal.keeping import KeptConversation
    from clients.terminal.keys import key_help
    from clients.terminal.session import Wishes
    from clients.terminal.sound import SoundMaker
    from clients.terminal.speakers import WavRecorder
    from clients.terminal.stack import what_answers
    from clients.terminal.view import View
    from clients.terminal.written import NARROWEST, plain, printable
    from settings.arguments import PlainParser
except ModuleNotFoundError as missing:
    raise SystemExit(missing_library(missing.name)) from None

USE_LOCAL_SERVER = True
"""False: talk to OpenAI's own service, with the key in OPENAI_API_KEY."""
LOCAL_SERVER = LOCAL_URL
OPENAI_SERVICE = "wss://api.openai.com/v1/realtime"

COMMAND = command("push_to_talk_app.py")


def epilog() -> str:
    """Return the end of the help: keys and examples."""
    keys = [f"  {key:9}" + text.replace("\n", "\n" + " " * 11) for key, text in key_help()]
    examples = [
        ("", _("the server on this machine")),
        (" --url ws://192.168.1.7:8000", _("one on another machine")),
        (" --url openai", _("OpenAI's own, key in OPENAI_API_KEY")),
        (" --save talk", _("keep the conversation in talk.md and talk.wav")),
        (
            " --wav-in question.wav --wav-out answer.wav",
            _("without a sound card: K speaks the file, K again sends it"),
        ),
    ]
    lines = [f"  {COMMAND}{flags}\n      {text}" for flags, text in examples]
    return "\n".join([_("keys:"), *keys, "", _("examples:"), *lines])


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = PlainParser(
        prog=program_name("push_to_talk_app.py"),
        description=_("Talk with a Realtime server: K records, K again sends, Q quits."),
        epilog=epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    server = parser.add_argument_group(_("server"))
    server.add_argument(
        "--url",
        default=LOCAL_SERVER if USE_LOCAL_SERVER else OPENAI_SERVICE,
        help=_("address; 'openai' is OpenAI's own service (default: %(default)s)"),
    )
    server.add_argument(
        "--api-key",
        default=os.environ.get("OPENAI_API_KEY"),
        help=_("API key (default: $OPENAI_API_KEY; a local server may need none)"),
    )
    server.add_argument("--model", default=DEFAULT_MODEL, help=_("model (default: %(default)s)"))
    server.add_argument("--voice", help=_("voice (default: the server's)"))
    server.add_argument("--instructions", metavar="TEXT", help=_("how the assistant is to behave"))
    server.add_argument(
        "--tools",
        metavar="FILE",
        help=_("JSON list of function tools; their calls are shown, and you type the results"),
    )
    sound = parser.add_argument_group(_("sound"))
    for direction in ("input", "output"):
        sound.add_argument(
            f"--{direction}-device",
            type=_device,
            metavar="DEVICE",
            help=_("number or part of the name (default: the system's)"),
        )
    sound.add_argument("--list-devices", action="store_true", help=_("list the devices and exit"))
    sound.add_argument(
        "--wav-in", metavar="FILE", help=_("speak this WAV file, not the microphone")
    )
    sound.add_argument(
        "--wav-out", metavar="FILE", help=_("keep the answers as WAV, as far as they were played")
    )
    sound.add_argument(
        "--no-echo-cancellation",
        dest="echo_cancellation",
        action="store_false",
        help=_("send what the microphone hears of the loudspeaker, too"),
    )
    parser.add_argument(
        "--save",
        metavar="FILE",
        help=_("keep the conversation: FILE.md, and what was heard on both sides, FILE.wav"),
    )
    parser.add_argument("--theme", choices=THEMES, default="dark", help=_("default: %(default)s"))
    args = parser.parse_args(argv)
    if args.url == "openai":
        args.url = OPENAI_SERVICE
    return args


def _device(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def read_speech(path: str) -> bytes:
    """Read what --wav-in names.

    Raises:
        ClientError: It cannot be read, or holds nothing.
    """
    try:
        pcm = read_wav(path)
    except OSError as error:
        raise ClientError(_unreadable("--wav-in", path, f"{system_reason(error)}.")) from error
    except ValueError as error:
        raise ClientError(_unreadable("--wav-in", path, error)) from error
    if not pcm:
        told = _("{what} holds no audio; record a sentence.")
        raise ClientError(told.format(what=f"--wav-in {path}"))
    return pcm


def read_tools(path: str) -> list[dict[str, Any]]:
    """Read what --tools names.

    Raises:
        ClientError: It cannot be read, or is no list of objects.
    """
    try:
        with open(path, encoding="utf-8") as file:
            tools = json.load(file)
    except OSError as error:
        raise ClientError(_unreadable("--tools", path, f"{system_reason(error)}.")) from error
    except ValueError as error:
        told = _("{what} is no JSON: {reason}.")
        raise ClientError(told.format(what=f"--tools {path}", reason=error)) from error
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        example = '[{"type": "function", "name": …, "description": …, "parameters": {…}}]'
        told = _("{what} is no list of tools; write {example}.")
        raise ClientError(told.format(what=f"--tools {path}", example=example))
    return tools


def record_answers(path: str) -> WavRecorder:
    """Create what --wav-out names.

    Raises:
        ClientError: It cannot be written.
    """
    try:
        return WavRecorder(path)
    except OSError as error:
        raise ClientError(_unwritable("--wav-out", path, error)) from error


def keep(path: str) -> KeptConversation:
    """Create what --save names; if there is such a file already, one with a number.

    Raises:
        ClientError: It cannot be written.
    """
    try:
        return KeptConversation.create(path)
    except OSError as error:
        raise ClientError(_unwritable("--save", path, error)) from error


def _unreadable(flag: str, path: str, reason: object) -> str:
    told = _("{what} cannot be read: {reason}")
    return told.format(what=f"{flag} {path}", reason=reason)


def _unwritable(flag: str, path: str, error: OSError) -> str:
    told = _("{what} cannot be written: {reason}.")
    return told.format(what=f"{flag} {path}", reason=system_reason(error))


def print_devices() -> None:
    """Print the devices, numbered as the flags take them.

    Raises:
        ClientError: There is no PortAudio, or no device.
    """
    try:
        devices = list_devices()
    except OSError as error:
        raise ClientError(str(error)) from error
    if not devices:
        raise ClientError(
            _("There is no sound device. Connect one, or use --wav-in and --wav-out.")
        )
    for device in sorted(devices, key=lambda device: (device.direction, device.index)):
        mark = "  " + _("(default)") if device.default else ""
        print(f"{device.direction:6}  {device.index:3}  {device.name}{mark}")


def in_terminal() -> bool:
    """Whether there is a terminal to read from and to write to; Textual writes on stderr."""
    return all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def run(args: argparse.Namespace) -> int:
    """Run the app and return its exit status.

    Raises:
        ClientError: It cannot begin, or has not kept what it should.
    """
    if args.url == OPENAI_SERVICE and not args.api_key:
        raise ClientError(_("OpenAI needs a key: set OPENAI_API_KEY or give --api-key."))
    sdk = make_client(args.url, args.api_key or "none")
    wishes = Wishes(args.voice, args.instructions, read_tools(args.tools) if args.tools else None)
    spoken = read_speech(args.wav_in) if args.wav_in else None
    if not in_terminal():
        told = _("This needs a terminal, not redirected. Without: {command}.")
        raise ClientError(told.format(command=command("test_client.py")))
    recorder = record_answers(args.wav_out) if args.wav_out else None
    kept = keep(args.save) if args.save else None
    canceller = EchoCanceller() if args.echo_cancellation and can_cancel() else None
    maker = SoundMaker(spoken, recorder, canceller, [kept.sound] if kept else [])
    sound = maker.open_all(args.input_device, args.output_device)

    notices = not is_openai(args.url)

    def make(view: View) -> RealtimeClient:
        return RealtimeClient(
            lambda: dial(sdk, args.model, notices),
            view,
            sound.source,
            sound.player,
            wishes,
            args.url,
            look_up=lambda model: what_answers(sdk, model),
            on_sent=kept.sound.said if kept else None,
        )

    about = [(_("Server"), args.url)]
    if kept is not None:
        about.append((_("Saved in"), f"{kept.text_path}, {kept.sound_path}"))
    app = PushToTalkApp(make, maker, sound.missing, args.theme, about)
    if kept is not None:
        kept.begin(app.transcript, app.facts)
    try:
        app.run()
    finally:
        app.client.close()
        if recorder is not None:
            recorder.close()
        if kept is not None:
            kept.close()
        say_goodbye(app)
    _report(args, recorder, kept)
    return app.return_code or 0


def say_goodbye(app: PushToTalkApp) -> None:
    """Leave the conversation on the terminal; Textual takes its screen away."""
    width = shutil.get_terminal_size().columns
    if said := plain(app.transcript, width):
        about = " · ".join(printable(fact) for fact in app.facts())
        facts = "\n".join(wrapped(about, max(NARROWEST, width)))
        encoding = sys.stdout.encoding
        print(f"{facts}\n{said}".encode(encoding, "replace").decode(encoding))


def _report(
    args: argparse.Namespace, recorder: WavRecorder | None, kept: KeptConversation | None
) -> None:
    """Say what was written.

    Raises:
        ClientError: It is not complete.
    """
    incomplete = _("{what} is not complete: {reason}.")
    if recorder is not None:
        if recorder.error is not None:
            what = f"--wav-out {args.wav_out}"
            raise ClientError(incomplete.format(what=what, reason=system_reason(recorder.error)))
        print(_("The answers are in {file}.").format(file=args.wav_out))
    if kept is not None:
        if kept.error is not None:
            reason = system_reason(kept.error)
            raise ClientError(incomplete.format(what=f"--save {args.save}", reason=reason))
        if kept.text_path.exists():
            told = _("The conversation is in {text} and {sound}.")
            print(told.format(text=kept.text_path, sound=kept.sound_path))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    args = parse_arguments(argv)
    try:
        if args.list_devices:
            print_devices()
            return 0
        return run(args)
    except ClientError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
