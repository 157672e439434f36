"""The script that makes a server under test say again what the recorded one has said.

With it a session of production is played again without its model: whatever differs is then the
server, or the client. The rules are those of `docs/testing.md`, one for each turn and each answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from recordings.pairing import TRANSCRIBED, text_of
from recordings.reading import Row
from recordings.timeline import Message, Timeline
from settings.localisation import _
from testing import known_names
from testing.script import UNHEARD

LABEL = "script of a test"
"""What a stage that plays a script is called in a recording."""
_TEXTS = (
    *("response.output_text.delta", "response.output_audio_transcript.delta"),
    *("response.text.delta", "response.audio_transcript.delta"),
)
_ANYTHING = "…"
"""Said where nothing is known but that something was."""
_CALLS = ("function_call", "mcp_call", "mcp_approval_request")
"""Items that a model makes by calling a tool."""
_STOPS = ("response.cancel", "input_audio_buffer.speech_started")
_ONE_IS_OPEN = "conversation_already_has_active_response"
_VOICE = "TTS"
"""The stage that speaks, as a recording names it."""
_SHORTEST_MS = 200.0
"""A stage that took less took no time: how long exactly is a matter of the machine."""


@dataclass
class _Answer:
    """What a response said."""

    text: str = ""
    calls: list[Row] = field(default_factory=list)
    begun: Row | None = None
    """The item that is not done yet; a call's with its arguments so far."""
    stopped: bool = False
    """Whether something happened meanwhile that needs it not to be over."""
    done: Row | None = None
    """The response when it was over; None: the recording ended before."""
    broken: bool = False
    """Whether its message was not said to its end."""
    sounded: bool = False
    """Whether any audio came."""
    failed: str | None = None
    """The stage that failed, if the recording says so."""
    cannot: str = ""
    """What of it no script can do."""


@dataclass(frozen=True)
class Retold:
    """A script."""

    rules: list[Row]
    warnings: list[str]
    """What cannot be had from it, a line each."""


def script(timeline: Timeline) -> Retold:
    """Return the rules by which a server under test says what the recorded one said."""
    server = timeline.of("server")
    delays = _delays(timeline.recording.rows)
    warnings: list[str] = []
    if timeline.dialect == "translation":
        return Retold(_translated(timeline.recording.rows), [])
    rules = [*_turns(server, delays)]
    failed = _failed(timeline.recording.rows)
    for response_id, answer in _answers(timeline.messages).items():
        answer.failed = failed.get(response_id)
        rule = _rule(answer)
        if rule is None or answer.cannot:
            told = _("{response} cannot be had from a script: {why}")
            why = answer.cannot or _("it says nothing")
            warnings.append(told.format(response=response_id, why=why))
        if rule is not None:
            rules.append(_delayed(rule, delays.get(response_id, {}), "first_text", "transcript"))
            rules += _of_voice(answer)
    return Retold([*rules, *_end(timeline, server)], warnings)


def is_scripted(timeline: Timeline) -> bool:
    """Return whether the recorded server itself has played a script with its voice."""
    stages = timeline.recording.header.get("stages")
    return isinstance(stages, dict) and stages.get("TTS") == LABEL


def _translated(rows: Sequence[Row]) -> list[Row]:
    """Return what is heard and said in a translation, clause by clause."""
    rules: list[Row] = []
    heard = said = ""
    for row in rows:
        event = row.get("event") or {}
        if event.get("type") == "session.input_transcript.delta":
            heard += str(event.get("delta", ""))
        elif event.get("type") == "session.output_transcript.delta":
            said += str(event.get("delta", ""))
        elif "turn" in row and said.strip():
            rules += [{"hears": heard.strip()}] if heard.strip() else []
            rules.append({"answers": said.strip()})
            heard = said = ""
    # What follows the last turn was cut off.
    rules += [{"hears": heard.strip()}] if heard.strip() else []
    rules += [{"answers": said.strip()}] if said.strip() else []
    return rules


def _turns(server: Sequence[Message], delays: dict[str, Row]) -> list[Row]:
    """Return what is heard, turn by turn."""
    heard: dict[str, Row | None] = {}
    for message in server:
        event = message.event or {}
        item_id = str(event.get("item_id", ""))
        if message.type == "input_audio_buffer.committed":
            heard.setdefault(item_id, None)
        elif message.type == f"{TRANSCRIBED}delta":
            so_far = str((heard.get(item_id) or {}).get("hears", ""))
            heard[item_id] = {"hears": so_far + text_of(message)}
        elif message.type == f"{TRANSCRIBED}completed":
            rule = {"hears": str(event.get("transcript", ""))}
            heard[item_id] = _delayed(rule, delays.get(item_id, {}), "transcript")
        elif message.type == f"{TRANSCRIBED}failed":
            heard[item_id] = {**_failure(event.get("error")), "stage": "stt"}
    turns = list(heard.values())
    while turns and turns[-1] is None:
        turns.pop()
    # Rules are taken in order, so that a turn of which nothing is told needs one too.
    return [{"hears": UNHEARD} if turn is None else turn for turn in turns]


def _answers(messages: Sequence[Message]) -> dict[str, _Answer]:
    answers: dict[str, _Answer] = {}
    for message in messages:
        if message.type in _STOPS or _finds_one_open(message):
            for one in answers.values():
                one.stopped = True
        if message.side == "client":
            continue
        event = message.event or {}
        response = event.get("response")
        if message.type == "conversation.item.done":
            _ended(answers.values(), event.get("item"))
        if message.type == "response.created" and isinstance(response, dict):
            answers[str(response.get("id"))] = _Answer()
            continue
        if message.type == "response.done" and isinstance(response, dict):
            found = answers.get(str(response.get("id")))
            if found is not None:
                found.done = response
            continue
        answer = answers.get(str(event.get("response_id")))
        if answer is None:
            continue
        if message.type == "response.output_item.added":
            item = event.get("item")
            answer.begun = {**(item if isinstance(item, dict) else {}), "arguments": ""}
        elif message.type.endswith("_call_arguments.delta") and answer.begun is not None:
            answer.begun["arguments"] += text_of(message)
        elif message.type in _TEXTS:
            answer.text += text_of(message)
        elif message.carries_audio:
            answer.sounded = True
        elif message.type == "response.output_item.done":
            answer.begun = None
            _item(answer, event.get("item"))
    return answers


def _ended(answers: Iterable[_Answer], item: Any) -> None:
    """Take the end of an item of the conversation, which comes ahead of that of the response's."""
    for answer in answers:
        begun = answer.begun
        if begun is not None and isinstance(item, dict) and begun.get("id") == item.get("id"):
            answer.broken = item.get("status") == "incomplete"


def _finds_one_open(message: Message) -> bool:
    error = (message.event or {}).get("error")
    return isinstance(error, dict) and error.get("code") == _ONE_IS_OPEN


def _item(answer: _Answer, item: Any) -> None:
    kind = item.get("type") if isinstance(item, dict) else None
    if kind == "message":
        answer.broken = item.get("status") == "incomplete"
    elif kind in _CALLS:
        answer.calls.append({"name": item.get("name"), "arguments": item.get("arguments", "")})
    else:
        answer.cannot = _("it has an item of type {kind}").format(kind=kind)


def _so_far(answer: _Answer) -> Row:
    """Return the rule for an answer whose end is not in the recording."""
    kind = None if answer.begun is None else answer.begun.get("type")
    if kind in _CALLS:
        _item(answer, answer.begun)
    said = answer.text or (_ANYTHING if kind == "message" else "")
    if answer.calls:
        return {"calls": answer.calls, **({"says": said} if said else {})}
    if answer.broken and not answer.stopped:
        return {"fails": "server_error", **({"says": said} if said else {})}
    if not said:
        return {"stalls": 0}
    return (
        {"stalls": len(said.split(" ")), "answers": said} if answer.stopped else {"answers": said}
    )


def _rule(answer: _Answer) -> Row | None:
    if answer.done is None:
        return _so_far(answer)
    done = answer.done
    status, details = done.get("status"), done.get("status_details") or {}
    if status == "failed" and answer.failed == _VOICE:
        if answer.sounded:
            answer.cannot = _("its voice failed in the middle")
        return {"answers": answer.text} if answer.text else None
    if status == "failed":
        failure = _failure(details.get("error"))
        return {**failure, "says": answer.text} if answer.text else failure
    if status == "cancelled":
        if not answer.text:
            return {"stalls": 0}
        return {"stalls": len(answer.text.split(" ")), "answers": answer.text}
    if answer.calls:
        said = {"says": answer.text} if answer.text else {}
        return {"calls": answer.calls, **said}
    if not answer.text:
        return None
    if status == "incomplete" and details.get("reason") == "max_output_tokens":
        # So that there is something that the client does not want to have.
        return {"answers": f"{answer.text} …"}
    if status == "incomplete":
        answer.cannot = _("it is incomplete: {reason}").format(reason=details.get("reason"))
    return {"answers": answer.text}


def _of_voice(answer: _Answer) -> list[Row]:
    """Return the rule by which the voice fails, if it did."""
    if answer.failed != _VOICE or answer.done is None:
        return []
    details = answer.done.get("status_details") or {}
    failure = {**_failure(details.get("error")), "stage": "tts"}
    # Most likely it was the last it had to say.
    last = answer.text.split()[-1:] if answer.sounded else []
    return [{**failure, "when": last[0]} if last else failure]


def _failed(rows: Sequence[Row]) -> dict[str, str]:
    """Return which stage failed, by the responses that failed for it."""
    turns = [row["turn"] for row in rows if isinstance(row.get("turn"), dict)]
    return {
        turn["response_id"]: str(turn["error_stage"])
        for turn in turns
        if turn.get("response_id") and turn.get("error_stage")
    }


def _failure(error: Any) -> Row:
    error = error if isinstance(error, dict) else {}
    code = str(error.get("code") or error.get("type") or "")
    message = error.get("message")
    told = {"message": message} if isinstance(message, str) else {}
    return {"fails": code if _is_scriptable(code) else "server_error", **told}


def _is_scriptable(code: str) -> bool:
    """Return whether a rule may name a code: one that is nearly another is a slip there."""
    try:
        known_names.code(code)
    except ValueError:
        return False
    return re.fullmatch(r"[a-z0-9_]{1,64}", code) is not None


def _delays(rows: Sequence[Row]) -> dict[str, Row]:
    """Return the stages of each turn and each response, in ms since the end of the turn."""
    stages: dict[str, Row] = {}
    for row in rows:
        turn = row.get("turn")
        if isinstance(turn, dict) and isinstance(turn.get("stages"), dict):
            for name in ("item_id", "response_id"):
                if turn.get(name):
                    stages.setdefault(turn[name], turn["stages"])
    return stages


def _delayed(rule: Row, stages: Row, until: str, since: str = "") -> Row:
    if until not in stages or "fails" in rule:
        return rule
    took = stages[until] - (stages.get(since, 0.0) if since else 0.0)
    return {**rule, "delay_ms": round(took)} if took >= _SHORTEST_MS else rule


def _end(timeline: Timeline, server: Sequence[Message]) -> list[Row]:
    """Return the rule by which the session's time is up where it was."""
    for at, message in enumerate(server):
        error = (message.event or {}).get("error")
        if message.type == "error" and isinstance(error, dict):
            if error.get("code") != "session_expired" or not at:
                continue
            before = server[at - 1].type
            first = all(one.type != before for one in server[: at - 1])
            return [{"expires": before if first else at}]
    return []
