"""What a client does: it talks for a while, and comes back when its server has gone.

Conversations are those of `Talk`, and end at the latest with the session's time limit. A client
that was cut off, or found no place, tries again as the `openai` SDK does, and then gives up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from benchmarks.fleet import figures as known

LIMIT_S = known.SESSION_LIMIT.value * 60


@dataclass(frozen=True, slots=True)
class Talk:
    """How long conversations last: exponentially distributed, or with a long tail."""

    mean_s: float
    """Seconds, on average, of those that no limit ends."""
    tail: float = 0.0
    """Sigma of a log-normal distribution; 0: exponential. 1.35: half last 40 % of the average."""

    def draw(self, chance: Random) -> float:
        """Return how long one lasts, in seconds."""
        if not self.tail:
            return min(LIMIT_S, chance.expovariate(1 / self.mean_s))
        middle = math.log(self.mean_s) - self.tail**2 / 2
        return min(LIMIT_S, chance.lognormvariate(middle, self.tail))

    def left(self, count: int, chance: Random) -> list[float]:
        """Return for how long those that run at some moment still go on, in seconds.

        Long ones are likelier to be running: they are drawn by their length, in their middle.
        """
        found: list[float] = []
        while len(found) < count:
            length = self.draw(chance)
            if chance.random() * LIMIT_S < length:
                found.append(length * chance.random())
        return found


USUAL = Talk(known.CONVERSATION.value * 60)


def delay_before(attempt: int, chance: Random) -> float | None:
    """Return the seconds until a client tries again.

    Args:
        attempt: 1 for the first since it was in.
        chance: Where chance comes from.

    Returns:
        None when it has given up.
    """
    if attempt > known.RECONNECT_TRIES.value:
        return None
    base = min(known.RECONNECT_FIRST.value * 2.0 ** (attempt - 1), known.RECONNECT_MOST.value)
    return base * (0.75 + 0.25 * chance.random())
