"""The screen: shows what a `RealtimeClient` reports, and maps keys to its methods."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import ClassVar

from textual import constants
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.driver import Driver
from textual.events import AppBlur
from textual.widgets import Input, Static
from textual.worker import WorkType

from audio.devices import Direction, list_devices
from clients.terminal.client import RealtimeClient
from clients.terminal.device_dialog import DeviceDialog
from clients.terminal.key_releases import KeyReleased, KeyReleasesReported
from clients.terminal.sound import SoundMaker
from clients.terminal.view import InputState, Latency, Link, SessionInfo, View, Who
from clients.terminal.widgets import (
    QUIET_DBFS,
    Conversation,
    KeyFooter,
    LevelMeter,
    MessageInput,
    Rows,
)

LINKS: dict[str, tuple[str, str]] = {
    "connecting": ("◌ connecting", "$text-warning"),
    "connected": ("● connected", "$text-success"),
    "offline": ("○ offline", "$text-error"),
}
INPUTS: dict[InputState, tuple[str, str]] = {
    "none": ("no microphone", "$text-muted"),
    "off": ("K to talk", ""),
    "recording": ("● recording, K sends", "$text-error"),
    "file over": ("● file spoken, K sends", "$text-error"),
    "listening": ("○ hands-free", "$text-success"),
    "hearing": ("● hands-free", "$text-error"),
}
PLACEHOLDER = "/ to type, Enter to send"
THEMES = {"dark": "textual-dark", "light": "textual-light"}


class PushToTalkApp(App[None]):
    """The screen of a `RealtimeClient`."""

    TITLE = "Push to talk"
    AUTO_FOCUS = "#conversation"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-usual"), (110, "-wide")]  # noqa: RUF012
    CSS = """
    Rows { height: auto; }
    #status { padding: 0 1; background: $panel; }
    #conversation { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    Line { height: auto; max-width: 120; }
    Line.you { margin-top: 1; }
    Line .who { width: 11; text-style: bold; }
    Line .what { width: 1fr; }
    Line.you .who { color: $text-primary; }
    Line.assistant .who { color: $text-success; }
    Line.tool { color: $text-warning; }
    Line.problem { color: $text-error; }
    Line.note .who { display: none; }
    Line.note .what { color: $text-muted; text-style: italic; }
    Line.interrupted, Line.interrupted .who { color: $foreground 50%; }
    #bar { height: 1; padding: 0 1; background: $panel; }
    #input { width: auto; }
    #level { width: 12; height: 1; margin: 0 1; }
    .-wide #level { width: 24; }
    .latency { width: 1fr; text-align: right; text-wrap: nowrap; text-overflow: ellipsis; }
    .-narrow #latency, #latency-short { display: none; }
    .-narrow #latency-short { display: block; }
    #text { background: $surface; padding: 0 1; }
    KeyFooter { height: auto; padding: 0 1; layout: vertical; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k,K", "record", "Talk", key_display="K"),
        Binding("space", "hold", "Hold to talk", key_display="Space"),
        Binding("v,V", "hands_free", "Hands-free", key_display="V"),
        Binding("m,M", "mute", "Mute", key_display="M"),
        # These two change the meaning of the keys that follow, so they must not be queued.
        Binding("escape", "interrupt", "Stop", key_display="Esc", priority=True),
        Binding("slash", "type", "Type", key_display="/", priority=True),
        Binding("d,D", "devices", "Devices", key_display="D"),
        Binding("t,T", "theme", "Theme", key_display="T"),
        Binding("r,R", "retry", "Reconnect", key_display="R"),
        Binding("q,Q", "quit", "Quit", key_display="Q"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(
        self,
        make: Callable[[View], RealtimeClient],
        sound: SoundMaker,
        note: str = "",
        theme: str = "dark",
    ) -> None:
        """Build the screen.

        Args:
            make: Builds the client, given this screen.
            sound: Opens the devices that are chosen in the app.
            note: Text of the first line.
            theme: `dark` or `light`.
        """
        super().__init__()
        self.client = make(self)
        self.theme = THEMES[theme]
        self._sound, self._note = sound, note
        self._link = Link("connecting")
        self._session: SessionInfo | None = None
        self._reports_releases = False
        self._holding = False  # the key to hold is down
        self._conversation, self._level = Conversation(), LevelMeter(id="level")
        self._status, self._input = Rows(" · ", id="status"), Static(id="input")
        self._text = MessageInput(placeholder=PLACEHOLDER, id="text", compact=True)
        self._latency = Static(id="latency", classes="latency")
        self._latency_short = Static(id="latency-short", classes="latency")

    def get_driver_class(self) -> type[Driver]:
        """Return the driver that reports key releases, where the platform has one."""
        chosen = super().get_driver_class()
        if constants.DRIVER is not None or chosen.__name__ != "LinuxDriver":
            return chosen
        from clients.terminal.key_releases import KeyReleaseDriver

        return KeyReleaseDriver

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield self._status
        yield self._conversation
        with Horizontal(id="bar"):
            yield self._input
            yield self._level
            yield self._latency
            yield self._latency_short
        yield self._text
        yield KeyFooter()

    def on_mount(self) -> None:
        """Connect. When the app is told to end, the terminal is left as it was."""
        if self._note:
            self.show_text("note", "note", self._note)
        self._do(self.client.run)
        with suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit)

    # Keys.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable actions that are not possible now."""
        if action == "hold":
            return self._reports_releases
        if action == "retry":
            return self._link.state == "offline"
        if action == "interrupt":
            return not self.screen.is_modal
        if action == "type":
            return not (self.screen.is_modal or isinstance(self.focused, Input))
        return True

    def action_record(self) -> None:
        """Start to record, or send the recording."""
        self._do(self.client.toggle_recording)

    def action_hold(self) -> None:
        """Record until the key is released; the terminal repeats a held key."""
        if not self._holding:
            self._holding = True
            self._do(self.client.begin_recording)

    def on_key_releases_reported(self, _: KeyReleasesReported) -> None:
        """Offer to hold a key."""
        self._reports_releases = True
        self.refresh_bindings()

    def on_key_released(self, event: KeyReleased) -> None:
        """Send what was recorded while the key was held."""
        if event.character == " ":
            self._let_go()

    def on_app_blur(self, _: AppBlur) -> None:
        """End the recording: a release in another window is not reported here."""
        self._let_go()

    def action_hands_free(self) -> None:
        """Toggle hands-free mode: the server detects turns."""
        self._do(self.client.toggle_hands_free)

    def action_mute(self) -> None:
        """Toggle mute."""
        self.client.toggle_mute()

    def action_interrupt(self) -> None:
        """Stop the answer and leave the input line."""
        self.screen.set_focus(self._conversation)
        self._do(self.client.interrupt)

    def action_type(self) -> None:
        """Focus the input line at once: `focus` is delayed, and keys typed fast would be lost."""
        self.screen.set_focus(self._text)

    def action_theme(self) -> None:
        """Change between dark and light."""
        self.theme = THEMES["light" if self.theme == THEMES["dark"] else "dark"]

    def action_retry(self) -> None:
        """Connect now."""
        self.client.retry_now()

    def action_devices(self) -> None:
        """Choose devices."""
        try:
            self.push_screen(DeviceDialog(list_devices(), self._use_device))
        except OSError as error:
            self.show_text("devices", "problem", str(error))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Send a typed message."""
        text = event.value.strip()
        if text:
            self._do(partial(self.client.send_text, text))

    def _let_go(self) -> None:
        if self._holding:
            self._holding = False
            self._do(self.client.finish_recording)

    async def _use_device(self, direction: Direction, device: int | None) -> str:
        try:
            if direction == "input":
                await self.client.use_source(self._sound.microphone(device))
            else:
                await self.client.use_player(self._sound.player(device))
        except OSError as error:
            return str(error)
        return ""

    def _do(self, action: WorkType[None]) -> None:
        """Run an action of the client in the background; not after the app has ended."""
        self.run_worker(action)

    # What is shown.

    def show_link(self, link: Link) -> None:
        """Show whether there is a connection."""
        self._link = link
        self._text.kept = link.state != "connected"  # what is typed offline is sent later
        if link.state != "connected":
            self._session = None
        self._show_status()
        self.refresh_bindings()

    def show_session(self, session: SessionInfo) -> None:
        """Show which session this is."""
        self._session = session
        self._show_status()

    def show_input(self, state: InputState, hands_free: bool, muted: bool) -> None:
        """Show the state of the microphone."""
        text, color = INPUTS[state]
        parts = [
            Content.styled("hands-free, paused" if hands_free and state == "off" else text, color)
        ]
        if muted:
            parts.append(Content.styled("muted", "bold $text-warning"))
        self._input.update(Content("  ").join(parts))
        self._level.visible = state not in ("none", "off")
        if not self._level.visible:
            self._level.dbfs = QUIET_DBFS

    def show_level(self, dbfs: float) -> None:
        """Move the meter."""
        self._level.dbfs = dbfs

    def show_text(self, key: str, who: Who, text: str, append: bool = False) -> None:
        """Add, replace or lengthen a line of the conversation."""
        self._conversation.show(key, who, text, append)

    def show_interrupted(self, key: str, heard_ms: int | None) -> None:
        """Dim a line of the conversation."""
        self._conversation.interrupt(key, heard_ms)

    def show_waiting(self) -> None:
        """Show that an answer is pending."""
        for shown in (self._latency, self._latency_short):
            shown.update(Content.styled("waiting …", "$text-muted"))

    def show_latency(self, latency: Latency | None) -> None:
        """Show the answer's latency, in as many words as fit."""
        if latency is None:
            self._latency.update()
            self._latency_short.update()
        else:
            first = Content.styled(f"{latency.ms:.0f} ms", "bold")
            self._latency.update(first + f" from {latency.since} to {latency.until}")
            self._latency_short.update(first + f" to {latency.until}")

    def show_tool_wait(self, tool: str | None) -> None:
        """Say what the next typed line will be."""
        wanted = PLACEHOLDER if tool is None else f"/ to type the result of {tool}"
        self._text.placeholder = wanted

    def _show_status(self) -> None:
        text, color = LINKS[self._link.state]
        if self._link.state == "offline":
            text += f", next try in {self._link.retry_s} s"
        parts = [Content.styled(text, color)]
        if self._session is not None:
            parts += [Content(self._session.id), Content(self._session.model)]
            parts.append(Content(f"voice {self._session.voice}"))
        self._status.show(parts)
