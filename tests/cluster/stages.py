"""What is done to the cluster, one thing after the other, and what has to come of it.

Promises are counts and orders. How long a thing took is told, and nothing follows from it: that
depends on the machine, and on how often the balancer looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from tests.cluster.callers import SessionRefused, dial
from tests.cluster.gateway import OTHER_KEY, Gateway
from tests.cluster.lab import FAIR, OF_A_KEY, Lab, Stage
from tests.cluster.ledger import Opened, imbalance, shares


async def quiet(lab: Lab) -> None:
    """Nothing happens: calls are shared out, and nobody loses anything."""
    async with lab.stage("quiet") as stage:
        await lab.all_talk()
        first = lab.unfairness()
        stage.promised(first <= FAIR, f"the first calls are {first:.0%} off a fair share")
        opened = 3 * len(lab.ledger.talking)
        await lab.ledger.until(
            lambda: stage.counted().opened.total() >= opened, "every caller calls thrice"
        )
        later = imbalance(shares(stage.entries()), list(lab.gateways))
        stage.promised(later <= FAIR, f"later, calls are {later:.0%} off a fair share")
        stage.notes.append(f"balance: {first:.0%} off a fair share at first, {later:.0%} later")
        _nothing_lost(stage)


async def killed(lab: Lab) -> None:
    """A gateway crashes: its calls are lost, no others, and its callers talk at once elsewhere."""
    victim = lab.gateways["a"]
    async with lab.stage("one killed") as stage:
        await lab.all_talk()
        await _gone(lab, stage, victim, victim.kill)
    await victim.ended()
    await victim.start()
    await lab.balancer.sees(victim.name, "UP")
    await lab.talking_at(victim.name)


async def hung(lab: Lab) -> None:
    """A gateway hangs, its connections open: the balancer ends them, and sends nobody there."""
    victim = lab.gateways["b"]
    async with lab.stage("one hung") as stage:
        await lab.all_talk()
        await _gone(lab, stage, victim, victim.hang)
        victim.go_on()
        await lab.balancer.sees(victim.name, "UP")
        await victim.has(lambda: lab.ledger.held()[victim.name])
    await lab.talking_at(victim.name)


async def cut_off(lab: Lab) -> None:
    """A gateway's link is down: the same; and it forgets whom it has lost."""
    victim = lab.gateways["c"]
    async with lab.stage("one cut off") as stage:
        await lab.all_talk()
        await _gone(lab, stage, victim, lambda: lab.network.cut(victim.name))
        lab.network.mend(victim.name)
        await lab.balancer.sees(victim.name, "UP")
        await victim.has(lambda: lab.ledger.held()[victim.name])
    await lab.talking_at(victim.name)


async def rolled(lab: Lab) -> None:
    """All gateways are replaced, one after the other, with `server.drain_s`: nothing is lost."""
    async with lab.stage("all rolled") as stage:
        await lab.all_talk()
        for gateway in lab.gateways.values():
            gateway.stop()
            while await gateway.answers("/readyz"):
                pass
            told = asyncio.get_running_loop().time()
            status = await gateway.ended()
            stage.promised(status == 0, f"{gateway.name} ended with exit status {status}")
            late = [
                entry
                for entry in stage.entries()
                if isinstance(entry, Opened)
                if entry.gateway == gateway.name and entry.asked > told
            ]
            stage.promised(not late, f"{gateway.name} took {len(late)} calls as it drained")
            await gateway.start()
            await lab.balancer.sees(gateway.name, "UP")
        await lab.fair()
        stage.notes.append(f"balance after it: {lab.unfairness():.0%} off a fair share")
        _nothing_lost(stage)


async def store_lost(lab: Lab) -> None:
    """The store is gone: nobody is kept out for it; and when it is back, a key's limit holds."""
    store = lab.store
    assert store is not None, "the gateways share no store"
    url = lab.balancer.url
    async with lab.stage("store lost") as stage, AsyncExitStack() as stack:

        async def takes() -> str | None:
            """Open a session that stays; return why there is none."""
            try:
                socket, _session = await dial(url, OTHER_KEY)
            except SessionRefused as refused:
                return str(refused)
            stack.push_async_callback(socket.close)
            return None

        await lab.all_talk()
        # One that was cut off before counts alone until it has found the store again.
        await _all(lab, "realtime_store_reachable", 1)
        refused = [why for why in [await takes() for _ in range(OF_A_KEY)] if why]
        stage.promised(not refused, f"a key gets fewer than its {OF_A_KEY} sessions: {refused[:3]}")
        why = await takes()
        stage.promised(why == "rate_limit_exceeded", f"one more than a key may have: {why}")
        await store.end()
        await _all(lab, "realtime_store_reachable", 0)
        refused = [why for why in [await takes() for _ in lab.gateways] if why]
        stage.promised(not refused, f"without the store: {refused[:3]}")
        await store.start()
        await _all(lab, "realtime_store_reachable", 1)
        # Each process tells of its sessions as it finds the store again, and none slips in then.
        why = await takes()
        stage.promised(why == "rate_limit_exceeded", f"one more, with the store back: {why}")
        _nothing_lost(stage)


async def _all(lab: Lab, metric: str, value: float) -> None:
    await asyncio.gather(*(gateway.tells(metric, value) for gateway in lab.gateways.values()))


async def _gone(lab: Lab, stage: Stage, victim: Gateway, fault: Callable[[], None]) -> None:
    """Take a gateway away, and see that its callers get on."""
    there = lab.ledger.callers_of(victim.name)
    stage.promised(len(there) > 0, f"nobody talks at {victim.name}")
    fault()
    await lab.back_elsewhere(victim.name, there)
    await lab.all_talk()
    lost = stage.counted().lost
    others = lost.total() - lost[victim.name]
    stage.promised(others == 0, f"calls of other gateways are lost: {dict(lost)}")
    most = len(there)
    stage.promised(lost[victim.name] <= most, f"more than its {most} calls are lost: {dict(lost)}")
    counts = stage.counted()
    stage.promised(
        counts.resumed == counts.kept, f"{counts.resumed} of {counts.kept} conversations went on"
    )


def _nothing_lost(stage: Stage) -> None:
    counts = stage.counted()
    stage.promised(not counts.lost, f"calls are lost: {dict(counts.lost)}")
    stage.promised(not counts.lost_answers, f"{counts.lost_answers} answers are lost")
    stage.promised(not counts.refused, f"callers are refused: {dict(counts.refused)}")
