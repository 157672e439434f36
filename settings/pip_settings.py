"""What pip is told about indexes and certificates, read for those who do not listen to pip.

Behind a mirror, a proxy or an authority of one's own, people set up pip, by variables or by
`pip.conf`. uv reads neither, so it is told in its own variables; and whether there is a network is
asked of the index that will be used. pip itself may be missing, so its files are read here.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as BadFile
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from settings.localisation import _, system_reason

PYPI = "https://pypi.org/simple"
PATIENCE_S = 15
_FOR_UV = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "find-links": ("UV_FIND_LINKS",),
    "no-index": ("UV_NO_INDEX",),
    "trusted-host": ("UV_INSECURE_HOST",),
    "cert": ("SSL_CERT_FILE",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "proxy": ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
    "constraint": ("UV_CONSTRAINT",),
}
"""pip's setting → uv's variable, and others that mean the same."""
_COMMAS = ("find-links",)


def pip_settings(environment: Mapping[str, str], prefix: Path | None = None) -> dict[str, str]:
    """Return pip's settings, of its files and then of its variables.

    Args:
        environment: Variables of the process.
        prefix: Folder of the environment that is installed into, which may have a `pip.conf`.
    """
    found: dict[str, str] = {}
    for file in _files(environment, prefix):
        parser = ConfigParser(interpolation=None, strict=False)
        try:
            parser.read(file, encoding="utf-8")
        except (BadFile, OSError, UnicodeDecodeError):
            # pip names the file and the reason itself.
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update(parser.items(section))
    for name, value in environment.items():
        if name.startswith("PIP_") and value and name != "PIP_CONFIG_FILE":
            found[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return {name: " ".join(value.split()) for name, value in found.items() if value.strip()}


def _files(environment: Mapping[str, str], prefix: Path | None) -> list[Path]:
    """Return where pip looks for its settings; what comes later wins."""
    named = environment.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = Path(environment.get("HOME") or Path.home())
    if os.name == "nt":
        shared = [Path(environment.get("PROGRAMDATA", "C:\\ProgramData")) / "pip" / "pip.ini"]
        roaming = Path(environment.get("APPDATA") or home)
        own = [home / "pip" / "pip.ini", roaming / "pip" / "pip.ini"]
    else:
        folders = environment.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        shared = [Path(folder) / "pip" / "pip.conf" for folder in folders.split(":")]
        config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
        own = [home / ".pip" / "pip.conf", config / "pip" / "pip.conf"]
        shared.append(Path("/etc/pip.conf"))
    if sys.platform == "darwin":
        shared.insert(0, Path("/Library/Application Support/pip/pip.conf"))
        own.append(home / "Library" / "Application Support" / "pip" / "pip.conf")
    name = "pip.ini" if os.name == "nt" else "pip.conf"
    site = [prefix / name] if prefix else []
    return [*shared, *own, *site, *([Path(named)] if named else [])]


def uv_environment(environment: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with which uv does as pip is told; those set for uv itself stay.

    Args:
        environment: Variables of the process.
        settings: What `pip_settings` found.
    """
    told = dict(environment)
    for name, variables in _FOR_UV.items():
        if name in settings and not set(variables) & {*environment}:
            value = settings[name]
            told[variables[0]] = ",".join(value.split()) if name in _COMMAS else value
    if "UV_INDEX" in told and "UV_INDEX" not in environment:
        # pip takes the best version of all indexes, uv that of the first one that has the package.
        told.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    paths = ssl.get_default_verify_paths()
    if sys.platform != "linux" or paths.cafile or paths.capath:
        # As pip does: an authority of one's own is known to the system.
        told.setdefault("UV_SYSTEM_CERTS", "true")
        told.setdefault("UV_NATIVE_TLS", "true")
    return told


def unreachable(environment: Mapping[str, str], settings: Mapping[str, str]) -> str | None:
    """Return which index does not answer and why, in a few words; None: it does, or needs not.

    Args:
        environment: Variables of the process.
        settings: What `pip_settings` found.
    """
    index = next(
        (environment[name] for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL") if name in environment),
        settings.get("index-url", PYPI),
    )
    if not index.startswith("http") or "no-index" in settings or "UV_NO_INDEX" in environment:
        return None
    proxy = settings.get("proxy")
    opener = build_opener(ProxyHandler({"http": proxy, "https": proxy} if proxy else None))
    host = urlsplit(index).hostname
    # An index may ask for a name and a password, which pip and uv find in more places.
    bare = urlsplit(index)._replace(netloc=urlsplit(index).netloc.rpartition("@")[2]).geturl()
    try:
        opener.open(Request(f"{bare.rstrip('/')}/pip/", method="HEAD"), timeout=PATIENCE_S).close()
    except HTTPError:
        return None
    except URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            # Which certificates count is for pip and uv to say.
            return None
        told = error.reason
        return _silent(host, system_reason(told) if isinstance(told, OSError) else str(told))
    except OSError as error:
        return _silent(host, str(error))
    return None


def _silent(host: str | None, reason: str) -> str:
    return _("{host} cannot be reached ({reason})").format(host=host, reason=reason)
