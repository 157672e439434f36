"""A `.env` that is written for Compose is the server's own too, if it starts in the same folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config import load_settings
from tests.container.compositions import KEYS
from tests.support.places import ROOT

COMPOSED = [ROOT / "compose.yaml", *sorted((ROOT / "deploy" / "compose").glob("*.yaml"))]
VARIABLE = re.compile(r"\$\{(\w+)|^      ([A-Z_]+):$", re.MULTILINE)
"""One that Compose fills in, or passes on as it is."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_the_documentation_has_one_write_is_read_by_the_server(folder: Path) -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"^cat >\.env <<END\n(.*?)^END$", text, re.MULTILINE | re.DOTALL)
    (folder / ".env").write_text(re.sub(r"\$\(.*?\)", KEYS["REALTIME_API_KEYS"], written))
    keys = load_settings().server.api_keys
    assert [key.get_secret_value() for key in keys] == [KEYS["REALTIME_API_KEYS"]]


def test_no_variable_of_compositions_alone_is_called_like_a_setting(folder: Path) -> None:
    found = {
        name for file in COMPOSED for match in VARIABLE.findall(file.read_text()) for name in match
    } - {""}
    assert {"METRICS_KEY", "SERVER_PORT", "DRAIN_S", "REALTIME_SERVER__SECRET"} <= found
    (folder / ".env").write_text("".join(f"{name}=0123456789abcdef\n" for name in sorted(found)))
    load_settings()
