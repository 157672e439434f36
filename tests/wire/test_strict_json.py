"""JSON from strangers: what is refused, and that refusing is cheap."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.strict_json import MAX_DIGITS, MAX_VALUES, in_whole_characters, read_json

WORDS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30)
VALUES: Any = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_what_it_reads_is_what_was_written(value, escaped):
    assert read_json(json.dumps(value, ensure_ascii=escaped)) == value


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", "[Infinity]", "[-Infinity]", "1e999", '"\\ud80"', "1 2"],
)
def test_what_could_not_be_written_again_is_refused(text):
    with pytest.raises(ValueError):
        read_json(text)


def test_a_whole_pair_of_surrogates_is_a_character():
    assert read_json('"\\ud83d\\ude00"') == "😀"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"\\ud800"', "\ufffd"),
        ('"a\\uD83D b\\uDE00\\ud83d"', "a\ufffd b\ufffd\ufffd"),
        ('"\\ud83d\\ud83d\\ude00"', "\ufffd😀"),
        (
            '{"\\uDFFF":1,"b":[[{"c\\udfff":"\\ud83d"}]]}',
            {"\ufffd": 1, "b": [[{"c\ufffd": "\ufffd"}]]},
        ),
        ('["\\\\ud800"]', ["\\ud800"]),
    ],
)
def test_half_a_character_is_replaced_wherever_it_stands(text, value):
    assert read_json(text) == value


def test_half_a_character_may_stand_as_deep_as_anything():
    assert read_json("[" * 900 + '"\\ud83d"' + "]" * 900) == read_json(
        "[" * 900 + '"\\ufffd"' + "]" * 900
    )


@pytest.mark.parametrize(
    "text", ["", "21 °C", '{"a": "\\u00b0"}', 'print("\\ud83d")', '["\\ud83d', "[" * 5000]
)
def test_text_that_needs_no_change_within_a_call_stays(text):
    assert in_whole_characters(text) == text


def test_json_within_a_call_has_whole_characters():
    assert (
        in_whole_characters('{"\\udfff":["\\ud83d\\ude00\\ud83d"],"n":1}')
        == '{"\ufffd": ["😀\ufffd"], "n": 1}'
    )
    assert in_whole_characters('"\\uD83D"') == '"\ufffd"'


@given(st.text(st.sampled_from('a\\"\n€😀\ud83d\ude00\udfff')))
def test_no_text_has_half_a_character(text):
    (read,) = read_json(json.dumps([text]))
    assert read == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    read.encode()


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_number_of_many_digits_is_refused_unread(sign):
    assert read_json(sign + "9" * (MAX_DIGITS - len(sign))) != 0
    with pytest.raises(ValueError, match="digits"):
        read_json(sign + "9" * 4000)


@pytest.mark.parametrize(
    "text",
    [
        f"[{'0,' * MAX_VALUES}0]",
        f"[{'[],' * MAX_VALUES}0]",
        json.dumps({f"k{n}": n for n in range(MAX_VALUES + 1)}),
        f'["a,","b","\\",",{"0," * MAX_VALUES}0]',
    ],
)
def test_a_flood_of_values_is_refused(text):
    with pytest.raises(ValueError, match="more than 10000 values"):
        read_json(text)


@pytest.mark.parametrize("piece", [",", "[", "{", '\\",', "\\\\", "\n,"])
def test_text_may_have_any_number_of_commas_and_brackets(piece):
    words = piece * (2 * MAX_VALUES)
    assert read_json(json.dumps([words, {"a": words}])) == [words, {"a": words}]


@pytest.mark.parametrize(
    "text", ['["' + '\\"' * 2_000_000 + ",[{" * MAX_VALUES, '["a,' * 2_000_000, "[" * 5_000_000]
)
def test_counting_takes_one_pass(text):
    """Quadratic, these would take hours."""
    with pytest.raises((ValueError, RecursionError)):
        read_json(text)
