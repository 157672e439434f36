"""Arguments of a call: from what was said, or the least that the schema allows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.assistant.asking import INTEGER, SPOKEN, STRING, arguments, ask


@pytest.mark.parametrize(
    ("said", "name", "schema", "value"),
    [
        ("", "n", INTEGER, 1),
        ("", "n", {"type": "integer", "minimum": 5}, 5),
        ("", "n", {"type": "number", "default": 7.5, "minimum": 5}, 7.5),
        ("twenty one", "n", INTEGER, 21),
        ("two point five", "n", {"type": "number"}, 2.5),
        ("five hundred", "n", {"type": "integer", "maximum": 100}, 100),
        ("", "on", {"type": "boolean"}, True),
        ("i want it loud", "loud", {"type": "boolean"}, True),
        ("please not loud", "loud", {"type": "boolean"}, False),
        ("make it Blue", "color", {"type": "string", "enum": ["red", "blue"]}, "blue"),
        ("make it pink", "color", {"type": "string", "enum": ["red", "blue"]}, "red"),
        ("make it dark blue", "color", {"enum": ["blue", "dark blue"]}, "dark blue"),
        ("level three", "level", {"enum": [1, 2, 3]}, 3),
        ("北京怎么样", "city", {"enum": ["上海", "北京"]}, "北京"),
        ("whatever", "kind", {"const": "x"}, "x"),
        ('add "green eggs" now', "item", STRING, "green eggs"),
        ("buy some milk please", "item", STRING, "buy some milk"),
        ("hello", "item", {"type": "string", "default": "eggs"}, "eggs"),
        ("abcdef", "item", {"type": "string", "maxLength": 3}, "abc"),
        ("tomorrow", "date", {"type": "string", "format": "date"}, "2029-11-23"),
        ("on friday", "day", STRING, "friday"),
        ("hello", "items", {"type": "array", "items": STRING}, []),
        ("one and two", "items", {"type": "array", "items": INTEGER}, [1, 2]),
        (
            "red blue",
            "items",
            {"type": "array", "items": {"enum": ["red", "blue"]}},
            ["red", "blue"],
        ),
        ("", "items", {"type": "array", "items": INTEGER, "minItems": 2}, [1, 1]),
        ("b", "items", {"type": "array", "items": {"enum": ["a", "b", "c"]}}, ["b"]),
        ("", "thing", {"type": "object"}, {}),
        (
            "",
            "thing",
            {"type": "object", "properties": {"n": INTEGER, "m": INTEGER}, "required": ["n"]},
            {"n": 1},
        ),
        ("seven", "n", {"type": ["null", "integer"]}, 7),
        ("seven", "n", {"anyOf": [{"type": "null"}, {"type": "integer"}]}, 7),
        ("", "n", {"type": "null"}, None),
    ],
)
def test_arguments(said: str, name: str, schema: Any, value: Any) -> None:
    filled = arguments(said, [name], **{name: schema})
    assert filled == {name: value}
    assert type(filled[name]) is type(value)


def test_arguments_of_several_properties() -> None:
    flight = arguments(
        "a flight from new york to san francisco tomorrow for two",
        ["origin", "destination", "date", "passengers"],
        origin=STRING,
        destination=STRING,
        date={"type": "string", "format": "date"},
        passengers=INTEGER,
    )
    assert flight == {
        "origin": "New York",
        "destination": "San Francisco",
        "date": "2029-11-23",
        "passengers": 2,
    }
    message = arguments(
        "text to bob saying hello there how are you",
        ["recipient", "body"],
        recipient=STRING,
        body=STRING,
    )
    assert message == {"recipient": "bob", "body": "hello there how are you"}


def test_optional_arguments_only_when_mentioned() -> None:
    optional = {
        "city": STRING,
        "unit": {"enum": ["c", "f"]},
        "days": INTEGER,
        "note": STRING,
        "loud": {"type": "boolean"},
        "when": {"type": "string", "format": "date"},
    }
    assert arguments("just do it", [], **optional) == {}
    assert arguments("do it in rome loud for three days", [], **optional) == {
        "city": "Rome",
        "days": 3,
        "loud": True,
    }


def test_arguments_follow_references() -> None:
    schema = {
        "type": "object",
        "properties": {"place": {"$ref": "#/$defs/Place"}},
        "required": ["place"],
        "$defs": {
            "Place": {"type": "object", "properties": {"city": STRING}, "required": ["city"]}
        },
    }
    travel = {"type": "function", "name": "travel", "parameters": schema}
    (call,) = ask("travel to rome", tools=[travel]).tool_calls
    assert call.arguments == {"place": {"city": "Rome"}}


def test_arguments_of_a_schema_that_contains_itself_end() -> None:
    node: dict[str, Any] = {"type": "object", "required": ["l", "r", "s"]}
    node["properties"] = {
        "l": {"$ref": "#"},
        "r": {"$ref": "#"},
        "s": {"type": "array", "minItems": 3, "items": {"$ref": "#"}},
    }
    (call,) = ask("tree", tools=[{"name": "tree", "parameters": node}]).tool_calls
    assert {"l", "r", "s"} == set(call.arguments)
    loop = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert ask("tree", tools=[{"name": "tree", "parameters": loop}]).tool_calls[0].arguments == {}


BOUNDED = st.tuples(st.integers(-50, 50), st.integers(0, 50)).map(
    lambda pair: {"type": "integer", "minimum": pair[0], "maximum": pair[0] + pair[1]}
)
SOUND = st.recursive(
    st.sampled_from(["string", "integer", "number", "boolean"]).map(lambda kind: {"type": kind})
    | BOUNDED
    | st.lists(st.sampled_from(["weather", "ten", "x", 5]), min_size=1).map(lambda v: {"enum": v}),
    lambda inner: (
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner, "minItems": st.integers(0, 3)}
        )
        | st.dictionaries(st.sampled_from(["city", "n", "date", "text"]), inner, max_size=3).map(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": sorted(properties)[:2],
            }
        )
    ),
    max_leaves=5,
)
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def check(value: Any, schema: dict[str, Any]) -> None:
    if "enum" in schema:
        assert value in schema["enum"]
    elif schema["type"] == "array":
        assert len(value) >= schema["minItems"]
        for item in value:
            check(item, schema["items"])
    elif schema["type"] == "object":
        assert set(schema["required"]) <= set(value) <= set(schema["properties"])
        for name, part in value.items():
            check(part, schema["properties"][name])
    else:
        assert isinstance(value, TYPES[schema["type"]])
        assert schema.get("minimum", value) <= value <= schema.get("maximum", value)


@given(SPOKEN, st.dictionaries(st.sampled_from(["location", "n", "note", "minutes"]), SOUND))
def test_arguments_are_valid_where_the_schema_is_sound(said: str, properties: Any) -> None:
    required = sorted(properties)[:2]
    filled = arguments(said.replace("and", ""), required, **properties)
    check(filled, {"type": "object", "properties": properties, "required": required})
