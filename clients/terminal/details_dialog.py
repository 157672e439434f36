"""What is seldom needed of a session, and must be found then: its id, and what answers in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from clients.terminal.widgets import KeyFooter

Details = Sequence[tuple[str, str]]
"""Names of things, and what they are."""


class DetailsDialog(ModalScreen[None]):
    """Lists details. They can be marked and copied with the mouse."""

    AUTO_FOCUS = "VerticalScroll"
    CSS = """
    DetailsDialog { align: center middle; }
    DetailsDialog > VerticalScroll {
        width: 90%; max-width: 100; height: auto; max-height: 90%;
        border: round $accent; background: $surface; padding: 0 1;
    }
    DetailsDialog Horizontal { height: auto; }
    DetailsDialog .name { width: 14; text-style: bold; }
    DetailsDialog .value { width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,i,I", "app.pop_screen", "Close", key_display="Esc"),
    ]

    def __init__(self, details: Details) -> None:
        """Show these."""
        super().__init__()
        self._details = details

    def compose(self) -> ComposeResult:
        """Lay out the dialog."""
        with VerticalScroll():
            for name, value in self._details:
                with Horizontal():
                    yield Static(name, classes="name", markup=False)
                    yield Static(value, classes="value", markup=False)
        yield KeyFooter()
