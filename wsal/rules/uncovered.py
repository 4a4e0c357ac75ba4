"""What the texts are about on which no rule votes."""

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import Classes
from wsal.labels import LabelSet

SAMPLE = 10_000  # texts to cluster: enough to see what is common
A_GROUP = 250  # texts a cluster, about
NGRAM = r"(?u)[^\W\d_][\w'-]+"  # words that begin with a letter


def groups(
    texts: pl.Series, gold: Classes, labels: LabelSet, rng: np.random.Generator, most: int = 10
) -> pl.DataFrame:
    """The largest groups of these texts, as `tables.UNCOVERED`, with their commonest n-grams.

    At most 10,000 texts, drawn at random, are clustered (k-means on TF-IDF of words and bigrams);
    `n_texts` is scaled to all. `gold` is `(texts,)`, -1 where unknown.
    """
    from sklearn.cluster import MiniBatchKMeans  # noqa: PLC0415  a second that few rules wait for
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415

    picked = np.sort(rng.choice(len(texts), min(SAMPLE, len(texts)), replace=False))
    some, known = texts.gather(picked), gold[picked]
    few = max(2, len(some) // 2000)
    split = TfidfVectorizer(
        ngram_range=(1, 2), token_pattern=NGRAM, min_df=few, max_df=0.5, binary=True,
        sublinear_tf=True, dtype=np.float32, max_features=20_000,
    )  # fmt: skip
    try:
        weights = split.fit_transform(some.to_list())
    except ValueError:  # no n-gram is in two texts
        return pl.DataFrame(schema=tables.UNCOVERED)
    n_clusters = int(np.clip(len(some) // A_GROUP, 1, 40))
    seed = int(rng.integers(2**31))
    found = MiniBatchKMeans(n_clusters, random_state=seed, n_init=1, batch_size=4096)
    member = found.fit_predict(weights)
    ngrams = split.get_feature_names_out()
    sizes = np.bincount(member, minlength=n_clusters)
    rows = []
    for cluster in np.argsort(-sizes, kind="stable")[: min(most, np.count_nonzero(sizes))]:
        mine = np.flatnonzero(member == cluster)
        shares = np.asarray((weights[mine] > 0).mean(axis=0)).ravel()
        commonest = np.argsort(-shares, kind="stable")[:5]
        terms = [f"{ngrams[t]} ({shares[t]:.0%})" for t in commonest if shares[t] > 0]
        truth = known[mine][known[mine] >= 0]
        counts = np.bincount(truth, minlength=len(labels))
        top = np.argsort(-counts, kind="stable")[:3]
        classes = [f"{labels.names[c]} ({counts[c] / len(truth):.0%})" for c in top if counts[c]]
        n_texts = round(len(mine) * len(texts) / len(some))
        rows.append((n_texts, terms, classes, some.gather(mine[:3]).to_list()))
    return pl.DataFrame(rows, schema=tables.UNCOVERED, orient="row")
