"""The screen: shows what a `RealtimeClient` reports, and maps keys to its methods."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
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
from clients.terminal.details_dialog import Details, DetailsDialog
from clients.terminal.device_dialog import DeviceDialog
from clients.terminal.hints import hints
from clients.terminal.key_releases import KeyReleased, KeyReleasesReported
from clients.terminal.sound import SoundMaker
from clients.terminal.transcript import Transcript
from clients.terminal.view import (
    Echo,
    InputState,
    Latency,
    Link,
    SessionInfo,
    Stack,
    View,
    Who,
)
from clients.terminal.widgets import (
    QUIET_DBFS,
    Conversation,
    KeyFooter,
    LevelMeter,
    MessageInput,
    Rows,
)
from settings.localisation import _

THEMES = {"dark": "textual-dark", "light": "textual-light"}


def _link(link: Link) -> Content:
    """Say whether there is a connection."""
    if link.state == "connecting":
        return Content.styled(_("◌ connecting"), "$text-warning")
    if link.state == "connected":
        return Content.styled(_("● connected"), "$text-success")
    text = _("○ offline, next try in {seconds} s").format(seconds=link.retry_s)
    return Content.styled(text, "$text-error")


def _input(state: InputState, hands_free: bool) -> Content:
    """Say what the microphone does."""
    if hands_free and state in ("off", "file"):
        return Content(_("hands-free, paused"))
    text, color = {
        "none": (_("no microphone"), "$text-muted"),
        "off": (_("K to talk"), ""),
        "file": (_("K speaks the file"), ""),
        "recording": (_("● recording, K sends"), "$text-error"),
        "file over": (_("● file spoken, K sends"), "$text-error"),
        "listening": (_("○ hands-free"), "$text-success"),
        "hearing": (_("● hands-free"), "$text-error"),
    }[state]
    return Content.styled(text, color)


def _echo(echo: Echo, hands_free: bool) -> Content:
    """Say whether a loudspeaker would do."""
    if echo == "cancelled":
        return Content.styled(_("echo cancelled"), "$text-success")
    if echo == "heard" and hands_free:
        return Content.styled(_("wear headphones"), "$text-warning")
    return Content()


def _what_answers(session: SessionInfo, stack: Stack | None) -> list[str]:
    """Name what answers, one part each."""
    names = (session.model,) if stack is None else stack.names
    if len(names) == 1:
        return [*names]
    told = (_("hears {name}"), _("answers {name}"), _("speaks {name}"))
    return [text.format(name=name) for text, name in zip(told, names, strict=True)]


def _first(latency: Latency, in_full: bool) -> str:
    """Say from when to when a latency was measured."""
    if not in_full:
        return _("to first audio") if latency.until == "first audio" else _("to first text")
    return {
        ("end of speech", "first audio"): _("from end of speech to first audio"),
        ("end of speech", "first text"): _("from end of speech to first text"),
        ("sending", "first audio"): _("from sending to first audio"),
        ("sending", "first text"): _("from sending to first text"),
    }[latency.since, latency.until]


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
    Hints { height: auto; max-width: 120; padding: 1 0; color: $text-muted; }
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
        Binding("i,I", "details", "Details", key_display="I"),
        Binding("t,T", "theme", "Theme", key_display="T"),
        Binding("r,R", "retry", "Reconnect", key_display="R"),
        Binding("q,Q", "quit", "Quit", key_display="Q"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
        Binding("ctrl+c", "copy_or_quit", "Quit", show=False, priority=True),
    ]

    def __init__(
        self,
        make: Callable[[View], RealtimeClient],
        sound: SoundMaker,
        note: str = "",
        theme: str = "dark",
        about: Details = (),
    ) -> None:
        """Build the screen.

        Args:
            make: Builds the client, given this screen.
            sound: Opens the devices that are chosen in the app.
            note: Text of the first line.
            theme: `dark` or `light`.
            about: What the details name besides the session.
        """
        super().__init__()
        self.transcript = Transcript()
        self.client = make(self)
        self.theme = THEMES[theme]
        self._sound, self._note = sound, note
        self._link = Link("connecting")
        self._began = datetime.now().astimezone()
        self._session: SessionInfo | None = None
        self._stack: Stack | None = None
        self._last: tuple[SessionInfo | None, Stack | None] = (None, None)
        self._echo: Echo = "none"
        self._about = about
        self._heard: tuple[InputState, bool, bool] = ("none", False, False)
        self._reports_releases = False
        self._holding = False  # the key to hold is down
        self._conversation, self._level = Conversation(), LevelMeter(id="level")
        self._status, self._input = Rows(" · ", id="status"), Static(id="input")
        self._text = MessageInput(
            placeholder=_("/ to type, Enter to send"), id="text", compact=True
        )
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
            for told in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(told, self.exit)

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

    def action_copy_or_quit(self) -> None:
        """Copy what is marked, else quit: as everywhere in a terminal, in dialogs too."""
        marked = self.screen.get_selected_text()
        if isinstance(self.focused, Input):
            marked = marked or self.focused.selected_text
        if marked:
            self.copy_to_clipboard(marked)
        else:
            self.exit()

    def action_theme(self) -> None:
        """Change between dark and light."""
        self.theme = THEMES["light" if self.theme == THEMES["dark"] else "dark"]

    def action_retry(self) -> None:
        """Connect now."""
        self.client.retry_now()

    def action_details(self) -> None:
        """Show the session's id, and what answers, in full."""
        details = list(self._about)
        if self._session is not None:
            details.append((_("Session"), self._session.id))
            details.append((_("Model"), self._session.model))
            details.append((_("Voice"), self._session.voice))
        if self._stack is not None:
            details.append((_("Hears"), self._stack.stt))
            details.append((_("Answers"), self._stack.llm))
            details.append((_("Speaks"), self._stack.tts))
        details.append((_("Connection"), _link(self._link).plain))
        self.push_screen(DetailsDialog(details))

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

    def facts(self) -> list[str]:
        """Return which conversation this is: when, with what, and the last session's id."""
        session, stack = self._last
        told = [f"{self._began:%Y-%m-%d %H:%M}", *(value for _name, value in self._about[:1])]
        if session is not None:
            told += [str(stack or session.model), session.id]
        return told

    # What is shown.

    def show_link(self, link: Link) -> None:
        """Show whether there is a connection."""
        self._link = link
        self._text.kept = link.state != "connected"  # what is typed offline is sent later
        if link.state != "connected":
            self._session = self._stack = None
        self._show_status()
        self._show_hints()
        self.refresh_bindings()

    def show_session(self, session: SessionInfo) -> None:
        """Show which session this is."""
        self._session = session
        self._last = session, self._stack
        self._show_status()

    def show_stack(self, stack: Stack | None) -> None:
        """Show what answers."""
        self._stack = stack
        self._last = self._session, stack
        self._show_status()

    def show_echo(self, echo: Echo) -> None:
        """Show whether headphones are needed."""
        self._echo = echo
        self._show_status()
        self._show_hints()

    def show_input(self, state: InputState, hands_free: bool, muted: bool) -> None:
        """Show the state of the microphone."""
        self._heard = state, hands_free, muted
        parts = [_input(state, hands_free)]
        if muted:
            parts.append(Content.styled(_("muted"), "bold $text-warning"))
        self._input.update(Content("  ").join(parts))
        self._level.visible = state not in ("none", "off", "file")
        if not self._level.visible:
            self._level.dbfs = QUIET_DBFS
        self._show_status()
        self._show_hints()

    def show_level(self, dbfs: float) -> None:
        """Move the meter."""
        self._level.dbfs = dbfs

    def show_text(self, key: str, who: Who, text: str, append: bool = False) -> None:
        """Add, replace or lengthen a line of the conversation."""
        self._conversation.show(key, self.transcript.write(key, who, text, append))
        self._show_hints()

    def show_interrupted(self, key: str, heard_ms: int | None, heard: int) -> None:
        """Dim a line of the conversation, and mark where it stopped."""
        if entry := self.transcript.interrupt(key, heard_ms, heard):
            self._conversation.show(key, entry)

    def show_waiting(self) -> None:
        """Show that an answer is pending."""
        for shown in (self._latency, self._latency_short):
            shown.update(Content.styled(_("waiting …"), "$text-muted"))

    def show_latency(self, latency: Latency | None) -> None:
        """Show the answer's latency, in as many words as fit."""
        for shown, in_full in ((self._latency, True), (self._latency_short, False)):
            if latency is None:
                shown.update()
            else:
                first = Content.styled(f"{latency.ms:.0f} ms", "bold")
                shown.update(first + f" {_first(latency, in_full)}")

    def show_tool_wait(self, tool: str | None) -> None:
        """Say what the next typed line will be."""
        self._text.placeholder = (
            _("/ to type, Enter to send")
            if tool is None
            else _("/ to type the result of {tool}").format(tool=tool)
        )

    def _show_status(self) -> None:
        parts = [_link(self._link)]
        if self._session is not None:
            parts += map(Content, _what_answers(self._session, self._stack))
            parts.append(Content(_("voice {name}").format(name=self._session.voice)))
            _state, hands_free, _muted = self._heard
            parts.append(_echo(self._echo, hands_free))
        self._status.show([part for part in parts if part])

    def _show_hints(self) -> None:
        shown = self._conversation.hints
        shown.display = self._link.state == "connected" and not self.transcript.begun
        shown.show(hints(*self._heard, self._echo))
