"""The providers in both READMEs, and their extras, are those of the declarations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest

from providers import LLMProvider, Provider, STTProvider, TTSProvider
from settings.provider_declarations import Declaration, declarations
from settings.requirement_files import is_pinned
from tests.support.places import ROOT

EXTRAS = ROOT / "requirements"
OTHER_EXTRAS = {
    "sound.txt",
    "echo.txt",
    "embedded.txt",
    "gguf.txt",
    "mcp.txt",
    "offline.txt",
    "ray.txt",
    "redis.txt",
    "tracing.txt",
    "webrtc.txt",
}
"""Files that no provider of their name needs."""
FOR_TESTS = "scripted"
"""One row stands for all three kinds of it."""
BASES = {"stt": STTProvider, "llm": LLMProvider, "tts": TTSProvider}

each_readme = pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
each_provider = pytest.mark.parametrize(
    "found", declarations(), ids=lambda found: f"{found.kind}-{found.name}"
)


def class_of(found: Declaration) -> type[Provider]:
    module, _, name = found.target.partition(":")
    provider: type[Provider] = getattr(import_module(module), name)
    return provider


def lines_of(readme: str) -> list[str]:
    return (ROOT / readme).read_text(encoding="utf-8").splitlines()


def rows(readme: str) -> Iterator[list[str]]:
    """The cells of every table row."""
    for line in lines_of(readme):
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def named(missing: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, missing)))


@each_provider
def test_what_is_read_without_importing_is_what_the_class_says(found):
    provider = class_of(found)
    assert issubclass(provider, BASES[found.kind]), f"{found.target} is no {found.kind} provider"
    own = provider.declaration
    assert own is not None
    told = (own.kind, own.name, own.key_variable, own.extra)
    assert told == (found.kind, found.name, found.key_variable, found.extra)


def test_every_provider_of_the_folders_declares_itself():
    known = {found.target for found in declarations()}
    for kind in BASES:
        for path in sorted((ROOT / "providers" / kind).glob("*.py")):
            text = path.read_text(encoding="utf-8")
            for name in re.findall(r"^class ([A-Z]\w*(?:STT|LLM|TTS))\(", text, re.MULTILINE):
                module = f"providers.{kind}.{path.stem}"
                provider = getattr(import_module(module), name)
                abstract = inspect.isabstract(provider) or name.startswith("Custom")
                assert abstract or f"{module}:{name}" in known, f"{module}:{name} lacks one"


@each_readme
def test_every_provider_has_a_row_with_what_it_installs(readme):
    listed = {(row[0].lower(), row[1].strip("`")): row for row in rows(readme) if len(row) == 6}
    for found in declarations():
        if found.name == FOR_TESTS:
            assert ("any", FOR_TESTS) in listed or ("任意", FOR_TESTS) in listed
            continue
        row = listed.get((found.kind, found.name))
        assert row is not None, f"{readme} lacks a row: | {found.kind.upper()} | `{found.name}` | …"
        install = f"`pip install -r {found.requirements}`" if found.requirements else "–"
        assert row[4] == install, f"{readme}, row {found.kind} {found.name}: install by {install}"
        needs_key = re.search(r"\bkey\b(?<!no key)|密钥(?<!无需密钥)", row[3]) is not None
        assert needs_key == (found.key_variable is not None), f"{readme}: does {row[1]} need a key?"
    known = {(found.kind, found.name) for found in declarations()}
    gone = {place for place in listed if place[0] in BASES and place not in known}
    assert not gone, f"{readme} lists what no module declares: {named(gone)}"


@each_readme
def test_every_option_stands_in_the_table_of_options(readme):
    header = next(n for n, line in enumerate(lines_of(readme)) if line.endswith("| `options` |"))
    listed: dict[str, set[str]] = {}
    for line in lines_of(readme)[header + 2 :]:
        if not line.startswith("|"):
            break
        name, text = (cell.strip() for cell in line.strip("|").split("|", 1))
        listed[name.strip("`")] = quoted(text)
    for name in {found.name for found in declarations()}:
        fields, values = options_of(name)
        written = listed.pop(name, set())
        missing = fields - written
        assert not missing, f"{readme}: the options of `{name}` lack {named(missing)}"
        unknown = written - fields - values
        assert not unknown, f"{readme}: `{name}` has no options {named(unknown)}"
    assert not listed, f"{readme} lists options of {named(listed)}, which no module declares"


def options_of(name: str) -> tuple[set[str], set[str]]:
    """Return the options of a provider of any kind, and the words that they accept."""
    models = [
        own.options
        for found in declarations()
        if found.name == name
        and (own := class_of(found).declaration) is not None
        and own.options is not None
    ]
    fields = {field for model in models for field in model.model_fields}
    values = {
        str(value)
        for model in models
        for field in model.model_fields.values()
        for literal in (field.annotation, *get_args(field.annotation))
        if get_origin(literal) is Literal
        for value in get_args(literal)
    }
    return fields, values


@each_readme
def test_every_vendors_variable_is_named(readme):
    text = (ROOT / readme).read_text(encoding="utf-8")
    variables = {found.key_variable for found in declarations() if found.key_variable}
    missing = {variable for variable in variables if f"`{variable}`" not in text}
    assert not missing, f"{readme}, below the table of settings, lacks {named(missing)}"


def test_every_extra_has_its_file_and_every_file_its_provider():
    wanted = {Path(found.requirements).name for found in declarations() if found.requirements}
    there = {path.name for path in EXTRAS.glob("*.txt")} - OTHER_EXTRAS
    assert not wanted - there, f"requirements/ lacks {named(wanted - there)}"
    assert not there - wanted, f"no provider declares extra=True for {named(there - wanted)}"
    for name in there:
        text = (EXTRAS / name).read_text(encoding="utf-8")
        if is_pinned(f"requirements/{name}"):
            continue
        assert "\n-r ../requirements.txt\n" in text, f"requirements/{name} must include the others"
