"""A sound card with four devices, none of them real."""

from __future__ import annotations

from typing import Any

from tests.support.fake_sound import FakeSound


class SoundDevice:
    """Stands in for the `sounddevice` module."""

    class PortAudioError(Exception):
        """As raised by the module."""

    class default:  # noqa: D106
        hostapi = 1
        device = (2, 3)

    def __init__(self) -> None:
        self.opened: dict[str, Any] = {}

    def RawOutputStream(self, **options: Any) -> FakeSound:
        self.opened = options
        return FakeSound()

    def RawInputStream(self, **options: Any) -> FakeSound:
        raise self.PortAudioError("Error querying\n device -1.")

    def query_devices(self) -> list[dict[str, Any]]:
        return [
            {"name": name, "hostapi": api, "max_input_channels": i, "max_output_channels": o}
            for name, api, i, o in (
                ("Other interface", 0, 1, 1),
                ("Head\nset", 1, 1, 2),
                ("Microphone", 1, 1, 0),
                ("Speakers", 1, 0, 2),
            )
        ]
