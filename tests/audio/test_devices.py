"""Sound devices: opened as asked, listed, and their absence explained."""

from __future__ import annotations

import sys

import pytest

from audio import devices
from audio.devices import Device, NoSound, list_devices, open_sound, remedy
from tests.support.fake_sound_device import SoundDevice


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> SoundDevice:
    module = SoundDevice()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


def nothing(*_: object) -> None:
    """A callback."""


def test_a_device_is_opened_for_the_wire_format(module: SoundDevice) -> None:
    open_sound("output", nothing, 24000)
    assert module.opened["samplerate"] == 24000
    assert module.opened["channels"] == 1
    assert module.opened["dtype"] == "int16"
    assert module.opened["device"] is None
    open_sound("output", nothing, 24000, "Speak")
    assert module.opened["device"] == "Speak"


def test_a_device_that_cannot_be_opened_is_named_in_one_line(module: SoundDevice) -> None:
    with pytest.raises(OSError, match=r"^No sound input: Error querying device -1\. Connect .+$"):
        open_sound("input", nothing, 24000)
    with pytest.raises(OSError, match=r"^No sound input 'Mic': Error"):
        open_sound("input", nothing, 24000, "Mic")


def test_no_device_is_said_as_that(module: SoundDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.default, "device", (-1, 3))
    with pytest.raises(NoSound, match=r"^No sound input: there is no device\. Connect") as raised:
        open_sound("input", nothing, 24000)
    assert raised.value.reason == "No sound input: there is no device."


def test_devices_of_the_default_interface_are_listed_defaults_first(module: SoundDevice) -> None:
    assert list_devices() == [
        Device(2, "Microphone", "input", True),
        Device(3, "Speakers", "output", True),
        Device(1, "Head set", "input", False),
        Device(1, "Head set", "output", False),
    ]


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(OSError, match=r"'sounddevice' is missing\. .*pip install sounddevice\."):
        list_devices()


def test_a_missing_portaudio_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Loader:
        """Fails as the module does where there is no PortAudio."""

        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Loader(), *sys.meta_path])
    with pytest.raises(OSError, match=r"^No sound: PortAudio library not found\. Install it"):
        open_sound("output", nothing, 24000)


@pytest.mark.parametrize(
    ("platform", "library", "device"),
    [
        ("linux", "apt install libportaudio2", "--list-devices"),
        ("freebsd14", "apt install libportaudio2", "--list-devices"),
        ("darwin", "pip install --force-reinstall sounddevice", "System Settings"),
        ("win32", "pip install --force-reinstall sounddevice", "Settings, System, Sound"),
    ],
)
def test_every_system_has_its_remedy(platform: str, library: str, device: str) -> None:
    assert library in remedy(devices.library_remedies(), platform)
    assert device in remedy(devices.device_remedies(), platform)
