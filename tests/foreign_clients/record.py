"""Records the conversations of `sessions.py` anew: `python -m tests.foreign_clients.record`.

Each is held with a server of this tree, `--testing --record`, and put into `tests/data/recordings`
under its name. They are kept as they are while the wire stays as it is: that a server of today says
what the recorded one said is what they are for.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from open_realtime_pytest.process import ServerProcess
from recordings.reading import LINES, read
from tests.foreign_clients.sessions import SESSIONS, Session
from tests.support.double import double
from tests.support.places import DATA
from tests.support.running_server import plain_http
from tests.support.wire_client import PATIENCE_S

FOLDER = DATA / "recordings"


async def recorded(session: Session, folder: Path) -> None:
    """Hold a conversation, whose recording comes into a folder."""
    if session.virtual:
        await _recorded_by_a_virtual_clock(session, folder)
        return
    async with double(recording={"dir": folder}) as server:
        await server.script(*session.rules)
        await session.drive(str(server.http.base_url).rstrip("/"))


async def _recorded_by_a_virtual_clock(session: Session, folder: Path) -> None:
    """Have another process record it, whose event loop has such a clock."""
    variables = {
        "REALTIME_API_KEYS": "",
        "REALTIME_SERVER__VIRTUAL_CLOCK": "true",
        "REALTIME_RECORDING__DIR": str(folder),
    }
    process = await asyncio.to_thread(ServerProcess, variables)
    try:
        http = f"http://127.0.0.1:{process.port}"
        async with plain_http(base_url=http, timeout=60) as asked:
            (await asked.post("/testing/script", json=list(session.rules))).raise_for_status()
        await session.drive(http)
        # It is not asked to stop, as who tests with it has no need of what it would still write.
        async with asyncio.timeout(PATIENCE_S):
            while not _complete(folder):
                await asyncio.sleep(0.2)
    finally:
        await asyncio.to_thread(process.close)


def _complete(folder: Path) -> bool:
    return any(read(path).ended is not None for path in folder.glob(f"*{LINES}"))


def keep(folder: Path, name: str) -> None:
    """Put a folder's recording where tests find it, in place of the one that was there."""
    (path,) = folder.glob(f"*{LINES}")
    FOLDER.mkdir(exist_ok=True)
    stem = path.name.removesuffix(LINES)
    for old in FOLDER.glob(f"{name}.*"):
        old.unlink()
    for file in folder.glob(f"{stem}.*"):
        target = FOLDER / file.name.replace(stem, name, 1)
        shutil.copyfile(file, target)
        print(f"{target.stat().st_size:>8}  {target.relative_to(FOLDER.parents[2])}")


async def _record(names: list[str]) -> None:
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            await recorded(SESSIONS[name], Path(folder))
            keep(Path(folder), name)


if __name__ == "__main__":
    asked = sys.argv[1:] or list(SESSIONS)
    if unknown := [name for name in asked if name not in SESSIONS]:
        sys.exit(f"{unknown[0]}: there is no such session; there are {', '.join(SESSIONS)}")
    asyncio.run(_record(asked))
