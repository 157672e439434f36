"""The pictures of the terminal client in the README are those that `make screenshots` draws."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from docs.make_screenshots import FOLDER, draw
from tests.support.places import ROOT


def words(picture: Path) -> list[str]:
    """Return the text of a picture; colours and sizes may change with Textual."""
    return re.findall(r"<text[^>]*>([^<]+)</text>", picture.read_text(encoding="utf-8"))


def test_the_pictures_are_up_to_date(tmp_path: Path) -> None:
    asyncio.run(draw(tmp_path))
    drawn = sorted(picture.name for picture in tmp_path.iterdir())
    assert drawn == sorted(picture.name for picture in FOLDER.glob("*.svg"))
    for name in drawn:
        assert words(tmp_path / name) == words(FOLDER / name), "run `make screenshots`"


def test_the_readmes_show_pictures_that_exist() -> None:
    for readme in ("README.md", "README.zh-CN.md"):
        shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (ROOT / readme).read_text(encoding="utf-8"))
        assert shown
        assert all((ROOT / picture).is_file() for picture in shown)
