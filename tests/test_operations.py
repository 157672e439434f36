"""`docs/operations.md` says what the code does: every limit with its default, every metric."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from config import LimitsConfig, ServerConfig, Settings
from metrics import Metrics

TEXT = (Path(__file__).parent.parent / "docs" / "operations.md").read_text(encoding="utf-8")


def rows(prefix: str) -> dict[str, list[str]]:
    """Tables' rows whose first cell begins so: its name → the other cells."""
    found = {}
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].startswith(f"`{prefix}"):
            found[cells[0].strip("`").removeprefix(prefix)] = cells[1:]
    return found


def test_every_limit_is_listed_with_its_default() -> None:
    defaults = {name: f"{getattr(LimitsConfig(), name):g}" for name in LimitsConfig.model_fields}
    defaults["instructions_chars"] = str(LimitsConfig().instructions_chars)
    assert {name: cells[0] for name, cells in rows("limits.").items()} == defaults


def test_every_metric_is_listed_with_its_type() -> None:
    made = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in text_string_to_metric_families(Metrics().exposition().decode())
        if family.name.startswith("realtime_") and not family.name.endswith("_created")
    }
    listed = {f"realtime_{name}": cells[0] for name, cells in rows("realtime_").items()}
    assert listed == made


def test_every_setting_that_is_named_exists() -> None:
    groups = "|".join(Settings.model_fields)
    for group, name in re.findall(rf"`({groups})\.(\w+)", TEXT):
        assert hasattr(getattr(Settings(), group), name), f"{group}.{name}"


def test_the_grace_period_is_the_default() -> None:
    assert f"`server.shutdown_grace_s` ({ServerConfig().shutdown_grace_s:g} s)" in TEXT


def test_the_python_in_the_snippets_is_supported() -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    least = tuple(map(int, project["project"]["requires-python"].removeprefix(">=").split(".")))
    for version in re.findall(r"python:?(3\.\d+)", TEXT):
        assert tuple(map(int, version.split("."))) >= least
