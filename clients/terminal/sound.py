"""Opens microphones and loudspeakers, named on the command line or chosen in the app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from audio.devices import NoSound, SoundCallback, SoundStream, open_sound
from audio.pcm import WIRE_RATE
from audio.player import AudioPlayerAsync, Listener
from clients.terminal.echo import EchoCanceller, EchoFree
from clients.terminal.sources import AudioSource, Microphone, SpokenFile
from clients.terminal.speakers import NoSpeaker, WavRecorder
from settings.localisation import _

DeviceName = int | str | None


@dataclass(frozen=True, slots=True)
class Sound:
    """The devices that could be opened, and a line about those that could not."""

    source: AudioSource | None
    player: AudioPlayerAsync | None
    missing: str = ""


class SoundMaker:
    """Builds microphones and loudspeakers, and checks that they work."""

    def __init__(
        self,
        spoken: bytes | None = None,
        recorder: WavRecorder | None = None,
        canceller: EchoCanceller | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        """Keep what does not change while the app runs.

        Args:
            spoken: PCM at 24 kHz to send in place of a microphone.
            recorder: Records all that is played.
            canceller: Takes what is played out of what microphones record; None: nothing does.
            listeners: Are told what is played, and when.
        """
        self._spoken, self._recorder, self._canceller = spoken, recorder, canceller
        self._listeners = [*listeners, *([canceller] if canceller else [])]

    def open_all(self, input_device: DeviceName, output_device: DeviceName) -> Sound:
        """Open both devices; one that a file replaces is not needed."""
        missing: list[NoSound] = []
        source: AudioSource | None = None
        try:
            source = SpokenFile(self._spoken) if self._spoken else self.microphone(input_device)
        except NoSound as error:
            missing.append(error)
        player: AudioPlayerAsync | None = None
        try:
            player = self.player(output_device)
        except NoSound as error:
            missing.append(error)
            if self._spoken or self._recorder:
                player = self._player(NoSpeaker)
        told = [error.reason for error in missing] + [error.remedy for error in missing]
        if missing:
            told.append(self._consequence(source is not None, player is not None))
        return Sound(source, player, " ".join(dict.fromkeys(told)))

    def microphone(self, device: DeviceName) -> AudioSource:
        """Build a microphone.

        Raises:
            NoSound: It cannot be used.
        """
        open_sound("input", lambda *_: None, WIRE_RATE, device).close()
        microphone = Microphone(lambda callback: open_sound("input", callback, WIRE_RATE, device))
        return EchoFree(microphone, self._canceller) if self._canceller else microphone

    def player(self, device: DeviceName) -> AudioPlayerAsync:
        """Build a player on a loudspeaker, and start it.

        Raises:
            NoSound: It cannot be used.
        """
        player = self._player(lambda callback: open_sound("output", callback, WIRE_RATE, device))
        player.start()
        return player

    def _player(self, open_device: Callable[[SoundCallback], SoundStream]) -> AudioPlayerAsync:
        on_handed = self._recorder.write if self._recorder else None
        return AudioPlayerAsync(open_device, on_handed, self._listeners)

    def _consequence(self, asks: bool, answers: bool) -> str:
        """Say how the app goes on although something is missing."""
        if not answers:
            return _("Answers are text.") if asks else _("Going on with text.")
        if not asks:
            return _("Questions are typed.")
        return _("Answers go to the file.") if self._recorder else _("Answers are not heard.")
