"""Two trees under the same load: what is made of the figures, and a run of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.compare import LOADS, TAKEN, Figures, Load, Row, Scale, in_turn, rows
from tests.support.places import ROOT

CAN_PIN = shutil.which("taskset") is not None and (os.cpu_count() or 1) > 1


def test_a_ratio_is_that_of_a_pair() -> None:
    """The machine is slow in one of them; the trees are as far apart as ever."""
    old: list[Figures] = [{"wait": 10}, {"wait": 20}, {"wait": 11}]
    new: list[Figures] = [{"wait": 5}, {"wait": 10}, {"wait": 5.5}]
    assert rows(old, new) == [Row("wait", 11, 5.5, (0.5, 0.5, 0.5))]


def test_what_was_nothing_has_no_ratio() -> None:
    assert rows([{"wait": 0}], [{"wait": 3}]) == [Row("wait", 0, 3, (1.0,))]


@pytest.mark.parametrize(
    ("ratios", "worse"),
    [
        ((1.1, 1.2, 1.06), True),
        ((1.04, 1.04, 1.04), False),
        ((0.5, 0.9, 1.0), False),
        ((1.2, 0.9, 1.2), False),
        ((1.2, 1.2, 0.9, 1.2, 1.2), True),
    ],
)
def test_worse_is_what_hardly_a_pair_denies(ratios: tuple[float, ...], worse: bool) -> None:
    row = Row("wait", 10, 11, ratios)
    assert row.worse is worse
    assert str(row).endswith("WORSE") is worse


def test_what_the_machine_does_is_no_fault_of_a_tree() -> None:
    assert not Row(TAKEN, 1, 50, (50.0,)).worse


@dataclass(frozen=True)
class Recorder(Load):
    """Notes on which trees it is run, and starts nothing."""

    trees: list[str] = field(default_factory=list)

    def on(self, tree: Path, scale: Scale) -> Figures:
        self.trees.append(tree.name)
        return {"order": len(self.trees)}


def test_trees_take_turns_at_being_first() -> None:
    load = Recorder(LOADS["conversations"].run)
    old, new = in_turn(load, Path("old"), Path("new"), 3, Scale())
    assert load.trees == ["old", "new", "new", "old", "old", "new"]
    assert [figures["order"] for figures in old] == [1, 4, 5]
    assert [figures["order"] for figures in new] == [2, 3, 6]


def compare(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.compare", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.long
@pytest.mark.skipif(not CAN_PIN, reason="needs two cores and taskset")
class TestRun:
    def test_each_server_is_started_from_its_own_tree(self, tmp_path: Path) -> None:
        """The other tree is one that has nothing but a `main.py`, and starts this one's."""
        figures, trace = tmp_path / "figures.json", tmp_path / "started"
        (tmp_path / "main.py").write_text(
            f"import os, sys\nopen({str(trace)!r}, 'w').close()\n"
            f"command = [sys.executable, {str(ROOT / 'main.py')!r}, *sys.argv[1:]]\n"
            "os.execv(sys.executable, command)\n"
        )
        run = compare(
            tmp_path,
            ROOT,
            "--pairs",
            "1",
            "--only",
            "own-share",
            "--commits",
            "2",
            "--json",
            figures,
        )
        assert "own share" in run.stdout, run.stderr
        assert trace.exists()
        old, new = json.loads(figures.read_text())["own-share"]
        assert all(value > 0 for entry in (*old, *new) for value in entry.values())

    def test_a_tree_that_does_not_start_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "main.py").write_text("raise SystemExit('no such room')")
        run = compare(tmp_path, ROOT, "--pairs", "1", "--only", "barge-in")
        assert run.returncode == 1
        assert f"The server of {tmp_path} did not start" in run.stderr
        assert "no such room" in run.stderr
