"""A shortlist of a large pool: the texts that the classifier itself should score.

It is made in one pass, and each part of the pool can be searched anywhere. A part yields the rows
that rank highest by each criterion, and these lists are merged. How high a row ranks does not
depend on the part that it is in.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Lock

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from wsal.active.proxy import Proxy
from wsal.active.scores import margin
from wsal.arrays import Classes, Embeddings, Rows
from wsal.seeding import uniform

RARE = 3  # a class with at most this many gold labels is rare
SHARES = {"uncertain": 0.5, "disputed": 0.2, "rare": 0.1}
"""Of the list; the rest is drawn at random."""
CRITERIA = (*SHARES, "random", "drawn")
LISTED = np.dtype([("criterion", "u1"), ("row", "<i8"), ("key", "<f8")])
"""A row, and how high it ranks by one criterion, a position in `CRITERIA`."""
AT_ONCE = 16_384  # rows that a thread scores at once
MOST_THREADS = 16  # each holds about 50 MB
TIES = 1e-6  # differences of scores smaller than this are left to chance


@dataclass(frozen=True)
class Search:
    """What a pass over the pool looks for."""

    size: int
    """The size of the shortlist; 0: there is none."""
    seed: int
    """Decides ties and random rows."""
    taken: Rows
    """Rows that may not be chosen, ascending."""
    proxy: Proxy | None = None
    """A proxy of the current classifier; needed for a shortlist."""
    rare: Embeddings | None = None
    """`(labelled, dims)`: embeddings of labelled texts of rare classes."""
    use_disputes: bool = True
    """Whether rows are wanted on which rules vote for different classes."""
    n_drawn: int = 0
    """Rows to draw at random from all that may be chosen, whether they are listed or not."""

    @property
    def shares(self) -> dict[str, int]:
        """How many rows of the list each criterion chooses; the rest is random."""
        return {name: int(share * self.size) for name, share in SHARES.items()}

    @property
    def counts(self) -> dict[str, int]:
        """How many rows to keep by each criterion: its share, and those of criteria before it."""
        before = dict(zip(SHARES, np.cumsum(list(self.shares.values())).tolist(), strict=True))
        return {**before, "random": self.size, "drawn": self.n_drawn}


def search(
    wanted: Search,
    embeddings: Embeddings,
    disputed: np.ndarray | None = None,
    first: int = 0,
    advance: Callable[[int], object] = lambda _: None,
) -> np.ndarray:
    """The rows of a part of the pool that rank highest by each criterion: a `LISTED` array.

    Each thread that numpy may use scores rows of its own and computes their products alone: with
    several threads, the last bits of a product would depend on their number.

    Args:
        wanted: what to look for.
        embeddings: of the part, `(texts, dims)`; may be a memory map.
        disputed: `(texts,)` bool: whether rules vote for different classes; None: nowhere.
        first: the row of the pool that is the first of the part.
        advance: called with each number of rows done.
    """
    n_threads = min(max((lib["num_threads"] for lib in threadpool_info()), default=1), MOST_THREADS)
    starts = range(0, len(embeddings), AT_ONCE)
    lock = Lock()

    def of_thread(thread: int) -> np.ndarray:
        best = np.empty(0, LISTED)
        for start in starts[thread::n_threads]:
            part = slice(start, start + AT_ONCE)
            vectors = embeddings[part]
            keys = _keys(
                wanted, vectors, None if disputed is None else disputed[part], first + start
            )
            rows = np.arange(first + start, first + start + len(vectors))
            best = _best(wanted, [best, *_listed(rows, keys)])
            with lock:
                advance(len(vectors))
        return best

    with threadpool_limits(limits=1), ThreadPoolExecutor(n_threads) as pool:
        return merged(wanted, pool.map(of_thread, range(n_threads)))


def merged(wanted: Search, parts: Iterable[np.ndarray]) -> np.ndarray:
    """The rows of all parts that rank highest; only two lists are held in memory."""
    best = np.empty(0, LISTED)
    for part in parts:
        best = _best(wanted, [best, part])
    return best


def chosen(wanted: Search, listed: np.ndarray) -> tuple[Rows, Rows]:
    """The shortlist, and the rows drawn at random, both ascending.

    Half of the list are the rows that the proxy is least certain of; a fifth are the most disputed
    ones; a tenth are those nearest to a text of a rare class (AnchorAL, Lesci and Vlachos, 2024);
    the rest is drawn at random. A row is listed once, and others take its place.
    """
    ranked = np.lexsort((listed["row"], -listed["key"]))
    rows_of = {
        name: listed["row"][ranked][listed["criterion"][ranked] == number]
        for number, name in enumerate(CRITERIA)
    }
    rows = np.empty(0, np.int64)
    for name in (*SHARES, "random"):
        n = wanted.shares.get(name, wanted.size - len(rows))
        others = rows_of[name][~np.isin(rows_of[name], rows)]
        rows = np.concatenate([rows, others[:n]])
    return np.sort(rows), np.sort(rows_of["drawn"])


def shortlist(wanted: Search, embeddings: Embeddings, disputed: np.ndarray | None = None) -> Rows:
    """The shortlist of a whole pool, ascending; all rows that are not taken, if there are fewer."""
    return chosen(wanted, search(wanted, embeddings, disputed))[0]


def rare_rows(gold: Classes) -> Rows:
    """The positions of gold labels whose class has at most `RARE` of them."""
    counts = np.bincount(gold)
    return np.flatnonzero(counts[gold] <= RARE)


def _keys(
    wanted: Search, embeddings: Embeddings, disputed: np.ndarray | None, first: int
) -> Mapping[str, np.ndarray]:
    """How high each row of a part ranks by each criterion; -inf: it may not be chosen."""
    n = len(embeddings)
    drawn, keys = partial(uniform, first, n, wanted.seed), dict[str, np.ndarray]()
    if wanted.proxy is not None and wanted.size:
        vectors, ties = embeddings.astype(np.float32), TIES * drawn("ties")
        keys["uncertain"] = margin(wanted.proxy.predict(vectors)) + ties
        if disputed is not None and wanted.use_disputes:
            keys["disputed"] = np.where(disputed, keys["uncertain"], -np.inf)
        if wanted.rare is not None and len(wanted.rare):
            keys["rare"] = (vectors @ wanted.rare.T).max(axis=1) + ties
        keys["random"] = drawn("random")
    if wanted.n_drawn:
        keys["drawn"] = drawn("drawn")
    low, high = np.searchsorted(wanted.taken, [first, first + n])
    for key in keys.values():
        key[wanted.taken[low:high] - first] = -np.inf
    return keys


def _listed(rows: Rows, keys: Mapping[str, np.ndarray]) -> Iterable[np.ndarray]:
    for name, key in keys.items():
        free = np.isfinite(key)
        listed = np.empty(int(free.sum()), LISTED)
        listed["criterion"], listed["row"] = CRITERIA.index(name), rows[free]
        listed["key"] = key[free]
        yield listed


def _best(wanted: Search, lists: Iterable[np.ndarray]) -> np.ndarray:
    listed = np.concatenate(list(lists))
    kept = []
    for number, n in enumerate(wanted.counts.values()):
        mine = listed[listed["criterion"] == number]
        if len(mine) > n:
            mine = mine[np.argpartition(-mine["key"], max(n - 1, 0))[:n]]
        kept.append(mine)
    return np.concatenate(kept)
