"""Checks a running Realtime server from end to end, as any client would meet it.

    python test_client.py                        the server on this machine
    python test_client.py --url wss://HOST/v1/realtime --api-key KEY
    python test_client.py --wav FILE --save FILE a recording of yours, and the reply as WAV
    python test_client.py -i                     chat in the terminal instead

It holds two turns through the official `openai` SDK, one typed and one spoken in real time, prints
what happened when, and says PASS or FAIL of each of these:

- every event has the form that the SDK knows, and none is an error;
- the events of the turn and of its response come complete and in the order of the protocol;
- deltas add up to the transcript, of the answer and of what was heard;
- what was said is what was heard, but for a word or so (not of recordings: nobody knows what is
  said there);
- audio comes, in whole samples; how long the first of it took is printed;
- there is exactly one `response.done`, and nothing of the response after it.

A server that is starting is waited for. The spoken turn says a sentence of the voice built into the
server, or a recording. The exit status is 0 if all checks passed, 1 if some failed, 2 if nothing
could be checked (no server, no such file, a wrong argument), 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from settings.installation import missing_library, program_name
from settings.localisation import _, system_reason

try:
    from audio.pcm import duration_ms, write_wav
    from clients.checked_turns import open_session, spoken_turn, typed_turn
    from clients.recorded_turn import Turn
    from clients.sdk import DEFAULT_MODEL, LOCAL_URL, ClientError, connected
    from clients.speech_sample import SPOKEN_TEXT, speech
    from clients.text_chat import chat
    from clients.verdicts import (
        Check,
        check_all,
        check_answer,
        check_session,
        check_spoken,
        check_typed,
        report,
    )
    from settings.arguments import PlainParser, seconds
except ModuleNotFoundError as missing:
    raise SystemExit(missing_library(missing.name)) from None

STARTING_S = 60.0
"""How long a server may be starting, unless `--timeout` is longer."""
DEFAULT_TEXT = "Say exactly: the quick brown fox jumps over the lazy dog"


async def check(args: argparse.Namespace) -> int:
    """Hold both turns and print the verdicts.

    Returns:
        The number of failed checks.
    """
    no_speech, pcm, reply = "", b"", b""
    said = SPOKEN_TEXT if args.wav is None else None
    try:
        pcm = await speech(args.wav)
    except ClientError as error:
        if args.wav is not None:
            raise
        no_speech = str(error)
    async with connected(args.url, args.api_key, args.model, patience_s(args)) as connection:
        turn = await open_session(connection, args.timeout)
        failed = report([*check_session(turn)])
        if not turn.stopped:
            turn = await typed_turn(connection, args.text, args.timeout)
            failed += report([*check_typed(turn), *check_answer(turn), *check_all(turn)])
            tell_latency("response.create", 0.0, turn)
            reply = turn.audio()
        if no_speech:
            print("\n" + _("Spoken turn"))
            failed += report([Check(_("the spoken turn is held"), False, no_speech)])
        elif not turn.stopped:
            turn = await spoken_turn(connection, pcm, args.timeout)
            failed += report([*check_spoken(turn, said), *check_answer(turn), *check_all(turn)])
            tell_latency(_("end of speech"), turn.speech_ended, turn)
            reply = turn.audio() or reply
    if args.save and reply:
        save(args.save, reply)
    verdict = _("{n} checks failed.") if failed else _("All checks passed.")
    print("\n" + verdict.format(n=len(failed)))
    return len(failed)


def patience_s(args: argparse.Namespace) -> float:
    """Return how long to wait for a server that is starting, in seconds."""
    return max(STARTING_S, float(args.timeout))


def tell_latency(since: str, start_ms: float | None, turn: Turn) -> None:
    """Print how long the first audio took."""
    first = turn.first_ms("response.output_audio.delta")
    if first is not None and start_ms is not None:
        told = _("{ms:.0f} ms from {since} to the first audio")
        print("  " + told.format(ms=first - start_ms, since=since))


def save(path: str, pcm: bytes) -> None:
    """Write the reply as WAV."""
    try:
        write_wav(path, pcm)
    except OSError as error:
        told = _("--save {path} cannot be written: {reason}.")
        raise ClientError(told.format(path=path, reason=system_reason(error))) from error
    told = _("Reply saved as {path} ({ms:.0f} ms).")
    print("\n" + told.format(path=path, ms=duration_ms(pcm)))


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = PlainParser(
        prog=program_name("test_client.py"),
        description=_("Check a running Realtime server with a typed and a spoken turn."),
        epilog=_("Exit status: 0 all checks passed, 1 some failed, 2 nothing could be checked."),
    )
    parser.add_argument("--url", default=LOCAL_URL, help=_("address (default: %(default)s)"))
    parser.add_argument(
        "--api-key",
        default=os.environ.get("OPENAI_API_KEY") or "none",
        help=_("API key (default: $OPENAI_API_KEY, else 'none')"),
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help=_("model (default: %(default)s)"))
    parser.add_argument("--text", default=DEFAULT_TEXT, help=_("what the typed turn says"))
    parser.add_argument(
        "--wav", metavar="FILE", help=_("what the spoken turn says (default: the embedded voice)")
    )
    parser.add_argument("--save", metavar="FILE", help=_("save the last reply as a WAV file"))
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=30.0,
        metavar="S",
        help=_("seconds for a turn (default: 30)"),
    )
    parser.add_argument("-i", "--interactive", action="store_true", help=_("chat in the terminal"))
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    args = parse_arguments(argv)
    try:
        if args.interactive:
            asyncio.run(chat(args.url, args.api_key, args.model, patience_s(args)))
            return 0
        return 1 if asyncio.run(check(args)) else 0
    except ClientError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
