"""Ids of calls: what they tell, and to whom they are genuine."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from pydantic import SecretStr

from serving.calls.call_ids import CallIds, Owner

SECRET = SecretStr("a secret that replicas share")


@pytest.mark.parametrize(
    "owner",
    [
        Owner("", 0),
        Owner("", 255),
        Owner("eu1", 3),
        Owner("0123456789abcDEF", 17),
        Owner("10.0.0.7", 0),
        Owner("gateway-7d9c5b9d8b-x2x4z", 1),
        Owner("a" * 63, 255),
    ],
)
def test_an_id_names_its_owner_to_all_that_share_the_secret(owner: Owner) -> None:
    made = CallIds(SECRET, owner).make()
    assert made.startswith(f"rtc_{owner}")
    assert len(made) <= 32 or len(owner.replica) > 16
    assert quote(made, safe="") == made, "it stands in URLs"
    assert CallIds(SECRET, Owner("other", 9)).owner_of(made) == owner


def test_ids_differ() -> None:
    ids = CallIds(None, Owner("", 0))
    assert len({ids.make() for _ in range(100)}) == 100


def test_nobody_else_can_make_one() -> None:
    ids = CallIds(SECRET, Owner("", 0))
    made = ids.make()
    of_others = CallIds(SecretStr("another secret of others"), Owner("", 0)).make()
    for forged in (
        of_others,
        made.replace("rtc_", "rtc_evil"),
        made[:-1] + ("a" if made[-1] != "a" else "b"),
        made.swapcase(),
        made + "a",
        made[:-1],
        f"{made}\n",
        "rtc_127.0.0.1x00aaaaaaaaaa",
        "rtc_127.0.0.100aaaaaaaaaa",
        "rtc_",
        "",
    ):
        assert ids.owner_of(forged) is None


def test_without_a_secret_the_workers_of_one_server_know_each_other() -> None:
    made = CallIds(None, Owner("", 1)).make()
    assert CallIds(None, Owner("", 0)).owner_of(made) == Owner("", 1)
