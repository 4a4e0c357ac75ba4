"""What the texts on which no rule votes are about."""

import numpy as np
import polars as pl

from wsal import schemas
from wsal.arrays import Classes
from wsal.labels import LabelSet

SAMPLE = 10_000  # texts to cluster: enough to see what is common
CLUSTER_SIZE = 250  # texts in a cluster, on average
MAX_CLUSTERS = 40
WORD = r"(?u)[^\W\d_][\w'-]+"  # begins with a letter


def groups(
    texts: pl.Series, gold: Classes, labels: LabelSet, rng: np.random.Generator, most: int = 10
) -> pl.DataFrame:
    """The largest groups of these texts, with their most frequent n-grams.

    At most 10,000 texts, drawn at random, are clustered (k-means on TF-IDF of words and bigrams);
    `n_texts` is scaled to all of them.

    Args:
        texts: on which no rule votes.
        gold: `(texts,)`, -1 where unknown.
        labels: the classes.
        rng: draws the texts, and starts k-means.
        most: the number of groups.

    Returns:
        A table with the schema `schemas.UNCOVERED`.
    """
    from sklearn.cluster import MiniBatchKMeans  # noqa: PLC0415  importing it takes a second
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415

    drawn = np.sort(rng.choice(len(texts), min(SAMPLE, len(texts)), replace=False))
    sample, sample_gold = texts.gather(drawn), gold[drawn]
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2),
        token_pattern=WORD,
        min_df=max(2, len(sample) // 2000),
        max_df=0.5,
        binary=True,
        sublinear_tf=True,
        dtype=np.float32,
        max_features=20_000,
    )
    try:
        weights = vectorizer.fit_transform(sample.to_list())
    except ValueError:  # no n-gram is in two texts
        return pl.DataFrame(schema=schemas.UNCOVERED)
    n_clusters = int(np.clip(len(sample) // CLUSTER_SIZE, 1, MAX_CLUSTERS))
    seed = int(rng.integers(2**31))
    kmeans = MiniBatchKMeans(n_clusters, random_state=seed, n_init=1, batch_size=4096)
    cluster_of = kmeans.fit_predict(weights)
    ngrams = vectorizer.get_feature_names_out()
    sizes = np.bincount(cluster_of, minlength=n_clusters)
    rows = []
    for cluster in np.argsort(-sizes, kind="stable")[: min(most, np.count_nonzero(sizes))]:
        members = np.flatnonzero(cluster_of == cluster)
        shares = np.asarray((weights[members] > 0).mean(axis=0)).ravel()
        frequent = np.argsort(-shares, kind="stable")[:5]
        terms = [f"{ngrams[t]} ({shares[t]:.0%})" for t in frequent if shares[t] > 0]
        known_gold = sample_gold[members][sample_gold[members] >= 0]
        counts = np.bincount(known_gold, minlength=len(labels.answers))
        top = np.argsort(-counts, kind="stable")[:3]
        classes = [
            f"{labels.answers[c]} ({counts[c] / len(known_gold):.0%})" for c in top if counts[c]
        ]
        n_texts = round(len(members) * len(texts) / len(sample))
        rows.append((n_texts, terms, classes, sample.gather(members[:3]).to_list()))
    return pl.DataFrame(rows, schema=schemas.UNCOVERED, orient="row")
