"""What a store's address asks for is there when the server starts, or the start ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from config import ConfigError
from serving.store.connection import StoreConnection


@pytest.mark.parametrize("option", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"])
def test_a_file_that_is_not_there_is_named(option: str) -> None:
    with pytest.raises(ConfigError) as refused:
        StoreConnection(SecretStr(f"rediss://:sesame@redis.internal?{option}=/nowhere.pem"))
    told = str(refused.value)
    assert f"{option}=/nowhere.pem: No such file or directory" in told
    assert "REALTIME_LIMITS__STORE" in told
    assert "sesame" not in told


def test_a_file_that_holds_no_certificate_ends_the_start(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    with pytest.raises(ConfigError, match=r"limits\.store cannot be used"):
        StoreConnection(SecretStr(f"rediss://redis.internal?ssl_ca_certs={file}"))


async def test_what_can_be_used_is_taken() -> None:
    connection = StoreConnection(SecretStr("rediss://redis.internal/3?ssl_cert_reqs=none"))
    assert connection.place == "redis.internal:6379"
    await connection.close()
