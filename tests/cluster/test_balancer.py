"""HAProxy takes the configuration that the document has, and so does what `make cluster` makes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cluster import __main__ as command
from tests.cluster.balancer import configured, program, snippet
from tests.cluster.network import HERE
from tests.support.places import ROOT


@pytest.mark.parametrize("trial", [False, True])
def test_haproxy_takes_the_documents_configuration(trial: bool, tmp_path: Path) -> None:
    haproxy = program()
    if haproxy is None:
        pytest.skip("HAProxy is not installed")
    file = tmp_path / "haproxy.cfg"
    servers = {"a": "10.0.0.7:8000", "c": "10.0.0.9:8000"}
    text = configured(servers, tmp_path / "socket") if trial else snippet()
    file.write_text(text)
    checked = subprocess.run(
        [haproxy, "-c", "-f", str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr
    if trial:
        assert "server c 10.0.0.9:8000" in text
        assert "server b " not in text
        assert f"bind {HERE}:8080" in text


def test_what_the_cluster_is_proven_with_is_there() -> None:
    for pattern in command.PROVES:
        assert list(ROOT.glob(pattern)), f"{pattern} matches nothing"
