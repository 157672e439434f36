"""How the console says where to begin, in a browser: what it shows, in which language and colours.

Also what holds for the page as a whole: it loads nothing from elsewhere, breaks no rule of its
policy, and a judge of accessibility finds nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from config import load_settings
from tests.console.tools import violations
from tests.support.browser import Page, page
from tests.support.keys import KEY
from tests.support.places import DATA
from tests.support.running_server import RunningServer, running, scripted_settings
from tests.support.upstream_stack import stack

READY = "document.querySelector('.begin-state')?.dataset.state === 'healthy'"
BEGIN = "document.querySelector('#begin').innerText"
WIDE, NARROW = (1440, 900), (320, 700)
SIZES = (WIDE, (1280, 500), (960, 420), (768, 1024), (720, 450), (640, 360), (320, 640))
"""Of windows, low ones and a screen at 200 % among them."""


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    settings = load_settings(stt={"provider": "scripted"}, tts={"provider": "scripted"})
    async with running(settings) as running_server:
        yield running_server


@asynccontextmanager
async def console(server: RunningServer, folder: Path) -> AsyncIterator[Page]:
    """Open the console, with what the browser complains of collected."""
    clip = DATA / "flite-slt_s01.wav"
    async with page(f"{server.http}/", clip, folder, loop=False) as opened:
        await opened.call("Log.enable")
        await opened.call("Runtime.enable")
        yield opened


async def choose(page: Page, control: str, value: str) -> None:
    await page.evaluate(
        f"((one) => {{ one.value = '{value}'; one.dispatchEvent(new Event('change')); }})"
        f"(document.querySelector('#{control}'))"
    )


async def open_all(page: Page) -> None:
    await page.evaluate(
        "document.querySelectorAll('.begin-part').forEach((one) => one.open = true)"
    )


def complaints(page: Page) -> list[str]:
    """What the browser logged as a warning or an error, and what scripts did not catch."""
    logged = [
        event["params"]["entry"]["text"]
        for event in page.events
        if event.get("method") == "Log.entryAdded"
        and event["params"]["entry"]["level"] in ("warning", "error")
    ]
    thrown = [
        str(event["params"]["exceptionDetails"])
        for event in page.events
        if event.get("method") == "Runtime.exceptionThrown"
    ]
    return logged + thrown


async def test_it_shows_the_address_what_answers_and_what_it_cannot_do(server, tmp_path: Path):
    async with console(server, tmp_path) as page:
        await page.until(READY)
        await open_all(page)
        shown = await page.evaluate(BEGIN)
    assert f"http://127.0.0.1:{server.port}/v1" in shown
    assert f"ws://127.0.0.1:{server.port}/v1/realtime" in shown
    for label in (server.manager.stt.label, server.manager.llm.label, server.manager.tts.label):
        assert label in shown
    for limit in (
        "The answers come from fixed rules",
        "Images are not accepted",
        "reasoning effort",
    ):
        assert limit in shown
    assert 'OpenAI(base_url="http://127.0.0.1' in shown


STACK = "document.querySelector('.begin-stack-name').innerText"
OTHERS = "[...document.querySelectorAll('.begin-stack-name ~ ul:last-of-type li')]"
OTHERS += ".map((one) => one.innerText)"


async def test_another_stack_is_chosen_by_its_name_and_shown(tmp_path: Path):
    stacks = {
        "cheap": {"llm": {"provider": "scripted"}, "vad": {"silence_duration_ms": 900}},
        "mute": {"tts": {"provider": "scripted"}},
    }
    settings = load_settings(stt={"provider": "scripted"}, stacks=stacks)
    async with running(settings) as server, console(server, tmp_path) as page:
        await page.until(READY)
        await open_all(page)
        names = "[...document.querySelectorAll('#model option')].map((one) => one.value)"
        assert (await page.evaluate(names))[:4] == ["", "cheap", "mute", "gpt-realtime"]
        usual = await page.evaluate(BEGIN)
        assert server.manager.llm.label in usual
        assert await page.evaluate(STACK) == "default"
        told = await page.evaluate(OTHERS)
        assert [one.partition(":")[0] for one in told] == ["cheap", "mute"]
        assert "LLM scripted" in told[0]
        assert "900 ms of silence" in told[0]
        assert told[1] == "mute: TTS scripted"
        await choose(page, "voice", "ash")
        await choose(page, "model", "cheap")
        assert await page.evaluate(STACK) == "cheap"
        assert (await page.evaluate(OTHERS))[0] == "default"
        shown = await page.evaluate(BEGIN)
        shown = shown[: shown.index("Other stacks")]
        assert server.manager.llm.label not in shown
        assert server.manager.tts.label in shown
        assert await page.evaluate("document.querySelector('#silence').value") == "900"
        # The voice is one of this stack's too, and there are none to choose from in the other one.
        assert await page.evaluate("document.querySelector('#voice').value") == "ash"
        await choose(page, "model", "")
        assert server.manager.llm.label in await page.evaluate(BEGIN)
        await page.evaluate(
            "[...document.querySelectorAll('#begin button')]"
            ".find((one) => one.textContent === 'Check the stack').click()"
        )
        await page.until("document.querySelector('table.begin-check') !== null")
        stages = await page.evaluate(
            "[...document.querySelectorAll('.begin-check tbody th')].map((one) => one.innerText)"
        )
        assert stages == [
            "Voice (default, cheap)",
            "Speech recognition (default, cheap)",
            "Language model (default, mute)",
            "Language model (cheap)",
            "Voice (mute)",
            "Speech recognition (mute)",
        ]
        assert not complaints(page)


async def test_talking_begins_without_scrolling_however_low_the_window(server, tmp_path: Path):
    async with console(server, tmp_path) as page:
        await page.until(READY)
        for language, (width, height) in itertools.product(("en", "zh"), SIZES):
            await page.resize(width, height)
            await choose(page, "language", language)
            for words in (1, 3000):
                # Ever so much may have been said.
                await page.evaluate(
                    "document.querySelector('.said-list').replaceChildren(Object.assign("
                    f"document.createElement('li'), {{textContent: 'words '.repeat({words})}}))"
                )
                # Where next to nothing has room, the page scrolls to where one types.
                for control in ("start", "text") if height > 400 else ("start",):
                    place = await page.evaluate(
                        f"document.querySelector('#{control}').getBoundingClientRect().toJSON()"
                    )
                    here = (language, width, height, words, control)
                    assert place["height"] > 0, here
                    assert place["top"] >= 0 and place["bottom"] <= height, here
            assert await page.evaluate("document.querySelector('.said').clientHeight") >= 40
            assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_programs_are_chosen_by_name_and_copied(server, tmp_path: Path):
    async with console(server, tmp_path) as page:
        await page.until(READY)
        await open_all(page)
        code = "document.querySelector('#begin pre').textContent"
        names = await page.evaluate(
            "[...document.querySelectorAll('.begin-choices button')].map((one) => one.innerText)"
        )
        assert names[:2] == ["Python", "JavaScript"]
        for name in names:
            await page.evaluate(
                "[...document.querySelectorAll('.begin-choices button')]"
                f".find((one) => one.innerText === '{name}').click()"
            )
            chosen = await page.evaluate(
                "document.querySelector('.begin-choices [aria-pressed=true]').innerText"
            )
            assert chosen == name
        assert "curl" in await page.evaluate(code)
        # Headless browsers have no clipboard to look into.
        await page.evaluate(
            "Object.defineProperty(navigator.clipboard, 'writeText', "
            "{ value: async (text) => { window.copied = text; } })"
        )
        await page.evaluate("document.querySelector('#begin pre + button').click()")
        await page.until(f"window.copied === {code}")


async def test_another_language_is_spoken_at_once_and_at_the_next_visit(server, tmp_path: Path):
    async with console(server, tmp_path) as page:
        await page.until(READY)
        await open_all(page)
        assert await page.evaluate("document.documentElement.lang") == "en"
        await choose(page, "language", "zh")
        shown = await page.evaluate(BEGIN)
        for text in ("开始使用", "就绪", "当前技术栈", "不接受图片", "示例程序", "你好！"):
            assert text in shown
        assert "The stack that answers" not in shown
        await page.reload()
        await page.until(READY)
        assert await page.evaluate("document.documentElement.lang") == "zh-CN"
        assert "开始使用" in await page.evaluate(BEGIN)


async def test_the_colours_are_the_system_s_until_others_are_chosen(server, tmp_path: Path):
    paper = (
        "getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g)"
        ".slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3"
    )
    async with console(server, tmp_path) as page:
        await page.until(READY)
        await page.prefer(color_scheme="dark")
        assert await page.evaluate(paper) < 100
        await page.prefer(color_scheme="light")
        assert await page.evaluate(paper) > 200
        await choose(page, "theme", "dark")
        assert await page.evaluate(paper) < 100
        await page.reload()
        await page.until(READY)
        assert await page.evaluate(paper) < 100
        await choose(page, "theme", "system")
        assert await page.evaluate(paper) > 200


async def test_the_check_says_of_every_stage_what_became_of_it(tmp_path: Path):
    settings = scripted_settings(llm={"provider": "scripted", "options": {"fail": "start"}})
    async with running(settings) as server, console(server, tmp_path) as page:
        await page.until(READY)
        await open_all(page)
        await page.evaluate("document.querySelector('.begin-part button[aria-disabled]').click()")
        await page.until("document.querySelectorAll('.begin-check tbody').length === 3")
        outcomes = await page.evaluate(
            "[...document.querySelectorAll('.begin-check tbody')].map((one) => one.dataset.outcome)"
        )
        assert outcomes == ["good", "good", "failed"]
        shown = await page.evaluate(BEGIN)
        assert "Stages that do not work: 1" in shown
        assert "LLM scripted failed" in shown
        assert "heard “hello there”" in shown
        assert await violations(page) == []
        await choose(page, "language", "zh")
        assert "有 1 个环节不正常" in await page.evaluate(BEGIN)


async def test_an_upstream_is_called_by_a_name_in_every_language(tmp_path: Path):
    async with (
        stack() as (_service, server, _wire),
        console(server, tmp_path) as page,
    ):
        await page.until(READY)
        await open_all(page)
        assert "Speech-to-speech service" in await page.evaluate(BEGIN)
        await page.evaluate("document.querySelector('.begin-part button[aria-disabled]').click()")
        await page.until("document.querySelectorAll('.begin-check tbody').length === 1")
        shown = await page.evaluate(BEGIN)
        assert shown.count("Speech-to-speech service") == 2
        assert "begin.stage" not in shown
        await choose(page, "language", "zh")
        assert (await page.evaluate(BEGIN)).count("语音到语音服务") == 2


async def test_where_there_are_keys_it_asks_for_one_and_keeps_none(tmp_path: Path):
    settings = scripted_settings(server={"api_keys": [KEY]})
    async with running(settings) as server, console(server, tmp_path) as page:
        await page.until("document.querySelector('#api-key')?.checkVisibility()")
        shown = await page.evaluate(BEGIN)
        # Where to connect is no secret, but what answers is.
        assert f"http://127.0.0.1:{server.port}/v1" in shown
        assert server.manager.llm.label not in shown
        await enter(page, "wrong-key-0123456789")
        await page.until("document.querySelector('#key-problem').textContent.includes('Incorrect')")
        await enter(page, KEY)
        await page.until(READY)
        assert server.manager.llm.label in await page.evaluate(BEGIN)
        kept = await page.evaluate(
            "JSON.stringify({...localStorage, ...sessionStorage}) + document.cookie + location"
        )
        assert KEY not in kept
        assert "ek_" not in kept
        assert KEY not in await page.evaluate("document.documentElement.outerHTML")
        # The check takes the secret that is kept, and what answers is still known.
        await open_all(page)
        await page.evaluate("document.querySelector('.begin-part button[aria-disabled]').click()")
        await page.until("document.querySelectorAll('.begin-check tbody').length === 3")
        assert server.manager.llm.label in await page.evaluate(BEGIN)
        await page.reload()
        await page.until("document.querySelector('#api-key')?.checkVisibility()")


async def enter(page: Page, key: str) -> None:
    await page.evaluate("document.querySelector('#api-key').focus()")
    await page.type(key)
    await page.press("Enter")


async def test_it_breaks_no_rule_of_its_policy_and_loads_nothing_from_elsewhere(
    server, tmp_path: Path
):
    async with console(server, tmp_path) as page:
        await page.until(READY)
        await page.evaluate(
            "window.broken = []; document.addEventListener('securitypolicyviolation', "
            "(event) => broken.push(event.violatedDirective))"
        )
        await open_all(page)
        for language in ("zh", "en"):
            await choose(page, "language", language)
        # It listens: the same rule broken on purpose is told.
        await page.evaluate("document.body.setAttribute('style', 'color: red')")
        await page.until("broken.length === 1")
        loaded = await page.evaluate(
            "performance.getEntriesByType('resource').map(({name}) => new URL(name).origin)"
        )
        assert set(loaded) == {server.http}
        said = complaints(page)
        assert all("style" in text for text in said), said
        assert len(said) <= 1


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "320px"])
@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_everybody_can_use_it(server, tmp_path: Path, size, colours: str):
    async with console(server, tmp_path) as page:
        await page.until(READY)
        await page.resize(*size)
        await page.prefer(color_scheme=colours)
        await open_all(page)
        for pane in ("setup", "talk", "inspect"):
            await page.evaluate(f"document.querySelector('.panes [data-pane={pane}]').click()")
            assert await violations(page) == []
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_without_scripts_it_says_where_clients_connect(server, tmp_path: Path):
    async with console(server, tmp_path) as page:
        await page.until(READY)
        await page.call("Emulation.setScriptExecutionDisabled", value=True)
        await page.call("Page.reload")
        # Without scripts a page cannot be asked anything, so what it shows is read off its tree.
        shown = ""
        while f"http://127.0.0.1:{server.port}/v1" not in shown:
            tree = await page.call("Accessibility.getFullAXTree")
            shown = " ".join(str(node.get("name", {}).get("value", "")) for node in tree["nodes"])
        assert "This page needs JavaScript" in shown
        assert "本页需要 JavaScript" in shown
