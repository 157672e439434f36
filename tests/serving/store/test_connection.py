"""What a store's address asks for is there when the server starts, or the start ends."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pydantic import SecretStr

from config import ConfigError
from serving.store.connection import StoreConnection
from tests.support.certificates import make_certificate


@pytest.mark.parametrize("option", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"])
def test_a_file_that_is_not_there_is_named(option: str) -> None:
    with pytest.raises(ConfigError) as refused:
        StoreConnection(SecretStr(f"rediss://:sesame@redis.internal?{option}=/nowhere.pem"))
    told = str(refused.value)
    assert f"{option}=/nowhere.pem: No such file or directory" in told
    assert "REALTIME_LIMITS__STORE" in told
    assert "sesame" not in told


def test_a_file_that_holds_nothing_of_use_ends_the_start(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    for options, lacks in (
        (f"ssl_ca_certs={file}", "certificate"),
        (f"ssl_certfile={file}", "certificate"),
        (f"ssl_keyfile={file}", "private key"),
    ):
        with pytest.raises(ConfigError, match=rf"{file}: it has no {lacks} in PEM"):
            StoreConnection(SecretStr(f"rediss://redis.internal?{options}"))
    file.write_text("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    with pytest.raises(ConfigError, match=r"limits\.store cannot be used"):
        StoreConnection(SecretStr(f"rediss://redis.internal?ssl_ca_certs={file}"))


async def test_a_certificate_needs_its_key_in_its_own_file_or_in_another(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("makes a certificate with openssl")
    make_certificate(tmp_path)
    cert, key, both = (tmp_path / name for name in ("cert.pem", "key.pem", "both.pem"))
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    with pytest.raises(ConfigError) as refused:
        StoreConnection(SecretStr(f"rediss://:sesame@redis.internal?ssl_certfile={cert}"))
    told = str(refused.value)
    assert f"ssl_certfile={cert}: it has no private key; name that by ssl_keyfile" in told
    assert "\n" not in told
    assert "sesame" not in told
    for files in (f"ssl_certfile={both}", f"ssl_certfile={cert}&ssl_keyfile={key}"):
        await StoreConnection(SecretStr(f"rediss://redis.internal?{files}")).close()


async def test_what_can_be_used_is_taken() -> None:
    connection = StoreConnection(SecretStr("rediss://redis.internal/3?ssl_cert_reqs=none"))
    assert connection.place == "redis.internal:6379"
    await connection.close()
