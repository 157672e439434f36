"""Talk with a Realtime server from the terminal: push to talk, hear and read the answer.

The screen only: it shows what a `RealtimeClient` reports and turns keys into calls of it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Coroutine, Sequence

try:
    from textual.app import App, ComposeResult
    from textual.binding import Binding
    from textual.containers import VerticalScroll
    from textual.widgets import Footer, Input, Static

    from audio_utils import AudioPlayerAsync, open_sound
    from realtime_client import (
        DEFAULT_MODEL,
        LOCAL_URL,
        ClientError,
        Microphone,
        RealtimeClient,
        View,
        Who,
        make_client,
    )
except ModuleNotFoundError as missing:
    raise SystemExit(
        f"The library '{missing.name}' is missing: run `make run`, or "
        "`pip install -r requirements.txt`."
    ) from None

USE_LOCAL_SERVER = True
"""False: talk to OpenAI's own service, with the key in OPENAI_API_KEY."""
LOCAL_SERVER = LOCAL_URL
OPENAI_SERVICE = "wss://api.openai.com/v1/realtime"

SPEAKERS: dict[Who, str] = {"you": "You: ", "assistant": "Assistant: ", "problem": "", "note": ""}


class PushToTalkApp(App[None]):
    """The screen of a `RealtimeClient`."""

    TITLE = "Push to talk"
    AUTO_FOCUS = "#conversation"
    CSS = """
    #status, #bar { height: 1; padding: 0 1; background: $panel; }
    #conversation { height: 1fr; padding: 0 1; }
    .you { color: $accent; margin-top: 1; }
    .problem { color: $error; }
    .note { color: $text-muted; }
    """
    BINDINGS = [  # noqa: RUF012
        Binding("k", "record", "Record / send"),
        Binding("escape", "interrupt", "Stop the answer"),
        Binding("slash", "type", "Type", key_display="/"),
        Binding("r", "retry", "Reconnect"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, make: Callable[[View], RealtimeClient], note: str = "") -> None:
        """Build the screen for the client that `make` returns; `note` is its first line."""
        super().__init__()
        self.client = make(self)
        self._note = note
        self._state, self._session = "", ""
        self._recording, self._latency = "", "K to talk"
        self._status, self._bar = Static(id="status", markup=False), Static(id="bar", markup=False)
        self._conversation = VerticalScroll(id="conversation")
        self._texts: dict[str, tuple[Static, str]] = {}

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield self._status
        yield self._conversation
        yield self._bar
        yield Input(placeholder="/ to type, Enter to send", id="text")
        yield Footer()

    def on_mount(self) -> None:
        """Connect."""
        self._conversation.anchor()
        if self._note:
            self.show_text("note", "note", self._note)
        self.show_recording(False)
        self.run_worker(self.client.run())

    def action_record(self) -> None:
        """Start to record, or send the recording."""
        self._do(self.client.toggle_recording())

    def action_interrupt(self) -> None:
        """Stop the answer and leave the input line."""
        self._conversation.focus()
        self._do(self.client.interrupt())

    def action_type(self) -> None:
        """Go to the input line."""
        self.query_one("#text").focus()

    def action_retry(self) -> None:
        """Connect now."""
        self.client.retry_now()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Send a typed message."""
        text = event.value.strip()
        event.input.clear()
        if text:
            self._do(self.client.send_text(text))

    def _do(self, action: Coroutine[None, None, None]) -> None:
        """Let the client act while the screen goes on."""
        self.run_worker(action)

    def show_connection(self, state: str) -> None:
        """Show whether there is a connection."""
        self._state = state
        if state != "connected":
            self._session = ""
        self._refresh_bars()

    def show_session(self, session_id: str, model: str, voice: str) -> None:
        """Show which session this is."""
        self._session = f"{session_id} · {model} · voice {voice}"
        self._refresh_bars()

    def show_recording(self, on: bool) -> None:
        """Show whether the microphone is on."""
        self._recording = "● recording, K sends" if on else ""
        self._refresh_bars()

    def show_latency(self, first_ms: float, total_ms: float) -> None:
        """Show how fast the last answer was."""
        self._latency = f"answer after {first_ms:.0f} ms, complete after {total_ms:.0f} ms"
        self._refresh_bars()

    def show_text(self, key: str, who: Who, text: str, append: bool = False) -> None:
        """Add, replace or lengthen a line of the conversation."""
        widget, so_far = self._texts.get(key, (None, ""))
        text = so_far + text if append else text
        if widget is None:
            widget = Static(markup=False)
            self._conversation.mount(widget)
        widget.set_classes(who)
        widget.update(SPEAKERS[who] + text)
        self._texts[key] = (widget, text)

    def _refresh_bars(self) -> None:
        self._status.update(" · ".join(part for part in (self._state, self._session) if part))
        self._bar.update(self._recording or self._latency)


def open_audio() -> tuple[AudioPlayerAsync | None, Microphone | None, str]:
    """Open what sound devices there are.

    Returns:
        Player and microphone, None where there is none, and one line about what is missing.
    """
    player: AudioPlayerAsync | None = None
    microphone: Microphone | None = None
    missing = ""
    try:
        open_sound("input", lambda *_: None).close()
        microphone = Microphone()
    except OSError as error:
        missing = str(error)
    try:
        speaker = AudioPlayerAsync()
        speaker.start()
        player = speaker
    except OSError as error:
        missing = str(error)
    return player, microphone, f"{missing} Going on with text." if missing else ""


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="push_to_talk_app.py",
        description="Talk with a Realtime server: K records, K again sends, Q quits.",
    )
    parser.add_argument(
        "--url",
        default=LOCAL_SERVER if USE_LOCAL_SERVER else OPENAI_SERVICE,
        help="address (default: %(default)s)",
    )
    parser.add_argument(
        "--api-key",
        default=os.environ.get("OPENAI_API_KEY"),
        help="API key (default: $OPENAI_API_KEY; a local server may need none)",
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="model (default: %(default)s)")
    parser.add_argument("--voice", help="voice (default: the server's)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the app and return its exit status."""
    args = parse_arguments(argv)
    if args.url == OPENAI_SERVICE and not args.api_key:
        print("OpenAI needs a key: set OPENAI_API_KEY or give --api-key.", file=sys.stderr)
        return 2
    try:
        sdk = make_client(args.url, args.api_key or "none")
    except ClientError as error:
        print(error, file=sys.stderr)
        return 2
    player, microphone, missing = open_audio()

    def make(view: View) -> RealtimeClient:
        return RealtimeClient(
            lambda: sdk.realtime.connect(model=args.model),
            view,
            player,
            microphone,
            args.voice,
            args.url,
        )

    try:
        PushToTalkApp(make, missing).run()
    finally:
        if player is not None:
            player.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
