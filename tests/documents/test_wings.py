"""Imports run one way, and a wing is imported only by what it exports.

Every wing is a folder behind a front door at the top. A module imports its own wing and what lies
below it in `LAYERS`, never what lies above; from another wing it imports what that wing exports
(`__all__` of its `__init__.py`), and no name that begins with an underscore.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.places import ROOT

LAYERS = (
    "settings",
    "config",
    "flow",
    "audio",
    "audio_utils",
    "wire",
    "protocol",
    "session",
    "realtime_session",
    "telemetry",
    "testing",
    "turn_detection",
    "providers",
    "own_processors",
    "hearing",
    "answering",
    "upstream",
    "pipeline_manager",
    "tool_servers",
    "peers",
    "transport",
    "translation",
    "serving",
    "main",
    "models_http",
    "models_app",
    "recordings",
    "clients",
    "push_to_talk_app",
    "test_client",
    "open_realtime_server",
    "open_realtime_pytest",
)
"""Folders and modules, from the bottom (the core) to the top (sockets and programs)."""

FRONT_DOORS = {
    "config": {"settings"},
    "audio_utils": {"audio"},
    "protocol": {"wire"},
    "realtime_session": {"session"},
    "pipeline_manager": {
        *("turn_detection", "hearing", "answering", "upstream", "providers", "own_processors")
    },
    "transport": {"tool_servers", "peers", "flow"},
    "main": {"serving", "telemetry"},
    "models_app": {"models_http"},
    "push_to_talk_app": {"clients"},
    "test_client": {"clients"},
}
"""Front door → the wings behind it, of which it may import any module."""


def dotted(path: Path) -> str:
    """The name by which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources() -> dict[str, Path]:
    """Return module → its file, for all modules of the server and its programs."""
    files = list(ROOT.glob("*.py"))
    for layer in LAYERS:
        files += (ROOT / layer).rglob("*.py")
    return {dotted(path): path for path in files}


SOURCES = sources()


def imports(code: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, module and name of every import of ours; the name is empty for `import x`."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                module, name = (inner, "") if inner in SOURCES else (node.module, alias.name)
                if module in SOURCES:
                    yield node.lineno, module, name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in SOURCES:
                    yield node.lineno, alias.name, ""


def exports(package: str) -> set[str]:
    """`__all__` of a package, read without importing it."""
    for node in ast.parse(SOURCES[package].read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


EXPORTS = {
    module: exports(module) for module, path in SOURCES.items() if path.name == "__init__.py"
}


def at_home(importer: str, package: str) -> bool:
    """Return whether a module is in a package, or is the front door of its wing."""
    wing = package.partition(".")[0]
    behind = FRONT_DOORS.get(importer, set())
    return importer == package or importer.startswith(f"{package}.") or wing in behind


def trespasses(importer: str, code: str) -> Iterator[str]:
    """Yield what a module may not import, and why."""
    wing = importer.partition(".")[0]
    for line, module, name in imports(code):
        other = module.partition(".")[0]
        where = f"{importer}:{line} imports {module}{f'.{name}' if name else ''}"
        if other != wing and LAYERS.index(other) > LAYERS.index(wing):
            yield f"{where}: {other} lies above {wing}"
        parts = module.split(".")
        for depth in range(1, len(parts)):
            package, room = ".".join(parts[:depth]), parts[depth]
            if not at_home(importer, package) and room not in EXPORTS[package]:
                yield f"{where}: {package} does not export {room} (__all__)"
        if (
            module in EXPORTS
            and name
            and not at_home(importer, module)
            and name not in EXPORTS[module]
        ):
            yield f"{where}: {module} does not export {name} (__all__)"
        # `_` alone is what gettext calls its function, wherever it is used.
        if re.match(r"_[^_]", name) and other != wing:
            yield f"{where}: the name is private"


def test_the_top_folder_holds_the_front_doors_alone() -> None:
    assert {path.stem for path in ROOT.glob("*.py")} == FRONT_DOORS.keys()


def test_every_folder_of_code_is_a_wing() -> None:
    folders = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("[!.]*/**/*.py")}
    others = {"tests", "benchmarks", "docs", "examples", "requirements", "build", "dist"}
    assert folders - others == {name for name in LAYERS if (ROOT / name).is_dir()}


def test_modules_are_imported_by_statements() -> None:
    """Any other import would not be seen here. What people name themselves is loaded by name."""
    loaders = {"providers.registry", "own_processors.places"}
    found = [
        module
        for module, path in SOURCES.items()
        if module not in loaders
        and re.search(r"\b(import_module|__import__)\s*\(", path.read_text())
    ]
    assert not found


def test_the_table_for_contributors_has_the_wings_in_this_order_with_their_doors() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \| (.*?) \| .* \|$", text, re.MULTILINE)
    table = [(wing, set(re.findall(r"`(\w+)\.py`", doors))) for wing, doors in rows]
    wings = [layer for layer in LAYERS if (ROOT / layer).is_dir()]
    doors = [{door for door, behind in FRONT_DOORS.items() if wing in behind} for wing in wings]
    assert table == list(zip(wings, doors, strict=True))


def test_imports_run_one_way_and_by_the_doors() -> None:
    found = [
        trespass
        for module, path in SOURCES.items()
        for trespass in trespasses(module, path.read_text())
    ]
    assert not found, "\n".join(found)


def test_what_is_exported_is_there() -> None:
    missing = [
        f"{package} exports {name}, which it has not"
        for package, names in EXPORTS.items()
        for name in names
        if f"{package}.{name}" not in SOURCES and name not in SOURCES[package].read_text()
    ]
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize(
    ("importer", "code", "why"),
    [
        ("wire.dialect", "from session.items import Item", "session lies above wire"),
        ("session.items", "import transport", "transport lies above session"),
        ("flow.steps", "def f():\n    from wire.errors import ProtocolError", "lies above flow"),
        ("transport", "from session.usage import no_usage", "session does not export usage"),
        ("transport", "from session.ports import _SECRET", "the name is private"),
        ("hearing.listening", "from providers import nobody", "does not export nobody"),
        ("answering.runner", "from hearing.listening import Listening", None),
        ("hearing.listening", "from answering.runner import ResponseRunner", "lies above hearing"),
    ],
)
def test_the_rules_hold(importer: str, code: str, why: str | None) -> None:
    """Each case breaks one rule; the order also holds between neighbouring wings."""
    found = list(trespasses(importer, code))
    assert (why is None and not found) or (why is not None and why in "\n".join(found))
