"""Which words of a transcript in progress will stay (§B.14).

A recogniser that writes while it hears rewrites its last words, and sometimes earlier ones. What
was translated cannot be taken back. So a word is given out once two successive transcripts agree
on it and another word follows; and when a later transcript rewrites what was given out, the place
where it goes on is found by likeness, so that no word is given out twice or left out.
"""

from __future__ import annotations

from itertools import takewhile

from translation.words import Word, words_of


class StableWords:
    """The words of one utterance."""

    def __init__(self) -> None:
        """Start with none."""
        self._latest: list[str] = []
        """Forms of the words of the latest interim transcript."""
        self._given: list[str] = []
        """Forms of the words that were given out."""

    def so_far(self, text: str) -> list[Word]:
        """Take an interim transcript of the whole utterance; return the words that are new."""
        words = words_of(text)
        forms = [word.form for word in words]
        # The last word may be half of one, and its punctuation is a guess.
        agreed = min(_common(self._latest, forms), len(forms) - 1)
        self._latest = forms
        return self._give(words[: max(agreed, 0)], forms)

    def final(self, text: str) -> list[Word]:
        """Take the final transcript; return the words that were not given out before."""
        words = words_of(text)
        return self._give(words, [word.form for word in words])

    def _give(self, words: list[Word], forms: list[str]) -> list[Word]:
        """Return those of `words`, the beginning of a transcript, that are new.

        Args:
            words: Words that will stay.
            forms: The forms of all words of the transcript.
        """
        new = words[_place_behind(self._given, forms) :]
        self._given += [word.form for word in new]
        return new


def _common(one: list[str], other: list[str]) -> int:
    """Return the number of words with which both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _place_behind(given: list[str], forms: list[str]) -> int:
    """Return how many words of a transcript say what was given out already.

    It is the number for which the letters of both differ least: recognisers join words, split them
    and take others that sound alike.
    """
    same = _common(given, forms)
    if same == len(given):
        return same
    said, rest = "".join(given[same:]), forms[same:]
    # Letters of `said` that are to be changed to get the words of `rest` so far, by its letters.
    row = list(range(len(said) + 1))
    best, place = row[-1], same
    for count, form in enumerate(rest, start=1):
        for letter in form:
            above, row = row, [row[0] + 1]
            for at, other in enumerate(said):
                row.append(min(above[at] + (letter != other), above[at + 1] + 1, row[at] + 1))
        # Of two places as good as each other the later one: a word that was heard otherwise is
        # commoner than one that was not said at all.
        if row[-1] <= best:
            best, place = row[-1], same + count
        if min(row) > best:
            break
    return place
