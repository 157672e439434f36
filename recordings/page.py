"""A recording as one HTML file: to be opened, searched and played without a network or a server.

Everything is in the file: the conversation, the events, the audio, and what draws them. A tree of
JSON is drawn by the console's own module.
"""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path
from typing import Any

from recordings.conversation import conversation
from recordings.reading import Recording
from recordings.sound import PEAK_MS, missing, sound, spans

_PARTS = Path(__file__).parent / "page"
_CONSOLE = Path(__file__).parent.parent / "console" / "js"
_MODULE = re.compile(r"^import .*?;\n|^export (?=function)", re.MULTILINE)
"""Finds what makes a script a module, which a page without a server cannot load."""


def page(recording: Recording) -> str:
    """Return the page.

    Raises:
        BadRecording: A track cannot be read.
    """
    heard = sound(recording)
    data: dict[str, Any] = {
        "header": recording.header,
        "ended": recording.ended,
        "stopped": recording.stopped,
        "cutOff": recording.cut_off,
        "missing": missing(recording),
        "length": recording.length_ms,
        "heard": heard.length_ms if heard else recording.length_ms,
        "said": spans(conversation(recording.rows)),
        "rows": recording.rows,
        "peakMs": PEAK_MS,
        "peaks": heard.peaks() if heard else None,
    }
    mp3 = base64.b64encode(heard.mp3()).decode() if heard else ""
    parts = {
        "title": html.escape(str(recording.header["session"])),
        "style": (_PARTS / "page.css").read_text(),
        "audio": f'<audio id="audio" controls src="data:audio/mpeg;base64,{mp3}"></audio>'
        if mp3
        else "",
        "data": _in_script(data),
        "tree": _MODULE.sub("", (_CONSOLE / "see" / "json_tree.js").read_text()),
        "script": (_PARTS / "page.js").read_text(),
    }
    return re.sub(
        r"\{\{(\w+)\}\}", lambda found: parts[found[1]], (_PARTS / "page.html").read_text()
    )


def _in_script(data: Any) -> str:
    """Return JSON that ends no script, whatever the words in it are."""
    text = json.dumps(data, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
