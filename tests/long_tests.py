"""`make long-tests`: tests that take long, and what each of them is about.

    python -m tests.long_tests                   all of them
    python -m tests.long_tests --unless-proven   those whose subject has changed since they passed

`make test` leaves out what is marked `long`. A file that passes here is noted in `long_tests.sum`
with the sum of its subject, which is committed: so CI runs it only when that has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

from tests.support.places import ROOT

PROVEN = Path(__file__).with_suffix(".sum")
_INSTALLING = (
    "Makefile",
    "pyproject.toml",
    "requirements.txt",
    "requirements/*",
    "settings/extras.py",
    "settings/installation.py",
    "settings/package_installer.py",
    "settings/pip_settings.py",
    "settings/requirement_files.py",
)
_CONSOLE = (
    "console/*",
    "console/*/*",
    "console/*/*/*",
    "peers/*.py",
    "peers/webrtc/*.py",
    "serving/*.py",
    "serving/calls/*.py",
    "serving/console/*.py",
    "session/*.py",
    "tests/console/*.js",
    "tests/console/*.py",
    "tests/support/browser.py",
    "transport.py",
    "wire/*.py",
)
SUBJECTS: dict[str, tuple[str, ...]] = {
    "tests/benchmarks/test_benchmarks.py": ("benchmarks/*.py",),
    "tests/benchmarks/test_compare.py": ("benchmarks/*.py",),
    "tests/benchmarks/test_fleet.py": (
        "benchmarks/fleet/*.py",
        "config.py",
        "deploy/kubernetes/values.yaml",
        "docs/performance.json",
        "docs/quality.json",
        "docs/scaling.md",
    ),
    "tests/benchmarks/test_quality.py": ("benchmarks/quality*.py", "providers/*/*.py"),
    "tests/console/test_obstacles.py": _CONSOLE,
    "tests/console/test_talking.py": _CONSOLE,
    "tests/container/test_compositions.py": ("compose.yaml", "deploy/compose/*", "Dockerfile"),
    "tests/container/test_image.py": (
        ".dockerignore",
        "Dockerfile",
        "requirements/slim_down.sh",
        "requirements/leave_out.py",
        "serving/downloading.py",
        "providers/in_process/*.py",
    ),
    "tests/container/test_monitoring.py": (
        "deploy/grafana/*/*",
        "deploy/prometheus/*",
        "models_http/metrics.py",
        "telemetry/metrics.py",
    ),
    "tests/deploy/test_processes.py": (
        "deploy/kubernetes/*",
        "deploy/kubernetes/templates/*",
        "main.py",
        "models_http/*.py",
        "serving/*.py",
        "serving/process/*.py",
        "serving/store/*.py",
    ),
    "tests/deploy/test_values.py": (
        "config.py",
        "deploy/kubernetes/*",
        "deploy/kubernetes/templates/*",
        "settings/*.py",
        "tests/deploy/*.py",
    ),
    "tests/documents/test_contributing.py": (
        "CONTRIBUTING.md",
        "README.md",
        "README.zh-CN.md",
        "providers/*.py",
        "requirements/*.txt",
        "settings/provider_declarations.py",
        "tests/documents/*.py",
    ),
    "tests/documents/test_wheel.py": (
        *_INSTALLING,
        "open_realtime_pytest/*.py",
        "open_realtime_server/*.py",
    ),
    "tests/e2e/test_calls_of_workers.py": (
        "serving/calls/*.py",
        "serving/process/*.py",
        "peers/call.py",
        "peers/webrtc/media_port.py",
    ),
    "tests/e2e/test_replicas.py": (
        "main.py",
        "serving/*.py",
        "serving/calls/*.py",
        "serving/process/*.py",
    ),
    "tests/models_http/test_command.py": ("models_http/*.py", "serving/process/*.py"),
    "tests/open_realtime_pytest/test_plugin.py": (
        "open_realtime_pytest/*.py",
        "serving/testing/*.py",
        "testing/*.py",
    ),
    "tests/own_processors/test_places.py": (
        "main.py",
        "own_processors/*.py",
        "settings/own_modules.py",
        "settings/processor_settings.py",
    ),
    "tests/providers/tts/test_packaged_kokoro.py": ("providers/*.py", "providers/tts/*.py"),
    "tests/recordings/test_cut_off.py": (
        "recordings/*.py",
        "serving/testing/*.py",
        "testing/*.py",
        "tests/data/recordings/*",
    ),
    "tests/requirements/test_set_up.py": (*_INSTALLING, "tests/requirements/*.py"),
    "tests/serving/access/test_url_keys.py": (
        "main.py",
        "serving/*.py",
        "serving/*/*.py",
        "telemetry/*.py",
    ),
    "tests/serving/calls/test_relay.py": (
        "main.py",
        "serving/calls/*.py",
        "serving/process/*.py",
        "peers/call.py",
        "peers/webrtc/media_port.py",
    ),
    "tests/serving/process/test_draining_server.py": (
        "main.py",
        "serving/*.py",
        "serving/process/*.py",
        "transport.py",
    ),
    "tests/serving/process/test_workers.py": (
        "main.py",
        "config.py",
        "serving/*.py",
        "serving/process/*.py",
        "telemetry/*.py",
    ),
    "tests/serving/store/test_leases.py": ("main.py", "serving/*.py", "serving/store/*.py"),
    "tests/serving/test_installing.py": (
        *_INSTALLING,
        "main.py",
        "profiles/*",
        "serving/first_downloads.py",
        "serving/installing.py",
        "serving/missing.py",
    ),
    "tests/serving/resuming/test_servers_that_end.py": (
        "main.py",
        "serving/*.py",
        "serving/store/*.py",
        "session/keeping.py",
        "tests/serving/resuming/*.py",
    ),
    "tests/settings/test_silent_libraries.py": (
        "requirements.txt",
        "requirements/*.txt",
        "settings/silent_libraries.py",
        "main.py",
        "peers/webrtc/*.py",
        "providers/*.py",
        "providers/*/*.py",
        "serving/process/*.py",
    ),
    "tests/testing/test_virtual_clock.py": (
        "peers/faulty.py",
        "serving/testing/*.py",
        "testing/*.py",
        "wire/ids.py",
    ),
}
"""File of tests → patterns of the files that it is about, beside itself."""


def state(file: str) -> str:
    """Return the sum of a file of tests and its subject."""
    digest = hashlib.sha256()
    found = {path for pattern in (file, *SUBJECTS[file]) for path in ROOT.glob(pattern)}
    for path in sorted(path for path in found if path.is_file()):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def proven() -> dict[str, str]:
    """Return file → the sum with which it passed."""
    if not PROVEN.exists():
        return {}
    pairs = (line.split() for line in PROVEN.read_text().splitlines())
    return {file: total for total, file in pairs}


def main() -> None:
    """Run what there is to run; the exit status is that of the tests."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--unless-proven", action="store_true", help="only those whose subject has changed"
    )
    given = parser.parse_args()
    passed = proven()
    now = {file: state(file) for file in SUBJECTS}
    due = [file for file in SUBJECTS if not given.unless_proven or passed.get(file) != now[file]]
    if not due:
        print("long-tests: nothing has changed since they passed")
        return
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", "-m", "long"]
    status = subprocess.run([*command, *due], cwd=ROOT, check=False).returncode
    if status:
        raise SystemExit(status)
    passed |= {file: now[file] for file in due}
    PROVEN.write_text("".join(f"{passed[file]}  {file}\n" for file in SUBJECTS if file in passed))


if __name__ == "__main__":
    main()
