"""What the console's files may not do: grow, load from elsewhere, or say what nobody translated."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.console.tools import CONSOLE, MODULES

LONGEST = 300
"""Lines of a module."""
TEXTS = CONSOLE / "js" / "texts"
SERVED = sorted(
    path for path in CONSOLE.rglob("*") if path.suffix in (".html", ".css", ".js", ".svg")
)
QUOTED = r"""["'`]([^"'`$]*)(\$\{)?"""
KEY_AFTER = (
    rf"\bt\(\s*{QUOTED}",
    rf"\btell\([^,]+,\s*{QUOTED}",
    rf"""\btellAttribute\([^,]+,\s*["'][\w-]+["'],\s*{QUOTED}""",
    rf"data-text(?:-[a-z-]+)?={QUOTED}",
    r"""\b(?:text|label|hint|tip): ["'`]([\w.]+)(\$\{)?""",
)
"""How a module or a page names a text; a name that goes on with `${` is the beginning of one."""
ADDRESS = re.compile(r"(?:https?|wss?)://([^/\s\"'`<>)$\\]+)")
NO_ADDRESS = {"www.w3.org", "localhost", "127.0.0.1"}
"""Namespaces, which nobody loads, and this machine."""


@cache
def dictionaries() -> dict[str, dict[str, dict[str, str]]]:
    """Return file → language → key → text."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    program = (
        "const all = {}; for (const url of process.argv.slice(1)) "
        "all[url] = (await import(url)).default; console.log(JSON.stringify(all));"
    )
    command = ("node", "--input-type=module", "--no-warnings", "--eval", program, "--")
    urls = [path.as_uri() for path in sorted(TEXTS.glob("*.js"))]
    asked = subprocess.run((*command, *urls), capture_output=True, text=True, check=True)
    found: dict[str, dict[str, dict[str, str]]] = json.loads(asked.stdout)
    return found


def named() -> tuple[dict[str, str], dict[str, str]]:
    """Return the keys that the files name, and the beginnings of those that they make up."""
    keys: dict[str, str] = {}
    beginnings: dict[str, str] = {}
    for path in SERVED:
        if path.name in ("texts.js", "dom.js"):
            continue
        for pattern in KEY_AFTER:
            for key, goes_on in re.findall(pattern, path.read_text(encoding="utf-8")):
                (beginnings if goes_on else keys)[key] = path.relative_to(CONSOLE).as_posix()
    return keys, beginnings


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(CONSOLE).as_posix())
def test_no_module_is_too_long_and_each_says_why_it_exists(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    if module.parent != TEXTS:
        assert text.startswith("/**"), "it begins with a comment that says why it exists"
        assert len(text.splitlines()) <= LONGEST


def test_nothing_is_loaded_from_another_host() -> None:
    named_hosts = {
        f"{path.relative_to(CONSOLE).as_posix()}: {host}"
        for path in SERVED
        for host in ADDRESS.findall(path.read_text(encoding="utf-8"))
        if host.partition(":")[0] not in NO_ADDRESS and "{" not in host
    }
    assert named_hosts == set()


def test_no_page_has_scripts_or_styles_inside() -> None:
    for path in CONSOLE.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text), path


def test_both_languages_say_everything() -> None:
    for file, languages in dictionaries().items():
        assert languages.keys() == {"en", "zh"}
        assert languages["en"].keys() == languages["zh"].keys(), file
        for language, texts in languages.items():
            assert all(text.strip() for text in texts.values()), (file, language)
        for key, text in languages["en"].items():
            values = sorted(re.findall(r"\{\w+\}", text))
            assert sorted(re.findall(r"\{\w+\}", languages["zh"][key])) == values, key


def test_no_key_is_in_two_dictionaries() -> None:
    keys = [key for languages in dictionaries().values() for key in languages["en"]]
    assert sorted(keys) == sorted(set(keys))


def test_every_text_that_is_named_exists_and_every_text_is_named() -> None:
    written = {key for languages in dictionaries().values() for key in languages["en"]}
    keys, beginnings = named()
    missing = {key: path for key, path in keys.items() if key not in written}
    missing |= {
        f"{start}…": path
        for start, path in beginnings.items()
        if not any(key.startswith(start) for key in written)
    }
    assert missing == {}
    everything = "".join(
        path.read_text(encoding="utf-8") for path in SERVED if path.parent != TEXTS
    )
    # Of two names, one of which is chosen, only the first is where a name is expected.
    made_up = {*beginnings, *re.findall(r"`([\w.]*[_.])\$\{", everything)}
    unused = {
        key
        for key in written
        if not re.search(rf"""["'`]{re.escape(key)}["'`]""", everything)
        and not any(key.startswith(start) for start in made_up if start)
    }
    assert unused == set()
