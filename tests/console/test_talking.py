"""Talking in the console, in a headless Chromium whose microphone hears real speech."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.talks import (
    ANSWERING,
    BOTH,
    LISTENING,
    PHASE,
    PROBLEMS,
    SOUND,
    TRAP,
    VOICE,
    change,
    click,
    console,
    mouse,
    needs,
    notice,
    said,
    write,
)
from tests.console.tools import violations
from tests.support.browser import KEYS
from tests.support.running_server import running, scripted_settings

pytestmark = pytest.mark.long

LONG = "This is a long answer that goes on and on until somebody talks into it. " * 6
PICTURE = """
(async () => {
  const canvas = new OffscreenCanvas(1600, 1200);
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(1600, 1200);
  // Noise cannot be made smaller but by fewer pixels.
  for (let i = 0; i < pixels.data.length; i += 65536)
    crypto.getRandomValues(pixels.data.subarray(i, i + 65536));
  context.putImageData(pixels, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/png" });
  const data = new DataTransfer();
  data.items.add(new File([blob], "noise.png", { type: "image/png" }));
  const name = "HOW" === "paste" ? "clipboardData" : "dataTransfer";
  const event = name === "clipboardData"
    ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
    : new DragEvent("drop", { dataTransfer: data, bubbles: true });
  document.querySelector("#text").dispatchEvent(event);
  return blob.size;
})()
"""


@BOTH
async def test_one_click_and_speech_is_heard_and_answered(tmp_path: Path, transport: str):
    needs(transport)
    settings = scripted_settings(llm={"text": "Hello caller, how are you today?"})
    async with (
        running(settings) as server,
        console(server.http, tmp_path, transport=transport) as page,
    ):
        await click(page, "#start")
        await page.until(LISTENING)
        await page.until(VOICE)
        await page.until(f"{said('user')}[0] === 'hello there'")
        await page.until(SOUND)
        await page.until(f"{said('assistant')}[0] === 'Hello caller, how are you today?'")
        await page.until(LISTENING)
        assert await page.evaluate(PROBLEMS) == []
        await click(page, "#end")
        await page.until(f"{PHASE}.startsWith('One click')")
        await server.emptied()


@BOTH
async def test_talking_into_an_answer_stops_it(tmp_path: Path, transport: str):
    needs(transport)
    settings = scripted_settings(llm={"text": LONG})
    async with (
        running(settings) as server,
        # What is said comes again while it is answered.
        console(server.http, tmp_path, loop=True, transport=transport) as page,
    ):
        await click(page, "#start")
        await page.until(ANSWERING)
        unheard = await page.until("document.querySelector('.turn-cut s')?.innerText")
        assert unheard.strip().endswith("talks into it.")
        await page.until(f"{said('user')}.length >= 2")
        # A truncation that the server does not take would be told here.
        assert await page.evaluate(PROBLEMS) == []


@BOTH
async def test_typing_needs_no_microphone_and_stops_an_answer(tmp_path: Path, transport: str):
    needs(transport)
    settings = scripted_settings(llm={"text": LONG})
    async with (
        running(settings) as server,
        console(server.http, tmp_path, transport=transport) as page,
    ):
        await write(page, "And what now?")
        await page.until(ANSWERING)
        await page.until(SOUND)
        await write(page, "Stop that.")
        await page.until("!!document.querySelector('.turn-cut')")
        await page.until(f"{said('user')}.length === 2 && {said('assistant')}.length === 2")
        assert await page.evaluate(said("user")) == ["And what now?", "Stop that."]
        await page.until(ANSWERING)
        assert await page.evaluate(PROBLEMS) == []
        # Now there is a microphone, too.
        await click(page, "#start")
        await page.until(VOICE)
        await page.until(f"{said('user')}[2] === 'hello there'")


@BOTH
@pytest.mark.parametrize("by", ["key", "button"])
async def test_an_answer_is_stopped_and_the_conversation_goes_on(
    tmp_path: Path, transport: str, by: str
):
    needs(transport)
    async with (
        running(scripted_settings(llm={"text": LONG})) as server,
        console(server.http, tmp_path, transport=transport, script=TRAP) as page,
    ):
        await write(page, "Tell me all.")
        await page.until(f"{PHASE} === 'Answering. Press Escape to stop it, or type.'")
        await page.until(SOUND)
        if by == "key":
            await page.press("Escape")
        else:
            await click(page, "#stop-answer")
        await page.until("!!document.querySelector('.turn-cut')")
        await page.until("document.querySelector('#stop-answer').hidden")
        await write(page, "And more?")
        await page.until(ANSWERING)
        assert await page.evaluate(PROBLEMS) == []
        assert await page.evaluate("faults") == []


async def test_a_voice_that_was_heard_stays_and_another_counts_later(tmp_path: Path):
    async with (
        running(scripted_settings(llm={"text": "Yes."})) as server,
        console(server.http, tmp_path, transport="websocket") as page,
    ):
        await write(page, "One?")
        await page.until(f"{said('assistant')}[0] === 'Yes.'")
        # This server takes more voices than it lists.
        await page.evaluate("document.querySelector('#voice').append(new Option('Echo', 'echo'))")
        await change(page, "#voice", "echo")
        assert "next conversation" in await page.until(notice("later"))
        await click(page, "[data-notice=later] .talk-row button")
        # What is sent while the old conversation closes is given back to who typed it.
        begun = "document.querySelector('#conversation').innerText.split('Session started')"
        await page.until(f"{begun}.length === 3")
        await write(page, "Two?")
        await page.until(f"{said('assistant')}.length === 2")
        assert await page.evaluate(PROBLEMS) == []


@BOTH
async def test_push_to_talk_by_key_and_by_hand(tmp_path: Path, transport: str):
    needs(transport)
    async with (
        running(scripted_settings(llm={"text": "Yes."})) as server,
        console(server.http, tmp_path, loop=True, transport=transport) as page,
    ):
        await click(page, "label[for=push-to-talk]")
        await click(page, "#start")
        await page.until("!document.querySelector('#hold').hidden")
        await page.evaluate("document.activeElement.blur()")
        await page.key_down(" ")
        await page.until("document.querySelector('#hold').ariaPressed === 'true'")
        await page.until(VOICE)
        await page.until(f"!({VOICE})")
        await page.key_up(" ")
        await page.until(f"{said('user')}[0] === 'hello there'")
        await page.until(f"{said('assistant')}[0] === 'Yes.' && !({ANSWERING}) && !({SOUND})")
        place = await page.evaluate(
            "(({x, y}) => [x + 9, y + 9])(document.querySelector('#hold').getBoundingClientRect())"
        )
        await mouse(page, "mousePressed", place)
        await page.until("document.querySelector('#hold').ariaPressed === 'true'")
        await page.until(VOICE)
        await page.until(f"!({VOICE})")
        await mouse(page, "mouseReleased", place)
        await page.until(f"{said('assistant')}.length === 2")
        # The space bar writes where one writes.
        await page.evaluate("document.querySelector('#text').focus()")
        await page.press(" ")
        assert await page.evaluate("document.querySelector('#text').value") == " "
        assert await page.evaluate(PROBLEMS) == []
        # A touch that is no turn is explained: one that is over at once, however busy the machine.
        await page.evaluate(
            "document.activeElement.blur(); for (const type of ['keydown', 'keyup'])"
            " document.body.dispatchEvent("
            "new KeyboardEvent(type, { key: ' ', code: 'Space', bubbles: true, cancelable: true }))"
        )
        assert "Hold it down" in await page.until(notice("tap"))


@pytest.mark.parametrize("where", ["#text", "#tab-waterfall", "another window"])
async def test_a_turn_by_key_ends_wherever_the_key_is_let_go(tmp_path: Path, where: str):
    pressed = "document.querySelector('#hold').ariaPressed"
    async with (
        running(scripted_settings(llm={"text": "Yes."})) as server,
        console(server.http, tmp_path, transport="websocket", turns="push_to_talk") as page,
    ):
        await click(page, "#start")
        await page.until("!document.querySelector('#hold').hidden")
        await page.evaluate("document.activeElement.blur()")
        await page.key_down(" ")
        await page.until(f"{pressed} === 'true'")
        if where == "another window":
            # A browser without a screen hides no page.
            await page.evaluate(
                "Object.defineProperty(document, 'hidden', { value: true });"
                " document.dispatchEvent(new Event('visibilitychange'))"
            )
        else:
            await click(page, where)
            # What is held comes again and again.
            await page.call(
                "Input.dispatchKeyEvent", type="keyDown", key=" ", autoRepeat=True, **KEYS[" "]
            )
            await page.key_up(" ")
        await page.until(f"{pressed} === 'false'")
        assert await page.evaluate("document.querySelector('#text').value") == ""
        await page.until(f"{PHASE}.startsWith('Connected')")


@BOTH
@pytest.mark.parametrize("how", ["paste", "drop"])
async def test_a_picture_is_made_small_enough_and_sent(tmp_path: Path, transport: str, how: str):
    needs(transport)
    async with (
        running(scripted_settings(llm={"text": "I see."})) as server,
        console(server.http, tmp_path, transport=transport) as page,
    ):
        assert await page.evaluate(PICTURE.replace("HOW", how)) > 4_000_000
        await page.until("document.querySelectorAll('.thumbnails img').length === 1")
        await write(page, "What is this?")
        await page.until("!!document.querySelector('#conversation .turn-user img')")
        await page.until(f"{said('user')}.includes('What is this?')")
        await page.until(f"{said('assistant')}[0] === 'I see.'")
        assert await page.evaluate(PROBLEMS) == []
        assert await page.evaluate("document.querySelectorAll('.thumbnails img').length") == 0


async def test_a_function_is_answered_at_once_or_by_hand(tmp_path: Path):
    # This model calls the function in each answer.
    script = {"text": "Let me see.", "tool": "get_weather", "arguments": '{"place": "Rome"}'}
    async with (
        running(scripted_settings(llm=script)) as server,
        console(server.http, tmp_path, transport="websocket") as page,
    ):
        results = "[...document.querySelectorAll('#conversation .turn-result')]"
        await page.evaluate("document.querySelector('#add-tool').closest('details').open = true")
        await click(page, "#add-tool")
        await page.evaluate("document.querySelector('#tool-0-canned').click()")
        await write(page, "How is the weather?")
        await page.until("!!document.querySelector('.call textarea')")
        assert 'get_weather({"place": "Rome"})' in await page.evaluate(
            "document.querySelector('.call').innerText"
        )
        await page.evaluate("document.querySelector('.call textarea').focus()")
        await page.type("It rains.")
        await click(page, ".call button")
        await page.until(f"{results}[0]?.innerText === 'It rains.'")
        # The model went on by itself, and calls again: now with a result that is ready.
        await page.until("!!document.querySelector('.call textarea')")
        await page.evaluate("document.querySelector('#tool-0-canned').click()")
        await click(page, ".call button")
        await page.until(f"{results}.some((one) => one.innerText.includes('sunny'))")
        await click(page, "#end")


async def test_a_schema_that_is_none_is_told_and_not_sent(tmp_path: Path):
    async with (
        running() as server,
        console(server.http, tmp_path, transport="websocket") as page,
    ):
        await page.evaluate("document.querySelector('#add-tool').closest('details').open = true")
        await click(page, "#add-tool")
        await change(page, "#tool-0-schema", "{")
        assert "JSON object" in await page.evaluate(
            "document.querySelector('#tool-0-problem').innerText"
        )
        await change(page, "#tool-0-schema", '{"type": "object"}')
        assert await page.evaluate("document.querySelector('#tool-0-problem').innerText") == ""


@BOTH
async def test_mute_leaves_the_conversation_as_it_is(tmp_path: Path, transport: str):
    needs(transport)
    async with (
        running(scripted_settings(llm={"text": "Yes."})) as server,
        console(server.http, tmp_path, loop=True, transport=transport) as page,
    ):
        await click(page, "#start")
        await page.until(LISTENING)
        await click(page, "#mute")
        await page.until("document.querySelector('#mute').ariaPressed === 'true'")
        await write(page, "One?")
        await page.until(f"{said('assistant')}.length === 1")
        await write(page, "Two?")
        await page.until(f"{said('assistant')}.length === 2")
        assert not await page.evaluate(VOICE)
        await click(page, "#mute")
        await page.until(VOICE)
        await page.until(f"{said('user')}.includes('hello there')")


@BOTH
async def test_another_microphone_may_be_chosen_while_talking(tmp_path: Path, transport: str):
    needs(transport)
    async with (
        running(scripted_settings(llm={"text": "Yes."})) as server,
        console(server.http, tmp_path, loop=True, transport=transport) as page,
    ):
        await click(page, "#start")
        await page.until(f"{said('user')}.length >= 1")
        other = await page.until("document.querySelector('#microphone option:last-child').value")
        await change(page, "#microphone", other)
        heard = await page.evaluate(f"{said('user')}.length")
        await page.until(f"{said('user')}.length > {heard}")
        assert await page.evaluate(PROBLEMS) == []


@BOTH
async def test_settings_are_applied_while_talking(tmp_path: Path, transport: str):
    needs(transport)
    log = "document.querySelector('#events').innerText"
    async with (
        running(scripted_settings(llm={"text": "Yes."})) as server,
        console(server.http, tmp_path, transport=transport) as page,
    ):
        await click(page, "#start")
        await page.until(LISTENING)
        for field, value in (("#threshold", "0.8"), ("#silence", "900"), ("#voice", "echo")):
            before = await page.evaluate(f"{log}.split('session.updated').length")
            await change(page, field, value)
            await page.until(f"{log}.split('session.updated').length > {before}")
        await change(page, "#turns", "semantic_vad")
        await page.until("!document.querySelector('#eagerness').closest('.field').hidden")
        await page.until(f"{said('user')}[0] === 'hello there'")
        assert await page.evaluate(PROBLEMS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_bars_anybody_from_talking(tmp_path: Path, scheme: str):
    async with (
        running(scripted_settings(llm={"text": "Yes."})) as server,
        console(server.http, tmp_path, transport="websocket") as page,
    ):
        await page.prefer(color_scheme=scheme)
        await page.evaluate(
            "document.querySelectorAll('details').forEach((one) => one.open = true)"
        )
        await page.evaluate("document.querySelector('#add-tool').click()")
        assert await violations(page) == []
        await click(page, "#start")
        await page.until(f"{said('assistant')}[0] === 'Yes.'")
        assert await violations(page) == []
        await page.resize(320, 700)
        for pane in ("talk", "setup", "inspect"):
            await page.evaluate(f"document.querySelector('.panes [data-pane={pane}]').click()")
            assert await page.evaluate("document.documentElement.scrollWidth") == 320
            assert await violations(page) == []


async def test_the_keyboard_alone_is_enough(tmp_path: Path):
    async with (
        running(scripted_settings(llm={"text": "Yes."})) as server,
        console(server.http, tmp_path, transport="websocket") as page,
    ):
        focus = "document.activeElement.id || document.activeElement.className"

        async def tab_to(element: str) -> None:
            for _ in range(80):
                if await page.evaluate(focus) == element:
                    return
                await page.press("Tab")
            pytest.fail(f"Tab does not lead to {element}")

        await page.press("Tab")
        assert await page.evaluate(focus) == "skip"
        await page.press("Enter")
        await tab_to("hands-free")
        await page.press("ArrowRight")
        await tab_to("start")
        await page.press("Enter")
        # The button that began it is gone: the one that talks has the focus.
        await page.until(f"({focus}) === 'hold'")
        await page.key_down(" ")
        await page.until("document.querySelector('#hold').ariaPressed === 'true'")
        await page.until(VOICE)
        await page.until(f"!({VOICE})")
        await page.key_up(" ")
        await page.until(f"{said('assistant')}[0] === 'Yes.'")
        await tab_to("mute")
        await page.press(" ")
        await page.until("document.querySelector('#mute').ariaPressed === 'true'")
        await tab_to("end")
        await page.press("Enter")
        await page.until(f"({focus}) === 'start'")
