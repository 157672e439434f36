"""Talk with a Realtime server from the terminal: push to talk, hear and read the answer.

The command line only. The conversation and its screen are in `clients/terminal/`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from settings.arguments import PlainParser
from settings.installation import command, missing_library, program_name

try:
    from audio.devices import list_devices
    from audio.pcm import read_wav
    from clients.sdk import DEFAULT_MODEL, LOCAL_URL, ClientError, make_client
    from clients.terminal.app import THEMES, PushToTalkApp
    from clients.terminal.client import RealtimeClient
    from clients.terminal.session import Wishes
    from clients.terminal.sound import SoundMaker
    from clients.terminal.speakers import WavRecorder
    from clients.terminal.view import View
except ModuleNotFoundError as missing:
    raise SystemExit(missing_library(missing.name)) from None

USE_LOCAL_SERVER = True
"""False: talk to OpenAI's own service, with the key in OPENAI_API_KEY."""
LOCAL_SERVER = LOCAL_URL
OPENAI_SERVICE = "wss://api.openai.com/v1/realtime"

COMMAND = command("push_to_talk_app.py")

KEYS = f"""\
keys:
  K        start to record; again: stop and send
  Space    hold to talk, let go to send (where the terminal reports releases of keys:
           kitty, Ghostty, foot, Alacritty, iTerm2; not in tmux, not on Windows)
  V        hands-free: just speak, also into an answer; again: push to talk
  M        mute the microphone
  Esc      stop the answer; leave the input line
  /        type a message, Enter sends it
  D        choose microphone and loudspeaker
  T        dark or light
  R        connect now, when offline
  Q        quit (Ctrl+Q while typing)

examples:
  {COMMAND}                               the server on this machine
  {COMMAND} --url ws://192.168.1.7:8000   one on another machine
  {COMMAND} --url openai                  OpenAI's own, key in OPENAI_API_KEY
  {COMMAND} --wav-in question.wav --wav-out answer.wav
                           without a sound card: K speaks the file, K again sends it
"""


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = PlainParser(
        prog=program_name("push_to_talk_app.py"),
        description="Talk with a Realtime server: K records, K again sends, Q quits.",
        epilog=KEYS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    server = parser.add_argument_group("server")
    server.add_argument(
        "--url",
        default=LOCAL_SERVER if USE_LOCAL_SERVER else OPENAI_SERVICE,
        help="address; 'openai' is OpenAI's own service (default: %(default)s)",
    )
    server.add_argument(
        "--api-key",
        default=os.environ.get("OPENAI_API_KEY"),
        help="API key (default: $OPENAI_API_KEY; a local server may need none)",
    )
    server.add_argument("--model", default=DEFAULT_MODEL, help="model (default: %(default)s)")
    server.add_argument("--voice", help="voice (default: the server's)")
    server.add_argument("--instructions", metavar="TEXT", help="how the assistant is to behave")
    server.add_argument(
        "--tools",
        metavar="FILE",
        help="JSON list of function tools; their calls are shown, and you type the results",
    )
    sound = parser.add_argument_group("sound")
    for direction in ("input", "output"):
        sound.add_argument(
            f"--{direction}-device",
            type=_device,
            metavar="DEVICE",
            help="number or part of the name (default: the system's)",
        )
    sound.add_argument("--list-devices", action="store_true", help="list the devices and exit")
    sound.add_argument("--wav-in", metavar="FILE", help="speak this WAV file, not the microphone")
    sound.add_argument(
        "--wav-out", metavar="FILE", help="keep the answers as WAV, as far as they were played"
    )
    parser.add_argument("--theme", choices=THEMES, default="dark", help="default: %(default)s")
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
        raise ClientError(f"--wav-in {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ClientError(f"--wav-in {path} cannot be read: {error}") from error
    if not pcm:
        raise ClientError(f"--wav-in {path} holds no audio; record a sentence.")
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
        raise ClientError(f"--tools {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ClientError(f"--tools {path} is no JSON: {error}.") from error
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        example = '[{"type": "function", "name": …, "description": …, "parameters": {…}}]'
        raise ClientError(f"--tools {path} is no list of tools; write {example}.")
    return tools


def record_answers(path: str) -> WavRecorder:
    """Create what --wav-out names.

    Raises:
        ClientError: It cannot be written.
    """
    try:
        return WavRecorder(path)
    except OSError as error:
        raise ClientError(f"--wav-out {path} cannot be written: {error.strerror}.") from error


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
        raise ClientError("There is no sound device. Connect one, or use --wav-in and --wav-out.")
    for device in sorted(devices, key=lambda device: (device.direction, device.index)):
        mark = "  (default)" if device.default else ""
        print(f"{device.direction:6}  {device.index:3}  {device.name}{mark}")


def in_terminal() -> bool:
    """Whether there is a terminal to read from and to write to; Textual writes on stderr."""
    return all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def run(args: argparse.Namespace) -> None:
    """Run the app.

    Raises:
        ClientError: It cannot begin, or has not kept what it should.
    """
    if args.url == OPENAI_SERVICE and not args.api_key:
        raise ClientError("OpenAI needs a key: set OPENAI_API_KEY or give --api-key.")
    sdk = make_client(args.url, args.api_key or "none")
    wishes = Wishes(args.voice, args.instructions, read_tools(args.tools) if args.tools else None)
    spoken = read_speech(args.wav_in) if args.wav_in else None
    if not in_terminal():
        instead = command("test_client.py")
        raise ClientError(f"This needs a terminal, not redirected. Without: {instead}.")
    recorder = record_answers(args.wav_out) if args.wav_out else None
    maker = SoundMaker(spoken, recorder)
    sound = maker.open_all(args.input_device, args.output_device)

    def make(view: View) -> RealtimeClient:
        return RealtimeClient(
            lambda: sdk.realtime.connect(model=args.model),
            view,
            sound.source,
            sound.player,
            wishes,
            args.url,
        )

    app = PushToTalkApp(make, maker, sound.missing, args.theme)
    try:
        app.run()
    finally:
        app.client.close()
        if recorder is not None:
            recorder.close()
    if recorder is not None:
        if recorder.error is not None:
            reason = recorder.error.strerror
            raise ClientError(f"--wav-out {args.wav_out} is not complete: {reason}.")
        print(f"The answers are in {args.wav_out}.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    args = parse_arguments(argv)
    try:
        if args.list_devices:
            print_devices()
        else:
            run(args)
    except ClientError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
