"""Made-up product titles and 100 rules over them, for timing."""

import numpy as np
import polars as pl

SIGNS = ("-", "/", "&", ",", "(", ")", "+", ".")


def vocabulary(rng, size=5000):
    """Made-up words of two to four syllables, a few with accents."""
    onsets, vowels = list("bcdfghjklmnprstvwz"), list("aeiou")
    words = {
        "".join(
            str(rng.choice(onsets)) + str(rng.choice(vowels)) for _ in range(rng.integers(2, 5))
        )
        for _ in range(size * 2)
    }
    return sorted(words)[:size]


def titles(n, seed=0):
    """`n` titles of about 12 words and 80 characters; one in fifty has an accent."""
    rng = np.random.default_rng(seed)
    words = np.array(vocabulary(np.random.default_rng(0)), dtype=object)
    rank = np.minimum((rng.pareto(0.7, size=(n, 9)) * 8).astype(int), len(words) - 1)
    columns = [pl.Series(words[rank[:, k]], dtype=pl.String) for k in range(9)]
    numbers = pl.Series(rng.integers(1, 1000, size=n)).cast(pl.String)
    units = pl.Series(
        np.array(["gb", "inch", "mm", "ghz", "kg", "litre"], dtype=object)[rng.integers(0, 6, n)],
        dtype=pl.String,
    )
    signs = pl.Series(
        np.array(SIGNS, dtype=object)[rng.integers(0, len(SIGNS), n)], dtype=pl.String
    )
    frame = pl.DataFrame([c.alias(f"w{k}") for k, c in enumerate(columns)])
    frame = frame.with_columns(n=numbers, u=units, s=signs)
    first = pl.col("w0").str.to_titlecase()
    text = pl.concat_str(
        first, "w1", "w2", "s", "w3", "w4", "n", "u", "w5", "w6", "w7", "w8", separator=" "
    )
    accent = pl.Series(rng.random(n) < 0.02)
    return frame.select(text=pl.when(accent).then(text + pl.lit(" caf\u00e9")).otherwise(text))[
        "text"
    ]


def keyword_lists(n=60, terms=10):
    """`n` lists of words, common and rare ones."""
    words = vocabulary(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    return [[words[i] for i in rng.choice(2000, terms, replace=False)] for _ in range(n)]


def regexes(n=30):
    """`n` patterns such as rule authors write: numbers with units, stems, alternatives."""
    words = vocabulary(np.random.default_rng(0))
    rng = np.random.default_rng(2)
    units = ["gb", "inch", "mm", "ghz", "kg", "litre"]
    found = []
    for i in range(n):
        a, b = (words[k] for k in rng.choice(500, 2, replace=False))
        found.append(
            (
                rf"\b\d{{2,3}}\s?{units[i % 6]}\b",
                rf"\b{a[:3]}\w*\s+{b[:2]}",
                rf"\b({a}|{b})s?\b",
                rf"{a}.*\d+",
                rf"^{a[:2]}\w+ {b[:1]}",
            )[i % 5]
        )
    return found


def records(texts):
    """Records of these texts."""
    ids = pl.Series([str(i) for i in range(len(texts))])
    frame = pl.DataFrame({"id": ids, "text": texts})
    return frame.with_columns(fields=pl.struct(title=pl.col("text")))
