"""Writes `protocol.md`: what of the protocol is supported, read off the code itself.

Run it with `python docs/make_protocol_table.py`. Events and their fields are those of the records
that `protocol.py` lists, held against the SDK's own and as each dialect reads and writes them;
endpoints are those of the application.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from fastapi.routing import APIWebSocketRoute
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from openai.types.realtime.realtime_translation_client_event import (
    RealtimeTranslationClientEvent,
)
from pydantic import BaseModel

from audio.formats import AudioFormat
from config import Settings
from docs.model_fields import (
    Fields,
    fields_of,
    is_free_object,
    kinds_of,
    literals,
    models_in,
    values_of,
)
from main import create_app
from protocol import CLIENT_EVENTS, SERVER_EVENTS, TRANSCRIPTION_EVENTS, ProtocolError
from session.conversation import Conversation
from session.items import FunctionCall
from session.ports import Capabilities
from session.response import Response
from session.response_spec import ResponseSpec
from session.session_config import SessionConfig
from wire.beta_reading import in_beta_names
from wire.beta_values import FORMATS
from wire.beta_writing import BetaDialect
from wire.client_events import ANNOUNCED, beta_events, client_events
from wire.dialect import Dialect, GADialect
from wire.media import Media
from wire.response_fields import BetaResponseOptions
from wire.session_fields import BetaSessionPatch, SessionPatch
from wire.translation_events import TRANSLATION_CLIENT_EVENTS, TRANSLATION_SERVER_EVENTS

TARGET = Path(__file__).parent / "protocol.md"
_BETA_MODELS: dict[str, type[BaseModel]] = {
    "session": BetaSessionPatch,
    "response": BetaResponseOptions,
}
_NOTES = {
    "session.model": "; ignored, the session keeps its model",
    "session.tracing": "; its names go to the server's log",
    **{
        f"session.audio.input.turn_detection.{name}": "; refused in a transcription session"
        for name in ("create_response", "interrupt_response", "idle_timeout_ms")
    },
    "session.audio.input.transcription.model": "; an alias, the server's recogniser answers",
}


def _refusal(dialect: Dialect, message: dict[str, Any]) -> ProtocolError | None:
    try:
        dialect.parse(json.dumps(message))
    except ProtocolError as error:
        return error
    return None


def _beta_path(path: str) -> str:
    """Return what a beta client calls a field; a dash if it has none such."""
    if path == "session.type" or ".format." in path:
        return "–"
    error = in_beta_names(ProtocolError(None, "", path.replace("[]", "[0]")))
    renamed = (error.param or "").replace("[0]", "[]")
    block, _, rest = renamed.partition(".")
    event = {"session": "session.update", "response": "response.create"}.get(block)
    if event is None or not rest:
        return renamed
    name = re.split(r"[.\[]", rest)[0]
    refusal = _refusal(BetaDialect(), {"type": event, block: {name: None}})
    return "–" if refusal and refusal.code == "unknown_parameter" else renamed


def _rows(path: str, ours: list[Any], theirs: list[Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield path, values, verdict and beta's path, for a field and all in it."""
    models, suffix = models_in(ours)
    known = set(literals(ours))
    refused = [value for value in literals(theirs) if value not in known] if known else []
    verdict = "yes"
    if not values_of(ours):
        verdict = "no: `invalid_value`, unless null"
    elif refused:
        verdict = f"yes; {', '.join(f'`{value}`' for value in refused)}: `invalid_value`"
    elif models_in(theirs)[0] and not models and not is_free_object(ours):
        verdict = "yes; an object: `invalid_type`"
    verdict += _NOTES.get(path, "")
    yield path, values_of(ours) or "null", verdict, _beta_path(path)
    if not models:
        return
    path += suffix
    kinds = {kind for model in models for kind in kinds_of(model)}
    published = models_in(theirs)[0]
    same = [m for m in published if not kinds or not kinds_of(m) or kinds & set(kinds_of(m))]
    yield from _block(path, fields_of(models), fields_of(same))
    for kind in [kind for model in published if model not in same for kind in kinds_of(model)]:
        yield f"{path}.type", f"`{kind}`", "no: `invalid_value`", "–"


def _block(path: str, ours: Fields, theirs: Fields) -> Iterator[tuple[str, str, str, str]]:
    for name, types in ours.items():
        yield from _rows(f"{path}.{name}" if path else name, types, theirs.get(name, []))
    for name in (name for name in theirs if name not in ours):
        yield f"{path}.{name}" if path else name, "", "no: `unknown_parameter`", "–"


def _published(union: Any) -> dict[str, type[BaseModel]]:
    """Return event type → the SDK's model of it."""
    return {literals(fields_of([model])["type"])[0]: model for model in models_in([union])[0]}


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def _client_events(
    published: dict[str, type[BaseModel]],
) -> Iterator[tuple[str, str, str, str]]:
    beta = beta_events(Media.TRACKS)
    sections = {record.beta: record.section for record in beta.values()}
    sections |= {
        type_: record.section for type_, record in client_events("realtime", Media.TRACKS).items()
    }
    for type_ in dict.fromkeys([*CLIENT_EVENTS, *published, *beta, *ANNOUNCED]):
        said = []
        for dialect in (GADialect, BetaDialect):
            if _knows(dialect(), type_):
                said.append("yes")
            elif _knows(dialect(media=Media.TRACKS), type_):
                said.append("in calls alone")
            else:
                said.append("no: `invalid_value`")
        yield f"`{type_}`", said[0], said[1], _rule(sections.get(type_))


def _knows(dialect: Dialect, type_: str) -> bool:
    refusal = _refusal(dialect, {"type": type_})
    return refusal is None or refusal.param != "type"


def _samples() -> dict[str, Any]:
    """Return a value for each field of a server event that a dialect looks into."""
    config = SessionConfig(
        Settings.model_construct(), Capabilities(), session_id="", model="", now=0
    )
    spec = ResponseSpec("", ["audio"], "", AudioFormat(), "", [], "auto", "inf", None)
    return {
        "session": config.wire(),
        "item": FunctionCall("", "", "").wire(),
        "response": Response(spec, Conversation("")).wire(),
        "error": {"code": None, "message": "", "param": None},
    }


def _server_events() -> Iterator[tuple[str, str, str, str, str]]:
    samples = _samples()
    dialect = BetaDialect()
    for type_, record in SERVER_EVENTS.items():
        fields = record.fields()
        event = record(**{name: samples.get(name, "") for name in fields})
        beta = [rendered["type"] for rendered in dialect.render(event)]
        listed = ", ".join(f"`{name}`" for name in fields)
        names = ", then ".join("the same" if name == type_ else f"`{name}`" for name in beta)
        yield f"`{type_}`", listed, "yes", names or "–", _rule(record.section)
    for type_ in _published(RealtimeServerEvent):
        if type_ not in SERVER_EVENTS:
            yield f"`{type_}`", "", "never sent", "–", _rule(None)


def _rule(section: str | None) -> str:
    return f"\N{SECTION SIGN}{section}" if section else "–"


def _endpoints() -> Iterator[tuple[str, str]]:
    app = create_app(Settings.model_construct())
    for route in app.routes:
        if isinstance(route, APIWebSocketRoute):
            yield "WebSocket", f"`{route.path}`"
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            yield method.upper(), f"`{path}`"


def _fields_of(type_: str, model: type[BaseModel], theirs: type[BaseModel] | None) -> list[str]:
    ours = fields_of([model])
    del ours["type"]
    rows = list(_block("", ours, fields_of([theirs]) if theirs else {}))
    for block, beta in _BETA_MODELS.items():
        if block not in ours or type_ not in CLIENT_EVENTS:
            continue
        known = fields_of(models_in(ours[block])[0])
        for name, types in fields_of([beta]).items():
            if name not in known and model is CLIENT_EVENTS[type_]:
                refused = "no: `unknown_parameter`"
                rows.append((f"{block}.{name}", values_of(types), refused, f"{block}.{name}"))
    lines = (
        (
            f"`{path}`",
            values,
            verdict,
            "the same" if beta == path else beta if beta == "–" else f"`{beta}`",
        )
        for path, values, verdict, beta in rows
        if path != "type"
    )
    return _table(("field", "values", "GA", "beta"), lines)


def _translation() -> Iterator[str]:
    """Yield the lines about translation sessions."""
    published = _published(RealtimeTranslationClientEvent)
    for type_, model in TRANSLATION_CLIENT_EVENTS.items():
        ours, theirs = fields_of([model]), fields_of([published[type_]])
        rows = [
            # The name of a conversation's model is taken, and has no effect; here it is refused.
            (f"`{path}`", values, verdict.removesuffix(_NOTES["session.model"]))
            for path, values, verdict, _ in _block("", ours, theirs)
            if path != "type"
        ]
        yield from (f"### `{type_}` of a translation session", "")
        yield from _table(("field", "values", ""), rows)
    yield from _table(
        ("server event", "fields", "rules"),
        (
            (
                f"`{type_}`",
                ", ".join(f"`{name}`" for name in record.fields()),
                _rule(record.section),
            )
            for type_, record in TRANSLATION_SERVER_EVENTS.items()
        ),
    )


def render() -> str:
    """Return the text of `protocol.md`."""
    published = _published(RealtimeClientEvent)
    lines = [
        "# The protocol, row by row",
        "",
        "Written by `make_protocol_table.py` from the code; do not edit.",
        "",
        '"yes": supported. Otherwise the `code` of the `error` event that answers it, which names',
        "the field in `param`; nothing of such an event is applied. A field that no row names is",
        "an `unknown_parameter`. What a provider cannot do (a voice, a language, images) is an",
        '`invalid_value` that names the provider. "beta" is what a client of the beta dialect',
        "writes or gets instead; a dash: it has no such thing. Its items also have an `object`,",
        "its content is `text` and `audio` for `output_text` and `output_audio`, and its audio",
        f"formats are {', '.join(f'`{name}`' for name in FORMATS)}.",
        "",
        "Comments cite rules by section of [`wire.md`](wire.md): A client events (A.0 envelope",
        "and errors, A.1 `session.update`, A.2–A.4 the audio buffer, A.5–A.8 items, A.9 and A.10",
        "responses, A.11 and A.12 other transports), B server events (B.1–B.12 and B.15 sequences,",
        "B.16 beta, B.17 turns that go on), C the session object, D HTTP and connection (D.1",
        "client secrets, D.7 handshake, D.8 limits), E audio and offsets, F what clients rely on.",
        "The tests in `tests/conformance/` are named after the same sections and state each rule.",
        "",
        "## Client events",
        "",
        *_table(("event", "GA", "beta", "rules"), _client_events(published)),
    ]
    for type_, model in CLIENT_EVENTS.items():
        lines += [f"### `{type_}`", "", *_fields_of(type_, model, published.get(type_))]
    for type_, model in TRANSCRIPTION_EVENTS.items():
        if model is not CLIENT_EVENTS[type_]:
            lines += [
                f"### `{type_}` of a transcription session",
                "",
                f"Beta: `{model.beta}`.",
                "",
                *_fields_of(type_, model, published[type_]),
            ]
    lines += [
        "## Server events",
        "",
        "Every event begins with `type` and `event_id`.",
        "",
        *_table(("event", "fields", "GA", "beta", "rules"), _server_events()),
        "## Translation sessions",
        "",
        "Their events are these, `session.created`, `session.updated` and `error`; beta has none.",
        "",
        *_translation(),
        "## Session fields that the server sets",
        "",
        *_table(
            ("field", "in an update"),
            (
                (f"`session.{name}`", "`unknown_parameter`")
                for name in _samples()["session"]
                if name not in SessionPatch.model_fields
            ),
        ),
        "## Endpoints",
        "",
        *_table(("method", "path"), _endpoints()),
    ]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
