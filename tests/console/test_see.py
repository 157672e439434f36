"""What is seen of a conversation, in Chromium: words, events, times, listening and connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console.seeing import FRAME, longest_task_ms, staged
from tests.console.tools import violations
from tests.support.browser import Page

ANSWER = "['One', ' two', ' three', ' four', ' five', ' six', ' seven', ' eight.']"
LONGEST_TASK_MS = 100
COUNT = "stage.root('events').querySelector('.see-count').textContent"
ROWS = "[...stage.root('events').querySelectorAll('.event-row:not([hidden])')]"
TURNS = "[...stage.root('conversation').querySelectorAll('.turn')]"
OBSERVED = """
(() => {
  const speech = [...Array(20).fill(0.02), ...Array(40).fill(0.95), ...Array(20).fill(0.04)];
  const turn = [
    { at_ms: 640, what: "started", complete: null },
    { at_ms: 2144, what: "paused", complete: 0.83 },
    { at_ms: 2432, what: "stopped", complete: null },
  ];
  return wire.observed(0, speech, { turn, at: performance.now() });
})()
"""

CUT = """
(() => {
  const inside = stage.root('NAME').getBoundingClientRect();
  return [...stage.root('NAME').querySelectorAll('tr')].flatMap((row) => {
    const cells = [...row.children].map((cell) => {
      const range = document.createRange();
      range.selectNodeContents(cell);
      return { text: cell.textContent, ...range.getBoundingClientRect().toJSON() };
    });
    return cells.filter((cell, at) => cell.left < inside.left - 1 || cell.right > inside.right + 1
      || cells.some((other, index) => index > at && other.left < cell.right - 0.5
        && cell.left < other.right - 0.5 && other.top < cell.bottom && cell.top < other.bottom))
      .map(({ text }) => text);
  });
})()
"""
"""JavaScript for the texts of a view's table that are not wholly in it, or lie over others."""
BARS = """
[...stage.root('waterfall').querySelectorAll('.stage-bar')].map((bar) => {
  const [box, range] = [bar.getBoundingClientRect(), document.createRange()];
  range.selectNodeContents(bar);
  const words = range.getBoundingClientRect();
  return [bar.textContent, words.top >= box.bottom
    || (words.left >= box.left && words.right <= box.right)];
})
"""
"""JavaScript for the number of each bar, and whether it is seen whole or not at all."""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Page]:
    async with staged(tmp_path) as page:
        yield page


def answer(cut_ms: int | None = None) -> str:
    """Return JavaScript that adds a turn and its answer, cut after some milliseconds."""
    cut = (
        "[]"
        if cut_ms is None
        else "wire.received(6000, {type: 'conversation.item.truncated', item_id: 'a', "
        f"content_index: 0, audio_end_ms: {cut_ms}}})"
    )
    return (
        "add(wire.spokenTurn({item: 'u', at: 3000, text: 'What comes?'}), wire.spokenAnswer("
        f"{{response: 'r', item: 'a', at: 3600, words: {ANSWER}, previous: 'u'}}), {cut})"
    )


async def test_an_answer_is_struck_through_from_where_it_was_cut(stage: Page) -> None:
    await stage.evaluate(answer(1200))
    said = await stage.evaluate(
        f"{TURNS}.map((turn) => turn.querySelector('.turn-body').innerText)"
    )
    assert said[0] == "What comes?"
    assert said[1].startswith("One two three four ")
    assert await stage.evaluate(f"{TURNS}[1].querySelector('s').textContent") == (
        "five six seven eight."
    )
    assert "1.2 s" in await stage.evaluate(f"{TURNS}[1].querySelector('.turn-mark').textContent")


async def test_words_are_pale_until_they_are_heard(stage: Page) -> None:
    await stage.evaluate("window.link = new stage.Link(), stage.app.setLink(link)")
    await stage.evaluate(answer())
    await stage.evaluate("link.heard.a = 1200, link.hear('a', 'r')")
    ahead = "stage.root('conversation').querySelector('.turn-sound .turn-ahead').textContent"
    await stage.until(f"{ahead} === 'five six seven eight.'")
    await stage.evaluate("link.heard.a = 2400")
    await stage.until(f"{ahead} === ''")


async def test_a_screen_reader_is_told_finished_sentences_once(stage: Page) -> None:
    words = "['Well.', ' This', ' goes', ' on.', ' And', ' on']"
    answered = f"wire.spokenAnswer({{response: 'r', item: 'a', at: 0, words: {words}}})"
    told = "[...document.querySelectorAll('#spoken p')].map((line) => line.textContent)"
    await stage.evaluate(f"window.all = {answered}, add(all.slice(0, 14))")
    assert await stage.evaluate(told) == ["Assistant: Well. This goes on."]
    await stage.evaluate("add(all.slice(14))")
    assert await stage.evaluate(told) == ["Assistant: Well. This goes on.", "And on"]


async def test_the_conversation_follows_until_its_reader_scrolls_back(stage: Page) -> None:
    turns = (
        "add(Array.from({length: 40}, (_, index) => wire.added(index, null,"
        " {id: `${prefix}${index}`, type: 'message', role: 'user',"
        " content: [{type: 'input_text', text: 'Words.'}]})))"
    )
    box = "stage.root('conversation').querySelector('.said')"
    await stage.evaluate(f"window.prefix = 'a', {turns}")
    await stage.until(f"{box}.scrollTop > 100")
    await stage.evaluate(f"{box}.scrollTop = 0")
    await stage.until(f"{box}.scrollTop === 0")
    await stage.evaluate(FRAME)
    await stage.evaluate(f"window.prefix = 'b', {turns}")
    more = "stage.root('conversation').querySelector('.said-more')"
    await stage.until(f"!{more}.hidden")
    assert await stage.evaluate(f"{box}.scrollTop") == 0
    await stage.evaluate(f"{more}.click()")
    await stage.until(f"{more}.hidden && {box}.scrollTop > 1000")


async def test_the_conversation_follows_where_its_window_shrinks(stage: Page) -> None:
    await stage.evaluate(
        "add(Array.from({length: 40}, (_, index) => wire.added(index, null,"
        " {id: `i${index}`, type: 'message', role: 'user',"
        " content: [{type: 'input_text', text: 'Words. '.repeat(30)}]})))"
    )
    box = "stage.root('conversation').querySelector('.said')"
    await stage.until(f"{box}.scrollTop > 100")
    await stage.evaluate(FRAME)
    # The browser tells of an earlier scroll when its lines have become more already.
    await stage.evaluate(
        "stage.root('conversation').style.width = '300px',"
        f" {box}.dispatchEvent(new Event('scroll'))"
    )
    await stage.until(f"{box}.scrollHeight - {box}.scrollTop - {box}.clientHeight < 2")
    assert await stage.evaluate("stage.root('conversation').querySelector('.said-more').hidden")


async def test_ten_thousand_events_pass_without_a_long_task(stage: Page) -> None:
    longest = await longest_task_ms(
        stage,
        """
        (async () => {
          const words = Array.from({ length: 80 }, (_, index) => ` word${index}`);
          for (let index = 0; index < 60; index++) {
            const [response, item] = [`r${index}`, `a${index}`];
            await add(wire.spokenAnswer({ response, item, at: index, words }));
          }
          const count = stage.root("events").querySelector(".see-count");
          const search = stage.root("events").querySelector("[type=search]");
          for (const [text, found] of [["word79 delta", "60 of"], ["", "5280 of"]]) {
            search.value = text;
            search.dispatchEvent(new Event("input"));
            for (let tries = 0; !count.textContent.startsWith(found); tries++) {
              if (tries > 1000) throw new Error(`${found}: ${count.textContent}`);
              await stage.frame();
            }
          }
          const rows = stage.root("events").querySelector(".rows");
          for (const top of [5000, 100, 90000]) {
            rows.scrollTop = top;
            await stage.frame();
          }
        })()
        """,
    )
    assert longest < LONGEST_TASK_MS
    assert await stage.evaluate("stage.app.store.entries.length") > 10_000
    assert await stage.evaluate(f"{ROWS}.length") < 60


async def test_events_are_searched_filtered_stopped_and_cleared(stage: Page) -> None:
    await stage.evaluate(answer())
    everything = "add(wire.sent(7000, {type: 'response.create'}))"
    await stage.evaluate(everything)
    await stage.until(f"{COUNT} === '24 of 32 events'")

    await _choose(stage, 1, "sent")
    await stage.until(f"{COUNT} === '1 of 32 events'")
    await stage.until(f"{ROWS}[0].textContent.includes('response.create')")
    await _choose(stage, 1, "all")
    await _choose(stage, 2, "response.*")
    await stage.until(f"{COUNT}.startsWith('15 of')")
    await _choose(stage, 2, "")
    await stage.evaluate("stage.root('events').querySelector('[type=search]').focus()")
    await stage.type("SEVEN delta")
    await stage.until(f"{COUNT} === '1 of 32 events'")
    await _clear_search(stage)

    pause = "stage.root('events').querySelector('[aria-pressed=false]')"
    await stage.evaluate(f"window.pause = {pause}, pause.click()")
    await stage.evaluate(everything)
    await stage.until(f"{COUNT} === '24 of 33 events'")
    await stage.evaluate("pause.click()")
    await stage.until(f"{COUNT} === '25 of 33 events'")
    await stage.evaluate("stage.app.store.clear()")
    await stage.until(f"{COUNT} === '0 of 0 events'")


def written(folder: Path) -> list[str]:
    """Return the lines of the file that the browser has saved; none: it has not yet."""
    return [
        line
        for path in folder.glob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


async def test_all_events_are_saved_a_line_each(stage: Page, tmp_path: Path) -> None:
    await stage.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    await stage.evaluate(answer())
    await stage.evaluate("stage.root('events').querySelector('[data-text$=export]').click()")
    async with asyncio.timeout(60):
        while not (saved := written(tmp_path)):
            await asyncio.sleep(0.05)
    lines = [json.loads(line) for line in saved]
    assert len(lines) == await stage.evaluate("stage.app.store.entries.length")
    assert lines[0]["event"]["type"] == "input_audio_buffer.speech_started"
    assert {line["direction"] for line in lines} == {"received"}


async def test_an_event_is_opened_by_keys_as_a_tree_and_as_text(stage: Page) -> None:
    await stage.evaluate(answer())
    await stage.until(f"{ROWS}.length > 5")
    await stage.evaluate("stage.root('events').querySelector('.rows').focus()")
    for key in ("ArrowUp", "ArrowUp", "ArrowUp"):
        await stage.press(key)
    detail = "stage.root('events').querySelector('.event-detail')"
    await stage.until(f"!{detail}.hidden")
    title = await stage.evaluate(f"{detail}.querySelector('h3').textContent")
    assert title == "conversation.item.done"
    active = "document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))"
    await stage.until(f"{active}?.textContent.includes('conversation.item.done')")
    assert await stage.evaluate(f"{active}.getAttribute('aria-selected')") == "true"
    assert await stage.evaluate(f"{detail}.querySelectorAll('details').length") >= 2
    await stage.evaluate(f"[...{detail}.querySelectorAll('button')][1].click()")
    text = await stage.evaluate(f"{detail}.querySelector('pre').textContent")
    assert json.loads(text)["type"] == title
    await stage.evaluate(f"{detail}.querySelector('.event-body').focus()")
    await stage.press("Escape")
    await stage.until(f"{detail}.hidden")
    assert await stage.evaluate("document.activeElement.className") == "rows"


async def test_the_waterfall_has_a_bar_a_turn_and_its_numbers(stage: Page) -> None:
    await stage.evaluate("window.link = new stage.Link(), stage.app.setLink(link)")
    await stage.evaluate(
        "add(wire.received(0, {type: 'session.updated', session: {audio: {input: {turn_detection:"
        " {type: 'server_vad', silence_duration_ms: 500}}}}}))"
    )
    await stage.evaluate(answer())
    numbers = (
        "[...stage.root('waterfall').querySelectorAll('tbody tr')].map((row) =>"
        " [...row.children].map((cell) => cell.textContent))"
    )
    assert await stage.evaluate(numbers) == [
        ["1. spoken", "512", "1", "79", "98", "110", "–", "800"]
    ]
    widths = await stage.evaluate(
        "[...stage.root('waterfall').querySelectorAll('.stage-bar')].map((bar) =>"
        " bar.getBoundingClientRect().width)"
    )
    assert len(widths) == 5
    assert widths[0] > 4 * widths[3] > 0
    await stage.evaluate("link.hear('a', 'r')")
    assert await stage.evaluate(f"{numbers}[0][6]") != "–"


async def test_no_silence_ends_a_turn_by_button_or_of_text(stage: Page) -> None:
    await stage.evaluate(
        "add(wire.sent(0, {type: 'input_audio_buffer.commit'}),"
        " wire.sent(1, {type: 'response.create'}),"
        " wire.received(12, {type: 'input_audio_buffer.committed', item_id: 'u'}),"
        " wire.spokenAnswer({response: 'r', item: 'a', at: 20, words: ['Hi.']}),"
        " wire.sent(5000, {type: 'response.create'}),"
        " wire.spokenAnswer({response: 's', item: 'b', at: 5010, words: ['Ho.']}))"
    )
    rows = (
        "[...stage.root('waterfall').querySelectorAll('tbody tr')].map((row) =>"
        " [...row.children].slice(0, 3).map((cell) => cell.textContent))"
    )
    assert await stage.evaluate(rows) == [["1. button", "–", "12"], ["2. text", "–", "–"]]
    reckoned = "stage.root('waterfall').querySelector('[data-text=\"see.waterfall.reckoned\"]')"
    assert await stage.evaluate(f"{reckoned}.hidden")
    await stage.evaluate("add(wire.spokenTurn({item: 'v', at: 9000, text: 'Hm.'}))")
    assert not await stage.evaluate(f"{reckoned}.hidden"), "nobody knows when that was sent"


async def test_the_median_leaves_out_turns_that_nobody_answered(stage: Page) -> None:
    await stage.evaluate(answer())
    await stage.evaluate("add(wire.spokenTurn({item: 'v', at: 9000, text: 'Hm.'}))")
    totals = (
        "[...stage.root('waterfall').querySelectorAll('tbody tr, tfoot tr')].map((row) =>"
        " row.lastElementChild.textContent)"
    )
    await stage.until(f"{totals}.length === 3")
    first, unanswered, middle = await stage.evaluate(totals)
    assert unanswered == "–"
    assert first == middle


async def test_listening_is_drawn_and_told_in_words(stage: Page) -> None:
    await stage.prefer(reduced_motion="reduce")
    await stage.evaluate(f"add({OBSERVED})")
    colours = """
    (() => {
      const canvas = stage.root('listening').querySelector('canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const found = new Set();
      for (let at = 0; at < data.length; at += 4)
        if (data[at + 3] === 255) found.add(`rgb(${data[at]}, ${data[at + 1]}, ${data[at + 2]})`);
      return [...stage.root('listening').querySelectorAll('.swatch')]
        .map((swatch) => found.has(getComputedStyle(swatch).color));
    })()
    """
    await stage.until(f"{colours}.every(Boolean)")
    table = (
        "[...stage.root('listening').querySelectorAll('tbody tr')].map((row) =>"
        " [...row.children].map((cell) => cell.textContent))"
    )
    assert await stage.evaluate(table) == [["0.6 s", "1.79 s", "512 ms", "0.83"]]
    before = await stage.evaluate("stage.root('listening').querySelector('canvas').toDataURL()")
    await stage.evaluate("""
        (() => {
          const [threshold] = stage.root('listening').querySelectorAll('[type=range]');
          threshold.value = '0.8';
          threshold.dispatchEvent(new Event('input'));
          threshold.dispatchEvent(new Event('change'));
        })()
    """)
    assert await stage.evaluate("stage.app.settings.threshold") == 0.8
    await stage.evaluate(FRAME)
    after = await stage.evaluate("stage.root('listening').querySelector('canvas').toDataURL()")
    assert after != before


async def test_the_connection_is_named_and_measured(stage: Page) -> None:
    await stage.evaluate(
        "window.link = Object.assign(new stage.Link(), {callId: 'rtc_1'}), stage.app.setLink(link)"
    )
    await stage.evaluate(
        "add(wire.received(0, {type: 'session.created', session: {id: 'sess_1'}}))"
    )
    facts = "stage.root('connection').querySelector('dl').innerText"
    await stage.until(
        f"['open', 'WebSocket', 'sess_1', 'rtc_1'].every((each) => {facts}.includes(each))"
    )
    figures = "stage.root('connection').querySelector('tbody').innerText"
    await stage.until(f"{figures}.includes('Sent, kbit/s')")
    assert "Packets lost" not in await stage.evaluate(figures)


async def test_the_views_speak_the_language_that_is_chosen(stage: Page) -> None:
    await stage.evaluate(answer(1200))
    await stage.evaluate(f"add({OBSERVED})")
    await stage.evaluate(
        "import('/console/js/texts.js').then(({ chooseLanguage }) => chooseLanguage('zh'))"
    )
    text = await stage.evaluate("document.querySelector('main').innerText")
    for words in ("助手", "播放 1.2 秒后被打断", "全部类型", "1. 语音", "最近一分钟的轮次"):
        assert words in text


async def test_a_view_that_was_hidden_speaks_the_language_that_was_chosen_meanwhile(
    stage: Page,
) -> None:
    await stage.evaluate(answer(1200))
    rows = "stage.root('waterfall').querySelector('tbody').textContent"
    await stage.until(f"{rows}.includes('1. spoken')")
    await stage.evaluate("stage.root('waterfall').hidden = true")
    await stage.evaluate("import('/console/js/texts.js').then((m) => m.chooseLanguage('zh'))")
    await stage.evaluate(FRAME)
    await stage.evaluate("stage.root('waterfall').hidden = false")
    await stage.until(f"{rows}.includes('1. 语音')")
    assert "spoken" not in await stage.evaluate("stage.root('waterfall').innerText")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(stage: Page, scheme: str) -> None:
    await stage.prefer(color_scheme=scheme)
    await stage.evaluate("stage.app.setLink(new stage.Link())")
    await stage.evaluate(answer(1200))
    error = "wire.received(7000, {type: 'error', error: {message: 'No.', code: 'x'}})"
    await stage.evaluate(f"add({OBSERVED}, {error})")
    await stage.until(f"{ROWS}.length > 5")
    await stage.evaluate(f"{ROWS}[2].click()")
    await stage.evaluate(FRAME)
    assert await violations(stage, "'main'") == []


async def test_nothing_is_wider_than_a_narrow_window(stage: Page) -> None:
    await stage.resize(320, 700)
    await stage.evaluate("stage.app.setLink(new stage.Link())")
    await stage.evaluate(answer(1200))
    await stage.evaluate(f"add({OBSERVED})")
    await stage.until(f"{ROWS}.length > 3")
    await stage.evaluate(f"{ROWS}[2].click()")
    await stage.evaluate(FRAME)
    assert await stage.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("width", [320, 384, 480])
async def test_an_event_has_its_whole_name_however_narrow_the_list(stage: Page, width: int) -> None:
    longest = "conversation.item.input_audio_transcription.completed"
    await stage.evaluate(answer())
    item = "item_" + 40 * "x"
    for index in range(40):
        event = f"{{type: '{longest}', item_id: '{item}'}}"
        await stage.evaluate(f"add(wire.received({8000 + index}, {event}))")
    await stage.evaluate(f"stage.root('events').style.width = '{width - 50}px'")
    last = f"{ROWS}.at(-1)"
    await stage.until(f"{last}?.querySelector('.event-row-type').textContent === '{longest}'")
    rows = "stage.root('events').querySelector('.rows')"
    # The newest is in sight when the rows have become higher.
    await stage.until(
        f"{ROWS}.every((row) => row.offsetHeight === {62 if width - 50 <= 432 else 44}) &&"
        f" {rows}.getBoundingClientRect().bottom - {last}.getBoundingClientRect().bottom >= -1"
    )
    assert await stage.evaluate(f"""
        {ROWS}.every((row) => {{
          const [outer, inner] = [row, row.querySelector('.event-row-type')]
            .map((element) => element.getBoundingClientRect());
          return inner.right <= outer.right && inner.top >= outer.top
            && inner.bottom <= row.querySelector('.event-row-at').getBoundingClientRect().top + 1
            && inner.width >= row.querySelector('.event-row-type').scrollWidth - 1;
        }})
    """)
    about = f"{last}.querySelector('.event-row-about')"
    assert await stage.evaluate(f"{about}.scrollWidth > {about}.clientWidth"), "it ends in …"
    assert await stage.evaluate(f"{about}.scrollHeight <= {about}.clientHeight"), "in one line"


async def test_the_newest_event_stays_in_sight_where_the_list_shrinks(stage: Page) -> None:
    await stage.evaluate(answer())
    rows = "stage.root('events').querySelector('.rows')"
    await stage.until(f"{rows}.scrollTop > 0")
    await stage.evaluate(FRAME)
    # The browser tells of an earlier scroll when the list has shrunk already.
    await stage.evaluate(
        f"stage.root('events').style.height = '22rem', {rows}.dispatchEvent(new Event('scroll'))"
    )
    await stage.evaluate(f"add(wire.received(8000, {{type: 'session.updated'}})), {FRAME}")
    await stage.until(f"{ROWS}.at(-1).textContent.includes('session.updated')")
    await stage.until(f"{rows}.scrollHeight - {rows}.scrollTop - {rows}.clientHeight < 2")


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_no_number_is_cut_and_no_view_scrolled_sideways(stage: Page, language: str) -> None:
    await stage.evaluate("window.link = new stage.Link(), stage.app.setLink(link)")
    await stage.evaluate(
        "Object.assign(link.measured, {transport: 'webrtc', round_trip_ms: 1234.5, jitter_ms: 104,"
        " lost_packets: 12, received_packets: 100, concealed_ms: 12345})"
    )
    await stage.evaluate(answer())
    await stage.evaluate(
        "add(wire.sent(7000, {type: 'response.create'}), wire.spokenAnswer("
        "{response: 's', item: 'b', at: 9000, words: ['Yes.'], status: 'cancelled'}))"
    )
    await stage.evaluate("link.hear('a', 'r')")
    await stage.evaluate(f"add({OBSERVED})")
    await stage.evaluate(
        f"import('/console/js/texts.js').then((m) => m.chooseLanguage('{language}'))"
    )
    await stage.until("stage.root('connection').querySelectorAll('tbody tr').length > 4")
    # What the panel has in a window of 320, 768 and 1440 pixels.
    for width, shown in ((320, 270), (768, 350), (1440, 446)):
        await stage.resize(width, 900)
        for name in ("events", "waterfall", "listening", "connection"):
            await stage.evaluate(f"stage.root('{name}').style.width = '{shown}px'")
            await stage.evaluate(FRAME)
            assert await stage.evaluate(f"stage.root('{name}').scrollWidth") <= shown, (name, width)
        for name in ("waterfall", "connection"):
            assert await stage.evaluate(CUT.replace("NAME", name)) == [], (name, width)
        bars = await stage.evaluate(BARS)
        assert [number for number, fits in bars if not fits] == [], width
        assert bars


async def _choose(stage: Page, index: int, value: str) -> None:
    await stage.evaluate(f"""
        (() => {{
          const fields = stage.root('events').querySelectorAll('[type=search], select');
          const field = fields[{index}];
          field.value = {value!r};
          field.dispatchEvent(new Event('change'));
        }})()
    """)


async def _clear_search(stage: Page) -> None:
    await stage.evaluate("""
        (() => {
          const search = stage.root('events').querySelector('[type=search]');
          search.value = '';
          search.dispatchEvent(new Event('input'));
        })()
    """)
    await stage.until(f"!{COUNT}.startsWith('1 of')")
