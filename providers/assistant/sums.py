"""Counting and arithmetic of the built-in assistant, from words as a recogniser writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from providers.assistant.words import (
    SOUND_ALIKES,
    Number,
    Utterance,
    Word,
    numbers,
    vocabulary,
)

COUNT_LIMIT = 100
"""How far the assistant counts: a long answer, but one that ends."""

_TOO_BIG = 10**15
_OPERATORS: Mapping[str, str] = {
    sign: operator
    for operator, signs in {
        "plus": "plus +",
        "minus": "minus - − less",
        "times": "times x * × multiplied",
        "divided by": "divided over / ÷",
    }.items()
    for sign in signs.split()
}
# "add 3 to 4" puts the operator first; "subtract 3 from 4" the operands in reverse as well.
_VERBS: Mapping[str, str] = {
    "add": "plus",
    "subtract": "minus",
    "multiply": "times",
    "divide": "divided by",
}
_LINKS = frozenset({"to", "too", "two", "till", "until", "through", "thru"})
# A dash or slash between figures is a sum only where nothing else was said ("24/7", "5-10").
_AROUND_A_SUM = vocabulary(
    "what is how much calculate compute please equals the result of tell me can you"
)


def count(heard: Utterance) -> str | None:
    """Count as asked, as "1, 2, 3."; None if nobody asked for it."""
    verb = next((i for i, word in enumerate(heard.words) if word in ("count", "counting")), None)
    if verb is None:
        return None
    tokens = [token for token in heard.tokens if token.norm[0].isalnum()][verb + 1 :]
    first, last = _range(tokens, heard.has("down") or heard.has("backwards", "backward"))
    note = ""
    if max(abs(first), abs(last)) > COUNT_LIMIT:
        first, last = (max(-COUNT_LIMIT, min(COUNT_LIMIT, n)) for n in (first, last))
        note = f"I only count to {COUNT_LIMIT}: "
    return note + counted(first, last) + "."


def counted(first: int, last: int, separator: str = ", ") -> str:
    """Return the numbers from `first` to `last`, upwards or downwards."""
    step = 1 if last >= first else -1
    return separator.join(str(number) for number in range(first, last + step, step))


def calculate(heard: Utterance) -> str | None:
    """Work out the sum that was asked; None if there is none."""
    found = _verb_sum(heard) or _chain(heard)
    if found is None:
        return None
    operands, operators = found
    spoken = _plain(operands[0])
    for operator, operand in zip(operators, operands[1:], strict=True):
        spoken += f" {operator} {_plain(operand)}"
    try:
        result = _evaluate(operands, operators)
    except ZeroDivisionError:
        return "I cannot divide by zero."
    if abs(result) >= _TOO_BIG:
        return "That number is too big for me."
    rounded = Fraction(round(result, 4))
    return f"{spoken} is {'' if rounded == result else 'about '}{_plain(rounded)}."


def _range(tokens: Sequence[Word], down: bool) -> tuple[int, int]:
    """Read "to ten", "from two to ten", "down from ten" and what is misheard for them."""
    start = next((i + 1 for i, token in enumerate(tokens) if token.norm == "from"), None)
    if start is None:
        found = _numbers_in(tokens)
        last = _whole(found[-1]) if found else 10
        return (last, 1) if down else (min(1, last), last)
    found = _numbers_in(tokens[start:])
    if len(tokens) > start and tokens[start].norm in SOUND_ALIKES:
        found = [Number(SOUND_ALIKES[tokens[start].norm], 0, 1)]
    if not found:
        return (10, 1) if down else (1, 10)
    first, rest = found[0], tokens[start + found[0].last :]
    # In "from two two ten" the second "two" links; in "from one to two" the last one does not.
    if len(rest) > 1 and rest[0].norm in _LINKS and _numbers_in(rest[1:]):
        rest = rest[1:]
    found = _numbers_in(rest)
    if found:
        return _whole(first), _whole(found[0])
    return _whole(first), (1 if down else max(10, _whole(first)))


def _numbers_in(tokens: Sequence[Word]) -> list[Number]:
    """Return the numbers in `tokens`; failing that, a last word that sounds like one."""
    found = numbers(tokens)
    if found or not tokens or tokens[-1].norm not in SOUND_ALIKES:
        return found
    return [Number(SOUND_ALIKES[tokens[-1].norm], len(tokens) - 1, len(tokens))]


def _whole(number: Number) -> int:
    return int(number.value)


def _verb_sum(heard: Utterance) -> tuple[list[Fraction], list[str]] | None:
    for place, token in enumerate(heard.tokens):
        if token.norm in _VERBS:
            found = numbers(heard.tokens[place + 1 :])
            if len(found) != 2:
                return None
            operands = [Fraction(str(number.value)) for number in found]
            swaps = token.norm == "subtract" and heard.has("from")
            return (operands[::-1] if swaps else operands), [_VERBS[token.norm]]
    return None


def _chain(heard: Utterance) -> tuple[list[Fraction], list[str]] | None:
    """Find the first "number operator number …" in what was heard."""
    tokens = heard.tokens
    at = {number.first: number for number in numbers(tokens)}
    for place in range(len(tokens)):
        operands, operators, end = _chain_at(tokens, at, place)
        if not operators:
            continue
        signs = {token.norm for token in tokens[place:end]} & {"-", "−", "/"}
        others = [token.norm for token in (*tokens[:place], *tokens[end:])]
        if signs and not set(others) <= _AROUND_A_SUM:
            return None
        return operands, operators
    return None


def _chain_at(
    tokens: Sequence[Word], at: Mapping[int, Number], place: int
) -> tuple[list[Fraction], list[str], int]:
    operands: list[Fraction] = []
    operators: list[str] = []
    end = place
    while True:
        operator = None
        start = place
        if operands:
            operator, start = _operator_at(tokens, place)
            if operator is None:
                break
        number = at.get(start)
        if number is None and start < len(tokens) and tokens[start].norm in SOUND_ALIKES:
            # "two plus for": next to an operator, such a word can only be the number.
            beside = operator is not None or _operator_at(tokens, start + 1)[0] is not None
            number = Number(SOUND_ALIKES[tokens[start].norm], start, start + 1) if beside else None
        if number is None:
            break
        operands.append(Fraction(str(number.value)))
        if operator is not None:
            operators.append(operator)
        end = place = number.last
    return operands, operators, end


def _operator_at(tokens: Sequence[Word], place: int) -> tuple[str | None, int]:
    if place >= len(tokens):
        return None, place
    word = tokens[place].norm
    following = tokens[place + 1].norm if place + 1 < len(tokens) else ""
    if word == "take" and following == "away":
        return "minus", place + 2
    operator = _OPERATORS.get(word)
    by = word in ("multiplied", "divided") and following in ("by", "bye", "buy")
    return operator, place + 1 + by


def _evaluate(operands: Sequence[Fraction], operators: Sequence[str]) -> Fraction:
    """Work out products before sums."""
    terms = [operands[0]]
    for operator, operand in zip(operators, operands[1:], strict=True):
        if operator == "times":
            terms[-1] *= operand
        elif operator == "divided by":
            terms[-1] /= operand
        else:
            terms.append(operand if operator == "plus" else -operand)
    return sum(terms, Fraction(0))


def _plain(number: Fraction) -> str:
    """Write a number as it is spoken: 19, 2.5, minus 3."""
    value = float(number)
    text = str(int(value)) if value.is_integer() else f"{abs(value):.4f}".rstrip("0")
    if value.is_integer():
        text = text.lstrip("-")
    return f"minus {text}" if value < 0 else text
