"""What the console says, and what it offers, when talking is not as simple as that."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.console.talks import (
    ANSWERING,
    BOTH,
    FIELD,
    LISTENING,
    PHASE,
    PROBLEMS,
    SOUND,
    TRAP,
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

pytestmark = pytest.mark.long

QUICK = {"text": "Yes."}
ANSWER = '{"text": "Yes."}'
SENT = """
window.sent = [];
for (const { prototype } of [WebSocket, RTCDataChannel]) {
  const { send } = prototype;
  prototype.send = function (text) { sent.push(JSON.parse(text)); send.call(this, text); };
}
"""
"""Keeps what is sent."""
SOCKETS = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...how) { super(...how); sockets.push(this); }
};
"""
"""Keeps the connections."""
ASKED = """
window.microphones = 0;
const devices = navigator.mediaDevices, get = devices.getUserMedia.bind(devices);
devices.getUserMedia = (what) => { microphones += 1; return get(what); };
"""
"""Counts how often the reader is asked for a microphone."""
TOLD = """
sent.filter(({type}) => type === 'conversation.item.create').map(({item}) => item.content[0].text)
"""
STARTING = """
const ask = window.fetch;
window.fetch = async (...asked) => {
  const answer = await ask(...asked);
  if (asked[0] !== "/console/state" || !window.starting) return answer;
  return Response.json({ ...await answer.json(), state: "starting" });
};
"""
"""While `starting` is true, the server says that it is."""
LONG = "This is a long answer that goes on and on until somebody talks into it. " * 6
TWICE = """
for (const words of WORDS) {
  const field = document.querySelector("#text");
  field.value = words;
  field.dispatchEvent(
    new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
}
"""
"""Types messages so fast that the server has answered none in between."""
REACH = "document.querySelector('.reach').dataset.reach"
FOCUS = "document.activeElement.id"


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
        await page.until(f"{PHASE}.startsWith('Connected without a microphone')")
        assert await page.evaluate("document.querySelector('#hold').hidden")
        assert await violations(page) == []


async def test_an_echo_that_the_server_hears_is_told_with_what_helps(tmp_path: Path):
    async with (
        running(scripted_settings(llm=QUICK)) as server,
        console(server.http, tmp_path, transport="websocket", script=SOCKETS) as page,
    ):
        await write(page, "Hello?")
        await page.until(f"{said('assistant')}[0] === 'Yes.'")
        assert await page.evaluate("new URL(sockets[0].url).searchParams.get('notices')") == "echo"
        echo = json.dumps({"type": "input_audio_buffer.echo_heard", "event_id": "event_e"})
        told = f"new MessageEvent('message', {{data: {json.dumps(echo)}}})"
        await page.evaluate(f"sockets[0].dispatchEvent({told}), 0")
        words = await page.until(notice("echo"))
        assert "hears the loudspeaker" in words and "Headphones help" in words
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
        async with console(server.http, tmp_path, transport="websocket", script=TRAP) as page:
            server.process.kill()
            await server.ended()
            await click(page, "#start")
            assert f"127.0.0.1:{port} cannot be reached" in await page.until(notice("lost"))
            async with server_process(port=port):
                await page.until(f"{REACH} === 'reached'")
                assert "is back" in await page.until(notice("ended"))
            assert await page.evaluate("faults") == []


@BOTH
async def test_what_is_typed_to_a_lost_server_is_not_lost(tmp_path: Path, transport: str):
    needs(transport)
    async with server_process(REALTIME_LLM__OPTIONS=ANSWER) as first:
        port = int(first.http.rpartition(":")[2])
        async with console(first.http, tmp_path, transport=transport, script=TRAP) as page:
            await write(page, "One?")
            await page.until(f"{said('assistant')}[0] === 'Yes.'")
            first.process.kill()
            await first.ended()
            # Perhaps the page does not know it yet: then it is sent to nobody.
            await write(page, "Two?")
            await page.until(notice("lost"))
            await page.until(f"{FIELD} === 'Two?'")
            assert "cannot be reached" in await page.evaluate(PHASE)
            await page.press("Enter")
            await page.until(f"{FIELD} === 'Two?'")
            async with server_process(port=port, REALTIME_LLM__OPTIONS=ANSWER):
                await page.until(notice("ended"))
                await page.press("Enter")
                await page.until(f"{said('user')}.includes('Two?')")
                await page.until(f"{said('assistant')}.length === 2")
                assert await page.evaluate(FIELD) == ""
            assert await page.evaluate("faults") == []


async def test_who_returns_to_a_server_goes_on_once_it_takes_conversations(tmp_path: Path):
    async with server_process(REALTIME_LLM__OPTIONS=ANSWER) as first:
        port = int(first.http.rpartition(":")[2])
        script = STARTING + SENT
        async with console(first.http, tmp_path, transport="websocket", script=script) as page:
            await write(page, "Remember me.")
            await page.until(f"{said('assistant')}[0] === 'Yes.'")
            await page.until(f"{PHASE}.startsWith('Connected')")
            first.process.kill()
            await first.ended()
            await page.until(notice("lost"))
            await page.evaluate("starting = true; sent = []")
            async with server_process(port=port, REALTIME_LLM__OPTIONS=ANSWER):
                await page.until(f"{REACH} === 'busy'")
                assert "starting" in await page.evaluate(notice("lost"))
                assert "starting" in await page.evaluate(PHASE)
                assert not await page.evaluate(notice("ended"))
                await page.evaluate("starting = false")
                assert "is back" in await page.until(notice("ended"))
                # The large button does the same as the one of the notice.
                assert await page.evaluate("document.querySelector('#start').innerText") == (
                    "Continue"
                )
                await click(page, "#start")
                # Who typed goes on typing.
                await page.until(f"{PHASE}.startsWith('Connected without a microphone')")
                assert await page.evaluate(TOLD) == ["Remember me.", "Yes."]
                # What the reader ends is over.
                await click(page, "#end")
                await page.until(f"{PHASE}.startsWith('One click')")
                await page.evaluate("sent = []")
                await write(page, "Anew.")
                await page.until("sent.some(({type}) => type === 'response.create')")
                assert await page.evaluate("JSON.stringify(sent).includes('Remember me.')") is False


@BOTH
async def test_going_on_tells_what_was_heard_and_asks_who_typed_for_no_microphone(
    tmp_path: Path, transport: str
):
    needs(transport)
    long = json.dumps({"text": LONG})
    async with server_process(REALTIME_LLM__OPTIONS=long) as first:
        port = int(first.http.rpartition(":")[2])
        script = SENT + ASKED
        async with console(first.http, tmp_path, transport=transport, script=script) as page:
            await write(page, "Tell me all.")
            words = "document.querySelector('.turn-sound span').innerText.trim()"
            await page.until(f"{SOUND} && {words}.length > 20")
            await page.press("Escape")
            await page.until("!!document.querySelector('.turn-cut s')")
            heard = await page.evaluate(words)
            assert 0 < len(heard) < len(LONG) - 50
            first.process.kill()
            await first.ended()
            await page.until(notice("lost"))
            await page.evaluate("sent = []")
            async with server_process(port=port, REALTIME_LLM__OPTIONS=long):
                await page.until(notice("ended"))
                await click(page, "[data-notice=ended] .talk-row button")
                await page.until(f"{PHASE}.startsWith('Connected without a microphone')")
                told = await page.until(f"({TOLD}).length && ({TOLD})")
                assert told == ["Tell me all.", heard]
                assert await page.evaluate("microphones") == 0


@BOTH
async def test_messages_typed_in_a_row_are_answered(tmp_path: Path, transport: str):
    needs(transport)
    last = "[...document.querySelectorAll('.turn-user, .turn-assistant')].at(-1).className"
    async with (
        running(scripted_settings(llm={"text": LONG, "first_token_ms": 50})) as server,
        console(server.http, tmp_path, transport=transport, script=TRAP) as page,
    ):
        for typed in (["One?", "Two?"], ["Three?", "Four?", "Five?"]):
            # At first there is no connection yet.
            await page.evaluate(TWICE.replace("WORDS", str(typed)))
            await page.until(f"{said('user')}.at(-1) === '{typed[-1]}'")
            await page.until(f"{last}.includes('assistant') && {ANSWERING} && {SOUND}")
        assert await page.evaluate(said("user")) == ["One?", "Two?", "Three?", "Four?", "Five?"]
        assert await page.evaluate(PROBLEMS) == []
        assert await page.evaluate("faults") == []


GATE = """
window.held = [];
window.unsent = null;
window.open_gate = () => {
  const waiting = [...(unsent ?? []), ...held];
  held = unsent = null;
  for (const pass of waiting) pass();
};
for (const { prototype } of [WebSocket, RTCDataChannel]) {
  const { send } = prototype;
  prototype.send = function (text) {
    const sent = () => send.call(this, text);
    if (unsent) unsent.push(sent); else sent();
  };
  const { set } = Object.getOwnPropertyDescriptor(prototype, "onmessage");
  Object.defineProperty(prototype, "onmessage", {
    set(take) {
      set.call(this, (event) => {
        const taken = () => take.call(this, event);
        taken.type = JSON.parse(event.data).type;
        if (held) held.push(taken); else taken();
      });
    },
  });
}
open_gate();
"""
"""A gate on the way: what the server sends has come once it is `held`, what the page sends leaves
once it is not `unsent`."""
EARS = """
window.sounded = false;
setInterval(() => {
  const meter = document.querySelectorAll(".meter")[1];
  sounded ||= Number(meter?.getAttribute("aria-valuenow")) > 0;
}, 10);
"""
"""Keeps whether an answer was heard."""


@BOTH
async def test_an_answer_that_is_stopped_on_a_slow_way_is_never_heard(
    tmp_path: Path, transport: str
):
    needs(transport)
    sounds = "response.output_audio.delta" if transport == "websocket" else "response.created"
    async with (
        running(scripted_settings(llm={"text": LONG}, tts={"ms_per_character": 5})) as server,
        console(server.http, tmp_path, transport=transport, script=TRAP + GATE + EARS) as page,
    ):
        await write(page, "Hello.")
        await page.until("sounded")
        await page.until(f"{PHASE}.startsWith('Connected') && !({SOUND})")
        await page.evaluate("held = []")
        await write(page, "Tell me all.")
        await page.until(f"held.some(({{type}}) => type === '{sounds}')")
        if transport == "webrtc":
            # Its sound does not wait for the events.
            await page.until(SOUND)
        assert await page.evaluate(f"{PHASE}.startsWith('Thinking')")
        await page.evaluate("unsent = []")
        await page.press("Escape")
        await page.until(f"!({SOUND}) && unsent.length")
        # The server still sends it.
        assert not await page.evaluate("held.some(({type}) => type.endsWith('buffer.stopped'))")
        await page.evaluate("sounded = false, open_gate()")
        await page.until(f"{PHASE}.startsWith('Connected')")
        assert await page.evaluate("sounded") is False
        await write(page, "And now?")
        await page.until(f"{SOUND} && sounded")
        assert await page.evaluate(PROBLEMS) == []
        assert await page.evaluate("faults") == []


async def test_devices_that_are_gone_are_told_and_the_systems_are_used(tmp_path: Path):
    async with (
        running(scripted_settings(llm=QUICK)) as server,
        console(
            server.http,
            tmp_path,
            loop=True,
            transport="websocket",
            microphone="gone",
            loudspeaker="gone",
            script=TRAP,
        ) as page,
    ):
        await click(page, "#start")
        assert "loudspeaker" in await page.until(notice("loudspeaker_gone"))
        assert "microphone" in await page.until(notice("microphone_gone"))
        for name in ("microphone", "loudspeaker"):
            assert await page.evaluate(f"document.querySelector('#{name}').value") == ""
        await page.until(f"{said('user')}[0] === 'hello there'")
        assert await page.evaluate("faults") == []


async def test_a_key_form_says_what_is_wrong_and_keeps_what_may_be_right(tmp_path: Path):
    problem = "document.querySelector('#key-problem').innerText"
    field = "document.querySelector('#api-key')"
    async with (
        server_process(REALTIME_SERVER__API_KEYS=f'["{KEY}"]') as server,
        console(server.http, tmp_path, transport="websocket", script=TRAP + ASKED) as page,
    ):
        await click(page, "#start")
        await page.until(f"{FOCUS} === 'api-key'")
        assert "key first" in await page.evaluate(problem)
        await page.until("document.querySelector('#start').ariaBusy === 'false'")
        assert await page.evaluate("microphones") == 0
        await page.type("密钥abc")
        await page.press("Enter")
        await page.until(f"{problem}.includes('ASCII')")
        assert await page.evaluate(f"{field}.value") == "密钥abc"
        await page.evaluate(f"{field}.value = ''")
        server.process.kill()
        await server.ended()
        await page.type(KEY)
        await page.press("Enter")
        await page.until(f"{problem}.includes('does not answer')")
        assert await page.evaluate(f"{field}.value") == KEY
        assert await page.evaluate("faults") == []


async def test_what_cannot_be_sent_is_said_before(tmp_path: Path):
    script = STARTING.replace('state: "starting"', 'limits: ["images"]') + "starting = true;"
    drop = """
    (() => {
      const data = new DataTransfer();
      data.items.add(new File(["hello"], "NAME", { type: "TYPE" }));
      document.querySelector("#text").dispatchEvent(
        new DragEvent("drop", { dataTransfer: data, bubbles: true }));
    })()
    """
    async with (
        running(scripted_settings(llm=QUICK)) as server,
        console(server.http, tmp_path, transport="websocket", script=script) as page,
    ):
        await page.evaluate(drop.replace("NAME", "a.png").replace("TYPE", "image/png"))
        assert "takes no pictures" in await page.until(notice("picture"))
        assert await page.evaluate("document.querySelectorAll('.thumbnails img').length") == 0
    other = tmp_path / "other"
    other.mkdir()
    async with (
        running(scripted_settings(llm=QUICK)) as server,
        console(server.http, other, transport="websocket") as page,
    ):
        await page.evaluate(drop.replace("NAME", "a.txt").replace("TYPE", "text/plain"))
        assert "a.txt is not a picture" in await page.until(notice("picture"))


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


async def test_a_server_whose_port_for_calls_is_taken_says_so_and_a_websocket_helps(
    tmp_path: Path,
):
    needs("webrtc")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with (
            server_process(port=port, REALTIME_LLM__OPTIONS=ANSWER) as server,
            console(server.http, tmp_path, transport="webrtc") as page,
        ):
            await page.evaluate(
                "document.querySelectorAll('details').forEach((d) => d.open = true)"
            )
            for panel in ("begin", "settings"):
                shown = await page.evaluate(f"document.querySelector('#{panel}').innerText")
                assert f"UDP port {port}, which WebRTC calls use, cannot be used" in shown
                assert "not installed" not in shown
            await click(page, "#start")
            words = await page.until(notice("ended"))
            assert f"UDP port {port}" in words and "webrtc.udp_port" in words
            assert "without WebRTC" not in words
            await click(page, "[data-notice=ended] .talk-row button")
            await page.until(LISTENING)


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
