"""What a test sees of the server: where it is, what it is to do, and what came to it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

from open_realtime_pytest.events import Event, Events, Sender

Times = int | Literal["always"]
When = str | re.Pattern[str] | None
Stage = Literal["stt", "llm", "tts"]
PATIENCE_S = 60.0
"""Seconds within which the server answers."""
LONGEST_WAIT_S = 60.0
"""Seconds for which it waits for events, when it is asked to."""
_FLAGS = {re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s", re.VERBOSE: "x", re.ASCII: "a"}


class ScriptError(ValueError):
    """A rule that cannot be used; the message names its place."""


class SessionSeen:
    """One session, as it was when it was asked for."""

    def __init__(self, server: RealtimeServer, told: dict[str, Any]) -> None:
        self._server = server
        self.id: str = told["id"]
        self.model: str = told["model"]
        self.ended: str | None = told["ended"]
        """Why it is over; None: it is open."""
        self.items: list[dict[str, Any]] = told["items"]
        """What is in the conversation, in its order."""
        self.conversation: str = told["conversation"]
        """Who said what, a line for each: `user: hello`."""
        self.settings: dict[str, Any] = told["session"]
        """The session as `session.created` and `session.updated` describe it."""

    @property
    def events(self) -> Events:
        """All events, of both sides."""
        return self._server._events(session=self.id)

    @property
    def heard_audio(self) -> bytes:
        """What the client appended, in the session's input format: usually 24 kHz PCM."""
        return self._server._bytes(f"/testing/sessions/{quote(self.id)}/heard")

    @property
    def spoken_audio(self) -> bytes:
        """What the server played, in the session's output format."""
        return self._server._bytes(f"/testing/sessions/{quote(self.id)}/spoken")

    def __repr__(self) -> str:
        return f"<session {self.id}, {len(self.items)} items>"


class RealtimeServer:
    """A Realtime server that does what a test says.

    A rule counts for one turn, or for as many as `times` says; "always": for all. Of several that
    could count, those with a number come first, and then the one that was said first. `when` is
    what the user has to say for it: words, of which case does not matter, or a regular expression.
    """

    def __init__(self, port: int, api_key: str) -> None:
        """See a server.

        Args:
            port: Its port at this machine.
            api_key: The key that it wants.
        """
        self.http_url = f"http://127.0.0.1:{port}"
        self.base_url = f"{self.http_url}/v1"
        """For OpenAI's SDKs."""
        self.ws_url = f"ws://127.0.0.1:{port}/v1/realtime"
        self.api_key = api_key
        # Not by a proxy of the environment, which could not reach this machine.
        self._opener = build_opener(ProxyHandler({}))

    # --- the script ---------------------------------------------------------------------------

    def answers(
        self, text: str, *, when: When = None, times: Times = 1, delay_ms: float = 0
    ) -> None:
        """Let the model say a text."""
        self._rule(answers=text, when=when, times=times, delay_ms=delay_ms)

    def calls(
        self,
        function: str,
        /,
        *,
        says: str = "",
        when: When = None,
        times: Times = 1,
        delay_ms: float = 0,
        **arguments: Any,
    ) -> None:
        """Let the model call a function, with `arguments`; the client has to offer it.

        For arguments that are called like one of these parameters there is `calls_several`.
        """
        call = {"name": function, "arguments": arguments}
        self._rule(calls=[call], says=says, when=when, times=times, delay_ms=delay_ms)

    def calls_several(
        self,
        calls: Sequence[tuple[str, Mapping[str, Any] | str]],
        *,
        says: str = "",
        when: When = None,
        times: Times = 1,
        delay_ms: float = 0,
    ) -> None:
        """Let the model make several calls in one response.

        Args:
            calls: Name and arguments of each: an object, or a text as the model writes it.
            says: What it says before.
            when: See the class.
            times: See the class.
            delay_ms: Milliseconds before it begins.
        """
        __tracebackhide__ = True
        made: list[dict[str, Any]] = []
        if isinstance(calls, str | bytes) or not isinstance(calls, Iterable):
            raise ScriptError('calls: must be a list of names with arguments: [("f", {"a": 1})]')
        for at, call in enumerate(calls):
            if not isinstance(call, list | tuple) or len(call) != 2:
                raise ScriptError(f'calls[{at}]: must be a name and arguments: ("f", {{"a": 1}})')
            made.append({"name": call[0], "arguments": call[1]})
        self._rule(calls=made, says=says, when=when, times=times, delay_ms=delay_ms)

    def fails(
        self,
        code: str,
        *,
        stage: Stage = "llm",
        message: str | None = None,
        says: str = "",
        when: When = None,
        times: Times = 1,
        delay_ms: float = 0,
    ) -> None:
        """Let the model fail with one of OpenAI's codes, or the recogniser, or the voice.

        Args:
            code: Such as `rate_limit_exceeded`.
            stage: `stt` is the recogniser, `tts` the voice; `when` is then about what it speaks.
            message: What the client is told.
            says: What the model says before.
            when: See the class.
            times: See the class.
            delay_ms: Milliseconds before the model begins.
        """
        told: dict[str, Any] = {"message": message} if message is not None else {}
        told |= {"says": says} if says else {}
        self._rule(fails=code, stage=stage, when=when, times=times, delay_ms=delay_ms, **told)

    def stalls(
        self,
        after_words: int = 3,
        *,
        text: str | None = None,
        when: When = None,
        times: Times = 1,
        delay_ms: float = 0,
    ) -> None:
        """Let the model stop within an answer, and never go on.

        Args:
            after_words: After how many words.
            text: The answer; None: some words. It is a rule of its own, beside those of `answers`.
            when: See the class.
            times: See the class.
            delay_ms: Milliseconds before it begins.
        """
        told = {"answers": text} if text is not None else {}
        self._rule(stalls=after_words, when=when, times=times, delay_ms=delay_ms, **told)

    def hears(self, text: str, *, times: Times = 1, delay_ms: float = 0) -> None:
        """Let the recogniser understand the next spoken turn as a text."""
        self._rule(hears=text, times=times, delay_ms=delay_ms)

    def drops(self, after: int | str, *, times: Times = 1) -> None:
        """Let the connection be lost, without a close frame.

        Args:
            after: Behind which event that the server sends from now on: the how-manieth in a
                session, or the first of a type.
            times: In how many sessions.
        """
        self._rule(drops=after, times=times)

    def expires(self, after: int | str = 1, *, times: Times = 1) -> None:
        """Let the session's time be up; the arguments are those of `drops`."""
        self._rule(expires=after, times=times)

    def delays(
        self,
        *,
        stt_ms: float | None = None,
        llm_ms: float | None = None,
        word_ms: float | None = None,
        tts_ms: float | None = None,
    ) -> None:
        """Let the stages take their time.

        Args:
            stt_ms: From the end of a turn to its transcript.
            llm_ms: To the first word of an answer.
            word_ms: Between two words.
            tts_ms: From a clause to its audio.
        """
        said = {"stt_ms": stt_ms, "llm_ms": llm_ms, "word_ms": word_ms, "tts_ms": tts_ms}
        self.script({"delays": {name: ms for name, ms in said.items() if ms is not None}})

    def script(self, rules: list[dict[str, Any]] | dict[str, Any]) -> None:
        """Add rules as `POST /testing/script` takes them.

        Raises:
            ScriptError: One of them cannot be used; it names the place.
        """
        __tracebackhide__ = True
        _check_json(rules)
        try:
            self._ask("/testing/script", rules)
        except HTTPError as refused:
            with refused:
                body = json.load(refused)
            raise ScriptError(body["error"]["message"]) from None

    @property
    def unused(self) -> list[dict[str, Any]]:
        """The rules that have not counted yet."""
        rules: list[dict[str, Any]] = self._ask("/testing/script")["rules"]
        return [rule for rule in rules if not rule["taken"]]

    # --- what came ----------------------------------------------------------------------------

    @property
    def events(self) -> Events:
        """All events of all sessions, of both sides."""
        return self._events()

    @property
    def sessions(self) -> list[SessionSeen]:
        """All sessions, the first one first."""
        return [SessionSeen(self, told) for told in self._ask("/testing/sessions")["sessions"]]

    @property
    def heard_audio(self) -> bytes:
        """What the client of the newest session appended."""
        sessions = self.sessions
        return sessions[-1].heard_audio if sessions else b""

    def wait_for(
        self,
        type_: str,
        *,
        sender: Sender | None = None,
        count: int = 1,
        timeout_s: float = 10,
    ) -> Event:
        """Wait until an event has passed: a client that sends does not know when it has come.

        Args:
            type_: Its type.
            sender: Who sends it; None: anybody.
            count: The how-manieth it is.
            timeout_s: Seconds.

        Returns:
            The event.

        Raises:
            AssertionError: It has not come in time; it says what there was.
            ValueError: There is no such event.
        """
        __tracebackhide__ = True
        asked = {"type": type_, "count": count} | ({"from": sender} if sender else {})
        deadline = time.monotonic() + timeout_s
        found = self._events(**asked, wait_s=min(max(timeout_s, 0.0), LONGEST_WAIT_S))
        while len(found) < count and (left_s := deadline - time.monotonic()) > 0:
            found = self._events(**asked, wait_s=min(left_s, LONGEST_WAIT_S))
        if len(found) < count:
            told = f"{len(found)} of {count} events '{type_}' within {timeout_s:g} s"
            raise AssertionError(f"{told}:\n{self.events.listing()}")
        return found[count - 1]

    def reset(self) -> None:
        """End all sessions, and forget the script and what came: the end of a test does."""
        self._ask("/testing/reset", {})

    # --- by HTTP ------------------------------------------------------------------------------

    def _rule(self, *, when: When = None, **rule: Any) -> None:
        __tracebackhide__ = True
        # What is nothing is left out: not every rule has it.
        said = {name: value for name, value in rule.items() if not _is_usual(name, value)}
        if isinstance(when, re.Pattern) and isinstance(when.pattern, str):
            flags = "".join(letter for flag, letter in _FLAGS.items() if when.flags & flag)
            said["when"] = {"regex": f"(?{flags}){when.pattern}" if flags else when.pattern}
        elif isinstance(when, str):
            said["when"] = when
        elif when is not None:
            raise ScriptError("when: must be words, or a regular expression of re.compile")
        self.script([said])

    def _events(self, **asked: Any) -> Events:
        query = urlencode(asked)
        try:
            told = self._ask(f"/testing/events{'?' if query else ''}{query}")["events"]
        except HTTPError as refused:
            with refused:
                raise ValueError(json.load(refused)["error"]["message"]) from None
        seen = (Event(one["event"], one["from"], one["session"], one["t_ms"]) for one in told)
        return Events(seen, self._exists)

    def _exists(self, type_: str) -> None:
        """Refuse a type of events that the server does not know either; raises `ValueError`."""
        self._events(type=type_, session="none")

    def _ask(self, path: str, body: Any = None) -> Any:
        return json.loads(self._bytes(path, body))

    def _bytes(self, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        request = Request(f"{self.http_url}{path}", data, headers)
        with self._opener.open(request, timeout=PATIENCE_S + 10) as answer:
            read: bytes = answer.read()
        return read


def _check_json(rules: list[dict[str, Any]] | dict[str, Any]) -> None:
    """Check that rules can be written as JSON; raises `ScriptError`."""
    __tracebackhide__ = True
    parts = enumerate(rules) if isinstance(rules, list) else [(None, rules)]
    for at, part in parts:
        place = "script" if at is None else f"script[{at}]"
        try:
            json.dumps(part, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ScriptError(f"{place}: cannot be written as JSON: {error}") from None


def _is_usual(name: str, value: Any) -> bool:
    return (name, value) in (("says", ""), ("delay_ms", 0), ("times", 1))
