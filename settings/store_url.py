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
_TLS = "ssl_"
"""How the options of TLS begin."""
_VALUES = {
    "ssl_cert_reqs": ("none", "optional", "required"),
    "ssl_check_hostname": ("true", "false", "yes", "no", "1", "0"),
}
"""Options that have one of some values, in small letters."""
TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
"""Options that name a file."""


def valid_store(written: SecretStr | None) -> SecretStr | None:
    """Return `limits.store`, validated; its password is never quoted.

    Raises:
        ValueError: It is no address of a store.
    """
    if written is None:
        return None
    text = written.get_secret_value()
    try:
        url = urlsplit(text)
        named = url.path if url.scheme == "unix" else url.hostname
        known = url.scheme in ("redis", "rediss", "unix") and bool(named) and _has_port(url.port)
        asked = parse_qs(url.query, keep_blank_values=True)
    except ValueError:
        known, asked = False, {}
    else:
        known = known and (url.scheme == "unix" or not url.path.strip("/") or _is_db(url.path))
        known = known and not url.fragment
    if not known:
        reason = _(
            "it is no address of a store; it must be a URL such as "
            "redis://:PASSWORD@redis.internal:6379/0, rediss://… by TLS, or "
            "unix:///run/redis/redis.sock"
        )
        if "@" in text or "#" in text:
            # What such a password says after its mark would be quoted as a port or a path.
            marks = _("in a password, / is written %2F, # %23, ? %3F and @ %40")
            reason = f"{reason}; {marks}"
        raise ValueError(reason)
    if unknown := sorted(asked.keys() - _OPTIONS):
        raise ValueError(
            _("the URL has an option that is not known: {unknown}; those are: {known}").format(
                unknown=", ".join(unknown), known=", ".join(sorted(_OPTIONS))
            )
        )
    _check_options(url.scheme, asked)
    if "db" in asked and url.scheme != "unix" and url.path.strip("/"):
        raise ValueError(
            _("the URL names a database twice, as /{path} and as db={db}: leave one out").format(
                path=url.path.strip("/"), db=asked["db"][0]
            )
        )
    return written


def tls_files(store: SecretStr) -> list[tuple[str, str]]:
    """Return the files that the address of a store names for TLS, each behind its option."""
    asked = parse_qs(urlsplit(store.get_secret_value()).query)
    return [(option, asked[option][0]) for option in TLS_FILES if option in asked]


def _check_options(scheme: str, asked: dict[str, list[str]]) -> None:
    """Check what the query says; raises `ValueError`."""
    tls = sorted(option for option in asked if option.startswith(_TLS))
    if tls and scheme != "rediss":
        raise ValueError(
            _("the URL's {options} is for TLS: begin it with rediss://").format(
                options=", ".join(tls)
            )
        )
    if "ssl_keyfile" in asked and "ssl_certfile" not in asked:
        raise ValueError(_("the URL's ssl_keyfile needs ssl_certfile, the certificate of that key"))
    for option, values in asked.items():
        value, allowed = values[0], _VALUES.get(option)
        wanted = ", ".join(allowed or ())
        if option == "db":
            good, wanted = value.isdecimal(), "0, 1, 2, …"
        else:
            good = bool(value) if allowed is None else value.lower() in allowed
        if not good or len(values) > 1:
            raise ValueError(
                _("the URL's {option} must be there once, and be one of: {values}").format(
                    option=option, values=wanted
                )
                if wanted
                else _("the URL's {option} must name one file").format(option=option)
            )


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
