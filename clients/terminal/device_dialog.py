"""The choice of a microphone and a loudspeaker while the app runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from audio.devices import Device, Direction
from clients.terminal.widgets import KeyFooter
from settings.localisation import _

Choose = Callable[[Direction, int | None], Awaitable[str]]
"""Uses a device (None: the system's default); returns the error message, or None."""


class DeviceDialog(ModalScreen[None]):
    """Lists the devices; Enter uses one."""

    AUTO_FOCUS = "OptionList"
    CSS = """
    DeviceDialog { align: center middle; }
    DeviceDialog > Vertical {
        width: 90%; max-width: 100; height: auto; max-height: 90%;
        border: round $accent; background: $surface; padding: 0 1;
    }
    DeviceDialog Horizontal { height: auto; }
    DeviceDialog Horizontal Vertical { width: 1fr; height: auto; }
    DeviceDialog Label { text-style: bold; padding: 0 1; }
    DeviceDialog OptionList { height: auto; max-height: 12; border: none; }
    DeviceDialog OptionList:focus { border: none; }
    DeviceDialog #outcome { text-style: none; width: 100%; }
    DeviceDialog #outcome.failed { color: $text-error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,d,D", "app.pop_screen", "Close", key_display="Esc"),
        Binding("tab", "app.focus_next", "Other list", key_display="Tab"),
    ]

    def __init__(self, devices: Sequence[Device], choose: Choose) -> None:
        """Offer `devices`; `choose` uses one."""
        super().__init__()
        self._devices, self._choose = devices, choose

    def compose(self) -> ComposeResult:
        """Lay out the dialog."""
        with Vertical():
            with Horizontal():
                for direction, title in (("input", _("Microphone")), ("output", _("Loudspeaker"))):
                    with Vertical():
                        yield Label(title)
                        found = [it for it in self._devices if it.direction == direction]
                        yield OptionList(
                            Option(_("System default") if found else _("none"), id="default"),
                            *(Option(f"{it.name}  ({it.index})", id=str(it.index)) for it in found),
                            id=direction,
                            markup=False,
                        )
            yield Label(_("Enter uses a device, Tab goes to the other list."), id="outcome")
        yield KeyFooter()

    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Use the device."""
        direction: Direction = "input" if event.option_list.id == "input" else "output"
        index = None if event.option_id == "default" else int(event.option_id or 0)
        failure = await self._choose(direction, index)
        outcome = self.query_one("#outcome", Label)
        outcome.set_class(bool(failure), "failed")
        used = _("Input: {name}.") if direction == "input" else _("Output: {name}.")
        outcome.update(failure or used.format(name=event.option.prompt))
