"""Rules for the tests: each can fail, none imports another, every module has one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.documents.proven_elsewhere import PROVEN_ELSEWHERE
from tests.support.places import ROOT

TESTS = ROOT / "tests"
WINGS = (
    *("answering", "audio", "clients", "flow", "hearing", "models_http", "own_processors", "peers"),
    *("open_realtime_pytest", "providers", "recordings", "serving", "session", "settings"),
    *("telemetry", "testing", "tool_servers"),
    *("translation", "turn_detection", "upstream", "wire"),
)
FILES = sorted(
    path for path in TESTS.rglob("*.py") if not {".venv", "node_modules"} & {*path.parts}
)
"""Those of this project: other people's clients are installed below `foreign_clients/`."""
TREES = {path: ast.parse(path.read_text()) for path in FILES}
TEST_FILES = [path for path in FILES if path.name.startswith("test_")]
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for wing in WINGS
    for path in (ROOT / wing).rglob("*.py")
    if path.name != "__init__.py"
)

FAILS = {"raises", "warns", "fail", "timeout", "wait_for"}
"""Calls that can fail a test: pytest's own, and waits with a time-out."""


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


class Function:
    """A function or method, and what in it can fail a test."""

    def __init__(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        inside = list(ast.walk(node))
        calls = [inner.func for inner in inside if isinstance(inner, ast.Call)]
        self.name = node.name
        self.line = node.lineno
        self.called = {func.id for func in calls if isinstance(func, ast.Name)}
        self.methods = {func.attr for func in calls if isinstance(func, ast.Attribute)}
        self.fails = bool((self.called | self.methods) & FAILS) or any(
            isinstance(inner, ast.Assert | ast.Raise) for inner in inside
        )

    def can_fail(self, functions: set[str], methods: set[str]) -> bool:
        """Whether it fails by itself or by one of these."""
        return self.fails or bool(self.called & functions) or bool(self.methods & methods)


class File:
    """The functions of a file, and its imports from other files of `tests/`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        nodes = list(ast.walk(TREES[path]))
        self.functions = [
            Function(node)
            for node in nodes
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
        self.methods = {
            (inner.name, inner.lineno)
            for node in classes
            for inner in node.body
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        self.imported = {
            alias.asname or alias.name
            for node in nodes
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests.")
            for alias in node.names
        }
        self.checks: set[str] = set()
        """Names of its own functions that can fail a test."""


def idle_tests() -> list[str]:
    """Tests that nothing can fail, directly or through what they call."""
    files = [File(path) for path in FILES]
    methods: set[str] = set()
    grown = True
    while grown:
        grown = False
        everywhere = set().union(*(file.checks for file in files))
        for file in files:
            reach = file.checks | (file.imported & everywhere)
            for function in file.functions:
                is_method = (function.name, function.line) in file.methods
                known = methods if is_method else file.checks
                if function.name not in known and function.can_fail(reach, methods):
                    known.add(function.name)
                    grown = True
    return [
        f"{short(file.path)}:{function.line} {function.name}"
        for file in files
        if file.path in TEST_FILES
        for function in file.functions
        if function.name.startswith("test_") and function.name not in file.checks | methods
    ]


def test_every_test_can_fail() -> None:
    assert idle_tests() == []


def test_no_test_file_leans_on_another() -> None:
    """Shared helpers are in `tests/support/` or in a module beside the tests."""
    leaning = [
        f"{short(path)} imports {node.module}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("tests.")
        and any(part.startswith("test_") for part in (node.module or "").split("."))
    ]
    assert leaning == []


def own_test(module: str) -> Path:
    """Return the path of a module's own test, which may not exist."""
    path = Path(module)
    return TESTS / path.parent / f"test_{path.name}"


def test_every_module_has_a_test_of_its_name_or_says_where_it_is_tested() -> None:
    without = {module for module in MODULES if not own_test(module).exists()}
    unknown = sorted(without - PROVEN_ELSEWHERE.keys())
    assert unknown == [], "write tests of these names, or add them to proven_elsewhere.py"
    needless = sorted(PROVEN_ELSEWHERE.keys() - without)
    assert needless == [], "these are gone or have a test now: take them out of proven_elsewhere.py"


@pytest.mark.parametrize("proof", sorted({*PROVEN_ELSEWHERE.values()}))
def test_where_a_module_is_said_to_be_tested_there_are_tests(proof: str) -> None:
    assert list((TESTS / proof).glob("test_*.py")) or (TESTS / proof) in TEST_FILES
