"""What a rule could look for: n-grams, numbers with a unit, beginnings of codes, in each field."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

WORD = re.compile(r"\w+")
NUMBER_AND_UNIT = re.compile(r"\d+ ?([^\W\d_]{1,5})")
CODE = re.compile(r"([^\W\d_]{2,})\d")
LONGEST = 3  # words of an n-gram
WIDEST_GAP = 3  # characters between two words of an n-gram
MOST = 50_000  # terms of a field to weigh: the commonest


@dataclass(frozen=True)
class Term:
    """Something to look for. `field` is None for the whole text.

    `kind` is "words" (found as whole words), "unit" (a number, then this unit) or "code" (a word
    that begins with these letters, then a digit).
    """

    field: str | None
    kind: str
    text: str

    def pattern(self) -> str:
        r"""The regex of a unit or a code.

        >>> Term(None, "unit", "kg").pattern(), Term(None, "code", "kgn").pattern()
        ('\\b\\d+ ?kg\\b', '\\bkgn\\d')
        """
        return rf"\b\d+ ?{self.text}\b" if self.kind == "unit" else rf"\b{self.text}\d"


def terms_in(text: str | None) -> set[tuple[str, str]]:
    """Kind and text of every term that is in the text, in lower case.

    >>> sorted(terms_in("Kettle 2 L"))
    [('unit', 'l'), ('words', '2 l'), ('words', 'kettle'), ('words', 'kettle 2'), ('words', 'kettle 2 l'), ('words', 'l')]
    """  # noqa: E501
    text = _lower(text or "")
    words = list(WORD.finditer(text))
    found = {("words", word[0]) for word in words if not word[0].isdecimal()}
    for i, word in enumerate(words):
        if unit := NUMBER_AND_UNIT.fullmatch(word[0]):
            found.add(("unit", unit[1]))
        if code := CODE.match(word[0]):
            found.add(("code", code[1]))
        end = word.end()
        for following in words[i + 1 : i + LONGEST]:
            if following.start() - end > WIDEST_GAP:
                break
            end = following.end()
            phrase = text[word.start() : end]
            found.add(("words", " ".join(phrase.split())))
            if unit := NUMBER_AND_UNIT.fullmatch(phrase):
                found.add(("unit", unit[1]))
    return found


def mine(
    columns: Mapping[str | None, Sequence[str | None]], least: int
) -> tuple[list[Term], sparse.csr_array]:
    """The terms that are in at least `least` texts, and where `(texts, terms)`, 1 or 0.

    `columns` holds each field's texts; None among them is an empty field.
    """
    from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415  takes a second

    terms: list[Term] = []
    parts = [sparse.csr_array((len(next(iter(columns.values()))), 0), dtype=np.float32)]
    for field, texts in columns.items():
        count = CountVectorizer(
            analyzer=terms_in, min_df=least, max_features=MOST, dtype=np.float32
        )
        try:
            parts.append(sparse.csr_array(count.fit_transform(texts)))
        except ValueError:  # no term is in that many texts
            continue
        place = sorted(count.vocabulary_, key=count.vocabulary_.__getitem__)
        terms += [Term(field, kind, text) for kind, text in place]
    return terms, sparse.hstack(parts, format="csr")


def _lower(text: str) -> str:
    """Lower case, but for the few letters of which it makes two: no rule would find those."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(one if len(one.lower()) > 1 else one.lower() for one in text)
