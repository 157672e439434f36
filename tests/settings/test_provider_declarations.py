"""Providers are found by what stands in their modules, and nothing is imported for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from settings import provider_declarations as reading
from settings.provider_declarations import Declaration, declarations, vendor_keys
from tests.support.places import ROOT

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a module of providers in a tree that has no others."""
    monkeypatch.setattr(reading, "ROOT", tmp_path)
    monkeypatch.setattr(reading, "PROVIDERS", tmp_path / "providers")
    declarations.cache_clear()

    def written(name: str, text: str) -> None:
        path = tmp_path / "providers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    yield written
    declarations.cache_clear()


def test_a_class_is_found_with_what_it_declares_whatever_it_imports(write: Write):
    write(
        "tts/acme.py",
        """
import a_library_that_nobody_has

class Helper:
    pass

class AcmeTTS(TTSProvider):
    \"\"\"A voice.\"\"\"

    declaration = Declaration(
        kind="tts",
        name="acme",
        key_variable="ACME_KEY",
        extra=True,
        options=Helper,
    )
    label = "acme"

class OtherTTS(TTSProvider):
    declaration = Declaration(kind="tts", name="other")
""",
    )
    acme, other = declarations()
    assert acme == Declaration(
        kind="tts",
        name="acme",
        key_variable="ACME_KEY",
        extra=True,
        target="providers.tts.acme:AcmeTTS",
    )
    assert acme.requirements == "requirements/acme.txt"
    assert (other.target, other.requirements) == ("providers.tts.acme:OtherTTS", None)
    assert vendor_keys() == {"acme": "ACME_KEY"}


@pytest.mark.parametrize(
    "arguments",
    [
        'kind="tts", name=NAME)',
        'kind="tts")',
        'kind="tts", name="acme", key_variable=f"{X}_KEY")',
    ],
    ids=["a variable", "no name", "computed"],
)
def test_what_cannot_be_read_is_named(write: Write, arguments: str):
    write("tts/acme.py", f"\nclass AcmeTTS:\n    declaration = Declaration({arguments}\n    #\n")
    with pytest.raises(ValueError, match=r"acme\.py: the declaration of .*AcmeTTS.*literals"):
        declarations()


def test_two_of_one_name_are_refused(write: Write):
    for name in ("one", "two"):
        declaration = '    declaration = Declaration(kind="llm", name="acme")\n'
        write(f"llm/{name}.py", f"\nclass Acme:\n{declaration}")
    with pytest.raises(ValueError, match=r"one:Acme and .*two:Acme are both .* 'acme'"):
        declarations()


def test_two_of_one_vendor_with_different_domains_for_its_key_are_refused(write: Write):
    for kind, domain in (("stt", "acme.com"), ("tts", "acme.org")):
        write(
            f"{kind}/acme.py",
            f"\nclass Acme:\n    declaration = Declaration(\n        kind={kind!r},\n"
            f'        name="acme",\n        key_variable="ACME_KEY",\n'
            f"        key_domains=({domain!r},),\n    )\n",
        )
    with pytest.raises(ValueError, match="both called 'acme', and declare different key"):
        declarations()


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("import config\nassert config.VENDOR_KEYS", ["pipecat", "providers"]),
        (
            "from config import load_settings\nfrom pipeline_manager import PipelineManager\n"
            "PipelineManager(load_settings(**{k: {'provider': 'scripted'} for k in "
            "('stt', 'llm', 'tts')}))",
            ["deepgram", "azure", "anthropic", "google.genai", "edge_tts", "ctranslate2"],
        ),
    ],
    ids=["config", "a stack"],
)
def test_only_what_is_used_is_imported(program: str, absent: list[str]):
    shown = f"{program}\nimport sys\nprint([name for name in {absent} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", shown], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
