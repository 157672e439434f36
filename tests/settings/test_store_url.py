"""`limits.store`: what is an address of a store, and what is said of one that is none."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from config import ConfigError, load_settings
from settings.store_url import place_of_store

REDIS = "redis://:open-sesame@redis.internal:6380/2"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://localhost", "localhost:6379"),
        (REDIS, "redis.internal:6380"),
        ("rediss://user:open-sesame@10.0.0.7/0?ssl_ca_certs=/etc/ca.pem", "10.0.0.7:6379"),
        ("redis://[fd00::7]:6379", "[fd00::7]:6379"),
        ("unix://:open-sesame@/run/redis/redis.sock?db=1", "/run/redis/redis.sock"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
    ],
)
def test_an_address_is_taken_and_shown_without_its_password(url: str, place: str) -> None:
    settings = load_settings(limits={"store": url})
    assert settings.limits.store is not None
    assert settings.limits.store.get_secret_value() == url
    assert place_of_store(settings.limits.store) == place
    assert "sesame" not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis.internal:6379",
        "http://open-sesame@redis.internal",
        "redis://",
        "redis://:open-sesame@",
        "redis://redis.internal:0",
        "redis://redis.internal:open-sesame",
        "redis://redis.internal/open-sesame",
        "redis://[open-sesame",
        "unix://",
        "redis://redis.internal/0#open-sesame",
    ],
)
def test_what_is_no_address_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_settings(limits={"store": url})
    assert "limits.store" in str(refused.value)
    assert "redis://:PASSWORD@redis.internal:6379/0" in str(refused.value)
    assert "sesame" not in str(refused.value)


def test_an_option_that_nobody_reads_is_named() -> None:
    with pytest.raises(ConfigError, match="not known: ssl_ca, timeout; those are: db, "):
        load_settings(limits={"store": "rediss://redis.internal?timeout=5&ssl_ca=/etc/ca.pem"})


def test_no_store_is_needed() -> None:
    assert load_settings().limits.store is None
    assert isinstance(load_settings(limits={"store": REDIS}).limits.store, SecretStr)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("unix:///run/redis.sock?db=sesame", "db must be there once, and be one of: 0, 1, 2, …"),
        ("unix:///run/redis.sock?db=1&db=2", "db must be there once"),
        ("rediss://h?ssl_cert_reqs=bogus", "be one of: none, optional, required"),
        ("rediss://h?ssl_check_hostname=maybe", "be one of: true, false, yes, no, 1, 0"),
        ("rediss://h?ssl_ca_certs=", "ssl_ca_certs must name one file"),
        ("redis://h?ssl_ca_certs=/etc/ca.pem", "ssl_ca_certs is for TLS: begin it with rediss://"),
        (
            "rediss://:sesame@h?ssl_keyfile=/k.pem",
            "ssl_keyfile needs ssl_certfile, the",
        ),
        ("redis://:sesame@h/2?db=1", "names a database twice, as /2 and as db=1: leave one out"),
        ("redis://h/2?db=2", "names a database twice"),
        ("unix:///r.sock?ssl_keyfile=/k.pem", "ssl_keyfile is for TLS: begin it with rediss://"),
    ],
)
def test_an_option_that_cannot_be_meant_is_named(url: str, reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_settings(limits={"store": url})
    assert reason in str(refused.value)
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "rediss://h?ssl_cert_reqs=none&ssl_check_hostname=False",
        "redis://h?db=3",
        "redis://h/?db=3",
        "unix:///run/redis.sock?db=3",
        "rediss://h?ssl_certfile=/both.pem",
        "rediss://h?ssl_certfile=/c.pem&ssl_keyfile=/k.pem",
    ],
)
def test_options_with_a_value_that_they_have_are_taken(url: str) -> None:
    assert load_settings(limits={"store": url}).limits.store is not None


@pytest.mark.parametrize("password", ["open/sesame", "open#sesame", "open?sesame"])
def test_marks_in_a_password_are_explained(password: str) -> None:
    with pytest.raises(ConfigError, match=r"/ is written %2F, # %23") as refused:
        load_settings(limits={"store": f"redis://:{password}@redis.internal:6379/0"})
    assert "sesame" not in str(refused.value)
