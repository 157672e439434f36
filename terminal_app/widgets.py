"""The parts of the screen: conversation, level meter, and a footer that fits any width."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Footer, Input, Static

from terminal_app.view import Who

SPEAKERS: dict[Who, str] = {
    "you": "You",
    "assistant": "Assistant",
    "tool": "Tool",
    "problem": "Error",
    "note": "",
}
QUIET_DBFS = -60.0
"""Where the meter begins; a quiet room is about as loud."""
HIGH_DBFS = -6.0
"""From here on a microphone is about to overdrive."""


class Line(Horizontal):
    """One turn, tool call or message: who, and what."""

    def __init__(self) -> None:
        """Build an empty line."""
        super().__init__()
        self.text = ""
        self._who, self._what = Static(classes="who"), Static(classes="what", markup=False)

    def compose(self) -> ComposeResult:
        """Lay out the line."""
        yield self._who
        yield self._what

    def show(self, who: Who, text: str) -> None:
        """Show who said what."""
        self.text = text
        self.set_class(True, who)
        self._who.update(SPEAKERS[who])
        self._what.update(text)

    def interrupt(self, heard_ms: int | None) -> None:
        """Dim it, and say how much of it was heard."""
        self.add_class("interrupted")
        heard = "" if heard_ms is None else f" after {heard_ms / 1000:.1f} s"
        self._what.update(f"{self.text} [interrupted{heard}]")


class Conversation(VerticalScroll):
    """All that was said. It follows its end until the user scrolls up."""

    def __init__(self) -> None:
        """Build an empty conversation."""
        super().__init__(id="conversation")
        self._lines: dict[str, Line] = {}

    def on_mount(self) -> None:
        """Follow the end."""
        self.anchor()

    def show(self, key: str, who: Who, text: str, append: bool) -> None:
        """Add, replace or lengthen the line of this key."""
        self._line(key).show(who, self._line(key).text + text if append else text)

    def interrupt(self, key: str, heard_ms: int | None) -> None:
        """Dim a line, if there is one: an answer may be interrupted before its first word."""
        if key in self._lines:
            self._lines[key].interrupt(heard_ms)

    def _line(self, key: str) -> Line:
        if key not in self._lines:
            self._lines[key] = Line()
            self.mount(self._lines[key])
        return self._lines[key]


class LevelMeter(Widget):
    """How loud the microphone is, from -60 dB to the loudest it can be."""

    dbfs: reactive[float] = reactive(QUIET_DBFS)

    def render(self) -> Content:
        """Draw the meter at its present width."""
        width = self.size.width
        share = (min(self.dbfs, 0.0) - QUIET_DBFS) / -QUIET_DBFS
        filled = max(0, round(share * width))
        color = "$error" if self.dbfs >= HIGH_DBFS else "$success"
        return Content.assemble(("━" * filled, color), ("─" * (width - filled), "$foreground 30%"))


class MessageInput(Input):
    """Where messages are typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send", key_display="Enter"),
        Binding("tab", "app.focus_next", "Keys", key_display="Tab"),
    ]


class KeyFooter(Footer):
    """The keys, in as many rows as they need; Textual's own footer has one and hides the rest."""

    def compose(self) -> ComposeResult:
        """Write the keys that do something now. Each can be clicked."""
        keys: dict[str, Content] = {}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show and enabled:
                key = self.app.get_key_display(binding)
                action = binding.action if "." in binding.action else f"app.{binding.action}"
                if binding.action == "submit":
                    action = f"app.simulate_key('{binding.key}')"
                label = binding.description.replace(" ", "\N{NO-BREAK SPACE}")
                keys[binding.action] = Content.from_markup(
                    f"[@click={action}][b $accent]$key[/]\N{NO-BREAK SPACE}$label[/]",
                    key=key,
                    label=label,
                )
        yield Static(Content("  ").join(keys.values()))
