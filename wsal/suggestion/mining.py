"""What a rule could look for: n-grams, numbers with a unit, beginnings of codes, in each field."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

WORD = re.compile(r"\w+")
NUMBER_AND_UNIT = re.compile(r"\d+ ?([^\W\d_]{1,5})")
CODE = re.compile(r"([^\W\d_]{2,})\d")
MAX_WORDS = 3  # of an n-gram
MAX_GAP = 3  # characters between two words of an n-gram
MAX_TERMS = 50_000  # of a field: the most frequent ones


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
    """Kind and text of every term in the text, in lower case.

    Each term is mined exactly as the rule made of it finds it, so a rule votes on the very texts
    that its estimate rests on.

    >>> sorted(terms_in("Kettle 2 L"))[:3]
    [('unit', 'l'), ('words', '2 l'), ('words', 'kettle')]
    """
    text = _lower(text or "")
    words = list(WORD.finditer(text))
    terms = {("words", word[0]) for word in words if not word[0].isdecimal()}
    for i, word in enumerate(words):
        if unit := NUMBER_AND_UNIT.fullmatch(word[0]):
            terms.add(("unit", unit[1]))
        if code := CODE.match(word[0]):
            terms.add(("code", code[1]))
        end = word.end()
        for following in words[i + 1 : i + MAX_WORDS]:
            if following.start() - end > MAX_GAP:
                break
            end = following.end()
            phrase = text[word.start() : end]
            terms.add(("words", " ".join(phrase.split())))
            if unit := NUMBER_AND_UNIT.fullmatch(phrase):
                terms.add(("unit", unit[1]))
    return terms


def mine(
    columns: Mapping[str | None, Sequence[str | None]], least: int
) -> tuple[list[Term], sparse.csr_array]:
    """The terms that are in at least `least` texts, and the term matrix `(texts, terms)`, 1 or 0.

    `columns` holds the texts of each field; None among them is an empty field.
    """
    from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415  takes a second

    terms: list[Term] = []
    n_texts = len(next(iter(columns.values())))
    matrices = [sparse.csr_array((n_texts, 0), dtype=np.float32)]
    for field, texts in columns.items():
        vectorizer = CountVectorizer(
            analyzer=terms_in, min_df=least, max_features=MAX_TERMS, dtype=np.float32
        )
        try:
            matrices.append(sparse.csr_array(vectorizer.fit_transform(texts)))
        except ValueError:  # no term is in that many texts
            continue
        in_order = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)
        terms += [Term(field, kind, text) for kind, text in in_order]
    return terms, sparse.hstack(matrices, format="csr")


def _lower(text: str) -> str:
    """Lower case, except for the few letters that become two: rules would not find those."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(char if len(char.lower()) > 1 else char.lower() for char in text)
