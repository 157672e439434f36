"""The user's turns, as the server transcribes them."""

from __future__ import annotations

from openai.types.realtime import RealtimeServerEvent

from clients.terminal.view import View
from settings.localisation import _

NOT_YET = "…"


class UserTurns:
    """Shows each turn: a placeholder, then transcript deltas, then the final transcript."""

    def __init__(self, view: View) -> None:
        """Show turns on `view`."""
        self._view = view
        self._interim: dict[str, str] = {}

    def handle(self, event: RealtimeServerEvent) -> None:
        """Handle any server event; those not about the user's turns are ignored."""
        if event.type == "conversation.item.added":
            if event.item.type == "message" and event.item.role == "user" and event.item.id:
                text = event.item.content[0].text if event.item.content else None
                self._view.show_text(event.item.id, "you", text or NOT_YET)
        elif event.type == "conversation.item.input_audio_transcription.delta":
            said = self._interim.get(event.item_id, "") + (event.delta or "")
            self._interim[event.item_id] = said
            self._view.show_text(event.item_id, "you", said.strip() or NOT_YET)
        elif event.type == "conversation.item.input_audio_transcription.completed":
            self._interim.pop(event.item_id, None)
            said = event.transcript.strip() or _("(nothing understood)")
            self._view.show_text(event.item_id, "you", said)
        elif event.type == "conversation.item.input_audio_transcription.failed":
            self._interim.pop(event.item_id, None)
            failed = _("(not understood: {reason})").format(reason=event.error.message)
            self._view.show_text(event.item_id, "you", failed)

    def forget(self) -> None:
        """Forget the turns: the session is over, and interim transcripts stay as they are."""
        self._interim.clear()
