"""What may be exchanged for what, and what must stay: learnt from a pool and its weak labels."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.amplify.attributes import NUMBER, WORD, Attribute, attributes
from wsal.arrays import ABSTAIN, Classes

RUN = r"[^\W\d_]+|\d+"  # so that 64gb is two words, of which gb may tell the class
NAME = re.compile(r"[^\W\d_][^\W\d_&'’.-]*(?:[&'’.-][^\W\d_]*)*")
DECIMAL = re.compile(NUMBER)
MIXED = re.compile(r"[^\W_]*(?:\d[^\W\d_]|[^\W\d_]\d)[^\W_]*")
WORDS = frozenset(WORD.groupindex)  # slots of words, which a neighbour bears out
MAX_TEXTS = 100_000
LEAST = 5  # texts that a brand, a frequent code or a telling word stands in
BEGIN = 0.4  # share of texts that must begin with a brand, where no field has it
PRIOR = 2.0  # texts that the classes' shares count for in those of one word


@dataclass(frozen=True)
class Lexicon:
    """Values by slot, class and context, and the words that no rewriting may touch."""

    protected: frozenset[str]
    """Words that tell the class, and those of the classes' names."""
    brands: frozenset[str]
    """Brands in lower case, of up to three words."""
    frequent: frozenset[str]
    """Mixes of letters and digits that many texts share: words such as 1080p, no codes."""
    seen: Mapping[tuple[str, int, str], tuple[str, ...]]
    """(slot, class, context) -> the values seen there."""

    def bears(self, text: str) -> Counter[str]:
        """The protected words in a text, and how often each stands there."""
        return Counter(word for word in tokens(text) if word in self.protected)

    def choices(self, text: str, label: int) -> list[tuple[Attribute, tuple[str, ...]]]:
        """Each attribute of a text of class `label` that can be replaced, and by what.

        What is offered was seen in texts of this class, beside the same word, and stands nowhere
        in the text yet; a number is at most four times as large or as small. Nothing offered or
        to be replaced is protected. A brand is replaced only where a protected word stays: else
        it may be all that tells the class.
        """
        found = attributes(text, self.brands if self.bears(text) else ())
        present = {text[one.start : one.end].lower() for one in found}
        offered = []
        for one in found:
            seen = self.seen.get((one.slot, label, one.context), ())
            old = text[one.start : one.end]
            others = tuple(v for v in seen if v.lower() not in present and _near(v, old))
            if others and not self.bears(old):
                offered.append((one, others))
        return offered


def tokens(text: str) -> list[str]:
    """The runs of letters and of digits in a text, in lower case.

    >>> tokens("Fridge, 64GB")
    ['fridge', '64', 'gb']
    """
    return re.findall(RUN, text.lower())


def _near(number: str, other: str) -> bool:
    """Whether two numbers, if they are, are of about the same size."""
    if not (DECIMAL.fullmatch(number) and DECIMAL.fullmatch(other)):
        return True
    return float(other) / 4 <= float(number) <= float(other) * 4


def mine(
    texts: pl.Series,
    classes: Classes,
    names: Sequence[str],
    rng: np.random.Generator,
    *,
    brands: pl.Series | None = None,
    protect: float = 0.5,
) -> Lexicon:
    """The lexicon of a pool, from at most 100,000 of its texts drawn at random.

    Args:
        texts: the pool's texts.
        classes: `(texts,)`, the weak (or gold) class of each, or `ABSTAIN`.
        names: the names of the classes, in index order.
        rng: draws the sample.
        brands: the brand of each text, null where unknown, if a field holds it; without it,
            brands are told by how words begin texts.
        protect: a word is protected if seeing it takes away at least this share of what is not
            known of the class: KL(classes given the word, classes) / H(classes).
    """
    rows = np.sort(rng.permutation(len(texts))[:MAX_TEXTS])
    texts, classes = texts.gather(rows).fill_null(""), np.asarray(classes)[rows]
    protected = _telling(texts, classes, len(names), protect) | _forms(names)
    lines = texts.to_list()
    known = _leading(lines) if brands is None else _often(brands.gather(rows).drop_nulls())
    mixed = (m.lower() for line in lines for m in set(MIXED.findall(line)))
    frequent = frozenset(code for code, n in Counter(mixed).items() if n >= LEAST)
    seen = _seen(lines, classes, known, protected)
    return Lexicon(protected, known, frequent, seen)


def _telling(texts: pl.Series, classes: Classes, n_classes: int, least: float) -> frozenset[str]:
    """Words after which the class is much surer than before."""
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
        unsure = -np.where(shares > 0, shares * np.log(shares), 0).sum()
    return frozenset(words.filter(gain >= least * max(unsure, 1e-9)))


def _forms(names: Iterable[str]) -> frozenset[str]:
    """The words of the classes' names, in plural and singular."""
    words = {word for name in names for word in tokens(name)}
    bare = {word.removesuffix(end) for word in words for end in ("s", "es") if len(word) > 3}
    ies = {word.removesuffix("ies") + "y" for word in words if word.endswith("ies")}
    return frozenset(words | bare | ies | {word + "s" for word in bare})


def _leading(lines: Sequence[str]) -> frozenset[str]:
    """Words, and pairs of them, that mostly stand where a text begins.

    None, if few texts begin so: then the first words of a text are those of the goods.
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
    return frozenset(names | bound) if share >= BEGIN else frozenset()


def _often(brands: pl.Series) -> frozenset[str]:
    counts = brands.str.to_lowercase().value_counts(name="n")
    return frozenset(counts.filter(pl.col("n") >= LEAST)[brands.name])


def _seen(
    lines: Sequence[str], classes: Classes, brands: frozenset[str], protected: frozenset[str]
) -> dict[tuple[str, int, str], tuple[str, ...]]:
    """What may stand in each place, every value in its commonest spelling."""
    places: dict[tuple[str, int, str], Counter[str]] = defaultdict(Counter)
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for line, label in zip(lines, classes.tolist(), strict=True):
        for one in attributes(line, brands) if label != ABSTAIN else ():
            value = line[one.start : one.end]
            places[one.slot, label, one.context][value.lower()] += 1
            spellings[value.lower()][value] += 1
    usual = _usual(places)
    found = {
        (slot, label, context): tuple(
            spellings[value].most_common(1)[0][0]
            for value in sorted(counts)
            if counts[value] >= 2
            and (slot, label, value) in usual
            and protected.isdisjoint(tokens(value))
        )
        for (slot, label, context), counts in sorted(places.items())
    }
    return {place: values for place, values in found.items() if values}


def _usual(places: Mapping[tuple[str, int, str], Counter[str]]) -> set[tuple[str, int, str]]:
    """(slot, class, value) that wrong weak labels alone would hardly bring together.

    A value must stand in the class a quarter as often as other values of its slot do; where no
    neighbour bears it out, at least each tenth time it stands at all.
    """
    of_value, of_class, of_slot = Counter[tuple](), Counter[tuple](), Counter[str]()
    both = Counter[tuple[str, int, str]]()
    for (slot, label, _), counts in places.items():
        for value, n in counts.items():
            both[slot, label, value] += n
            of_value[slot, value] += n
            of_class[slot, label] += n
            of_slot[slot] += n
    return {
        (slot, label, value)
        for (slot, label, value), n in both.items()
        if n / of_value[slot, value]
        >= max(of_class[slot, label] / of_slot[slot] / 4, 0 if slot in WORDS else 0.1)
    }
