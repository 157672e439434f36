"""What the user said, as the server understands it bit by bit."""

from __future__ import annotations

from openai.types.realtime import RealtimeServerEvent

from clients.terminal.view import View

NOT_YET = "…"


class UserTurns:
    """Shows the turns of the user: a placeholder, then words as they come, then the final ones."""

    def __init__(self, view: View) -> None:
        """Show turns on `view`."""
        self._view = view
        self._interim: dict[str, str] = {}

    def handle(self, event: RealtimeServerEvent) -> None:
        """Take any event of the server; those about the user's words matter."""
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
            said = event.transcript.strip() or "(nothing understood)"
            self._view.show_text(event.item_id, "you", said)
        elif event.type == "conversation.item.input_audio_transcription.failed":
            self._interim.pop(event.item_id, None)
            self._view.show_text(event.item_id, "you", f"(not understood: {event.error.message})")

    def forget(self) -> None:
        """The session is over: what is interim stays so."""
        self._interim.clear()
