"""A generated product catalogue: a data set that needs no download."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
import polars as pl
from pydantic import Field

from wsal.data.base import Layout
from wsal.data.catalog_kinds import KINDS, Kind
from wsal.data.catalog_noise import noisy_title
from wsal.data.catalog_words import BRANDS, COLOURS, SPARSE_NOTES
from wsal.settings import Count, Share

NAMES = tuple(KINDS)
SELLERS = {name: tuple(b for b, sells in BRANDS.items() if name in sells) for name in NAMES}


@dataclass(frozen=True)
class Catalog:
    """Shop listings of 12 product classes, as messy as sellers write them.

    The classes form six pairs of a device and its accessories (phones and phone cases), whose
    listings mention each other. Some titles have only a brand and a model code, so that nobody
    gets all of them right; for a few of these, both classes of a pair are equally likely.

    The gold is the class that a listing was generated for, independent of any rule or classifier;
    only train has wrong gold. A copy is in the split of the listing that it copies.

    The data is synthetic, with invented series and brands. Its difficulty was tuned by the shares
    below, against conf/rules/catalog.yaml and MiniLM. So scores on it show how methods compare,
    not how well they would work for a real shop.
    """

    n: Annotated[int, Field(ge=200)] = 6000
    """Number of rows: about 70% train, 10% valid and 20% test."""
    seed: Count = 0
    """The same arguments give the same rows."""
    gold_noise: Share = 0.03
    """Share of wrong gold labels in train; most are the paired class."""
    vague: Share = 0.08
    """Share of listings with only a brand and a model code."""
    mess: Annotated[float, Field(ge=0)] = 1.0
    """Factor for how often typos, capitals and seller talk occur; 0: clean titles."""
    duplicates: Annotated[float, Field(ge=0, le=0.5)] = 0.03
    """Share of rows that copy another row."""

    @property
    def layout(self) -> Layout:
        """The text is title, brand and description; gold and splits are there for measuring."""
        return Layout(
            text=("title", "brand", "description"), label="category", id="id", split="split"
        )

    def content(self) -> Mapping[str, str]:
        """Empty, as the settings alone determine the rows."""
        return {}

    def read(self) -> pl.DataFrame:
        """Columns id, title, brand, description, category and split; nulls occur."""
        rng = np.random.default_rng([self.seed, self.n])
        weights = np.array([kind.weight for kind in KINDS.values()])
        drawn = rng.choice(len(NAMES), size=self.n, p=weights / weights.sum())
        chance = chances(rng)
        listings = [listing(NAMES[c], chance, self.vague, self.mess) for c in drawn.tolist()]
        columns = dict.fromkeys(Listing._fields, pl.String)
        frame = pl.DataFrame(listings, schema=columns, orient="row")
        frame = frame.with_columns(split=pl.Series(splits(self.n, rng), dtype=pl.String))
        frame = frame[copied(self.n, self.duplicates, rng)]
        gold = noisy_gold(frame, self.gold_noise, rng)
        ids = pl.format("c{}", pl.int_range(1, self.n + 1).cast(pl.String).str.zfill(6))
        return frame.select(
            ids.alias("id"), "title", "brand", "description", gold.alias("category"), "split"
        )


class Listing(NamedTuple):
    """One product, as a seller describes it."""

    title: str
    brand: str | None
    description: str | None
    category: str


def chances(rng: np.random.Generator) -> Iterator[float]:
    """Uniform numbers in [0, 1) one by one; drawn in blocks, since single draws are slow."""
    while True:
        yield from rng.random(65_536).tolist()


def pick(words: Sequence[str], chance: Iterator[float]) -> str:
    """One of the words, all equally likely."""
    return words[int(next(chance) * len(words))]


def favour(words: Sequence[str], chance: Iterator[float]) -> str:
    """One of the words, the first ones most often; the last make the long tail."""
    return words[int(next(chance) ** 2 * len(words))]


def listing(name: str, chance: Iterator[float], vague: float, mess: float) -> Listing:
    """One listing of the class: a plain one, or a vague one."""
    kind = KINDS[name]
    brand = pick(SELLERS[name], chance)
    if next(chance) < vague:
        parts, note = vague_parts(kind, chance), pick(SPARSE_NOTES, chance)
    else:
        parts, note = plain_parts(kind, chance), plain_note(kind, chance)
    if next(chance) < 0.6:
        parts.insert(0, brand)
    return Listing(
        title=noisy_title(parts, chance, mess),
        brand=brand if next(chance) < 0.75 else None,
        description=note if next(chance) < 0.7 else None,
        category=name,
    )


def vague_parts(kind: Kind, chance: Iterator[float]) -> list[str]:
    """A title with a model code only: who knows the series mostly knows the class.

    One in six names the neighbour's model, as sellers of parts do, and cannot be told from it.
    """
    series = kind.series if next(chance) < 5 / 6 else KINDS[kind.near].series
    parts = [model(series, chance)]
    if next(chance) < 0.5:
        parts.append(pick(COLOURS, chance))
    return parts


def plain_parts(kind: Kind, chance: Iterator[float]) -> list[str]:
    """The parts of a title that says what the thing is, or nearly."""
    near = KINDS[kind.near]
    parts = []
    if next(chance) < 0.38:
        parts.append(model(kind.series, chance))
    if next(chance) < 0.7:
        parts.append(pick((near if next(chance) < 0.1 else kind).traits, chance))
    noun = favour(kind.nouns, chance)
    shape = next(chance)
    if shape < 0.3:
        pattern = pick(kind.borrowed, chance)
        parts.append(pattern.format(noun=noun, series=model(near.series, chance)))
    elif shape < 0.93:
        parts.append(noun)
    if next(chance) < 0.55 or not parts:
        parts.append(pick(kind.specs, chance))
    if next(chance) < 0.3:
        parts.append(pick(COLOURS, chance))
    return parts


def plain_note(kind: Kind, chance: Iterator[float]) -> str:
    """A description that tells something in three of four cases."""
    return pick(kind.notes if next(chance) < 0.75 else SPARSE_NOTES, chance)


def model(series: Sequence[str], chance: Iterator[float]) -> str:
    """A model code such as "Zeno X42"."""
    letter = "XSTGM"[int(next(chance) * 5)]
    number = int(next(chance) * 40) + 1
    return f"{favour(series, chance)} {letter}{number}"


def splits(n: int, rng: np.random.Generator) -> list[str]:
    """The split of each row, 70/10/20 up to rounding."""
    train, valid = round(0.7 * n), round(0.1 * n)
    names = np.repeat(["train", "valid", "test"], [train, valid, n - train - valid])
    shuffled: list[str] = rng.permutation(names).tolist()
    return shuffled


def copied(n: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """`(n,)`: the row that each row shows: itself, or for a share of them, the row it copies."""
    order = rng.permutation(n)
    copies, originals = np.split(order, [round(share * n)])
    rows = np.arange(n)
    if len(originals):
        rows[copies] = rng.choice(originals, size=len(copies))
    return rows


def noisy_gold(frame: pl.DataFrame, share: float, rng: np.random.Generator) -> pl.Series:
    """The gold with a share of train made wrong, two of three by the neighbour's name."""
    gold = frame["category"].to_list()
    train = (frame["split"] == "train").arg_true().to_numpy()
    for row in rng.choice(train, size=round(share * len(train)), replace=False).tolist():
        others = [name for name in NAMES if name != gold[row]]
        by_near = rng.random() < 2 / 3
        gold[row] = KINDS[gold[row]].near if by_near else others[rng.integers(len(others))]
    return pl.Series(gold)
