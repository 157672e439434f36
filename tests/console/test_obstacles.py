"""What the console says, and what it offers, when talking is not as simple as that."""

from __future__ import annotations

from pathlib import Path

from tests.console.talks import (
    BOTH,
    LISTENING,
    PHASE,
    VOICE,
    change,
    click,
    console,
    needs,
    notice,
    said,
    stored,
    write,
)
from tests.console.tools import violations
from tests.support.keys import KEY, WRONG, guarded
from tests.support.running_server import running, scripted_settings
from tests.support.server_process import server_process
from tests.support.wire_client import client

QUICK = {"text": "Yes."}
ANSWER = '{"text": "Yes."}'


@BOTH
async def test_a_denied_microphone_is_explained_and_typing_works(tmp_path: Path, transport: str):
    needs(transport)
    async with (
        running(scripted_settings(llm=QUICK)) as server,
        console(server.http, tmp_path, granted=False, transport=transport) as page,
    ):
        await click(page, "#start")
        words = await page.until(notice("microphone"))
        assert "not allowed" in words and "Typing works" in words
        await write(page, "Hello?")
        await page.until(f"{said('assistant')}[0] === 'Yes.'")
        assert await violations(page) == []


async def test_a_page_that_may_have_no_microphone_says_what_would_help(tmp_path: Path):
    insecure = "Object.defineProperty(navigator, 'mediaDevices', {value: undefined});"
    async with (
        running(scripted_settings(llm=QUICK)) as server,
        console(server.http, tmp_path, transport="websocket", script=insecure) as page,
    ):
        await click(page, "#start")
        words = await page.until(notice("microphone"))
        assert "HTTPS" in words and f"http://localhost:{server.port}" in words
        await write(page, "Hello?")
        await page.until(f"{said('assistant')}[0] === 'Yes.'")


@BOTH
async def test_a_lost_server_is_told_and_one_click_goes_on(tmp_path: Path, transport: str):
    needs(transport)
    async with server_process(REALTIME_LLM__OPTIONS=ANSWER) as first:
        port = int(first.http.rpartition(":")[2])
        async with console(first.http, tmp_path, loop=True, transport=transport) as page:
            await click(page, "#start")
            await page.until(f"{said('user')}.length && {said('assistant')}.length")
            first.process.kill()
            await first.ended()
            assert f"127.0.0.1:{port} cannot be reached" in await page.until(notice("lost"))
            before = await page.evaluate(said("assistant"))
            assert before
            async with server_process(port=port, REALTIME_LLM__OPTIONS=ANSWER):
                assert "is back" in await page.until(notice("ended"))
                await click(page, "[data-notice=ended] .talk-row button")
                await page.until(f"{said('assistant')}.length > {len(before)}")
                assert await page.evaluate(said("assistant")) >= before
                await page.until(VOICE)


async def test_a_server_that_is_gone_before_the_click_is_noticed_when_it_is_back(tmp_path: Path):
    async with server_process() as server:
        port = int(server.http.rpartition(":")[2])
        async with console(server.http, tmp_path, transport="websocket") as page:
            server.process.kill()
            await server.ended()
            await click(page, "#start")
            assert f"127.0.0.1:{port} cannot be reached" in await page.until(notice("lost"))
            async with server_process(port=port):
                await page.until("document.querySelector('.reach').dataset.reach === 'reached'")
                assert "is back" in await page.until(notice("ended"))


async def test_settings_and_nothing_else_survive_a_reload(tmp_path: Path):
    async with (
        running(scripted_settings(llm=QUICK)) as server,
        console(server.http, tmp_path, loop=True, transport="websocket") as page,
    ):
        await change(page, "#instructions", "Be brief.")
        await change(page, "#language", "zh")
        assert await page.evaluate("document.querySelector('#start').innerText") == "开始对话"
        await click(page, "#start")
        await page.until(f"{said('user')}.length > 0")
        await page.reload()
        await server.emptied()
        await page.until("document.querySelector('#start')?.innerText === '开始对话'")
        assert await page.evaluate("document.documentElement.lang") == "zh-CN"
        assert await page.evaluate("document.querySelector('#instructions').value") == "Be brief."
        assert await page.evaluate(said("user")) == []
        await click(page, "#start")
        await page.until(f"{said('user')}.length > 0")


@BOTH
async def test_a_key_is_asked_for_once_and_stored_nowhere(tmp_path: Path, transport: str):
    needs(transport)
    async with (
        guarded() as server,
        console(server.http, tmp_path, loop=True, transport=transport) as page,
    ):
        form = (
            "!!document.querySelector('#key form') && !document.querySelector('#key form').hidden"
        )
        await page.until(form)
        assert await violations(page) == []
        for key in (WRONG, KEY):
            await page.evaluate("document.querySelector('#api-key').focus()")
            await page.type(key)
            await page.press("Enter")
            if key == WRONG:
                await page.until(
                    "document.querySelector('#key-problem').innerText.includes('API key')"
                )
        await page.until(f"!({form})")
        await click(page, "#start")
        await page.until(f"{said('user')}[0] === 'hello there'")
        everywhere = str(await stored(page)) + str(
            await page.evaluate("document.documentElement.outerHTML + document.cookie")
        )
        assert KEY not in everywhere and "ek_" not in everywhere
        await page.reload()
        await page.until(form)


@BOTH
async def test_a_full_server_is_told_in_words(tmp_path: Path, transport: str):
    needs(transport)
    settings = scripted_settings(limits={"sessions": 1}, llm=QUICK)
    async with (
        running(settings) as server,
        console(server.http, tmp_path, transport=transport) as page,
    ):
        async with client(server.url):
            await click(page, "#start")
            assert "no room" in await page.until(notice("ended"))
        await server.emptied()
        await click(page, "[data-notice=ended] .talk-row button")
        await page.until(LISTENING)
        assert not await page.evaluate(notice("ended"))


async def test_a_call_that_does_not_connect_is_explained_and_a_websocket_offered(tmp_path: Path):
    needs("webrtc")
    # Addresses for documentation, at which nobody is.
    settings = scripted_settings(llm=QUICK, webrtc={"public_hosts": ["192.0.2.1"], "udp_port": 0})
    async with (
        running(settings) as server,
        console(server.http, tmp_path, loop=True, transport="auto") as page,
    ):
        assert "By WebRTC" in await page.evaluate(PHASE)
        await click(page, "#start")
        words = await page.until(notice("ended"))
        assert "no UDP from here arrives at 192.0.2.1" in words
        await click(page, "[data-notice=ended] .talk-row button")
        await page.until(f"{said('user')}.includes('hello there')")
        assert await page.evaluate("document.querySelector('#transport').value") == "websocket"


async def test_the_servers_end_is_told_with_its_reason(tmp_path: Path):
    async with (
        server_process() as server,
        console(server.http, tmp_path, transport="websocket") as page,
    ):
        await click(page, "#start")
        await page.until(LISTENING)
        server.process.terminate()
        words = await page.until(f"{notice('ended')} || {notice('lost')}")
        assert "shutting down" in words or "cannot be reached" in words
