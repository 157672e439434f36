"""What is seen of a real conversation, on both transports."""

from __future__ import annotations

from pathlib import Path

from tests.console.talks import ANSWERING, BOTH, click, console, needs, write
from tests.support.running_server import running, scripted_settings

LONG = "This is a long answer that goes on and on until somebody talks into it. " * 6
MS_PER_CHARACTER = 20
"""How fast the scripted voice speaks."""
LONGEST_WORD = len("somebody ")
CUT = "document.querySelector('#conversation .turn-cut .turn-sound')"
NUMBERS = "[...document.querySelectorAll('#waterfall tbody td')].map((cell) => cell.textContent)"
TURNS_HEARD = "document.querySelectorAll('#listening tbody tr').length"
DRAWN = """
(() => {
  const canvas = document.querySelector('#listening canvas');
  if (!canvas.width) return false;
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value) => value);
})()
"""


@BOTH
async def test_the_words_that_are_struck_through_are_those_that_were_not_played(
    tmp_path: Path, transport: str
) -> None:
    needs(transport)
    async with (
        running(scripted_settings(llm={"text": LONG})) as server,
        console(server.http, tmp_path, loop=True, transport=transport) as page,
    ):
        await click(page, "#start")
        await page.until(f"!!{CUT}?.querySelector('s')")
        heard = await page.evaluate(f"{CUT}.firstElementChild.textContent")
        mark = await page.evaluate(f"{CUT}.querySelector('.turn-mark').textContent")
        seconds = float(mark.removeprefix("cut after ").removesuffix(" s"))
        spoken = seconds * 1000 / MS_PER_CHARACTER
        assert LONG.startswith(heard)
        assert spoken - LONGEST_WORD - 8 <= len(heard.rstrip()) <= spoken + 8


@BOTH
async def test_no_word_stays_unheard_though_the_next_answer_begins_at_once(
    tmp_path: Path, transport: str
) -> None:
    needs(transport)
    answers = "[...document.querySelectorAll('#conversation .turn-assistant')]"
    async with (
        running(scripted_settings(llm={"text": "It is a fine day."})) as server,
        console(server.http, tmp_path, transport=transport) as page,
    ):
        await write(page, "How are you?")
        await page.until(f"{answers}[0]?.dataset.heard !== undefined")
        await page.until(f"!{ANSWERING}")
        await write(page, "And now?")
        await page.until(f"{answers}[1]?.dataset.heard !== undefined")
        await page.until(f"{answers}.every((one) => one.dataset.heard === undefined)")


@BOTH
async def test_times_sound_and_connection_are_seen_while_one_talks(
    tmp_path: Path, transport: str
) -> None:
    needs(transport)
    async with (
        running(scripted_settings(llm={"text": LONG})) as server,
        console(server.http, tmp_path, transport=transport) as page,
    ):
        await click(page, "#start")
        await page.until(ANSWERING)
        await click(page, "#tab-waterfall")
        await page.until(f"{NUMBERS}.length === 7 && {NUMBERS}.every((each) => each !== '–')")
        silence, *_, total = map(int, await page.evaluate(NUMBERS))
        assert 400 < silence < total
        await click(page, "#tab-listening")
        await page.until(f"{TURNS_HEARD} === 1 && {DRAWN}")
        await click(page, "#tab-connection")
        facts = "document.querySelector('#connection').innerText"
        sent = "Sent, kbit/s"
        await page.until(f"{facts}.includes('sess_') && {facts}.includes({sent!r})")
        if transport == "webrtc":
            await page.until(f"{facts}.includes('rtc_') && {facts}.includes('Packets lost')")


async def test_the_document_is_never_longer_than_the_window(tmp_path: Path) -> None:
    async with (
        running(scripted_settings()) as server,
        console(server.http, tmp_path) as page,
    ):
        await page.evaluate(
            "document.querySelectorAll('details').forEach((one) => one.open = true)"
        )
        await click(page, ".begin-part button[aria-disabled=false]")
        await page.until("!!document.querySelector('.begin-check caption')")
        # What is out of sight is placed apart: it would make the document longer by itself.
        column = "document.querySelector('.begin-check').closest('.column')"
        await page.resize(1440, 600)
        assert await page.evaluate(f"{column}.scrollHeight > {column}.clientHeight")
        assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")
