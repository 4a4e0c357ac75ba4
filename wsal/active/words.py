"""Which words to ask about: those whose answer corrects the most labels in a second.

Labelling features beside texts goes back to Druck et al. (2009) and Settles (2011, DUALIST).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from re import search

import numpy as np
from scipy import sparse
from scipy.special import betaincc

from wsal.arrays import Probs

PURE = 0.75  # share of the texts with a word that have one class, from which it is the answer
WHOLE_WORD = r"\w+"  # as rules take it
LEFT = 0.1  # share of the texts with a word that have another class than the answer
LEAST_TEXTS = 5  # of the sample, with a word
MOST_EVIDENCE = 20.0  # texts that the predictions count as, since texts with a word are alike
TEXT_REACH = 0.004
"""A label of a text helps as much as the answer to a word that is in this share of all texts. At
first, 40 labels make a classifier about two points better, or a label a twentieth of a point."""
PSEUDO_WORDS = 5.0  # words whose answers were as expected, before there are any answers
MOST_SECONDS = 0.5  # share of the time of a query that words can take


@dataclass(frozen=True)
class Word:
    """A word, or two in a row, and why it is worth asking about."""

    word: str
    predicted: int  # the class of most of its texts
    helps: float  # probability that the answer is a class
    gain: float  # share of all texts whose label the answer is expected to correct


def choose_words(
    texts: Sequence[str],
    probs: Probs,
    weak_probs: Probs,
    answered: Mapping[str, bool],
    seconds: Mapping[str, float],
    budget: float,
    record: tuple[float, float] = (0.0, 0.0),
) -> list[Word]:
    """The words to ask about, most wanted first; possibly none.

    What an answer is expected to correct is the number of texts with the word, times how unsure
    their labels are (beyond what is wrong after an answer, too), times the probability that the
    answer is a class: that at least `PURE` of the texts are of one class, as far as classifier and
    weak labels show.

    Words are chosen one after the other, as long as this brings more per second than a text does
    (`TEXT_REACH`). What a chosen word corrects does not count for the next one. Pairs are not asked
    together with a word that they share with others.

    Args:
        texts: a random sample of the pool.
        probs: the classifier's predictions for them, `(texts, classes)`.
        weak_probs: their weak labels, `(texts, classes)`, zeros where no rule votes.
        answered: for each word that was answered before, whether the answer is a class. Texts with
            such a word have no need of others.
        seconds: what a `text` and a `word` cost.
        budget: seconds of the whole query.
        record: of the words answered before, how many answers were a class, and how many were
            expected to be.
    """
    words, contained = words_in(texts)
    if not words:
        return []
    n_labels = 1 + (weak_probs.sum(axis=1, keepdims=True) > 0)
    mean = ((probs + weak_probs) / n_labels).astype(np.float64)
    predicted = (_likeliest(probs) + _likeliest(weak_probs)) / n_labels
    n = np.asarray(contained.sum(axis=0)).ravel()
    share = (contained.T @ predicted) / n[:, None]
    evidence = np.minimum(n, MOST_EVIDENCE)
    right = share.max(axis=1) * evidence
    helps = betaincc(right + 0.5, evidence - right + 0.5, PURE)
    helps = np.minimum(helps * (record[0] + PSEUDO_WORDS) / (record[1] + PSEUDO_WORDS), 1.0)
    unsure = 1 - mean.max(axis=1)
    least = TEXT_REACH * unsure.mean() * seconds["word"] / seconds["text"]
    unsure = np.maximum(unsure - LEFT, 0)
    chosen: list[Word] = []
    is_known = np.array([answered.get(word, False) for word in words])
    unsure[contained[:, is_known].sum(axis=1).A1 > 0] = 0.0
    tokens = [set(word.split(" ")) for word in words]
    is_open = np.array([word not in answered for word in words], dtype=float)
    while (len(chosen) + 1) * seconds["word"] <= MOST_SECONDS * budget:
        gains = is_open * helps * (contained.T @ unsure) / len(texts)
        best = int(gains.argmax())
        if gains[best] <= least:
            break
        label, chance = int(share[best].argmax()), float(helps[best])
        chosen.append(Word(words[best], label, chance, float(gains[best])))
        is_open[[not tokens[best].isdisjoint(own) for own in tokens]] = 0.0
        unsure[contained[:, [best]].nonzero()[0]] *= 1 - chance
    return chosen


def _likeliest(probs: Probs) -> np.ndarray:
    """`(texts, classes)`: 1 for the likeliest class, and no class in rows of zeros."""
    one_hot: np.ndarray = np.eye(probs.shape[1])[probs.argmax(axis=1)]
    one_hot[probs.sum(axis=1) == 0] = 0.0
    return one_hot


def words_in(texts: Sequence[str]) -> tuple[list[str], sparse.csc_matrix]:
    """Single words, then pairs of words in a row, and which text has which `(texts, words)`.

    Only those with three letters in a row that are in at least `LEAST_TEXTS` of the texts.
    """
    from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415  slow to import

    counter = CountVectorizer(
        ngram_range=(1, 2),
        token_pattern=WHOLE_WORD,
        min_df=LEAST_TEXTS,
        binary=True,
        dtype=np.float64,
    )
    try:
        counts = counter.fit_transform(texts)
    except ValueError:  # no word is in enough texts
        return [], sparse.csc_matrix((len(texts), 0))
    names = [str(name) for name in counter.get_feature_names_out()]
    kept = [i for i, name in enumerate(names) if search(r"[^\W\d_]{3}", name)]
    kept.sort(key=lambda i: names[i].count(" "))
    return [names[i] for i in kept], sparse.csc_matrix(counts[:, kept])
