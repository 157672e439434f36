"""What to try, for a screen on which nothing has been said yet."""

from __future__ import annotations

from typing import NamedTuple

from clients.terminal.echo import can_cancel
from clients.terminal.view import Echo, InputState
from settings.installation import install_extra
from settings.localisation import _


class Hint(NamedTuple):
    """A key, or "" for a line without one, and what it is good for."""

    key: str
    text: str


def hints(state: InputState, hands_free: bool, muted: bool, echo: Echo) -> list[Hint]:
    """Return what can be done now, the first line without a key.

    Args:
        state: The state of the input.
        hands_free: Whether the server detects turns.
        muted: Whether silence is sent instead of the microphone's audio.
        echo: What the microphone hears of the loudspeaker.
    """
    typed = Hint("/", _("to type “Tell me a long story”, Enter sends"))
    details = Hint("I", _("shows what answers, and the session's id"))
    stop = Hint("Esc", _("stops an answer; hands-free, speaking does too"))
    if state == "none":
        return [
            Hint("", _("There is no microphone, so type:")),
            Hint("/", _("and write “Hello, how are you?”, Enter sends it")),
            Hint("D", _("chooses a microphone once there is one")),
            details,
        ]
    if muted:
        return [Hint("", _("The microphone is muted:")), Hint("M", _("turns it on")), typed]
    if state == "file":
        return [
            Hint("", _("The file stands in for a microphone:")),
            Hint("K", _("speaks it, K again sends it")),
            Hint("V", _("speaks it hands-free: the server hears its end")),
            typed,
            details,
        ]
    if state in ("recording", "file over"):
        return [Hint("", _("Say “Hello, how are you?”, then:")), Hint("K", _("sends it"))]
    if hands_free:
        return [
            Hint("", _("Just speak: “What time is it?”")),
            Hint("V", _("ends hands-free")),
            stop,
            _about_echo(echo),
        ]
    return [
        Hint("", _("Nothing has been said yet. Try:")),
        Hint("K", _("and say “Hello, how are you?”, K again sends it")),
        Hint("V", _("and just speak: “What time is it?”")),
        typed,
        stop,
        details,
        _about_echo(echo),
    ]


def echo_notice(echo: Echo) -> str:
    """Return what to say when the server hears itself from the loudspeaker, and what helps.

    Args:
        echo: What the microphone hears of the loudspeaker: "cancelled", and yet it is heard; or
            "none", for what is heard is a recording.
    """
    if echo in ("cancelled", "none"):
        helps = _("Headphones help, or a softer loudspeaker.")
    elif can_cancel():
        helps = _("Headphones help, or starting without --no-echo-cancellation.")
    elif (remedy := install_extra("echo")) is not None:
        helps = _("Headphones help, or echo cancellation: {command}").format(command=remedy)
    else:
        helps = _("Headphones help.")
    heard = _("The microphone hears the loudspeaker (echo). The server ignores it.")
    return f"{heard} {helps}"


def _about_echo(echo: Echo) -> Hint:
    if echo == "none":
        return Hint("", "")
    if echo == "cancelled":
        return Hint("", _("Loudspeakers are fine: their echo is cancelled."))
    told = _("Wear headphones, or it will hear itself.")
    remedy = None if can_cancel() else install_extra("echo")
    if remedy is not None:
        told = _("Wear headphones, or: {command}").format(command=remedy)
    return Hint("", told)
