"""Leases as the store keeps them: which commands make, prolong and end one.

A lease is one session of a key's holder, somewhere. Each holder has a sorted set: the leases, by
the time at which they die unless they are prolonged. The store's own clock counts, so that servers
may disagree about the time, and a script is one step, so that two of them cannot take the last
place at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from serving.store.connection import Command

LIFE_MS = 12_000
"""Milliseconds after which a lease that nobody prolongs is dead: its server is gone.

For so long a client waits whose key is at its limit; and for so long a server may be held up before
others take its sessions for gone, and let in as many until it is back."""

_NOW = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
"""
_TAKE = f"""{_NOW}
local count = redis.call('ZCARD', KEYS[1])
if count >= tonumber(ARGV[2]) and not redis.call('ZSCORE', KEYS[1], ARGV[3]) then
  return count
end
redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return -1
"""
_PROLONG = f"""{_NOW}
for index = 2, #ARGV do
  redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[index])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('ZCARD', KEYS[1])
"""
TAKEN = -1
"""The answer to `take` when the lease is taken; another one is the number that there are."""


def key_of(holder: str) -> str:
    """Return the key of a holder's leases."""
    return f"realtime:leases:{holder}"


def take(holder: str, lease: str, limit: int) -> Command:
    """Take a lease, unless the holder has `limit` already; its answer is `TAKEN`, or how many."""
    return ("EVAL", _TAKE, 1, key_of(holder), LIFE_MS, limit, lease)


def prolong(holder: str, leases: Sequence[str]) -> Command:
    """Prolong leases, and make those again that the store has lost, whatever the limit."""
    return ("EVAL", _PROLONG, 1, key_of(holder), LIFE_MS, *leases)


def end(holder: str, leases: Sequence[str]) -> Command:
    """End leases."""
    return ("ZREM", key_of(holder), *leases)
