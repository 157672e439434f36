"""Asks whether anything that is deployed (the locks, `embedded.txt`) has a known flaw.

`make check` runs it. Without a network nobody can answer, and then it says so and lets the check
pass: only what is found stops it. With `--strict`, say before a release, no answer stops it too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parent.parent / "requirements.lock"
EMBEDDED = Path(__file__).parent / "embedded.txt"
EXTRAS = sorted((Path(__file__).parent / "locked").glob("*.lock"))


def audit(unanswered: int) -> int:
    """Run pip-audit and print what it found; returns the exit status.

    Args:
        unanswered: The exit status if nobody could be asked.
    """
    command = [
        "-r",
        str(LOCK),
        "-r",
        str(EMBEDDED),
        *(word for extra in EXTRAS for word in ("-r", str(extra))),
        "--require-hashes",
        "--disable-pip",
        "--format",
        "json",
    ]
    asked = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        report = json.loads(asked.stdout)["dependencies"]
    except ValueError:
        reason = asked.stderr.strip().rpartition("\n")[2] or f"exit status {asked.returncode}"
        print(f"audit: skipped, no answer about vulnerabilities ({reason})")
        return unanswered
    return verdict(report, unanswered)


def verdict(report: list[dict[str, Any]], unanswered: int) -> int:
    """Judge pip-audit's report: a line per vulnerability, and how much was looked at."""
    known = [entry for entry in report if "skip_reason" not in entry]
    if not known:
        print(f"audit: skipped, the advisories of {len(report)} packages cannot be reached")
        return unanswered
    found = 0
    for entry in known:
        for flaw in entry.get("vulns") or []:
            fixed = ", ".join(flaw["fix_versions"]) or "no version"
            print(f"audit: {entry['name']} {entry['version']}: {flaw['id']}, fixed in {fixed}")
            found += 1
    left = len(report) - len(known)
    rest = f" ({left} could not be looked up)" if left else ""
    print(f"audit: {found} known vulnerabilities in {len(known)} packages{rest}")
    return int(found > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--strict", action="store_true", help="fail if nobody can be asked")
    raise SystemExit(audit(int(parser.parse_args().strict)))
