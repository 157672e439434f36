"""Conversations as the store keeps them: who has one, until when it lives, and what it is.

A conversation is a hash: the session that has it, by when that session is dead unless it shows life
again, and its sealed state. Only who has it writes it, and it is taken over only from a session
that is over or dead. The store's own clock counts.
"""

from __future__ import annotations

from serving.store.connection import Command

ALIVE_MS = 6_000
"""Milliseconds after which a session that shows no life is dead."""
NO_STATE = b""
"""The state of a session that has just begun."""

_CLOCK = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local owner = redis.call('HGET', KEYS[1], 'owner')
"""
_CLAIM = f"""{_CLOCK}
local dies = tonumber(redis.call('HGET', KEYS[1], 'dies') or 0)
if owner and owner ~= ARGV[1] and dies > now then
  return dies
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'dies', now + ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('HGET', KEYS[1], 'state') or ''
"""
_SAVE = f"""{_CLOCK}
if owner and owner ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'dies', now + ARGV[2], 'state', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
_LIVE = f"""{_CLOCK}
if owner ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'dies', now + ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
_FORGET = """
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
"""


def key_of(name: str) -> str:
    """Return the key of a conversation."""
    return f"realtime:kept:{name}"


def claim(name: str, owner: str, kept_ms: int) -> Command:
    """Take a conversation over; its answer is the state, or the time at which its session dies.

    Args:
        name: The conversation's.
        owner: The session that wants it.
        kept_ms: Milliseconds for which it outlives its session.
    """
    return ("EVAL", _CLAIM, 1, key_of(name), owner, ALIVE_MS, _life(kept_ms))


def save(name: str, owner: str, kept_ms: int, state: bytes) -> Command:
    """Write a conversation; its answer is 0 where another session has it."""
    return ("EVAL", _SAVE, 1, key_of(name), owner, ALIVE_MS, _life(kept_ms), state)


def save_last(name: str, owner: str, kept_ms: int, state: bytes) -> Command:
    """Write a conversation whose session is over: the next may have it at once."""
    return ("EVAL", _SAVE, 1, key_of(name), owner, 0, _life(kept_ms), state)


def live(name: str, owner: str, kept_ms: int) -> Command:
    """Show life; its answer is 0 where the store does not know the session."""
    return ("EVAL", _LIVE, 1, key_of(name), owner, ALIVE_MS, _life(kept_ms))


def forget(name: str, owner: str) -> Command:
    """Forget a conversation that nobody will resume."""
    return ("EVAL", _FORGET, 1, key_of(name), owner)


def _life(kept_ms: int) -> int:
    return max(kept_ms, ALIVE_MS)
