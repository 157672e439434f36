"""Hosts of their own on one machine: network namespaces on a bridge, each with one link to cut.

All of it lies in namespaces that the command makes for itself (`entered`), and ends with them:
neither the machine's own network nor another run can be met.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

HERE = "10.77.0.1"
"""The address of the balancer and of the callers, who are on the bridge itself."""
_WAYS_IN = ("--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL")


def refusal() -> str | None:
    """Return why there can be no such hosts here; None: there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it has to be root on Linux, to make network namespaces"
    missing = [name for name in ("ip", "unshare", "mount") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} is not installed (iproute2, util-linux)"
    tried = subprocess.run(
        entered("ip", "link", "add", "bridge", "type", "bridge"),
        capture_output=True,
        text=True,
        check=False,
    )
    return (
        f"no namespace or bridge can be made: {tried.stderr.strip()}" if tried.returncode else None
    )


def entered(*command: str) -> list[str]:
    """Return how to run a command in namespaces of its own, which end with it."""
    return ["unshare", *_WAYS_IN, *command]


class Network:
    """The bridge and the hosts on it; only for a process that was `entered`."""

    def __init__(self) -> None:
        """Make the bridge."""
        # Names of namespaces are files below /run: these are nobody else's.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        _ip("link", "set", "lo", "up")
        _ip("link", "add", "bridge", "type", "bridge")
        _ip("addr", "add", f"{HERE}/24", "dev", "bridge")
        _ip("link", "set", "bridge", "up")

    def host(self, name: str, address: str) -> None:
        """Add a host."""
        _ip("netns", "add", name)
        _ip("link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", f"to-{name}", "master", "bridge", "up")
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "link", "set", "lo", "up")

    def cut(self, name: str) -> None:
        """Cut a host off: packets to it and from it are lost, and nobody is told."""
        _ip("link", "set", f"to-{name}", "down")

    def mend(self, name: str) -> None:
        """Connect a host again."""
        _ip("link", "set", f"to-{name}", "up")


def at(host: str, *command: str) -> list[str]:
    """Return how to run a command at a host; the process is the command's own."""
    return ["ip", "netns", "exec", host, *command]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
