"""What checks the console: TypeScript's checker and axe, from npm, installed beside this file.

Where they cannot be installed (no Node, no registry) the tests are skipped and say why.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.foreign_clients.installed import install_node
from tests.support.places import ROOT

HERE = Path(__file__).parent
CONSOLE = ROOT / "console"
"""The pages, styles and modules that a browser gets."""
MODULES = sorted((CONSOLE / "js").rglob("*.js"))
AXE_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


class Evaluates(Protocol):
    """A page that is open in a browser."""

    async def evaluate(self, expression: str) -> Any:
        """Evaluate JavaScript, wait for its promise, and return its value."""
        ...


def tool(name: str) -> Path:
    """Return a path below `node_modules`; skips the test where the tools cannot be installed."""
    if reason := install_node(HERE):
        pytest.skip(reason)
    return HERE / "node_modules" / name


async def violations(page: Evaluates, context: str = "document") -> list[str]:
    """Return what axe finds wrong on a page, a line each: the rule, where, and why.

    Args:
        page: The page, in the state that is to be judged.
        context: JavaScript for the part of it that is judged.
    """
    source = tool("axe-core/axe.min.js").read_text(encoding="utf-8")
    await page.evaluate(f"window.axe ? 0 : (0, eval)({json.dumps(source)}), 0")
    options = {"runOnly": {"type": "tag", "values": AXE_RULES}, "resultTypes": ["violations"]}
    found = await page.evaluate(
        f"axe.run({context}, {json.dumps(options)}).then(({{violations}}) => "
        "violations.flatMap((rule) => rule.nodes.map((node) => "
        "`${rule.id}: ${node.target.join(' ')}: ${node.failureSummary}`)))"
    )
    return list(found)
