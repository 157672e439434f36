"""What people read is translated: it goes through gettext, and the catalogues have all of it.

Texts that go over the wire to clients and into the log are English, and in none of this.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from settings.localisation import DOMAIN, LOCALES
from tests.support.places import ROOT

NOT_OF_THE_PRODUCT = {"benchmarks", "docs", "examples", "tests"} | {
    # For those who develop it.
    "audit.py",
    "build_hook.py",
    "measure_downloads.py",
    "wheel_hook.py",
}
FILES = sorted(
    path
    for path in ROOT.rglob("*.py")
    if not NOT_OF_THE_PRODUCT & {*path.relative_to(ROOT).parts}
    and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
CATALOGUES = sorted(LOCALES.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))

_PLACEHOLDERS = re.compile(r"\{[^{}]*\}|%\([a-z_]+\)[a-z]|%[a-z]\b")
ERRORS = {"ConfigError", "ProviderSetupError", "ClientError", "SystemExit", "refused", "demand"}
"""What ends a program with a text for its user."""
CHECKS = {"ValueError"}
CHECKED = (
    "config.py",
    "settings/call_addresses.py",
    "settings/origins.py",
    "settings/paths.py",
    "settings/sources.py",
)
"""What checks of settings raise there is shown as `ConfigError`."""
HELP = {"help", "description", "epilog", "title"}
"""Arguments of argparse that users read; names in `metavar` are not translated."""
SPEAKERS = (
    "clients/checked_turns.py",
    "clients/verdicts.py",
    "clients/text_chat.py",
    "requirements/set_up.py",
    "requirements/setting_up.py",
    "serving/command_line.py",
    "serving/lifecycle.py",
    "settings/package_installer.py",
    "test_client.py",
    "push_to_talk_app.py",
    "main.py",
)
"""Modules whose `print` is for people."""


@cache
def texts() -> dict[str, list[str]]:
    """Return the texts in the code that are to be translated → where they stand."""
    found: dict[str, list[str]] = {}
    for path in FILES:
        for line, text, _comments, _context in extract_from_file("python", path, {"_": None}):
            assert isinstance(text, str), f"{path}:{line}"
            found.setdefault(text, []).append(f"{path.relative_to(ROOT)}:{line}")
    return found


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def placeholders(text: str) -> list[str]:
    return sorted(_PLACEHOLDERS.findall(text))


def untranslated(catalogue: Catalog) -> Iterator[str]:
    """Yield what a catalogue lacks, has in vain, or has wrong."""
    for text, places in texts().items():
        message = catalogue.get(text)
        if message is None or not message.string or message.fuzzy:
            yield f"not translated: {text!r} ({places[0]})"
        elif placeholders(text) != placeholders(str(message.string)):
            yield f"other placeholders: {text!r} ({places[0]})"
        elif text.endswith("\n") != str(message.string).endswith("\n"):
            yield f"other end of line: {text!r} ({places[0]})"
    yield from (
        f"no longer in the code: {message.id!r}"
        for message in catalogue
        if message.id and message.id not in texts()
    )
    yield from (f"obsolete: {text!r}" for text in catalogue.obsolete)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_every_text_is_translated(path: Path) -> None:
    assert not [*untranslated(read(path))], "run `make translations`, translate, and run it again"


def test_a_text_that_is_not_translated_is_found() -> None:
    text = next(text for text in texts() if "{" in text)
    for wrong in ("", "无"):
        catalogue = Catalog()
        for known in texts():
            catalogue.add(known, wrong if known == text else known)
        assert len([*untranslated(catalogue)]) == 1
    catalogue.add("there is no such text", "无")
    assert any("no longer" in why for why in untranslated(catalogue))


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_what_is_compiled_is_what_is_translated(path: Path) -> None:
    with path.with_suffix(".mo").open("rb") as file:
        compiled = {message.id: message.string for message in read_mo(file) if message.id}
    assert compiled == {message.id: message.string for message in read(path) if message.id}, (
        "run `make translations`"
    )


def test_there_is_chinese() -> None:
    assert [path.parts[-3] for path in CATALOGUES] == ["zh_CN"]


def bare(node: ast.AST) -> Iterator[str]:
    """Yield the words in an expression that are not looked up in a catalogue."""
    match node:
        case ast.Call(func=ast.Name(id="_")):
            return
        case ast.JoinedStr(values=parts):
            yield from words(
                "".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in parts)
            )
            for part in parts:
                yield from bare(part) if isinstance(part, ast.FormattedValue) else ()
        case ast.Constant(value=str(text)):
            yield from words(text)
        case _:
            for inner in ast.iter_child_nodes(node):
                yield from bare(inner)


def words(text: str) -> Iterator[str]:
    """Yield a text if it is English rather than names, options or addresses."""
    if re.search(r"[A-Za-z]{2,}(\W+…)?\W* [a-z]{2,}", text):
        yield text


def words_of_help(node: ast.expr) -> Iterator[str]:
    """Yield the words that argparse shows; there a single one is a text too."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if re.search("[A-Za-z]{2,}", node.value):
            yield node.value
    else:
        yield from bare(node)


def spoken(file: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the lines of a module that say something to people past the catalogues."""
    errors = ERRORS | (CHECKS if file in CHECKED else set())
    if file in SPEAKERS:
        errors = errors | {"print"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        told = [text for argument in node.args for text in bare(argument) if name in errors]
        if name in ("ArgumentParser", "add_argument", "add_argument_group", "add_parser"):
            told += [
                text
                for given in node.keywords
                if given.arg in HELP
                for text in words_of_help(given.value)
            ]
        if name == "add_argument_group":
            told += [text for argument in node.args for text in words_of_help(argument)]
        if name == "_" and not (
            len(node.args) == 1
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        ):
            told.append(f"{ast.unparse(node)} is no literal, so no catalogue has it")
        yield from ((node.lineno, text) for text in told)


def test_what_people_are_told_goes_through_gettext() -> None:
    past = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in FILES
        for line, text in spoken(
            path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
        )
    ]
    assert not past, "\n".join(past)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('raise ConfigError("a bad setting")', True),
        ('raise ConfigError(f"{name} is bad, change it")', True),
        ('raise ConfigError("no " + _("good"))', False),
        ('raise ConfigError(_("a bad setting"))', False),
        ('raise ConfigError(_("{name} is bad").format(name=name))', False),
        ('raise ConfigError(_(f"{name} is bad"))', True),
        ("raise ConfigError(_(told))", True),
        ('raise ValueError("a bad setting")', True),
        ('parser.add_argument("--port", help="port")', True),
        ('parser.add_argument("--port", help=_("port"))', False),
        ('parser.add_argument("--port", help=f"a port, {default} mostly")', True),
        ('parser.add_argument_group("sound")', True),
        ('print("a word or two")', False),
    ],
)
def test_a_text_that_is_told_past_gettext_is_found(code: str, found: bool) -> None:
    assert bool([*spoken("config.py", ast.parse(code))]) == found


def at_import(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that translate when a module is imported, for everybody and once for all."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_":
            yield node.lineno
        yield from at_import(node)


def test_nothing_is_translated_at_import() -> None:
    """What is for clients has to stay English, and the language of tests can change."""
    early = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in FILES
        for line in at_import(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not early, early


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('REASON = _("a reason")', True),
        ('class A:\n    remedies = {1: _("a remedy")}', True),
        ('def why(): return _("a reason")', False),
        ('say = lambda: _("a reason")', False),
    ],
)
def test_a_translation_at_import_is_found(code: str, found: bool) -> None:
    assert bool([*at_import(ast.parse(code))]) == found


def test_what_is_printed_past_gettext_is_found() -> None:
    assert [*spoken("main.py", ast.parse('print("a word or two")'))]
