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
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

sys.path.insert(0, str(Path(__file__).parent.parent))

from fastapi.routing import APIWebSocketRoute
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from audio.formats import AudioFormat
from config import Settings
from main import create_app
from protocol import CLIENT_EVENTS, SERVER_EVENTS, TRANSCRIPTION_EVENTS, ProtocolError
from session.conversation import Conversation
from session.items import FunctionCall
from session.ports import Capabilities
from session.response import Response
from session.response_spec import ResponseSpec
from session.session_config import SessionConfig
from wire.beta_reading import FORMATS, in_beta_names
from wire.beta_writing import BetaDialect
from wire.client_events import ANNOUNCED, BETA_EVENTS
from wire.dialect import Dialect, GADialect
from wire.response_fields import BetaResponseOptions
from wire.session_fields import BetaSessionPatch, SessionPatch

TARGET = Path(__file__).parent / "protocol.md"
_PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean", dict: "object"}
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

Fields = dict[str, list[Any]]
"""Field → its types in all models that have it."""


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield the types that a type consists of, without null."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        for option in get_args(annotation):
            yield from _parts(option)
    elif origin is Annotated and get_origin(get_args(annotation)[0]) in (Union, UnionType):
        yield from _parts(get_args(annotation)[0])
    elif annotation is not type(None):
        yield annotation


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _models(types: list[Any]) -> tuple[list[type[BaseModel]], str]:
    """Return the models that `types` hold, and how a path goes on into them."""
    found: list[type[BaseModel]] = []
    suffix = ""
    for part in (part for type_ in types for part in _parts(type_)):
        bare = _bare(part)
        if get_origin(bare) is list:
            inner, deeper = _models([get_args(bare)[0]])
            found += inner
            suffix = "[]" + deeper
        elif isinstance(bare, type) and issubclass(bare, BaseModel):
            found.append(bare)
    return found, suffix


def _fields(models: list[type[BaseModel]]) -> Fields:
    fields: Fields = {}
    for model in models:
        for name, field in model.model_fields.items():
            annotation: Any = field.annotation
            if field.metadata:
                annotation = Annotated[annotation, *field.metadata]
            fields.setdefault(field.alias or name, []).append(annotation)
    return fields


def _literals(types: list[Any]) -> list[str]:
    """Return all literal values, also those in arrays."""
    found: list[str] = []
    for part in (_bare(part) for type_ in types for part in _parts(type_)):
        if get_origin(part) is Literal:
            found += [str(value) for value in get_args(part)]
        elif get_origin(part) is list:
            found += _literals([get_args(part)[0]])
    return list(dict.fromkeys(found))


def _kind(model: type[BaseModel]) -> list[str]:
    fields = _fields([model])
    return _literals(fields.get("role") or fields.get("type") or [])


def _limits(metadata: Any) -> str:
    limits: dict[str, Any] = {}
    for item in metadata:
        for inner in item.metadata if isinstance(item, FieldInfo) else [item]:
            for name in ("ge", "le", "max_length"):
                if hasattr(inner, name):
                    limits[name] = getattr(inner, name)
    if limits.get("ge") is not None and limits.get("ge") == limits.get("le"):
        return f" {limits['ge']}"
    if "ge" in limits and "le" in limits:
        return f" {limits['ge']}–{limits['le']}"
    if "ge" in limits:
        return f" from {limits['ge']}"
    return f" of at most {limits['max_length']}" if "max_length" in limits else ""


def _values(types: list[Any]) -> str:
    """Say which values a field takes."""
    said: list[str] = []
    for part in (part for type_ in types for part in _parts(type_)):
        bare = _bare(part)
        limits = _limits(get_args(part)[1:]) if get_origin(part) is Annotated else ""
        if get_origin(bare) is Literal:
            said += [f"`{value}`" for value in get_args(bare)]
        elif get_origin(bare) is list:
            said.append(f"array of {_values([get_args(bare)[0]])}")
        elif isinstance(bare, type) and issubclass(bare, BaseModel):
            said.append("object")
        else:
            said.append(_PLAIN.get(get_origin(bare) or bare, "") + limits)
    return ", ".join(word for word in dict.fromkeys(said) if word.strip())


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
    models, suffix = _models(ours)
    known = set(_literals(ours))
    refused = [value for value in _literals(theirs) if value not in known] if known else []
    verdict = "yes"
    if not _values(ours):
        verdict = "no: `invalid_value`, unless null"
    elif refused:
        verdict = f"yes; {', '.join(f'`{value}`' for value in refused)}: `invalid_value`"
    elif _models(theirs)[0] and not models and dict not in map(_bare, ours):
        verdict = "yes; an object: `invalid_type`"
    verdict += _NOTES.get(path, "")
    yield path, _values(ours) or "null", verdict, _beta_path(path)
    if not models:
        return
    path += suffix
    kinds = {kind for model in models for kind in _kind(model)}
    sdk = [m for m in _models(theirs)[0] if not kinds or not _kind(m) or kinds & set(_kind(m))]
    yield from _block(path, _fields(models), _fields(sdk))
    for kind in [kind for model in _models(theirs)[0] if model not in sdk for kind in _kind(model)]:
        yield f"{path}.type", f"`{kind}`", "no: `invalid_value`", "–"


def _block(path: str, ours: Fields, theirs: Fields) -> Iterator[tuple[str, str, str, str]]:
    for name, types in ours.items():
        yield from _rows(f"{path}.{name}" if path else name, types, theirs.get(name, []))
    for name in (name for name in theirs if name not in ours):
        yield f"{path}.{name}" if path else name, "", "no: `unknown_parameter`", "–"


def _published(union: Any) -> dict[str, type[BaseModel]]:
    """Return event type → the SDK's model of it."""
    return {_literals(_fields([model])["type"])[0]: model for model in _models([union])[0]}


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def _client_events(
    published: dict[str, type[BaseModel]],
) -> Iterator[tuple[str, str, str, str]]:
    sections = {record.beta: record.section for record in BETA_EVENTS.values()}
    sections |= {type_: record.section for type_, record in CLIENT_EVENTS.items()}
    for type_ in dict.fromkeys([*CLIENT_EVENTS, *published, *BETA_EVENTS, *ANNOUNCED]):
        said = []
        for dialect in (GADialect(), BetaDialect()):
            refusal = _refusal(dialect, {"type": type_})
            unknown = refusal is not None and refusal.param == "type"
            said.append("no: `invalid_value`" if unknown else "yes")
        yield f"`{type_}`", said[0], said[1], _rule(sections.get(type_))


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
    ours = _fields([model])
    del ours["type"]
    rows = list(_block("", ours, _fields([theirs]) if theirs else {}))
    for block, beta in _BETA_MODELS.items():
        if block not in ours or type_ not in CLIENT_EVENTS:
            continue
        known = _fields(_models(ours[block])[0])
        for name, types in _fields([beta]).items():
            if name not in known and model is CLIENT_EVENTS[type_]:
                refused = "no: `unknown_parameter`"
                rows.append((f"{block}.{name}", _values(types), refused, f"{block}.{name}"))
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
        "B.16 beta), C the session object, D HTTP and connection (D.1 client secrets, D.7",
        "handshake, D.8 limits), E audio and offsets, F what clients rely on. The tests in",
        "`tests/conformance/` are named after the same sections and state each rule.",
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
