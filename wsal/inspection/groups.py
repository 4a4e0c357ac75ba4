"""Texts grouped by what they have in common, so that kinds of error can be seen: worst first."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
import polars as pl
from scipy import sparse

from wsal.arrays import ABSTAIN, Classes, Embeddings, Rows, Votes, Weights
from wsal.digests import digest_of
from wsal.labels import LabelSet
from wsal.members import members_of, nested
from wsal.rules.analysis import interval
from wsal.rules.base import column, field_names
from wsal.seeding import integer

CELL, CLUSTER, WORD, CONFLICT, FIELD = "cell", "cluster", "word", "conflict", "field"
SLICE = "slice"  # of `groups_slices`
KINDS = (CELL, CLUSTER, WORD, CONFLICT, FIELD)
LEAST = 2  # listed texts of a group
WORD_PATTERN = r"\b[^\W\d_]\w+\b"
MOST = 12  # groups of a kind
WORSE = 1.25  # times the error rate of all texts that a group other than a cell must have
MOST_VALUES = 0.5  # a field with more different values than this share of the texts groups nothing
CLUSTER_SIZE, MOST_CLUSTERS = 60, 20
SAME = 0.8  # share of listed texts in common from which two words make the same group


@dataclass(frozen=True)
class Population:
    """Texts in which groups are looked for; arrays are `(texts,)`."""

    records: pl.DataFrame  # id, text, fields
    labels: LabelSet
    first: Classes
    """What the text is, as far as is known: its gold class, or the most likely class."""
    second: Classes
    """What it is taken for, or could be: the predicted class, or the second most likely one."""
    error: np.ndarray
    """Probability that the label or the prediction is wrong; 0 or 1 where gold tells."""
    listed: np.ndarray
    """Whether the text is shown in groups: because it is wrong, uncertain or doubtful."""
    weights: Weights
    """How many texts each stands for."""
    is_measured: bool
    """Whether `error` is known from gold labels, so that rates have intervals."""
    wording: str
    """How a confusion cell is named, of two classes: "{} taken for {}", for example."""
    votes: Votes  # (texts, rules)
    rules: tuple[str, ...] = ()
    vectors: Embeddings | None = None  # (texts, dims)

    def only(self, rows: Rows) -> "Population":
        """The population of these rows alone."""
        arrays = ("first", "second", "error", "listed", "weights", "votes")
        vectors = None if self.vectors is None else self.vectors[rows]
        own = {name: getattr(self, name)[rows] for name in arrays}
        return replace(self, records=self.records[rows], vectors=vectors, **own)

    @property
    def rate(self) -> float:
        """The weighted error rate of all texts."""
        return float(np.average(self.error, weights=self.weights)) if len(self.error) else 0.0

    @cached_property
    def words(self) -> tuple[list[str], sparse.csc_array]:
        """The words in at least three texts, and which text has which `(texts, words)`."""
        from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415  takes a second

        vectorizer = CountVectorizer(binary=True, min_df=3, token_pattern=WORD_PATTERN)
        try:
            matrix = vectorizer.fit_transform(self.records["text"])
        except ValueError:  # no word is in that many texts
            return [], sparse.csc_array((len(self.records), 0))
        return list(vectorizer.get_feature_names_out()), sparse.csc_array(matrix)


@dataclass(frozen=True)
class Group:
    """Texts that have something in common."""

    kind: str  # one of KINDS, or SLICE
    name: str
    rows: Rows
    """The listed ones, as positions in the population; those most likely wrong first."""
    n: float
    """How many texts the group stands for, listed or not."""
    n_wrong: float
    """How many of these are wrong, or are expected to be."""
    low: float | None
    high: float | None
    """The 95% interval of the error rate; None where the rate is only expected."""
    excess: float
    """How many more of its texts are wrong than if its error rate were that of all texts."""
    note: str = ""

    @property
    def key(self) -> str:
        """What identifies the group; it changes with its texts."""
        return digest_of([self.kind, self.name, self.rows.tolist()])

    @property
    def rate(self) -> float:
        """The error rate."""
        return self.n_wrong / self.n if self.n else 0.0


def find_groups(population: Population, kinds: Sequence[str] = KINDS) -> list[Group]:
    """The groups of these kinds with more errors than chance would give, worst first.

    A confusion cell has the texts of a class that are taken for one other class. All other groups
    are compared with the error rate of all texts, and sorted by how many errors they have beyond
    it. Groups are chosen because they look bad, so that part of this is chance; their intervals
    ignore this.
    """
    makers = {
        CELL: _cells,
        CLUSTER: _clusters,
        WORD: _word_groups,
        CONFLICT: _conflicts,
        FIELD: _field_values,
    }
    groups: list[Group] = []
    for kind in kinds:
        own = [group for group in makers[kind](population) if _is_worse(group, population.rate)]
        groups += sorted(own, key=lambda group: -group.excess)[:MOST]
    return sorted(groups, key=lambda group: (-group.excess, group.kind, group.name))


def _is_worse(group: Group, rate: float) -> bool:
    """Whether the group is worth looking at: it has several texts, and more errors than most."""
    if group.kind == CELL or len(group.rows) < LEAST:
        return len(group.rows) >= LEAST
    return group.excess > 0 and group.rate >= WORSE * rate


def _group(
    population: Population, kind: str, name: str, members: Rows, whole: Rows | None = None
) -> Group:
    """The group of `members`; its rate is that of the `whole` if this is given."""
    weights, error = population.weights, population.error
    n_wrong = float(weights[members] @ error[members])
    base = members if whole is None else whole
    n = float(weights[base].sum())
    low, high = None, None
    if population.is_measured and n:
        size = n**2 / float((weights[base] ** 2).sum())  # that unweighted texts would have (Kish)
        low, high = interval(n_wrong / n * size, size)  # type: ignore[arg-type]
    listed = members[population.listed[members]]
    order = np.lexsort((listed, -error[listed]))
    excess = n_wrong - population.rate * float(weights[members].sum())
    return Group(kind, name, listed[order], n, n_wrong, low, high, excess)


def _cells(population: Population) -> Iterator[Group]:
    first, second = population.first, population.second
    if not population.is_measured:  # of two likely classes, neither comes first
        first, second = np.minimum(first, second), np.maximum(first, second)
    names = population.labels.names
    listed = np.flatnonzero(population.listed & (first != second))
    pairs = np.stack([first[listed], second[listed]], axis=1)
    for a, b in np.unique(pairs, axis=0):
        members = listed[(pairs == (a, b)).all(axis=1)]
        whole = np.flatnonzero(first == a) if population.is_measured else None
        yield _group(
            population, CELL, population.wording.format(names[a], names[b]), members, whole
        )


def _clusters(population: Population) -> Iterator[Group]:
    """Clusters of the embeddings, each named by the words that its texts have more often."""
    vectors, n_listed = population.vectors, int(population.listed.sum())
    n = min(len(population.records) // CLUSTER_SIZE, MOST_CLUSTERS)
    if vectors is None or n < 2 or n_listed < LEAST:
        return
    from sklearn.cluster import MiniBatchKMeans  # noqa: PLC0415  takes a second

    model = MiniBatchKMeans(n, random_state=integer(0, "clusters of errors"), n_init=1, max_iter=20)
    cluster = model.fit_predict(vectors.astype(np.float32))
    for number in range(n):
        inside = cluster == number
        if inside.any():
            name = ", ".join(typical_words(population, inside)) or f"cluster {number + 1}"
            yield _group(population, CLUSTER, f"texts like: {name}", np.flatnonzero(inside))


def typical_words(population: Population, inside: np.ndarray, most: int = 3) -> list[str]:
    """The words whose share in these texts is highest above that in all others."""
    words, matrix = population.words
    if not words or inside.all():
        return []
    share = matrix.T @ inside / max(inside.sum(), 1)
    difference = share - matrix.T @ ~inside / (~inside).sum()
    best = np.argsort(-difference, kind="stable")[:most]
    return [words[i] for i in best if difference[i] > 0]


def _word_groups(population: Population) -> Iterator[Group]:
    """Words whose texts are wrong most often; of words in nearly the same texts, one."""
    words, matrix = population.words
    beyond = population.weights * (population.error - population.rate)
    n_listed = matrix.T @ population.listed
    n, n_wrong = matrix.T @ population.weights, matrix.T @ (population.weights * population.error)
    is_worse = (n_listed >= LEAST) & (n_wrong >= WORSE * population.rate * n)
    excess = np.where(is_worse, matrix.T @ beyond, -np.inf)
    taken: list[set[int]] = []
    for i in np.argsort(-excess, kind="stable")[: 5 * MOST]:
        members = matrix.indices[matrix.indptr[i] : matrix.indptr[i + 1]].astype(np.int64)
        listed = set(members[population.listed[members]].tolist())
        if excess[i] <= 0 or len(taken) == MOST:
            return
        if all(len(listed & other) < SAME * len(listed | other) for other in taken):
            taken.append(listed)
            yield _group(population, WORD, f"“{words[i]}”", members)


def _conflicts(population: Population) -> Iterator[Group]:
    """Pairs of rules that vote for different classes on the same texts."""
    pairs: Mapping[tuple[int, int], list[int]] = defaultdict(list)
    votes, members = population.votes, members_of(population.labels)
    agree = np.eye(len(population.labels), dtype=bool) if members is None else nested(members)
    for row in np.flatnonzero((votes != ABSTAIN).sum(axis=1) > 1) if votes.size else ():
        for a, b in combinations(np.flatnonzero(votes[row] != ABSTAIN), 2):
            if not agree[votes[row, a], votes[row, b]]:
                pairs[int(a), int(b)].append(int(row))
    for pair, rows in pairs.items():
        rule, other = (population.rules[column] for column in pair)
        name = f"rules {rule} and {other} conflict"
        yield _group(population, CONFLICT, name, np.array(rows))


def _field_values(population: Population) -> Iterator[Group]:
    """Values of fields; texts without a value are a group, too."""
    records = population.records
    for field in field_names(records):
        values = column(records, field).cast(pl.String).fill_null("")
        if values.n_unique() > max(MOST_VALUES * len(values), 2) or values.n_unique() < 2:
            continue
        table = pl.DataFrame({"value": values, "listed": population.listed}).with_row_index("row")
        grouped = table.group_by("value", maintain_order=True).agg("row", pl.col("listed").sum())
        for value, rows, n_listed in grouped.iter_rows():
            if n_listed >= LEAST:
                name = f"{field}: {value[:60]}" if value else f"{field} is empty"
                yield _group(population, FIELD, name, np.array(rows, dtype=np.int64))
