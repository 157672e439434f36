"""`docs/protocol.md` matches the code: compared with its generator, and with sent events."""

from __future__ import annotations

import runpy
from typing import Any

from protocol import SERVER_EVENTS
from session.ports import FailureReason
from session.reports import TurnFailed
from tests.conformance.beta_wire import BetaDriver
from tests.support.call_driver import CallDriver
from tests.support.mcp_driver import DOCS as SERVER
from tests.support.mcp_driver import McpDriver
from tests.support.places import ROOT
from tests.support.session_driver import Driver, types

DOCS = ROOT / "docs"
FAILURE = FailureReason("The recogniser is gone.")


def table() -> dict[str, list[str]]:
    """First cell of each row → the others."""
    rows = (DOCS / "protocol.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip(" `") for cell in row.strip("|").split(" | ")] for row in rows]
    return {first: rest for first, *rest in cells}


def everything(d: Driver, **text: Any) -> None:
    """Make a session send each event that it can send; `text` is its setting to write only."""
    d.say("Hi.", id="hi")
    d.respond()
    d.answer()
    (spoken,) = d.items()[1:]
    d.send("conversation.item.truncate", item_id=spoken, content_index=0, audio_end_ms=500)
    d.send("conversation.item.retrieve", item_id=spoken)
    d.send("conversation.item.delete", item_id=spoken)
    d.respond()
    d.call("{}")
    d.finish("tool_calls")
    start = (int(d.inside.buffer.written_ms) // 32 + 2) * 32
    d.speak(start, start + 960)
    d.heard(d.items()[-1], "Hello.")
    d.finish()
    d.speak(start + 2048, start + 3008)
    d.report(TurnFailed(d.items()[-1], FAILURE))
    d.send("input_audio_buffer.clear")
    d.send("response.cancel")
    d.respond()
    d.finish()
    for _ in range(60):
        d.append(100)
    d.finish()
    d.update(**text)
    d.respond()
    d.text("Written.")
    d.finish()


def ga() -> Driver:
    d = Driver()
    d.transcribe()
    d.turn_detection(idle_timeout_ms=5000)
    everything(d, output_modalities=["text"])
    return d


def beta() -> BetaDriver:
    d = BetaDriver()
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    d.update(input_audio_transcription={"model": "gpt-4o-transcribe"}, turn_detection=detection)
    everything(d, modalities=["text"])
    return d


def call() -> list[str]:
    """Types of the events that only a call has."""
    d = CallDriver()
    for _ in range(2):
        response = d.begin("Hello there.", 1000)
        sounding = d.starts(response) + d.finish()
    sounding += d.drains(d.given[0].response_id) + d.send("output_audio_buffer.clear")
    return [type_ for type_ in types(sounding) if type_.startswith("output_audio_buffer.")]


def with_servers() -> list[str]:
    """Types of the events that only a session with MCP servers has."""
    d = McpDriver()
    d.connect()
    d.update(tools=[{**SERVER, "server_label": "gone"}])
    d.list_failed()
    d.update(tools=[SERVER])
    for end in (d.found, d.broken):
        d.say("Look it up.")
        d.respond()
        d.asks()
        end()
        d.answer()
    return [type_ for type_ in types(d.events) if "mcp" in type_]


def test_the_document_is_what_the_script_writes() -> None:
    written = (DOCS / "protocol.md").read_text(encoding="utf-8")
    made = runpy.run_path(str(DOCS / "make_protocol_table.py"))["render"]()
    assert written == made, "run `python docs/make_protocol_table.py`"


def test_the_declared_events_are_those_that_are_sent() -> None:
    sent = {*types(ga().events), *call(), *with_servers()}
    assert sent == set(SERVER_EVENTS)
    rows = table()
    for type_ in sent:
        assert rows[type_][1] == "yes"


def test_beta_clients_get_the_events_that_the_document_names() -> None:
    rows = table()
    named = {"session.created", "rate_limits.updated"}
    for type_ in SERVER_EVENTS:
        named |= {
            type_ if name.strip("` ") == "the same" else name.strip("` ")
            for name in rows[type_][2].replace("–", "").split(", then ")
            if name
        }
    assert {*types(beta().events), *call()} == named
