"""The parts of the screen: conversation, level meter, input line, and a footer for any width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Footer, Input, Static

from clients.terminal.hints import Hint
from clients.terminal.keys import key_label
from clients.terminal.transcript import Entry
from clients.terminal.view import Who
from settings.localisation import _

QUIET_DBFS = -60.0
"""Lower end of the meter in dBFS: about the level of a quiet room."""
HIGH_DBFS = -6.0
"""Level in dBFS above which a microphone is about to clip."""


def speakers() -> dict[Who, str]:
    """Return what those who speak are called."""
    return {
        "you": _("You"),
        "assistant": _("Assistant"),
        "tool": _("Tool"),
        "problem": _("Error"),
        "note": "",
    }


class Line(Horizontal):
    """One turn, tool call or message: who, and what."""

    def __init__(self) -> None:
        """Build an empty line."""
        super().__init__()
        self._who, self._what = Static(classes="who"), Static(classes="what", markup=False)

    def compose(self) -> ComposeResult:
        """Lay out the line."""
        yield self._who
        yield self._what

    def show(self, entry: Entry) -> None:
        """Show who said what; what was interrupted is dim."""
        self.set_class(True, entry.who)
        self.set_class(entry.interrupted, "interrupted")
        self._who.update(speakers()[entry.who])
        self._what.update(str(entry))


class Hints(Static):
    """What to try, while nothing has been said."""

    def show(self, hints: Sequence[Hint]) -> None:
        """Show these."""
        lines = [
            Content.assemble((f"  {hint.key:5}", "bold $text-accent"), hint.text)
            if hint.key
            else Content(hint.text)
            for hint in hints
            if hint.text
        ]
        self.update(Content("\n").join(lines))


class Conversation(VerticalScroll):
    """The conversation's lines. It scrolls to the end unless the user has scrolled up."""

    def __init__(self) -> None:
        """Build an empty conversation."""
        super().__init__(id="conversation")
        self.hints = Hints()
        self._lines: dict[str, Line] = {}

    def compose(self) -> ComposeResult:
        """Lay out the conversation: lines come before the hints."""
        yield self.hints

    def on_mount(self) -> None:
        """Follow the end."""
        self.anchor()

    def show(self, key: str, entry: Entry) -> None:
        """Add the line of this key, or change it."""
        if key not in self._lines:
            self._lines[key] = Line()
            self.mount(self._lines[key], before=self.hints)
        self._lines[key].show(entry)


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
    """The input line. Sending clears it, unless the message is `kept`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send", key_display="Enter"),
        # Handled at once: the keys that follow are not for the line.
        Binding("tab", "app.focus_next", "Keys", key_display="Tab", priority=True),
    ]
    kept = False

    async def on_key(self, event: Key) -> None:
        """Send at Enter, in order: a binding would run after the keys that follow."""
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            await self.action_submit()

    async def action_submit(self) -> None:
        """Send the line."""
        await super().action_submit()
        if not self.kept:
            self.clear()


class Rows(Widget):
    """Parts side by side, wrapped into rows; no part is split."""

    def __init__(
        self,
        gap: str,
        parts: Sequence[Content] = (),
        id: str | None = None,
        spare: Content | None = None,
    ) -> None:
        """Show these, with `gap` between two in a row; not the `spare` one if it takes a row."""
        super().__init__(id=id)
        self.auto_links = False  # links keep their own colours
        self._gap, self._parts, self._spare = gap, parts, spare

    def show(self, parts: Sequence[Content]) -> None:
        """Show others."""
        self._parts = parts
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the number of rows needed at a width."""
        return sum(max(1, -(-row.cell_length // max(1, width))) for row in self._rows(width))

    def render(self) -> Content:
        """Write the parts."""
        return Content("\n").join(self._rows(self.size.width))

    def _rows(self, width: int) -> list[Content]:
        rows = self._wrapped(self._parts, width)
        without = self._wrapped([part for part in self._parts if part is not self._spare], width)
        return rows if len(rows) == len(without) else without

    def _wrapped(self, parts: Sequence[Content], width: int) -> list[Content]:
        rows = [Content()]
        for part in parts:
            if not rows[-1]:
                rows[-1] = part
            elif rows[-1].cell_length + len(self._gap) + part.cell_length <= width:
                rows[-1] = rows[-1] + self._gap + part
            else:
                rows.append(part)
        return rows


class KeyFooter(Footer):
    """The enabled keys; Textual's own footer has one row and hides what does not fit."""

    def compose(self) -> ComposeResult:
        """Write the keys. Each can be clicked."""
        keys: dict[str, Content] = {}
        for _node, binding, enabled, _tip in self.screen.active_bindings.values():
            if binding.show and enabled:
                keys[binding.action] = Content.from_markup(
                    f"[@click=app.simulate_key('{binding.key}')][b $text-accent]$key[/] $label[/]",
                    key=self.app.get_key_display(binding),
                    label=key_label(binding.description),
                )
        # At 80 columns one row has room for all the others.
        yield Rows("  ", list(keys.values()), spare=keys.get("details"))
