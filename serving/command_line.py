"""The server's command-line arguments, and its `--check`."""

from __future__ import annotations

import argparse
import asyncio

from config import PRODUCT_NAME, VERSION, ConfigError, Settings, profile_names
from own_processors import places
from serving.check_verdicts import Verdict, table
from serving.stack_check import check
from settings.arguments import PlainParser, whole_number
from settings.installation import Chosen, command, program_name
from settings.localisation import _


def _stack(text: str) -> tuple[str, str]:
    """Read `NAME=PROFILE`: `type` of an argument."""
    name, _separator, profile = text.partition("=")
    if not (name and profile):
        told = _("must be a name and a profile, such as {example}").format(example="fast=local")
        raise argparse.ArgumentTypeError(told + ", " + _("not {value}").format(value=repr(text)))
    return name, profile


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the arguments; None: those of the process."""
    parser = PlainParser(
        prog=program_name("main.py"),
        description=_("{product}: OpenAI's Realtime API, locally.").format(product=PRODUCT_NAME),
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"{PRODUCT_NAME} {VERSION}",
        help=_("show program's version number and exit"),
    )
    parser.add_argument("--config", metavar="FILE", help=_("TOML file with settings"))
    parser.add_argument("--host", help=_("address to bind (default 127.0.0.1)"))
    parser.add_argument("--port", type=whole_number, help=_("TCP port (default 8000)"))
    parser.add_argument(
        "--insecure", action="store_true", help=_("listen to other machines without API keys")
    )
    parser.add_argument(
        "--workers", type=whole_number, help=_("processes, about one per core (default 1)")
    )
    parser.add_argument(
        "--testing",
        action="store_true",
        help=_("play a script, which tests of clients set by HTTP (docs/testing.md)"),
    )
    parser.add_argument(
        "--virtual-clock",
        action="store_true",
        help=_("--testing, where speech takes no time, and everything is the same each time"),
    )
    parser.add_argument("--debug", action="store_true", help=_("log what every stage does"))
    parser.add_argument("--log-level", metavar="LEVEL", help=_("debug, info, warning or error"))
    parser.add_argument(
        "--log-json", action="store_true", help=_("write the log as one JSON object per line")
    )
    parser.add_argument(
        "--record",
        metavar="DIR",
        help=_("write every session into this folder: events, audio, times"),
    )
    parser.add_argument(
        "--record-redact",
        action="store_true",
        help=_("with --record: leave out words and audio"),
    )
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help=_("a ready-made stack: {names}").format(names=", ".join(profile_names())),
    )
    parser.add_argument(
        "--stack",
        action="append",
        default=[],
        type=_stack,
        metavar="NAME=PROFILE",
        help=_("a further stack, which clients choose by its name as the model; repeatable"),
    )
    parser.add_argument(
        "--install",
        action="store_true",
        help=_("first get what the stack needs: packages, and Ollama's model"),
    )
    parser.add_argument(
        "--yes", action="store_true", help=_("with --install: do not ask before that")
    )
    parser.add_argument(
        "--download",
        nargs="?",
        const="",
        metavar="PROFILE",
        help=_("fetch the models of the stack ahead, and end: for images and offline machines"),
    )
    parser.add_argument(
        "--check", action="store_true", help=_("try voice, recogniser and model once, and say how")
    )
    given = parser.parse_args(argv)
    if given.download is not None:
        if given.check:
            parser.error(_("--download and --check are two commands: give one of them."))
        if given.download and given.profile not in (None, given.download):
            parser.error(
                _("--profile and --download name two profiles: {names}. Give one of them.").format(
                    names=f"{given.profile}, {given.download}"
                )
            )
    return given


def chosen(given: argparse.Namespace, profile: str | None) -> Chosen:
    """Return with what the server is started, for a command that starts it likewise.

    Args:
        given: As `arguments` returned it.
        profile: The ready-made stack, which a variable may have named.
    """
    valued = [
        *((name, getattr(given, name)) for name in ("config", "host", "port", "workers")),
        ("log-level", given.log_level),
        ("record", given.record),
        *(("stack", "=".join(stack)) for stack in given.stack),
    ]
    words = [
        word for name, value in valued if value is not None for word in (f"--{name}", str(value))
    ]
    switches = {
        "insecure": given.insecure,
        "testing": given.testing,
        "virtual-clock": given.virtual_clock,
        "debug": given.debug,
        "log-json": given.log_json,
        "record-redact": given.record_redact,
        "check": given.check,
        # The profile that it may name is the chosen one.
        "download": given.download is not None,
    }
    words += [f"--{name}" for name, is_on in switches.items() if is_on]
    return Chosen(profile, tuple(words))


def about_sound() -> str:
    """Return what the check cannot try, and what helps there."""
    return _(
        "Not tried: microphone and loudspeaker. Where one hears the other (echo), the console and "
        "{talk} say so; headphones help, or echo cancellation."
    ).format(talk=command("push_to_talk_app.py"))


def run_check(settings: Settings) -> int:
    """Run the stack check, print its results and return the exit status.

    Raises:
        ProviderSetupError: A processor of one's own cannot be used. The stages are tried without
            them.
        ConfigError: A script would be tried.
    """
    if settings.server.testing:
        raise ConfigError(
            _(
                "With server.testing a script is played, and there is nothing to check: leave "
                "--testing (REALTIME_SERVER__TESTING) or --check off."
            )
        )
    verdicts = asyncio.run(_checked(settings))
    print(table(verdicts))
    if any(verdict.error for verdict in verdicts):
        return 1
    print("\n" + about_sound())
    return 0


async def _checked(settings: Settings) -> list[Verdict]:
    places.load(settings.processors).check()
    return await check(settings)
