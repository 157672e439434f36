"""What an image leaves out goes with what only that needed, and the server never misses it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from requirements.leave_out import installed, left_over
from tests.support.places import ROOT

NEEDS = {
    "client": frozenset({"colours", "shared"}),
    "colours": frozenset({"palette", "absent"}),
    "palette": frozenset({"colours"}),
    "server": frozenset({"shared"}),
    "shared": frozenset[str](),
    "own": frozenset[str](),
}


def test_what_only_the_unwanted_needed_goes_with_it_in_a_circle_too() -> None:
    # colours and palette need each other: nobody else needs either, and yet they keep each other.
    acyclic = {**NEEDS, "palette": frozenset[str]()}
    assert left_over(acyclic, ["Client"], []) == {"client", "colours", "palette"}
    assert left_over(NEEDS, ["client", "palette"], []) == {"client", "palette", "colours"}


def test_what_others_need_or_is_wanted_stays() -> None:
    assert "shared" not in left_over(NEEDS, ["client"], [])
    assert left_over({**NEEDS, "client": frozenset({"own"})}, ["client"], ["own"]) == {"client"}


def test_what_goes_may_be_what_others_need() -> None:
    assert left_over(NEEDS, ["shared"], []) == {"shared"}


def test_what_is_not_installed_cannot_be_left_out() -> None:
    with pytest.raises(ValueError, match="spelt-wrong"):
        left_over(NEEDS, ["spelt_wrong"], [])
    said = subprocess.run(
        [sys.executable, "-m", "requirements.leave_out", "spelt_wrong"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode != 0
    assert "error: not installed, so it cannot be left out: spelt-wrong" in said.stderr


def unwanted() -> list[str]:
    """The packages that the image leaves out, as its scripts name them."""
    script = (ROOT / "requirements" / "slim_down.sh").read_text(encoding="utf-8")
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    named = re.search(r"requirements\.leave_out ([\w ]+)", script)
    further = re.findall(r"slim_down\.sh ([\w ]+)", dockerfile)
    assert named is not None
    return [*named[1].split(), *(word for words in further for word in words.split())]


def test_of_what_is_installed_it_takes_what_nobody_else_needs() -> None:
    gone = left_over(installed(), unwanted(), [])
    assert {"textual", "sounddevice", "llvmlite"} <= gone
    assert not {"numpy", "pipecat-ai", "uvicorn", "onnxruntime", "websockets"} & gone


def test_the_server_imports_nothing_that_the_image_leaves_out() -> None:
    modules = [*unwanted(), "llvmlite", "rich", "pygments", "markdown_it", "platformdirs"]
    program = f"""
import sys
sys.modules.update(dict.fromkeys({modules}))
import main
import serving.stack_check
from config import load_settings
from pipeline_manager import PipelineManager
openai = {{"provider": "openai", "api_base": "http://127.0.0.1:9/v1"}}
PipelineManager(load_settings())
PipelineManager(load_settings(stt=openai, llm=openai, tts=openai))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
