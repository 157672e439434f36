"""A page with the console's views and an application that the test drives: `stage.js`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from audio.pcm import silence, write_wav
from tests.support.browser import Page, page
from tests.support.running_server import running, scripted_settings

HERE = Path(__file__).parent
FRAME = "stage.frame()"
"""JavaScript that waits until what has changed is drawn."""


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Page]:
    """Open the views on the server's page, with `wire` to make events and `add(entries)`."""
    heard = folder / "microphone.wav"
    write_wav(heard, silence(100))
    made = (
        (HERE / "conversations.mjs")
        .read_text(encoding="utf-8")
        .replace("export function", "function")
    )
    functions = "spokenTurn, spokenAnswer, added, observed, received, sent"
    async with (
        running(scripted_settings()) as server,
        page("about:blank", heard, folder / "browser", loop=False) as opened,
    ):
        # A page that is opened with its address is another one until that has answered.
        await opened.call("Page.navigate", url=f"{server.http}/")
        await opened.until("location.protocol === 'http:' && document.readyState === 'complete'")
        await opened.evaluate((HERE / "stage.js").read_text(encoding="utf-8"))
        await opened.evaluate(f"(() => {{ {made}; window.wire = {{ {functions} }}; }})()")
        await opened.evaluate(
            "window.add = (...entries) => { for (const { direction, event, at } of entries.flat(3))"
            " stage.app.store.add(direction, event, at); return stage.frame(); }, 0"
        )
        yield opened


async def longest_task_ms(page: Page, expression: str) -> float:
    """Evaluate JavaScript, and return the milliseconds of the longest task of the page meanwhile.

    Its long tasks are those that the Long Tasks API tells of, but of each only the time counts in
    which it had the processor: that which other programs took meanwhile says nothing of the page.
    """
    before = len(page.events)
    categories = ["toplevel", "disabled-by-default-devtools.timeline", "__metadata"]
    await page.call(
        "Tracing.start",
        transferMode="ReportEvents",
        traceConfig={"includedCategories": categories},
    )
    await page.evaluate(expression)
    await page.call("Tracing.end")
    async with asyncio.timeout(60):
        while not any(
            event["method"] == "Tracing.tracingComplete" for event in page.events[before:]
        ):
            await page.evaluate("0")
    traced = [
        event
        for told in page.events[before:]
        if told["method"] == "Tracing.dataCollected"
        for event in told["params"]["value"]
    ]
    pages = {
        (event["pid"], event["tid"])
        for event in traced
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks: list[float] = [
        event["tdur"] / 1000
        for event in traced
        if event["name"] == "RunTask" and (event["pid"], event["tid"]) in pages and "tdur" in event
    ]
    assert len(tasks) > 10, "the browser told of the page's tasks"
    return max(tasks)
