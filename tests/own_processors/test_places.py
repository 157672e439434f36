"""Which processors are named, in the settings or in code, and what is refused before a session."""

from __future__ import annotations

import re
import sys

import pytest
from pipecat.processors.filters.identity_filter import IdentityFilter

from config import ConfigError, load_settings
from own_processors.places import Processors, load
from pipeline_manager import PipelineManager
from providers.base import ProviderSetupError
from tests.examples.programs import refused
from tests.own_processors.people import Corrected, Unbuildable
from tests.support.places import ROOT
from tests.support.running_server import running, scripted_settings
from tests.support.server_process import started
from tests.support.wire_client import client

PEOPLE = "tests.own_processors.people"
IDENTITY = "pipecat.processors.filters.identity_filter:IdentityFilter"


def test_classes_are_named_in_a_file_and_in_variables(tmp_path, monkeypatch):
    file = tmp_path / "own.toml"
    file.write_text(f'[processors]\nbefore_voice = ["{PEOPLE}:Counting", "{IDENTITY}"]\n')
    monkeypatch.setenv("REALTIME_PROCESSORS__BEFORE_CLIENT", f"{PEOPLE}:Louder,{IDENTITY}")
    monkeypatch.setenv("REALTIME_PROCESSORS__TIMEOUT_S", "3")
    found = load(load_settings(file).processors)
    assert found.names == [
        "Counting (before_voice)",
        "IdentityFilter (before_voice)",
        "Louder (before_client)",
        "IdentityFilter (before_client)",
    ]
    assert found.timeout_s == 3


def test_each_pipeline_has_processors_of_its_own():
    found = Processors(before_model=[Corrected, IdentityFilter])
    first, second = found.make("before_model"), found.make("before_model")
    assert [type(named.processor) for named in first] == [Corrected, IdentityFilter]
    assert not {named.processor for named in first} & {named.processor for named in second}


@pytest.mark.parametrize("name", ["Filter", "my.module", "my module:Filter", ":Filter", "a:b:c"])
def test_what_names_no_class_is_refused(name: str):
    with pytest.raises(ConfigError, match=r"processors\.before_voice.*package\.module:Class"):
        load_settings(processors={"before_voice": [name]})


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_module:Filter", "No module named 'no_such_module' (it is looked for in "),
        (f"{PEOPLE}:NoSuchClass", "has no attribute 'NoSuchClass'"),
        ("builtins:dict", "it does not derive from Pipecat's FrameProcessor"),
        ("tests.own_processors.exits_at_import:Filter", "SystemExit: gone"),
        (f"{PEOPLE}:NOT_A_PROCESSOR", "it is neither a class nor a function"),
    ],
)
def test_what_cannot_be_imported_is_refused_by_name(name: str, reason: str):
    settings = scripted_settings(processors={"before_model": [name]})
    with pytest.raises(ProviderSetupError) as refusal:
        PipelineManager(settings)
    said = str(refusal.value)
    assert said.startswith(f"{name} cannot be used (processors.before_model, ")
    assert "REALTIME_PROCESSORS__BEFORE_MODEL" in said
    assert reason in said
    assert "\n" not in said


def test_a_folder_that_is_searched_is_named(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, ""])
    settings = scripted_settings(processors={"before_model": ["no_such_module:Filter"]})
    with pytest.raises(ProviderSetupError, match=f"looked for in {re.escape(str(tmp_path))}, in"):
        PipelineManager(settings)
    needy = tmp_path / "needy_module.py"
    needy.write_text("import no_such_library\n", encoding="utf-8")
    settings = scripted_settings(processors={"before_model": ["needy_module:Filter"]})
    with pytest.raises(ProviderSetupError, match=r"No module named 'no_such_library'\.$"):
        PipelineManager(settings)


def test_those_given_in_code_replace_the_configured_ones_of_their_places():
    own = {"before_model": [f"{PEOPLE}:Corrected"], "before_voice": [f"{PEOPLE}:Counting"]}
    settings = scripted_settings(processors={**own, "timeout_s": 7})
    given = Processors(before_voice=[Corrected])
    processors = PipelineManager(settings, processors=given).processors
    assert processors.names == ["Corrected (before_model)", "Corrected (before_voice)"]
    assert processors.limit_s == 7
    slow = Processors(before_voice=[Corrected], timeout_s=9)
    assert PipelineManager(settings, processors=slow).processors.limit_s == 9
    assert Processors().limit_s == 15


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Unbuildable", "RuntimeError: the dictionary is not there"),
        ("Exiting", "SystemExit: gone"),
        ("no_processor", "it made a str, which is no FrameProcessor of Pipecat's"),
        ("Quiet", "it filters audio, and none passes here"),
    ],
)
async def test_what_cannot_be_built_is_refused_at_the_start(name: str, reason: str):
    manager = PipelineManager(scripted_settings(processors={"before_voice": [f"{PEOPLE}:{name}"]}))
    with pytest.raises(ProviderSetupError) as refusal:
        await manager.start()
    assert str(refusal.value) == (
        f"{name} cannot be used (processors.before_voice, REALTIME_PROCESSORS__BEFORE_VOICE): "
        f"{reason}."
    )


async def test_one_in_the_folder_in_which_a_checkout_is_started_is_found(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from pipecat.processors.filters.identity_filter import IdentityFilter as Mine\n",
        encoding="utf-8",
    )
    environment = {"REALTIME_PROCESSORS__BEFORE_VOICE": "mine:Mine"}
    for kind in ("STT", "LLM", "TTS"):
        environment[f"REALTIME_{kind}__PROVIDER"] = "scripted"
    command = [sys.executable, str(ROOT / "main.py")]
    async with started(command, tmp_path, **environment) as server, client(server.url) as wire:
        await wire.say("Hello")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"


@pytest.mark.long
@pytest.mark.parametrize("name", ["no_such_module:Filter", f"{PEOPLE}:Unbuildable"])
@pytest.mark.parametrize("arguments", [[], ["--check"]], ids=["start", "check"])
async def test_the_program_says_so_in_one_line(name: str, arguments: list[str]):
    environment = {"REALTIME_PROCESSORS__BEFORE_CLIENT": name, "REALTIME_SERVER__PORT": "0"}
    for kind in ("STT", "LLM", "TTS"):
        environment[f"REALTIME_{kind}__PROVIDER"] = "scripted"
    command = (sys.executable, "main.py", *arguments)
    said = await refused(*command, folder=ROOT, environment=environment)
    assert name.partition(":")[2] in said
    assert "processors.before_client" in said


async def test_the_banner_names_them(capsys):
    manager = PipelineManager(scripted_settings(), processors=Processors(before_voice=[Corrected]))
    async with running(scripted_settings(), manager):
        assert "Corrected (before_voice)" in capsys.readouterr().out
    with pytest.raises(ProviderSetupError):
        Processors(before_client=[Unbuildable]).check()
