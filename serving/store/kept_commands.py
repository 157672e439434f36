"""Conversations as the store keeps them: who has one, until when it lives, and what it is.

A conversation is a hash: the session that has it, by when that session is dead unless it shows life
again, and its sealed state. Only who has it writes it, and it is taken over only from a session
that is over or dead. The store's own clock counts.

Who wants one that another session has asks for it here; that session, which looks with every write
and sign of life, notes here that its client is still there, or ends.
"""

from __future__ import annotations

from typing import NamedTuple

from serving.store.connection import Command

ALIVE_MS = 6_000
"""Milliseconds after which a session that shows no life is dead."""
NO_STATE = b""
"""The state of a session that has just begun."""
ANOTHERS = 0
"""The answer to who writes a conversation, or shows life, when another session has it, or none."""
KNOWN = 1
"""That answer when the session has it, and nobody asks for it."""
ASKED_FOR = 2
"""That answer when somebody asks for the conversation, and has to know whether its client lives."""


class Held(NamedTuple):
    """A conversation that a session has which shows life."""

    now: int
    """The store's time, in milliseconds."""
    proved: int
    """When that session's client was last known to be there; 0: nobody has asked."""
    owner: bytes
    """That session."""


_CLOCK = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local owner = redis.call('HGET', KEYS[1], 'owner')
"""
_CLAIM = f"""{_CLOCK}
local dies = tonumber(redis.call('HGET', KEYS[1], 'dies') or 0)
if owner and owner ~= ARGV[1] and dies > now then
  if ARGV[4] ~= owner then
    redis.call('HSET', KEYS[1], 'asked', now)
  end
  return {{now, tonumber(redis.call('HGET', KEYS[1], 'proved') or 0), owner}}
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'dies', now + ARGV[2], 'asked', 0, 'proved', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('HGET', KEYS[1], 'state') or ''
"""
_KNOWN = f"""
local asked = tonumber(redis.call('HGET', KEYS[1], 'asked') or 0)
if asked > tonumber(redis.call('HGET', KEYS[1], 'proved') or 0) then
  return {ASKED_FOR}
end
return {KNOWN}
"""
_SAVE = f"""{_CLOCK}
if owner and owner ~= ARGV[1] then
  return {ANOTHERS}
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'dies', now + ARGV[2], 'state', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
{_KNOWN}"""
_LIVE = f"""{_CLOCK}
if owner ~= ARGV[1] then
  return {ANOTHERS}
end
redis.call('HSET', KEYS[1], 'dies', now + ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
{_KNOWN}"""
_PROVE = f"""{_CLOCK}
if owner == ARGV[1] then
  redis.call('HSET', KEYS[1], 'proved', now)
end
return 1
"""
_FORGET = """
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
"""


_LET_GO = """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then
  return 1
end
if redis.call('HGET', KEYS[1], 'state') then
  redis.call('HSET', KEYS[1], 'dies', 0)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
else
  redis.call('DEL', KEYS[1])
end
return 1
"""


def key_of(name: str) -> str:
    """Return the key of a conversation."""
    return f"realtime:kept:{name}"


def claim(name: str, owner: str, kept_ms: int, asked: bytes = b"") -> Command:
    """Take a conversation over, or ask the session that has it.

    Its answer is the state; or, where another session has it and lives, a `Held`.

    Args:
        name: The conversation's.
        owner: The session that wants it.
        kept_ms: Milliseconds for which it outlives its session.
        asked: The session that it has asked already (`Held.owner`).
    """
    return ("EVAL", _CLAIM, 1, key_of(name), owner, ALIVE_MS, _life(kept_ms), asked)


def held(answer: object) -> Held | None:
    """Return what the answer to `claim` says of the session that has it; None: it is taken."""
    return Held(*answer) if isinstance(answer, list) else None


def save(name: str, owner: str, kept_ms: int, state: bytes) -> Command:
    """Write a conversation; its answer is `ANOTHERS`, `KNOWN` or `ASKED_FOR`."""
    return ("EVAL", _SAVE, 1, key_of(name), owner, ALIVE_MS, _life(kept_ms), state)


def save_last(name: str, owner: str, kept_ms: int, state: bytes) -> Command:
    """Write a conversation whose session is over: the next may have it at once."""
    return ("EVAL", _SAVE, 1, key_of(name), owner, 0, _life(kept_ms), state)


def live(name: str, owner: str, kept_ms: int) -> Command:
    """Show life; its answer is as that to `save`."""
    return ("EVAL", _LIVE, 1, key_of(name), owner, ALIVE_MS, _life(kept_ms))


def prove(name: str, owner: str) -> Command:
    """Note that a session's client is there, for whoever asks for its conversation."""
    return ("EVAL", _PROVE, 1, key_of(name), owner)


def let_go(name: str, owner: str, kept_ms: int) -> Command:
    """Give up a conversation that may have been taken: the next may have it as it was."""
    return ("EVAL", _LET_GO, 1, key_of(name), owner, _life(kept_ms))


def forget(name: str, owner: str) -> Command:
    """Forget a conversation that nobody will resume."""
    return ("EVAL", _FORGET, 1, key_of(name), owner)


def _life(kept_ms: int) -> int:
    return max(kept_ms, ALIVE_MS)
