"""How well the audio of a call came through, measured over the whole call."""

from __future__ import annotations

from typing import Protocol


class CallFigures(Protocol):
    """Figures of one call; those that were not measured are None."""

    @property
    def loss(self) -> float | None:
        """Share of the client's packets that never came, 0–1."""

    @property
    def jitter_ms(self) -> float | None:
        """Variation of the time that the client's packets took, in ms (RFC 3550)."""

    @property
    def round_trip_ms(self) -> float | None:
        """Milliseconds to the client and back."""

    @property
    def concealed_ms(self) -> float | None:
        """Milliseconds of the client's audio that were made up for lost packets."""
