"""A recogniser that writes while it hears, and rewrites: words of a script, one each 250 ms."""

from __future__ import annotations

from collections import Counter

from config import STTConfig
from providers import STTProvider, TurnCommittedFrame, TurnStartedFrame, TurnSTTService

BYTES_PER_WORD = 16_000 * 2 // 4
"""16-bit PCM at 16 kHz in which a word is said."""


class Dictation(STTProvider):
    """Understands the first utterance as the first text of its script, and so on.

    Each interim transcript misspells its last word, and writes the one before in capitals.
    """

    label = "dictation"

    def __init__(self, *texts: str) -> None:
        self.config = STTConfig()
        self.texts = texts
        self.order: dict[str, int] = {}
        """Item → the number of its utterance."""
        self.begun: Counter[str] = Counter()
        """Item → how often its recognition began: again whenever its speaker went on."""

    def create(self) -> TurnSTTService:
        return _Service(self)

    def text(self, recognition_id: str) -> str:
        item = recognition_id.partition(".")[0]
        number = self.order.setdefault(item, len(self.order))
        return self.texts[number] if number < len(self.texts) else ""


class _Service(TurnSTTService):
    def __init__(self, script: Dictation) -> None:
        super().__init__()
        self._script = script
        self._heard: Counter[str] = Counter()

    async def begin_turn(self, turn: TurnStartedFrame) -> None:
        self._script.begun[turn.recognition_id.partition(".")[0]] += 1

    async def hear(self, recognition_id: str, audio: bytes) -> None:
        self._heard[recognition_id] += len(audio)
        words = self._script.text(recognition_id).split()
        said = words[: self._heard[recognition_id] // BYTES_PER_WORD]
        if said:
            said[-1] = f"{said[-1][:2]}x"
            said[-2:-1] = [word.upper() for word in said[-2:-1]]
            await self.push_interim(recognition_id, " ".join(said))

    async def commit_turn(self, frame: TurnCommittedFrame) -> None:
        await self.push_final(frame.recognition_id, self._script.text(frame.recognition_id))

    async def discard_turn(self, recognition_id: str) -> None:
        self._heard.pop(recognition_id, None)
