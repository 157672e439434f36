"""The address of the store that several servers share, checked while it can still be mended."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from settings.localisation import _

_OPTIONS = frozenset(
    {
        "db",
        "ssl_ca_certs",
        "ssl_cert_reqs",
        "ssl_certfile",
        "ssl_check_hostname",
        "ssl_keyfile",
    }
)
"""What a query may say: the database behind a Unix socket, and how TLS checks and proves itself."""


def valid_store(written: SecretStr | None) -> SecretStr | None:
    """Return `limits.store`, validated; its password is never quoted.

    Raises:
        ValueError: It is no address of a store.
    """
    if written is None:
        return None
    try:
        url = urlsplit(written.get_secret_value())
        named = url.path if url.scheme == "unix" else url.hostname
        known = url.scheme in ("redis", "rediss", "unix") and bool(named) and _has_port(url.port)
        asked = parse_qs(url.query, keep_blank_values=True)
    except ValueError:
        known, asked = False, {}
    else:
        known = known and (url.scheme == "unix" or not url.path.strip("/") or _is_db(url.path))
    if not known:
        raise ValueError(
            _(
                "it is no address of a store; it must be a URL such as "
                "redis://:PASSWORD@redis.internal:6379/0, rediss://… by TLS, or "
                "unix:///run/redis/redis.sock"
            )
        )
    if unknown := sorted(asked.keys() - _OPTIONS):
        raise ValueError(
            _("the URL has an option that is not known: {unknown}; those are: {known}").format(
                unknown=", ".join(unknown), known=", ".join(sorted(_OPTIONS))
            )
        )
    return written


def place_of_store(store: SecretStr) -> str:
    """Return where a store is, as it may stand in a log: without its password and options."""
    url = urlsplit(store.get_secret_value())
    if url.scheme == "unix":
        return url.path
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return f"{host}:{url.port or 6379}"


def _has_port(port: int | None) -> bool:
    return port is None or port > 0


def _is_db(path: str) -> bool:
    return path.strip("/").isdecimal()
