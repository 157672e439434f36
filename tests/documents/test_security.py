"""`SECURITY.md` says of every library what it would tell, and every switch that is set."""

from __future__ import annotations

import re

from settings.silent_libraries import SWITCHES
from tests.support.places import ROOT

TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
TABLE = TEXT.partition("## What leaves the machine")[2].partition("## What is not")[0]
NAMES = {
    name.replace("_", "-")
    for row in re.findall(r"^\| ([^|]+) \|", TABLE, re.MULTILINE)
    for name in re.findall(r"[a-z][\w-]{3,}|av|mcp|ray", row)
}


def test_every_switch_is_named_with_its_value():
    assert {name for name, value in SWITCHES.items() if f"`{name}={value}`" not in TABLE} == set()


def test_every_library_that_is_named_for_a_provider_is_in_the_table():
    """Those of the server itself are watched as a whole; each engine's and vendor's has a row."""
    known = {"av", "httpx", "jaconv", "numpy", "onnx", "tokenizers", "tqdm"}
    for needs in (ROOT / "requirements").glob("*.txt"):
        for line in needs.read_text(encoding="utf-8").splitlines():
            name = re.match(r"[a-zA-Z][\w-]*", line)
            if name is None or name[0] in known:
                continue
            # Parts of one thing have a number or more words behind its name.
            rows = [part for part in NAMES if name[0].replace("_", "-").startswith(part)]
            assert rows, f"{needs.name}: {name[0]}"


def test_the_container_sets_the_switches_that_hold_for_others_too():
    container = (ROOT / "Dockerfile").read_text(encoding="utf-8").rpartition("AS runtime")[2]
    for name in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        assert f"{name}={SWITCHES[name]}" in container
