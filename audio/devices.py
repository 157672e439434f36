"""Sound devices: lists them, and opens them with `sounddevice` (PortAudio).

On a machine without a sound card everything here raises `NoSound`, one line with the remedy for the
system at hand, so that a caller can show it and go on without sound.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, Protocol

from settings.installation import pip
from settings.localisation import _

Direction = Literal["input", "output"]
SoundCallback = Callable[[Any, int, Any, Any], None]
"""PortAudio's callback for every block: (buffer, samples, times, status flags)."""
_DIRECTIONS: tuple[Direction, Direction] = ("input", "output")
LATENCY_S = 0.05
"""Latency asked of devices: short enough for barge-in, long enough for Python to keep up."""


def library_remedies() -> dict[str, str]:
    """Return platform → how to get PortAudio."""
    again = _("Install it again: {pip} install --force-reinstall sounddevice.").format(pip=pip())
    linux = _("Install it: apt install libportaudio2 (dnf, pacman: portaudio).")
    return {"linux": linux, "darwin": again, "win32": again}


def device_remedies() -> dict[str, str]:
    """Return platform → how to get a device."""
    return {
        "linux": _("Connect one or choose another: --list-devices shows what there is."),
        "darwin": _(
            "Connect one, and allow the terminal its use: System Settings, Privacy & Security, "
            "Microphone."
        ),
        "win32": _(
            "Connect one and choose it: Settings, System, Sound; and allow its use: Privacy, "
            "Microphone."
        ),
    }


class NoSound(OSError):
    """A device cannot be used; says why and what helps."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Make the error of two texts, each one or more sentences."""
        super().__init__(f"{reason} {remedy}")
        self.reason, self.remedy = reason, remedy


class SoundStream(Protocol):
    """The needed part of the interface of sounddevice's raw streams."""

    @property
    def latency(self) -> float:
        """Seconds between handing a sample over and hearing it."""

    def start(self) -> None:
        """Begin to call the callback."""

    def abort(self) -> None:
        """Stop at once and drop what the device has buffered."""

    def close(self) -> None:
        """Release the device."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device, in one of its directions."""

    index: int
    name: str
    direction: Direction
    default: bool


def open_sound(
    direction: Direction, callback: SoundCallback, rate: int, device: int | str | None = None
) -> SoundStream:
    """Open a device for 16-bit mono PCM; the stream is not started.

    Args:
        direction: Whether to record or to play.
        callback: Is called for every block, on a thread of the sound card.
        rate: Sample rate in Hz.
        device: Its number, or a part of its name; None: the system's default.

    Raises:
        NoSound: There is no PortAudio or no such device; the message names the remedy.
    """
    sounddevice = _library()
    kind = sounddevice.RawInputStream if direction == "input" else sounddevice.RawOutputStream
    try:
        stream: SoundStream = kind(
            samplerate=rate,
            channels=1,
            dtype="int16",
            latency=LATENCY_S,
            callback=callback,
            device=device,
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        why = _line(error)
        if device is None and sounddevice.default.device[_DIRECTIONS.index(direction)] < 0:
            why = _("there is no device")
        wanted = "" if device is None else f" '{device}'"
        told = _("No sound input{wanted}: {why}.")
        if direction == "output":
            told = _("No sound output{wanted}: {why}.")
        raise NoSound(told.format(wanted=wanted, why=why), remedy(device_remedies())) from error
    return stream


def list_devices() -> list[Device]:
    """Return the devices of the system's default sound interface, default devices first.

    Windows lists every device once for each of its interfaces; the others are left out.

    Raises:
        NoSound: There is no PortAudio; the message names the remedy.
    """
    sounddevice = _library()
    interface = sounddevice.default.hostapi
    devices = [
        Device(index, " ".join(str(about["name"]).split()), direction, index == default)
        for index, about in enumerate(sounddevice.query_devices())
        for direction, default in zip(_DIRECTIONS, sounddevice.default.device, strict=True)
        if about[f"max_{direction}_channels"] > 0 and about["hostapi"] == interface
    ]
    return sorted(devices, key=lambda device: not device.default)


def remedy(remedies: dict[str, str], platform: str = sys.platform) -> str:
    """Return the remedy for a platform; unknown ones get that for Linux."""
    return remedies.get(platform, remedies["linux"])


def _library() -> ModuleType:
    try:
        import sounddevice
    except ImportError as error:
        missing = _("No sound: 'sounddevice' is missing.")
        raise NoSound(missing, f"{pip()} install sounddevice.") from error
    except OSError as error:
        told = _("No sound: {why}.").format(why=_line(error))
        raise NoSound(told, remedy(library_remedies())) from error
    module: ModuleType = sounddevice
    return module


def _line(error: Exception) -> str:
    """Return an error's message, which may have several lines, as one line."""
    return " ".join(str(error).split()).rstrip(".")
