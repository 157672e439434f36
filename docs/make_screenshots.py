"""Draws the screenshots in docs/screenshots: `make screenshots`.

The app is shown a conversation instead of holding one, so that the pictures do not change unless
the screen does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from openai.resources.realtime.realtime import AsyncRealtimeConnection

from clients.sdk import LOCAL_URL, explain
from clients.terminal.app import PushToTalkApp
from clients.terminal.client import RealtimeClient
from clients.terminal.sound import SoundMaker
from clients.terminal.view import Latency, Link, SessionInfo, Stack, View

FOLDER = Path(__file__).parent / "screenshots"
STORY = (
    "Once upon a time, there was a small lighthouse at the edge of a quiet sea. A girl named Mira "
    "lived there with her grandfather. Every evening they climbed the long stairs together."
)

NO_SOUND = (
    "No sound: PortAudio library not found. Install it: apt install libportaudio2 (dnf, pacman: "
    "portaudio). Going on with text."
)


def push_to_talk(view: View) -> None:
    """Show a recording after a typed and a spoken turn."""
    view.show_text("1", "you", "Hello, how are you doing today?")
    view.show_text("2", "assistant", "I am fine, thank you. How can I help you?")
    view.show_text("3", "you", "What is the weather like in Paris?")
    view.show_text("4", "tool", 'get_weather({"city": "Paris"})')
    view.show_text("5", "tool", "get_weather → light rain, 14 degrees")
    view.show_text("6", "assistant", "In Paris there is light rain at 14 degrees.")
    view.show_latency(Latency(124, "end of speech", "first audio"))
    view.show_input("recording", hands_free=False, muted=False)
    view.show_level(-19.0)


def hands_free(view: View) -> None:
    """Show an answer that speech has interrupted."""
    view.show_text("1", "you", "Tell me a long story.")
    view.show_text("2", "assistant", STORY)
    view.show_interrupted("2", 3900, STORY.index("at the edge"))
    view.show_text("3", "you", "Thank you very much for your help.")
    view.show_text("4", "assistant", "You are welcome.")
    view.show_latency(Latency(635, "end of speech", "first audio"))
    view.show_input("hearing", hands_free=True, muted=False)
    view.show_level(-12.0)


def first_start(view: View) -> None:
    """Show that nothing has been said yet."""
    view.show_input("off", hands_free=False, muted=False)


def offline(view: View) -> None:
    """Show a server that is not up, in a small terminal without sound."""
    view.show_text("1", "note", NO_SOUND)
    view.show_text("2", "problem", explain(ConnectionRefusedError(), LOCAL_URL))
    view.show_input("none", hands_free=False, muted=False)
    view.show_link(Link("offline", 4))


async def draw(folder: Path) -> None:
    """Draw all pictures into a folder that exists."""
    for show, theme, size in (
        (first_start, "dark", (90, 16)),
        (push_to_talk, "dark", (90, 16)),
        (hands_free, "light", (90, 16)),
        (offline, "dark", (60, 20)),
    ):
        app = PushToTalkApp(_never_connected, SoundMaker(), theme=theme)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            app.show_link(Link("connected"))
            app.show_session(SessionInfo("sess_AGTd1dcYOMHwXyEOHpBu1", "gpt-realtime", "alloy"))
            app.show_stack(Stack("Whisper tiny.en", "rules", "hibari + espeak-ng"))
            app.show_echo("cancelled")
            show(app)
            await pilot.pause()
            app.save_screenshot(f"{show.__name__.replace('_', '-')}.svg", str(folder))


def _never_connected(view: View) -> RealtimeClient:
    return RealtimeClient(_connecting, view)


@asynccontextmanager
async def _connecting() -> AsyncIterator[AsyncRealtimeConnection]:
    yield await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    asyncio.run(draw(FOLDER))
