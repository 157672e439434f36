"""`docs/wire.md` has every section that is cited anywhere, and shows what the server sends."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pytest

from session.decisions import SpeechStarted, SpeechStopped
from session.ports import Capabilities, FailureReason
from session.reports import ResponseFailed, TurnSoFar
from session.session_config import SessionConfig
from tests.conformance.beta_wire import BetaDriver
from tests.conformance.sequences import driver
from tests.support.call_driver import CallDriver
from tests.support.places import ROOT
from tests.support.session_driver import NOW, Driver, of, settings, types
from tests.support.strict_reader import Event

SIGN = "\N{SECTION SIGN}"
DOCUMENT = ROOT / "docs" / "wire.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")

HEADING = re.compile(r"#{2,3} (0|[A-F](?:\.\d+)?)\.? ")
NUMBERED = re.compile(r"(\d+)\. ")
ONE = r"(?:0(?:, rule \d+)?|[A-F](?:\.\d+)*)(?!\w|\.\w)"
SPACE = r"\s+(?:#\s+)?"
"""Matches the space between two words, which may include a comment's line break."""
AND = f"(?:,{SPACE}(?:and{SPACE})?|{SPACE}and{SPACE}|–)"
CITATION = re.compile(f"({SIGN}{ONE}(?:{AND}{SIGN}?{ONE})*)|{SIGN}.{{0,2}}")
"""Matches a citation of one or several sections, or the sign without one."""
OTHERS = re.compile(rf"RFC \d+, {SIGN}[\d.]+")
"""Matches citations of other documents, which name the document first."""


def sections() -> list[str]:
    """The document's headings and the numbered items below them, in order: `A.0`, `F.5.13`."""
    found: list[str] = []
    current: str | None = None
    for line in TEXT.splitlines():
        if line.startswith("#"):
            heading = HEADING.match(line)
            current = heading[1] if heading else None
            found += [current] if current else []
        elif current and (item := NUMBERED.match(line)):
            found.append(f"{current}.{item[1]}")
    return found


def cited(citation: str) -> Iterator[str]:
    """Yield the sections that a citation names, those within a range as well."""
    parts = re.split(rf"(–)|,{SPACE}(?!rule)|{SPACE}and{SPACE}", citation.replace(SIGN, ""))
    first = ""
    upto = False
    for part in filter(None, parts):
        if part == "–":
            upto = True
            continue
        name = part.removeprefix("and ").replace(", rule ", ".")
        if upto:
            chapter, start = first.rsplit(".", 1)
            end = name.rsplit(".", 1)[1]
            yield from (f"{chapter}.{number}" for number in range(int(start) + 1, int(end)))
        yield name
        first, upto = name, False


def dangling(text: str, known: set[str]) -> Iterator[tuple[int, str]]:
    """Yield line and name of each section that a text cites but that does not exist."""
    text = OTHERS.sub(lambda found: " " * len(found[0]), text)
    for found in CITATION.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        names = cited(found[1]) if found[1] else [found[0]]
        yield from ((line, name) for name in names if name not in known)


def tracked() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every tracked file that is text."""
    # The checkout may belong to another user, as in a container.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        try:
            if path.is_file():
                yield name, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_every_section_that_is_cited_exists() -> None:
    known = set(sections())
    texts = dict(tracked())
    assert CITATION.search(texts["realtime_session.py"]), "the citations are not found"
    missing = [
        f"{name}:{line}: docs/wire.md has no section {section}"
        for name, text in texts.items()
        for line, section in dangling(text, known)
    ]
    assert not missing, "\n".join(missing)


def test_the_sections_are_unique_and_those_of_the_protocol() -> None:
    found = sections()
    assert len(found) == len(set(found))
    expected = ["0", "A", *(f"A.{n}" for n in range(13)), "B", *(f"B.{n}" for n in range(1, 18))]
    expected += ["C", *(f"C.{n}" for n in range(1, 8)), "D", *(f"D.{n}" for n in range(1, 11))]
    expected += ["E", "F", *(f"F.{n}" for n in range(1, 8))]
    rules = [f"0.{n}" for n in range(1, 6)] + [f"F.5.{n}" for n in range(1, 16)]
    assert [name for name in found if name not in rules] == expected
    assert set(rules) < set(found)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("(@A.0, A.2, B)", ["A.0", "A.2", "B"]),
        ("@B.2, B.5–B.7).", ["B.2", "B.5", "B.6", "B.7"]),
        ("@E and C.2: G.711", ["E", "C.2"]),
        ("@B, @F.5.13)", ["B", "F.5.13"]),
        ("(@0, rule 2).", ["0.2"]),
        ("@D.2,\n        # D.3, an", ["D.2", "D.3"]),
        ("@B.16. Another", ["B.16"]),
        ("@A.1, where", ["A.1"]),
        ("@G.1", ["@G."]),
        ("@ A.1", ["@ A"]),
        ("@A1", ["@A1"]),
        ("@B.16x", ["@B."]),
        ("(RFC 6455, @8.1)", []),
    ],
)
def test_citations_are_read_as_people_read_them(text: str, names: list[str]) -> None:
    signed = [name.replace("@", SIGN) for name in names]
    assert [name for _, name in dangling(text.replace("@", SIGN), set())] == signed


def test_the_links_within_the_document_lead_somewhere() -> None:
    headings = [line.lstrip("# ") for line in TEXT.splitlines() if line.startswith("#")]
    anchors = {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in headings}
    links = set(re.findall(r"\]\(#([^)]*)\)", TEXT))
    assert links
    assert links <= anchors
    for name in set(re.findall(r"\]\(([^#)]+)\)", TEXT)):
        assert (DOCUMENT.parent / name).is_file(), name


# --- the examples ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A block of an example: where it stands, its kind, its lines."""

    section: str
    kind: str
    lines: list[str]


def blocks() -> list[Block]:
    """The fenced blocks below the numbered sections."""
    found: list[Block] = []
    section = ""
    inside = False
    for line in TEXT.splitlines():
        if line.startswith("```"):
            inside = not inside
            found += [Block(section, line.removeprefix("```"), [])] if inside else []
        elif inside:
            found[-1].lines.append(line)
        elif heading := HEADING.match(line):
            section = heading[1]
    return found


def of_kind(kind: str) -> Driver:
    config = SessionConfig(
        settings(), Capabilities(), session_id="sess_…", model="", now=NOW, kind="transcription"
    )
    return Driver(config if kind == "transcription" else None)


def connect() -> list[Event]:
    return Driver().events


def text_turn() -> list[Event]:
    d = driver()
    return d.say("Hi.") + answered(d)


def answered(d: Driver) -> list[Event]:
    events = d.respond() + d.text("Hello") + d.text(" there.")
    return events + d.audio(500) + d.audio(500) + d.finish()


def voice_turn() -> list[Event]:
    d = driver()
    d.transcribe()
    events = d.speak()
    return events + heard(d) + d.text("Hello.")


def heard(d: Driver) -> list[Event]:
    (item_id,) = d.items()
    events = d.report(TurnSoFar(item_id, "Good"))
    events += d.report(TurnSoFar(item_id, "Good morning"))
    return events + d.heard(item_id, "Good morning.")


def manual_turn() -> list[Event]:
    d = driver()
    d.transcribe()
    events = d.manual() + d.append(500) + d.send("input_audio_buffer.commit") + d.respond()
    return events + heard(d) + d.text("Hello.")


def barge_in() -> list[Event]:
    d = driver()
    d.say("Tell me a story.")
    d.respond()
    d.text("Once upon a time.")
    events = d.audio(1000) + d.append(5000) + d.interrupts(4896)
    place = {"item_id": d.items()[1], "content_index": 0, "audio_end_ms": 600}
    events += d.send("conversation.item.truncate", **place) + d.append(1000)
    return events + d.decided(SpeechStopped(5888))


def client_cancels() -> list[Event]:
    d = driver()
    d.respond()
    d.text("One two")
    d.audio(100)
    return d.send("response.cancel")


def function_call() -> list[Event]:
    d = driver()
    events = d.respond() + d.call('{"city":') + d.call('"Paris"}') + d.finish("tool_calls")
    (done,) = of(events, "response.output_item.done")
    result = {
        "type": "function_call_output",
        "call_id": done["item"]["call_id"],
        "output": "21C",
    }
    return events + d.send("conversation.item.create", item=result) + d.respond()


def out_of_band() -> list[Event]:
    d = driver()
    options: dict[str, Any] = {"conversation": "none", "output_modalities": ["text"], "input": []}
    return d.respond(**options) + d.text("ok") + d.finish()


def failure() -> list[Event]:
    d = driver()
    error = FailureReason("Slow down.", "rate_limit_exceeded")
    return d.respond() + d.report(ResponseFailed(d.running, error))


def transcription_session() -> list[Event]:
    d = of_kind("transcription")
    hearing = {"transcription": {"model": "gpt-4o-mini-transcribe"}}
    session = {"type": "transcription", "audio": {"input": hearing}}
    return d.send("session.update", session=session) + d.speak() + heard(d)


def interrupted_call() -> list[Event]:
    d = CallDriver()
    response = d.begin("Hello there.", 1000)
    events = d.starts(response) + d.finish() + d.append(700)
    d.plays(response, 600)
    return events + d.interrupts(600)


def idle_timeout() -> list[Event]:
    d = Driver()
    d.turn_detection(idle_timeout_ms=5000)
    d.respond()
    d.answer(ms=0)
    return [event for _ in range(51) for event in d.append(100)]


def beta_turn() -> list[Event]:
    d = BetaDriver()
    events = d.speak()
    d.heard(d.items()[0], "Hi.")
    return events + d.text("Hello.") + d.audio(500) + d.finish()


def turn_that_goes_on() -> list[Event]:
    d = driver(rejoin_ms=1200, interruptions="any")
    events = d.append(704) + d.decided(SpeechStarted(608)) + d.append(900)
    events += d.decided(SpeechStopped(1600))
    d.heard(d.items()[0], "My number is")
    events += d.text("Which?") + d.audio(300) + d.append(700) + d.decided(SpeechStarted(2208))
    place = {"item_id": d.items()[1], "content_index": 0, "audio_end_ms": 200}
    events += d.send("conversation.item.truncate", **place) + d.append(900)
    return events + d.decided(SpeechStopped(3200))


PLAYED: dict[str, Callable[[], list[Event]]] = {
    "A.11": interrupted_call,
    "B.1": connect,
    "B.2": text_turn,
    "B.3": voice_turn,
    "B.4": manual_turn,
    "B.5": barge_in,
    "B.6": client_cancels,
    "B.7": function_call,
    "B.8": out_of_band,
    "B.10": failure,
    "B.11": transcription_session,
    "B.12": idle_timeout,
    "B.16": beta_turn,
    "B.17": turn_that_goes_on,
}
SEQUENCES = {block.section: block.lines for block in blocks() if block.kind == "text"}


def once(names: list[str]) -> list[str]:
    """Drop consecutive repetitions of a name."""
    return [name for name, _ in groupby(names)]


def test_every_sequence_is_played() -> None:
    assert set(SEQUENCES) == set(PLAYED)


@pytest.mark.parametrize("section", PLAYED)
def test_a_sequence_is_what_the_server_sends(section: str) -> None:
    lines = [line.split() for line in SEQUENCES[section]]
    assert {words[0] for words in lines} <= {"C>", "S>"}
    shown = once([words[1] for words in lines if words[0] == "S>"])
    sent = once(types(PLAYED[section]()))
    if "…" in lines[-1][2:3]:
        sent = sent[: len(shown)]
    assert shown == sent


@pytest.mark.parametrize(("section", "kind"), [("C.1", "realtime"), ("B.11", "transcription")])
def test_the_session_objects_are_shown_as_they_are_sent(section: str, kind: str) -> None:
    (block,) = (block for block in blocks() if (block.section, block.kind) == (section, "json"))
    shown = json.loads("\n".join(block.lines))
    session = of_kind(kind).events[0]["session"]
    variable = {key: "…" for key in ("id", "instructions") if key in session}
    assert json.dumps({**shown, **variable}) == json.dumps({**session, **variable})
