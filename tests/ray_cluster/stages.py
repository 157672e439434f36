"""What happens to the cluster, and what callers may notice of it: the table of `docs/ray.md`."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from dataclasses import dataclass

from tests.ray_cluster import callers
from tests.ray_cluster.callers import ANSWER, Outcomes
from tests.ray_cluster.cluster import HEARD, PARALLEL, Cluster, until
from tests.ray_cluster.machine import Replica

AWAY_S = 30.0
AT_ONCE = 24
UPDATED = "hello again"
LONG = ANSWER * 6
"""Sixteen seconds."""
SCALED = {
    "min_replicas": 1,
    "max_replicas": 3,
    "target_ongoing_requests": 1.4,
    "metrics_interval_s": 1,
    "look_back_period_s": 4,
    "upscale_delay_s": 1,
    "downscale_delay_s": 4,
}
"""The delays of the manifest, in less time."""


@dataclass(frozen=True, slots=True)
class Lab:
    """What stages have to do with."""

    cluster: Cluster
    gateway: str
    """Where clients of the gateway connect."""


async def first_audio(lab: Lab) -> Outcomes:
    """Nothing happens: how long first audio takes, by the cluster and within a gateway."""
    outcomes = Outcomes()
    async with callers.gateway("") as within:
        for name, url in (("in the gateway", within), ("on the cluster", lab.gateway)):
            async with callers.session(url) as wire:
                took = [await callers.first_audio_ms(wire) for _ in range(12)]
            median = statistics.median(took)
            outcomes.note("ways measured", f"{name}: {median:.1f} ms, at best {min(took):.1f} ms")
    return outcomes


async def overloaded(lab: Lab) -> Outcomes:
    """More calls come than there are places."""
    outcomes = Outcomes()
    await lab.cluster.idle("tts")
    async with callers.sdk(lab.cluster.base) as sdk:
        calls = [callers.speak(sdk, ANSWER) for _ in range(AT_ONCE)]
        for outcome in await asyncio.gather(*calls):
            outcomes.note(outcome)
        assert await callers.speak(sdk, "Then.") == "whole", "it does not recover"
    whole, refused = outcomes.counts["whole"], outcomes.counts["503 retry after 1 s"]
    assert whole + refused == AT_ONCE, f"neither answered nor refused: {outcomes}"
    places = 2 * (PARALLEL + 1)
    assert 2 * PARALLEL <= whole <= places, f"{places} places, but {whole} answers"
    return outcomes


async def voice_killed(lab: Lab) -> Outcomes:
    """A replica is killed while it speaks, to the SDK and to a gateway."""
    outcomes = Outcomes()
    begun = asyncio.Event()
    # Until the balancer has noticed, it answers 502, and the SDK asks again as it does by itself.
    async with callers.sdk(lab.cluster.base, retries=2) as sdk:
        call = asyncio.create_task(callers.speak(sdk, LONG, begun))
        await begun.wait()
        killed = await lab.cluster.busy("tts")
        _kill(killed)
        outcomes.note(await call)
        outcomes.note(await callers.speak(sdk, ANSWER))
    assert outcomes.counts == {"cut": 1, "whole": 1}, f"{outcomes}"
    await _replaced(lab, killed)
    async with callers.session(lab.gateway) as wire:
        await wire.say("hi")
        await wire.until("response.output_audio.delta")
        killed = await lab.cluster.busy("tts")
        _kill(killed)
        status = (await wire.until("response.done"))["response"]["status"]
        outcomes.note(f"answers {status}")
        assert status == "failed", "half an answer passes for a whole one"
        status, why = await callers.answered(wire)
        outcomes.note(f"answers {status} after that", why)
        assert status == "completed", f"the session does not go on: {why}"
    await _replaced(lab, killed)
    return outcomes


async def recogniser_killed(lab: Lab) -> Outcomes:
    """A replica is killed while it listens."""
    outcomes = Outcomes()
    async with callers.session(lab.gateway) as wire:
        turn = asyncio.create_task(callers.heard(wire))
        killed = await lab.cluster.busy("stt")
        _kill(killed)
        text = await turn
        outcomes.note("turns heard" if text == HEARD else "turns lost", str(text))
    assert outcomes.counts == {"turns heard": 1}, f"{outcomes}"
    await _replaced(lab, killed)
    return outcomes


async def updated(lab: Lab) -> Outcomes:
    """Recognisers are replaced by others, one after the other."""
    outcomes = Outcomes()
    texts: list[str] = []
    before = await lab.cluster.replicas("stt")
    async with callers.going_on(lab.gateway, outcomes, texts):
        await lab.cluster.deploy(texts={"stt": UPDATED})

        async def replaced() -> bool:
            there = {one.pid for one in await lab.cluster.replicas("stt")}
            return len(there) == 2 and not there & {one.pid for one in before}

        await until(replaced, "both recognisers replaced")
        seen = len(texts)

        async def two_more() -> bool:
            return len(texts) >= seen + 2

        await until(two_more, "turns after the update")
    assert set(outcomes.counts) == {"turns heard", "answers completed"}, f"{outcomes}"
    assert texts == sorted(texts, reverse=True) or texts[-1] == UPDATED, "no update"
    assert set(texts[-2:]) == {UPDATED}, texts
    return outcomes


async def machine_cut_off(lab: Lab) -> Outcomes:
    """A machine is off the network: nobody is told."""
    outcomes = Outcomes()
    async with callers.session(lab.gateway) as wire:
        await wire.say("hi")
        await wire.until("response.output_audio.delta")
        machine = (await lab.cluster.busy("tts")).machine
        machine.cut()
        status = (await wire.until("response.done"))["response"]["status"]
        outcomes.note(f"answers {status} at once")
        assert status == "failed", "half an answer passes for a whole one"
        good = 0
        while good < 5:
            status, why = await callers.answered(wire)
            text = await callers.heard(wire)
            outcomes.note(f"answers {status}", why)
            outcomes.note("turns heard" if text else "turns lost")
            good = good + 1 if status == "completed" and text else 0
            assert outcomes.counts["answers failed"] < 10, f"it is not avoided: {outcomes}"
    machine.mend()
    await lab.cluster.serves()
    return outcomes


async def head_lost(lab: Lab) -> Outcomes:
    """The head is lost with its disk, and comes back with nothing but the store."""
    outcomes = Outcomes()
    before = [await lab.cluster.replicas(kind) for kind in ("stt", "tts")]
    async with callers.going_on(lab.gateway, outcomes):
        await lab.cluster.head.lose()
        away = time.monotonic()
        # How long it is away is what the stage is about.
        await asyncio.sleep(AWAY_S)
        await lab.cluster.head.start()
        await lab.cluster.controlled()
        outcomes.note("heads", f"in command again {time.monotonic() - away:.0f} s after its loss")
    assert set(outcomes.counts) <= {"turns heard", "answers completed", "heads"}, f"{outcomes}"
    assert outcomes.counts["turns heard"] and outcomes.counts["answers completed"]
    after = [await lab.cluster.replicas(kind) for kind in ("stt", "tts")]
    assert _pids(before) == _pids(after), "replicas were lost with the head"
    return outcomes


async def scaled(lab: Lab) -> Outcomes:
    """Calls pile up, and go again: 1, 3, 1 voices."""
    outcomes = Outcomes()

    async def voices(count: int) -> None:
        async def there() -> bool:
            return len(await lab.cluster.replicas("tts")) == count

        await until(there, f"{count} voices")
        outcomes.note(f"times {count} voices")

    await lab.cluster.deploy(texts={"stt": UPDATED}, autoscaled=SCALED)
    await voices(1)
    over = asyncio.Event()
    async with callers.sdk(lab.cluster.base, retries=8) as sdk:

        async def call() -> None:
            while not over.is_set():
                outcomes.note(await callers.speak(sdk, ANSWER))

        async with asyncio.TaskGroup() as calling:
            for _ in range(5):
                calling.create_task(call())
            await voices(3)
            over.set()
        long = asyncio.create_task(callers.speak(sdk, LONG))
        await voices(1)
        outcomes.note(await long)
    refused = outcomes.counts["503 retry after 1 s"]
    known = {"whole", "503 retry after 1 s", "times 1 voices", "times 3 voices"}
    assert set(outcomes.counts) <= known, f"{outcomes}"
    assert outcomes.counts["whole"] > refused, f"{outcomes}"
    return outcomes


def _kill(replica: Replica) -> None:
    os.kill(replica.pid, signal.SIGKILL)


def _pids(kinds: list[list[Replica]]) -> set[int]:
    return {one.pid for replicas in kinds for one in replicas}


async def _replaced(lab: Lab, killed: Replica) -> None:
    """Wait until another replica is in the place of one that was killed."""

    async def there() -> bool:
        replicas = await lab.cluster.replicas(killed.kind)
        return len(replicas) == 2 and killed.pid not in {one.pid for one in replicas}

    await until(there, f"another {killed.kind} replica")
    await lab.cluster.serves()
