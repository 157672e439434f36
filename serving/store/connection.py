"""The way to the store: commands there, answers back, each within a second.

`redis` is imported only where a store is configured. Only what all servers of Redis' protocol have
is used: RESP2, no library's name, no notifications of any vendor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from config import ConfigError
from settings.installation import install_extra
from settings.localisation import _, system_reason
from settings.store_url import place_of_store, tls_files

PATIENCE_S = 1.0
"""Seconds that a store may take, its connection included: sessions wait for it to begin."""
CONNECTIONS = 8
"""Most connections of a process; whoever finds none free waits for one."""

_CERTIFICATE, _KEY = b"CERTIFICATE-----", b"PRIVATE KEY-----"
"""What stands in front of a certificate and of a private key in a file; OpenSSL's own words for one
that is not there name neither the file nor what is missing."""

Command = Sequence[str | bytes | int]
"""A command and its arguments."""


class StoreUnreachable(Exception):
    """The store does not answer, or not as one does; the text is the reason."""


class StoreConnection:
    """Connections to one store, made when they are needed."""

    def __init__(self, url: SecretStr) -> None:
        """Prepare; nothing is connected yet.

        Args:
            url: `limits.store`.

        Raises:
            ConfigError: The library is not installed, or what the URL asks for cannot be had.
        """
        try:
            from redis.asyncio import BlockingConnectionPool, Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
            from redis.exceptions import RedisError
            from redis.maint_notifications import MaintNotificationsConfig
        except ImportError:
            raise ConfigError(
                _("limits.store needs the library 'redis': {install}.").format(
                    install=install_extra("redis")
                )
            ) from None
        self.place = place_of_store(url)
        """Where it is, without the password."""
        self._failures = (RedisError, OSError)
        _check_files(url)
        pool = BlockingConnectionPool.from_url(
            url.get_secret_value(),
            max_connections=CONNECTIONS,
            timeout=PATIENCE_S,
            socket_timeout=PATIENCE_S,
            socket_connect_timeout=PATIENCE_S,
            # Once more, at once: a store that was started anew has closed the idle connections.
            retry=Retry(NoBackoff(), 1),
            protocol=2,
            lib_name=None,
            lib_version=None,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        try:
            made = pool.connection_class(**pool.connection_kwargs)
            if tls := getattr(made, "ssl_context", None):
                # Not with the first session: what cannot be used ends the start.
                tls.get()
        except self._failures as error:
            raise _unusable(str(error)) from error
        self._client = Redis.from_pool(pool)

    async def run(self, *commands: Command) -> list[Any]:
        """Run commands in order, and return their answers.

        They may run twice, where a connection was lost: each has to be the same then.

        Raises:
            StoreUnreachable: One of them was not answered, or was refused.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                pipeline = self._client.pipeline(transaction=False)
                for command in commands:
                    pipeline.execute_command(*command)
                answers: list[Any] = await pipeline.execute()
                return answers
        except TimeoutError:
            raise StoreUnreachable(f"no answer within {PATIENCE_S:g} s") from None
        except self._failures as error:
            # A refusal quotes the command, with whatever there is in it.
            reason = str(error).rpartition(" of pipeline caused error: ")[2]
            raise StoreUnreachable(reason.strip("(',)") or type(error).__name__) from None

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def _check_files(url: SecretStr) -> None:
    files = dict(tls_files(url))
    for option, file in files.items():
        try:
            with open(file, "rb") as opened:
                content = opened.read()
        except OSError as error:
            raise _unusable(f"{option}={file}: {system_reason(error)}") from None
        lacking = None
        if option != "ssl_keyfile" and _CERTIFICATE not in content:
            lacking = _("it has no certificate in PEM")
        elif option == "ssl_keyfile" and _KEY not in content:
            lacking = _("it has no private key in PEM")
        elif option == "ssl_certfile" and "ssl_keyfile" not in files and _KEY not in content:
            lacking = _("it has no private key; name that by ssl_keyfile")
        if lacking is not None:
            raise _unusable(f"{option}={file}: {lacking}")


def _unusable(reason: str) -> ConfigError:
    return ConfigError(
        _("limits.store cannot be used ({reason}): correct it (REALTIME_LIMITS__STORE).").format(
            reason=reason
        )
    )
