"""What the keys are called: in the footer, which has no room, and in the help, which has."""

from __future__ import annotations

from settings.localisation import _


def key_label(name: str) -> str:
    """Return the name of a binding in the user's language, for the footer: a word or two."""
    return {
        "Talk": _("Talk"),
        "Hold to talk": _("Hold to talk"),
        "Hands-free": _("Hands-free"),
        "Mute": _("Mute"),
        "Stop": _("Stop"),
        "Type": _("Type"),
        "Devices": _("Devices"),
        "Details": _("Details"),
        "Theme": _("Theme"),
        "Reconnect": _("Reconnect"),
        "Quit": _("Quit"),
        "Send": _("Send"),
        "Keys": _("Keys"),
        "Close": _("Close"),
        "Other list": _("Other list"),
    }[name]


def key_help() -> list[tuple[str, str]]:
    """Return each key and what it does, for the command line's help; texts may have two lines."""
    return [
        ("K", _("start to record; again: stop and send")),
        (
            "Space",
            _(
                "hold to talk, let go to send (where the terminal reports releases of keys:\n"
                "kitty, Ghostty, foot, Alacritty, iTerm2; not in tmux, not on Windows)"
            ),
        ),
        ("V", _("hands-free: just speak, also into an answer; again: push to talk")),
        ("M", _("mute the microphone")),
        ("Esc", _("stop the answer; leave the input line")),
        ("/", _("type a message, Enter sends it")),
        ("D", _("choose microphone and loudspeaker")),
        ("I", _("details: the session's id, what answers, where the conversation is kept")),
        ("T", _("dark or light")),
        ("R", _("connect now, when offline")),
        ("Q", _("quit (while typing: Ctrl+C or Ctrl+Q)")),
    ]
