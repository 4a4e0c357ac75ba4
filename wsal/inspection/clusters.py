"""Groups of texts that are alike, named by the words that set each apart."""

from collections.abc import Sequence

import numpy as np

from wsal.active.clustering import cluster
from wsal.arrays import Classes
from wsal.rules.uncovered import WORD

TEXTS_EACH = 250  # texts of a group, on average
MOST = 20  # groups
WORDS = 3  # of a name
LEAST = 0.05  # share of a group's texts that a word of its name is in


def clusters_of(components: np.ndarray, rng: np.random.Generator) -> Classes:
    """The group of each text, in [0, 20), by k-means: one for 250 texts, at least two.

    Groups are numbered by size, the largest first; none is empty.
    """
    n_clusters = int(np.clip(len(components) // TEXTS_EACH, 2, MOST))
    member, _ = cluster(components, n_clusters, rng)
    sizes = np.bincount(member)
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    ranked: Classes = rank[member]
    return ranked


def cluster_names(texts: Sequence[str], cluster_of: Classes) -> list[str]:
    """A name for each group: its three most distinctive words.

    They are those with the highest class-based TF-IDF (Grootendorst, 2022): frequent in the group,
    and rare elsewhere. A group without such a word is called by its number.

    >>> texts = ["red shoes", "shoes blue", "shoes", "red phone", "a phone", "phone blue"]
    >>> cluster_names(texts, np.array([0, 0, 0, 1, 1, 1]))
    ['shoes', 'phone']
    """
    from scipy import sparse  # noqa: PLC0415
    from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415  takes a second

    n = int(cluster_of.max()) + 1 if len(cluster_of) else 0
    names = [f"group {number + 1}" for number in range(n)]
    vectorizer = CountVectorizer(token_pattern=WORD, binary=True, min_df=2, max_features=20_000)
    try:
        has_word = vectorizer.fit_transform(texts)
    except ValueError:  # no word is in two texts
        return names
    words = vectorizer.get_feature_names_out()
    indicator = sparse.csr_array(
        (np.ones(len(cluster_of)), (cluster_of, np.arange(len(cluster_of)))), (n, len(cluster_of))
    )
    counts = (indicator @ has_word).toarray()  # texts of each group with each word
    shares = counts / np.maximum(np.bincount(cluster_of, minlength=n), 1)[:, None]
    total = counts.sum(axis=0)
    scores = shares * np.log1p(counts.sum() / n / total)
    scores[(shares < LEAST) | (counts < 2)] = 0
    for number, of_group in enumerate(scores):
        best = np.argsort(-of_group, kind="stable")[:WORDS]
        if distinctive := [str(words[w]) for w in best if of_group[w] > 0]:
            names[number] = ", ".join(distinctive)
    return names
