"""A made-up run: its artifacts are written in seconds, without training anything.

Texts, embeddings and predictions are random, with classes that are confused with their neighbours;
rules, weak labels and what is measured are made by the stages.
"""

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.artifacts import Artifact, create
from wsal.json_files import write_json
from wsal.label_models.majority import Majority
from wsal.rounds.evaluation_frame import new_frame, write_frame
from wsal.rules.patterns import Keyword
from wsal.settings import AggregateSettings, LauncherSettings
from wsal.stages.aggregate import aggregate
from wsal.stages.assess import assess
from wsal.stages.vote import vote

DIMS, PART, ROUNDS = 384, 100_000, 3
RIGHT = 0.85  # share of the predictions


def made_up(n, k, rng):
    """The class of each text, and its prediction: sometimes a neighbouring class."""
    shares = 1 / np.arange(3, k + 3)
    gold = rng.choice(k, n, p=shares / shares.sum())
    near = (gold + rng.choice([-2, -1, 1, 2], n)) % k
    return gold, np.where(rng.random(n) < RIGHT, gold, near)


def probs_of(predicted, k, rng):
    """Distributions that are largest at the predictions."""
    logits = rng.normal(0, 1, (len(predicted), k)).astype(np.float32)
    logits[np.arange(len(predicted)), predicted] += rng.uniform(5, 11, len(predicted))
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def records(prefix, gold, rng):
    """Texts with a word of their class, some words of all classes, and a brand."""
    words = rng.integers(0, 3_000, (len(gold), 6))
    frame = pl.DataFrame({"id": np.arange(len(gold)), "class": gold, "brand": words[:, 0] % 40})
    parts = [pl.lit("w") + pl.Series(words[:, i]).cast(pl.String) for i in range(6)]
    own = pl.lit("k") + pl.col("class").cast(pl.String)
    text = pl.concat_str(own, *parts, pl.lit(prefix) + pl.col("id").cast(pl.String), separator=" ")
    brand = pl.lit("brand ") + pl.col("brand").cast(pl.String)
    ids = pl.lit(prefix) + pl.col("id").cast(pl.String)
    columns = {"id": ids, "text": text, "n_copies": pl.lit(1), "fields": pl.struct(brand=brand)}
    return frame.select(**columns, label=pl.col("class"))


def write_run(run_dir, n, k, *, dev, names=None, has_rules=True, parents=None):
    """A run of `n` texts and `k` classes, measured on a dev split or on an evaluation sample.

    `parents` are those of a class tree.
    """
    rng = np.random.default_rng(0)
    names = names or [f"class {c}" for c in range(k)]
    gold, predicted = made_up(n, k, rng)
    n_split = min(n // 10, 20_000)
    splits = {"test": made_up(n_split, k, rng)} | ({"dev": made_up(n_split, k, rng)} if dev else {})
    pool = records("p", gold, rng)
    with create(run_dir / "pool", {}, {}) as (work, facts):
        tables.write(pool, work / "pool.parquet", schemas.records_schema(["brand"]))
        for name, (of_split, _) in splits.items():
            with_gold = schemas.records_schema(["brand"], gold=True)
            tables.write(records(name[0], of_split, rng), work / f"{name}.parquet", with_gold)
        tables.write(pl.DataFrame(schema=schemas.GOLD), work / "gold.parquet", schemas.GOLD)
        counts = {f"n_{name}": n_split if name in splits else 0 for name in ("dev", "test")}
        tree = {"parents": parents} if parents else {}
        facts |= {
            "labels": names, "n_pool": n, "n_pool_gold": 0, "fields": ["brand"], **counts, **tree
        }  # fmt: skip
    opened = Artifact(run_dir / "pool")
    inputs, launcher = {"pool": opened.digest}, LauncherSettings()
    with create(run_dir / "votes", {}, inputs) as (work, facts):
        rules = {f"r{c}": Keyword(names[c], [f"k{c}", f"w{c}"]) for c in range(k) if has_rules}
        facts.update(vote(work, pool=opened, rules=rules, seed=0, launcher=launcher))
    with create(run_dir / "weak_labels", {}, inputs) as (work, facts):
        votes, settings = Artifact(run_dir / "votes"), AggregateSettings()
        facts.update(aggregate(
            work, pool=opened, votes=votes, label_model=Majority(), aggregate=settings,
            launcher=launcher,
        ))  # fmt: skip
    write_embeddings(run_dir, predicted, k, inputs, rng)
    write_rounds(run_dir, pool, gold, splits, names, inputs, rng)


def write_embeddings(run_dir, predicted, k, inputs, rng):
    """The weak-pretrained classifier's embeddings and predictions of the pool."""
    centres = rng.normal(0, 1, (k, DIMS)).astype(np.float32)
    with create(run_dir / "embeddings", {}, inputs) as (work, facts):
        shapes = {"embeddings": (len(predicted), DIMS), "probs": (len(predicted), k)}
        arrays = {
            name: np.lib.format.open_memmap(work / f"{name}.npy", "w+", np.float16, shape)
            for name, shape in shapes.items()
        }
        for first in range(0, len(predicted), PART):
            part = predicted[first : first + PART]
            noise = rng.normal(0, 1.5, (len(part), DIMS)).astype(np.float32)
            arrays["embeddings"][first : first + PART] = centres[part] + noise
            arrays["probs"][first : first + PART] = probs_of(part, k, rng)
        facts |= {"n_texts": len(predicted), "n_dims": DIMS}


def write_rounds(run_dir, pool, gold, splits, names, inputs, rng):
    """Classifiers of some rounds, what people answered, what was assessed, and thresholds."""
    k = len(names)
    opened, embeddings = Artifact(run_dir / "pool"), Artifact(run_dir / "embeddings")
    probs = np.load(embeddings.path / "probs.npy", mmap_mode="r")
    frame = new_frame(probs, 5_000, 0)
    others = np.setdiff1d(np.arange(len(pool)), frame.rows)
    annotations, queries = [], []
    classifiers = [
        write_classifier(run_dir / "pretrained", splits, gold[frame.rows], k, 0, inputs, rng)
    ]
    of_round, n_measured = min(200, len(pool) // 20), min(100, len(frame.rows) // ROUNDS)
    to_measure = rng.permutation(frame.rows)
    for number in range(1, ROUNDS + 1):
        folder = run_dir / "rounds" / f"{number:03d}"
        train = rng.choice(others, of_round, replace=False)
        measure = to_measure[(number - 1) * n_measured : number * n_measured]
        if "dev" in splits:
            measure = measure[:0]
        rows = np.concatenate([train, measure])
        purpose = [schemas.TRAIN] * len(train) + [schemas.EVALUATE] * len(measure)
        asked = pool[rows].with_columns(
            purpose=pl.Series(purpose), annotator=pl.lit("ann"), seconds=pl.lit(4.0), rank=1,
            score=0.5, reason=pl.lit("uncertain"), predicted=0, confidence=0.5,
        )  # fmt: skip
        with create(folder / "query", {}, inputs) as (work, facts):
            tables.write(asked, work / "query.parquet", schemas.QUERY)
            write_frame(frame, opened, work / "frame.parquet")
            facts |= {"n_asked": len(rows), "n_evaluation": len(measure), "n_left": len(others)}
        named = asked.with_columns(label=pl.Series([names[c] for c in asked["label"]]))
        with create(folder / "annotations", {}, inputs) as (work, facts):
            tables.write(named, work / "annotations.parquet", schemas.ANNOTATIONS)
            facts |= {"round": number, "n_labels": len(rows), "n_skipped": 0, "human": True}
        queries.append(Artifact(folder / "query"))
        annotations.append(Artifact(folder / "annotations"))
        n_gold = number * of_round
        classifiers.append(
            write_classifier(folder / "finetuned", splits, gold[frame.rows], k, n_gold, inputs, rng)
        )
        with create(folder / "assessed", {}, inputs) as (work, facts):
            facts.update(assess(
                work, pool=opened, embeddings=embeddings, pretrained=classifiers[0],
                first_query=queries[0], classifiers=classifiers[1:],
                annotations=annotations, seed=0,
            ))  # fmt: skip
    made_from = {**inputs, "classifier": classifiers[-1].digest}
    with create(run_dir / "exported", {}, made_from) as (work, _):
        levels = {name: {"threshold": 0.5 + c / 2 / k} for c, name in enumerate(names[1:])}
        thresholds = {"precision": 0.95, "measured_on": "the dev split", "classes": levels}
        write_json(work / "thresholds.json", thresholds)
    active, stop = {"rounds": ROUNDS, "price_per_hour": 30.0}, {"metric": "macro_f1", "target": 0.9}
    config = {"name": run_dir.name, "seed": 0, "active": active, "stop": stop, "rules": {}}
    write_json(run_dir / "config.json", config)


def write_classifier(path, splits, gold_of_frame, k, n_gold, inputs, rng):
    """A classifier's predictions for the splits and the frame; better with more labels."""
    with create(path, {}, inputs) as (work, facts):
        right = RIGHT + 0.04 * min(n_gold / 400, 1)
        texts = [("frame", gold_of_frame), *((name, gold) for name, (gold, _) in splits.items())]
        for name, gold in texts:
            near = (gold + rng.choice([-2, -1, 1, 2], len(gold))) % k
            predicted = np.where(rng.random(len(gold)) < right, gold, near)
            np.save(work / f"{name}_probs.npy", probs_of(predicted, k, rng).astype(np.float32))
        facts |= {"n_gold": n_gold}
    return Artifact(path)
