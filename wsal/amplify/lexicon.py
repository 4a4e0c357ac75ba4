"""Which values may replace which, and which words must stay, learned from a pool's weak labels."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.amplify.attributes import NUMBER, WORD, Attribute, attributes
from wsal.arrays import ABSTAIN, Classes

RUN = r"[^\W\d_]+|\d+"  # 64gb is two words, as gb may indicate the class
NAME = re.compile(r"[^\W\d_][^\W\d_&'’.-]*(?:[&'’.-][^\W\d_]*)*")
DECIMAL = re.compile(NUMBER)
MIXED = re.compile(r"[^\W_]*(?:\d[^\W\d_]|[^\W\d_]\d)[^\W_]*")
WORD_SLOTS = frozenset(WORD.groupindex)  # slots whose values are words; they have a context
MAX_TEXTS = 100_000
LEAST = 5  # texts that a brand, a frequent code or an informative word must occur in
LEAST_BRANDED = 0.4  # share of the texts that must begin with a brand, if no field has the brand
PRIOR = 2.0  # pseudo-texts of each word, with the classes' overall shares


@dataclass(frozen=True)
class Lexicon:
    """Values by slot, class and context, and the words that no operation may change."""

    protected: frozenset[str]
    """Words that indicate the class, and the words of the classes' names."""
    brands: frozenset[str]
    """Brands in lower case, of up to three words."""
    frequent: frozenset[str]
    """Mixes of letters and digits that many texts share: words such as 1080p, not model codes."""
    values: Mapping[tuple[str, int, str], tuple[str, ...]]
    """(slot, class, context) -> the values seen there."""

    def protected_words(self, text: str) -> Counter[str]:
        """The protected words in a text, and how often each occurs."""
        return Counter(word for word in tokens(text) if word in self.protected)

    def replacements(self, text: str, label: int) -> list[tuple[Attribute, tuple[str, ...]]]:
        """Each attribute of a text of class `label` that can be replaced, and its new values.

        New values were seen in texts of this class, in the same context, and do not occur in the
        text; numbers differ by a factor of four at most. Protected words are neither replaced nor
        used as new values. A brand is replaced only if the text has a protected word: otherwise,
        the brand may be all that indicates the class.
        """
        present = attributes(text, self.brands if self.protected_words(text) else ())
        present_values = {text[each.start : each.end].lower() for each in present}
        result = []
        for attribute in present:
            old = text[attribute.start : attribute.end]
            new_values = tuple(
                value
                for value in self.values.get((attribute.slot, label, attribute.context), ())
                if value.lower() not in present_values and _similar_size(value, old)
            )
            if new_values and not self.protected_words(old):
                result.append((attribute, new_values))
        return result


def tokens(text: str) -> list[str]:
    """The runs of letters and of digits in a text, in lower case.

    >>> tokens("Fridge, 64GB")
    ['fridge', '64', 'gb']
    """
    return re.findall(RUN, text.lower())


def _similar_size(number: str, other: str) -> bool:
    """Whether two numbers differ by a factor of four at most; true if they are not numbers."""
    if not (DECIMAL.fullmatch(number) and DECIMAL.fullmatch(other)):
        return True
    return float(other) / 4 <= float(number) <= float(other) * 4


def build_lexicon(
    texts: pl.Series,
    classes: Classes,
    names: Sequence[str],
    rng: np.random.Generator,
    *,
    brands: pl.Series | None = None,
    protect: float = 0.5,
) -> Lexicon:
    """The lexicon of a pool, from at most 100,000 randomly drawn texts.

    Args:
        texts: the pool's texts.
        classes: `(texts,)`, the weak (or gold) class of each, or `ABSTAIN`.
        names: the names of the classes, in index order.
        rng: draws the sample.
        brands: the brand of each text, null where unknown, if a field has it; otherwise, brands
            are recognised as words that mostly begin texts.
        protect: a word is protected if it removes at least this share of the uncertainty about
            the class: KL(classes given the word, classes) / H(classes).
    """
    rows = np.sort(rng.permutation(len(texts))[:MAX_TEXTS])
    texts, classes = texts.gather(rows).fill_null(""), np.asarray(classes)[rows]
    protected = _informative_words(texts, classes, len(names), protect) | _word_forms(names)
    lines = texts.to_list()
    if brands is None:
        brand_names = _brands_by_position(lines)
    else:
        brand_names = _frequent_brands(brands.gather(rows).drop_nulls())
    mixed = (m.lower() for line in lines for m in set(MIXED.findall(line)))
    frequent = frozenset(code for code, n in Counter(mixed).items() if n >= LEAST)
    values = _values(lines, classes, brand_names, protected)
    return Lexicon(protected, brand_names, frequent, values)


def _informative_words(
    texts: pl.Series, classes: Classes, n_classes: int, least: float
) -> frozenset[str]:
    """Words that remove at least the share `least` of the uncertainty about the class."""
    labelled = pl.DataFrame({"word": texts.str.to_lowercase(), "label": classes}).filter(
        pl.col("label") != ABSTAIN
    )
    shares = np.bincount(labelled["label"], minlength=n_classes) / max(len(labelled), 1)
    pairs = (
        labelled.with_columns(pl.col("word").str.extract_all(RUN).list.unique())
        .explode("word")
        .drop_nulls()
        .group_by("word", "label")
        .len()
        .filter(pl.col("len").sum().over("word") >= LEAST)
    )
    words = pairs["word"].unique().sort()
    counts = np.zeros((len(words), n_classes))
    counts[words.search_sorted(pairs["word"]), pairs["label"]] = pairs["len"]
    given = (counts + PRIOR * shares) / (counts.sum(axis=1, keepdims=True) + PRIOR)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(given > 0, given * np.log(given / shares), 0).sum(axis=1)
        entropy = -np.where(shares > 0, shares * np.log(shares), 0).sum()
    return frozenset(words.filter(gain >= least * max(entropy, 1e-9)))


def _word_forms(names: Iterable[str]) -> frozenset[str]:
    """The words of the classes' names, in the plural and the singular."""
    words = {word for name in names for word in tokens(name)}
    bare = {word.removesuffix(end) for word in words for end in ("s", "es") if len(word) > 3}
    ies = {word.removesuffix("ies") + "y" for word in words if word.endswith("ies")}
    return frozenset(words | bare | ies | {word + "s" for word in bare})


def _brands_by_position(lines: Sequence[str]) -> frozenset[str]:
    """Words and pairs of words that occur mostly at the beginning of texts.

    Empty if few texts begin with one: then texts begin with the kind of product.
    """
    anywhere, first, pairs = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for words in (line.lower().split() for line in lines):
        anywhere.update(set(words))
        first.update(words[:1])
        pairs.update([(words[0], words[1])] if len(words) > 1 else [])
    names = {
        word for word, n in first.items()
        if n >= max(LEAST, 0.6 * anywhere[word]) and NAME.fullmatch(word) and len(word) > 1
    }  # fmt: skip
    bound = {
        f"{word} {after}" for (word, after), n in pairs.items()
        if word in names and n >= max(LEAST, 0.6 * anywhere[after]) and NAME.fullmatch(after)
    }  # fmt: skip
    share = sum(first[word] for word in names) / max(len(lines), 1)
    return frozenset(names | bound) if share >= LEAST_BRANDED else frozenset()


def _frequent_brands(brands: pl.Series) -> frozenset[str]:
    counts = brands.str.to_lowercase().value_counts(name="n")
    return frozenset(counts.filter(pl.col("n") >= LEAST)[brands.name])


def _values(
    lines: Sequence[str], classes: Classes, brands: frozenset[str], protected: frozenset[str]
) -> dict[tuple[str, int, str], tuple[str, ...]]:
    """(slot, class, context) -> the values to use there, each in its most common spelling."""
    counts: dict[tuple[str, int, str], Counter[str]] = defaultdict(Counter)
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for line, label in zip(lines, classes.tolist(), strict=True):
        for attribute in attributes(line, brands) if label != ABSTAIN else ():
            value = line[attribute.start : attribute.end]
            counts[attribute.slot, label, attribute.context][value.lower()] += 1
            spellings[value.lower()][value] += 1
    typical = _typical(counts)
    values = {
        (slot, label, context): tuple(
            spellings[value].most_common(1)[0][0]
            for value in sorted(here)
            if here[value] >= 2
            and (slot, label, value) in typical
            and protected.isdisjoint(tokens(value))
        )
        for (slot, label, context), here in sorted(counts.items())
    }
    return {key: some for key, some in values.items() if some}


def _typical(counts: Mapping[tuple[str, int, str], Counter[str]]) -> set[tuple[str, int, str]]:
    """(slot, class, value) that are unlikely to occur together by wrong weak labels alone.

    The share of the class among a value's occurrences must be at least a quarter of its share
    among all occurrences of the slot; for values without a context, at least a tenth.
    """
    of_value, of_class, of_slot = Counter[tuple](), Counter[tuple](), Counter[str]()
    of_pair = Counter[tuple[str, int, str]]()
    for (slot, label, _), values in counts.items():
        for value, n in values.items():
            of_pair[slot, label, value] += n
            of_value[slot, value] += n
            of_class[slot, label] += n
            of_slot[slot] += n
    return {
        (slot, label, value)
        for (slot, label, value), n in of_pair.items()
        if n / of_value[slot, value]
        >= max(of_class[slot, label] / of_slot[slot] / 4, 0 if slot in WORD_SLOTS else 0.1)
    }
