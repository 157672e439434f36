"""Names and values within one setting of a server."""

from __future__ import annotations

import pytest

from tool_servers.settings_within import parts_of_key, within


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("postgres://people:ab%2Fcd@db.example/orders", ["password: ab%2Fcd", "password: ab/cd"]),
        ("https://db.example/orders:a@b", []),
        ("postgres://people@db.example/orders", []),
        ("https://abc@git.example/x", ["token: abc"]),
        ("see https://a.example/x?a=b%2Fc#d", ["a: b/c", "a: b%2Fc", "a: b%2Fc#d"]),
        ("X-Key: a b", ["X-Key: a b"]),
        ("X-Key:a", ["X-Key: a"]),
        ("https://a.example", []),
        ("a=1;b = \"2 3\" c='4'", ["a: 1", "b: 2 3", "c: 4"]),
        ("a=1,2", ["a: 1,2", "a: 1"]),
        ('{"a": {"b": "c", "d": [1, "e", true, null]}}', ["b: c", "d: 1", "d: e"]),
        ('["f"]', [": f"]),
        ("{not json", []),
        ("[" * 9000, []),
        ("", []),
        ("/srv/our-files", []),
    ],
)
def test_names_and_values_are_found(value: str, found: list[str]):
    told = [f"{name}: {one}" for name, one in within(value) if one]
    assert [*dict.fromkeys(told)] == found


def test_a_key_is_hidden_by_its_parts_too():
    assert {"a,b; c=d", "a", "b", "c=d", "d"} <= {*parts_of_key("a,b; c=d")}
