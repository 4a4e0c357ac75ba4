"""The map of the pool: what its texts are about, and how each came to its class."""

from typing import Any

import numpy as np
import polars as pl

from wsal import tables
from wsal.annotation.answers import all_answers, is_llm
from wsal.annotation.majority import majority_labels
from wsal.inspection.clusters import cluster_names, clusters_of
from wsal.inspection.judged import judged_texts, pool_model
from wsal.inspection.projection import main_components, project
from wsal.inspection.run_view import RunView
from wsal.report.pool_map_data import COLOURS, MapData, cluster_rows, encoded, shortest
from wsal.report.section import Section
from wsal.rounds.evaluation_frame import Reference, pool_probs
from wsal.seeding import random_rows, rng
from wsal.shards import read_array

SHOWN = 20_000
"""Texts on the map. A larger pool is sampled, but every text that people labelled is shown."""
CERTAINLY = 10_000  # of the texts that people labelled, at most
TITLE = "Map of the pool"


def map_section(view: RunView) -> Section:
    """At most 20,000 texts of the pool in two dimensions, in named groups.

    Each has a class (that of people, else a prediction), how many votes it has, how sure the
    prediction is, whether it is right where that was judged, and the round of its first label.
    """
    embeddings = view.artifact("embed")
    if embeddings is None:
        return Section("map", TITLE, {"n_shown": 0})
    vectors, seed, names = read_array(embeddings.path / "embeddings.npy"), _seed(view), view.labels
    answers = labelled_by_people(view)
    rows = shown_rows(len(vectors), answers["row"].to_numpy(), seed)
    shown = vectors[rows].astype(np.float32)
    model = pool_model(view)
    probs = model.predict(shown) if model else pool_probs(embeddings)[rows].astype(np.float32)
    components = main_components(shown, rng(seed, "report", "map", "components"))
    points = project(components, rng(seed, "report", "map", "points"))
    groups = clusters_of(components, rng(seed, "report", "map", "groups"))
    texts = tables.take(view.pool.path / "pool.parquet", rows, ["text"])["text"]
    of_row = pl.DataFrame({"row": rows}).join(answers, "row", how="left", maintain_order="left")
    label = of_row["label"].fill_null(-1).to_numpy()
    judged = _judgements(view, rows)
    data = MapData(
        points=points,
        label=np.where(label >= 0, label, probs.argmax(axis=1)),
        by_people=label >= 0,
        confidence=probs.max(axis=1),
        votes=_votes(view, rows),
        round=of_row["round"].fill_null(0).to_numpy(),
        judged=judged,
        group=groups,
    )
    cut, short = shortest(texts)
    figures: dict[str, Any] = {
        "n_shown": len(rows),
        "n_pool": len(vectors),
        "n_labelled": len(answers),
        "n_labelled_shown": int(data.by_people.sum()),
        "n_judged": int((judged > 0).sum()),
        "measured_on": reference.name if (reference := _reference(view)) else None,
        "stands_in": model is not None,
        "names": list(names.names),
        "colours": list(COLOURS),
        "cut": cut,
        "groups": cluster_rows(data, cluster_names(texts.to_list(), groups), names.names),
        "texts": short,
        "data": encoded(data),
    }
    return Section("map", TITLE, figures, scripts=("map.js",))


def labelled_by_people(view: RunView) -> pl.DataFrame:
    """Texts of the pool that people labelled: `row`, `label` (a class), `round` (the first)."""
    rounds = [(r.number, a) for r in view.rounds if (a := r["annotate"])]
    sizes = [tables.n_rows(a.path / "annotations.parquet") for _, a in rounds]
    numbers = np.repeat(np.array([number for number, _ in rounds], np.int64), sizes)
    answers = all_answers(view.pool, [a for _, a in rounds]).with_columns(round=numbers)
    answers = answers.filter(~is_llm()).drop_nulls(["row", "label"])
    number_of = {name: c for c, name in enumerate(view.labels.names)}
    first = answers.group_by("row").agg(pl.col("round").min())
    gold = majority_labels(answers.filter(pl.col("label").is_in(list(number_of))), "row")
    class_of = pl.col("label").replace_strict(number_of, return_dtype=pl.Int64)
    return gold.with_columns(class_of).join(first, "row", maintain_order="left")


def shown_rows(n_texts: int, labelled: np.ndarray, seed: int) -> np.ndarray:
    """Rows on the map, ascending: all, or those that people labelled and a random sample.

    >>> len(shown_rows(50_000, np.array([7, 49_999]), seed=0))
    20000
    """
    if n_texts <= SHOWN:
        return np.arange(n_texts)
    draw = rng(seed, "report", "map", "sample")
    certain = draw.permutation(labelled)[:CERTAINLY].astype(np.int64)
    others = random_rows(n_texts, SHOWN, draw)
    others = others[~np.isin(others, certain)][: SHOWN - len(certain)]
    return np.sort(np.concatenate([certain, others]))


def _judgements(view: RunView, rows: np.ndarray) -> np.ndarray:
    """0 for a text that nothing judges, 1 where the newest classifier is right on it, 2 where not.

    Texts of the dev split are not in the pool.
    """
    state, judged = np.zeros(len(rows), np.int64), view.once(judged_texts)
    if judged is None or judged.reference.place != "frame" or view.measured is None:
        return state
    judged_rows = view.measured.rows[judged.reference.sample.rows]
    is_shown = np.isin(judged_rows, rows)
    state[np.searchsorted(rows, judged_rows[is_shown])] = 1 + judged.wrong[is_shown]
    return state


def _reference(view: RunView) -> Reference | None:
    judged = view.once(judged_texts)
    return judged.reference if judged else None


def _votes(view: RunView, rows: np.ndarray) -> np.ndarray:
    """How many votes each text has, by the newest weak labels."""
    weak = view.weak_labels
    if weak is None:
        return np.zeros(len(rows), np.int64)
    return tables.take(weak.path / "weak_labels.parquet", rows, ["n_votes"])["n_votes"].to_numpy()


def _seed(view: RunView) -> int:
    return int(view.config["seed"])
