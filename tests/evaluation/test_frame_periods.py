"""The frame of a pool to which harder texts are appended: its estimates hold for the whole pool."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from helpers import by_default
from worlds import world

from wsal import schemas, tables
from wsal.artifacts import Artifact, create
from wsal.evaluation.estimates import accuracy, macro_f1
from wsal.evaluation.sampling import top_up
from wsal.rounds.evaluation_frame import choose_reference, frame_sample, read_frame, write_frame
from wsal.rounds.export_calibration import for_calibration
from wsal.rounds.frame_periods import (
    LEAST,
    STRATA_OF_PERIOD,
    Frame,
    appended_since,
    cut_sample,
    extended_frame,
    measured_part,
    n_texts_left,
    period_weights,
    periods_of,
    rows_to_lay,
)
from wsal.rounds.known_probs import write_probs

OLD, NEW, SIZE, CLASSES = 12_000, 3_000, 1_200, 6
BEFORE = {"n_pool": OLD}
AFTER = {
    "n_pool": OLD + NEW, "n_first": {"pool": OLD},
    "periods": [{"name": "", "n_texts": OLD}, {"name": "november", "n_texts": NEW}],
}  # fmt: skip


def harder(seed):
    """Predictions and gold; of the appended texts, a third of those that were right are wrong."""
    probs, gold = world(seed, OLD + NEW, CLASSES)
    rng = np.random.default_rng([seed, 1])
    flip = (np.arange(OLD + NEW) >= OLD) & (rng.random(OLD + NEW) < 0.33)
    return probs, np.where(flip, (gold + 1) % CLASSES, gold)


def labelled(frame, probs, gold, n, seed, before=()):
    """Rows of the frame that people have labelled: those before, and `n` more."""
    taken = np.flatnonzero(np.isin(frame.rows, before))
    more = top_up(frame.stratum, probs[frame.rows], n, taken, np.random.default_rng(seed))
    return np.concatenate([np.asarray(before, np.int64), frame.rows[more]])


def estimated(pool, frame, rows, gold, probs, measure, seed):
    sample = frame_sample(frame, rows, gold[rows], period_weights(pool, frame))
    return measure(sample, probs[frame.rows], np.random.default_rng(seed), 0.9)


@pytest.mark.parametrize("measure", [accuracy, macro_f1])
def test_intervals_hold_for_the_pool_before_and_after_harder_texts_come(measure):
    n_runs = by_default(40, thorough=400)
    inside, errors, naive = {"before": 0, "after": 0}, [], []
    for seed in range(n_runs):
        probs, gold = harder(seed)
        truth = {}
        for name, n in (("before", OLD), ("after", OLD + NEW)):
            right = probs[:n].argmax(axis=1) == gold[:n]
            truth[name] = right.mean()
            if measure is macro_f1:
                f1 = []
                for c in range(CLASSES):
                    both = (right & (gold[:n] == c)).sum()
                    n_both = (gold[:n] == c).sum() + (probs[:n].argmax(axis=1) == c).sum()
                    f1.append(2 * both / max(n_both, 1))
                truth[name] = np.mean(f1)
        frame = extended_frame(None, BEFORE, probs[:OLD], SIZE, seed)
        rows = labelled(frame, probs, gold, 100, seed)
        before = estimated(BEFORE, frame, rows, gold, probs, measure, seed)
        inside["before"] += before.low <= truth["before"] <= before.high
        longer = extended_frame(frame, AFTER, probs, SIZE, seed)
        rows = labelled(longer, probs, gold, 60, seed + 1, rows)
        after = estimated(AFTER, longer, rows, gold, probs, measure, seed)
        inside["after"] += after.low <= truth["after"] <= after.high
        errors.append(after.value - truth["after"])
        naive.append(before.value - truth["after"])
    least = 0.9 - 3 * np.sqrt(0.09 / n_runs)
    assert min(inside.values()) >= least * n_runs, inside
    spread = np.std(errors) / np.sqrt(n_runs)
    assert abs(np.mean(errors)) < 3 * spread + 0.003
    assert np.mean(naive) > 0.03  # the old estimate alone would be far too high


def test_old_texts_stay_and_new_ones_are_drawn_as_the_old_were():
    probs, _ = harder(0)
    frame = extended_frame(None, BEFORE, probs[:OLD], SIZE, 0)
    longer = extended_frame(frame, AFTER, probs, SIZE, 0)
    old = longer.rows < OLD
    assert longer.rows[old].tolist() == frame.rows.tolist()
    assert longer.stratum[old].tolist() == frame.stratum.tolist()
    assert (~old).sum() == SIZE * NEW / OLD
    assert (longer.stratum[~old] // STRATA_OF_PERIOD == 1).all()
    assert np.allclose(period_weights(AFTER, longer), 1)
    again = extended_frame(longer, AFTER, probs, SIZE, 0)
    assert again.rows.tolist() == longer.rows.tolist()
    trained_on = longer.rows[~old][:5]
    without = extended_frame(frame, AFTER, probs, SIZE, 0, trained_on)
    assert not np.isin(without.rows, trained_on).any()
    # Of a small batch more are drawn, and each stands for fewer texts; of a tiny one, a fifth.
    for n_texts, n_drawn in ((200, LEAST), (50, 10), (3, 0)):
        small = AFTER | {
            "n_pool": OLD + n_texts,
            "periods": [{"name": "", "n_texts": OLD}, {"name": "december", "n_texts": n_texts}],
        }
        drawn = rows_to_lay(small, SIZE, 0, [""])["december"]
        assert len(drawn) == n_drawn and (drawn >= OLD).all()
        with_small = extended_frame(frame, small, probs[: OLD + n_texts], SIZE, 0)
        weights = period_weights(small, with_small)
        of_new = weights[with_small.rows >= OLD]
        assert np.allclose(weights[with_small.rows < OLD], 1)
        assert np.isclose(of_new.sum(), n_texts * SIZE / OLD) or not n_drawn


@dataclass
class Run:
    """A small pool with an appended period, and a query that laid its frame."""

    pool: Artifact
    query: Artifact
    folder: object

    def answered(self, rows, label="a"):
        texts = [f"text {row}" for row in rows]
        labels = ["a" if row < 300 else label for row in rows]
        frame = pl.DataFrame({"text": texts, "label": labels}).with_columns(
            id=pl.lit("q") + pl.int_range(len(rows)).cast(pl.String), purpose=pl.lit("evaluate"),
            annotator=pl.lit("ann"), seconds=pl.lit(1.0), rank=1, score=0.5, reason=pl.lit("r"),
            predicted=0, confidence=0.5, n_copies=1, fields=pl.struct(title=pl.lit("")),
        )  # fmt: skip
        with create(self.folder / "rounds/001/annotations", {}, {}) as (work, facts):
            tables.write(frame, work / "annotations.parquet", schemas.ANNOTATIONS)
            facts |= {"round": 1}
        return [Artifact(self.folder / "rounds/001/annotations")]


@pytest.fixture
def run(tmp_path):
    n = 500
    periods = [{"name": "", "n_texts": 300}, {"name": "nov", "n_texts": 200}]
    pool = pl.DataFrame({"text": [f"text {row}" for row in range(n)]}).with_columns(
        id=pl.int_range(n).cast(pl.String), n_copies=1, fields=pl.struct(title="text")
    )
    with create(tmp_path / "pool", {}, {}) as (work, facts):
        tables.write(pool, work / "pool.parquet", schemas.records_schema(["title"]))
        facts |= {"labels": ["a", "b"], "n_pool": n, "periods": periods, "n_first": {"pool": 300}}
    made = Artifact(tmp_path / "pool")
    probs = np.full((n, 2), 0.5, np.float32)
    frame = extended_frame(None, made.facts, probs, 60, 0)
    with create(tmp_path / "rounds/001/query", {}, {}) as (work, facts):
        write_frame(frame, made, work / "frame.parquet")
        facts |= {"periods": frame.periods, "n_evaluation": 1}
    return Run(made, Artifact(tmp_path / "rounds/001/query"), tmp_path)


def test_an_estimate_says_which_part_of_the_pool_it_covers(run):
    frame = read_frame(run.pool, run.query)
    assert frame.periods == ("", "nov") and len(frame.keys) == len(frame.rows)
    assert [len(rows) for _, rows in periods_of(run.pool.facts)] == [300, 200]
    old, new = frame.rows[frame.rows < 300], frame.rows[frame.rows >= 300]
    some = run.answered(old[:6])
    part = measured_part(run.pool, frame, some)
    assert part.rows.tolist() == old.tolist() and len(part.keys) == len(old)
    reference = choose_reference(run.pool, part, some)
    assert reference.name == (
        "an evaluation sample of 6 (it covers 300 of the 500 texts: none of the 200 others, which "
        "were appended, is labelled for evaluation yet)"
    )
    both = run.answered([*old[:6], *new[:2]])
    assert measured_part(run.pool, frame, both).covers == ""
    assert choose_reference(run.pool, frame, both).name == "an evaluation sample of 8"
    none = run.answered([*old[:6], *new[:2]], "none of these")
    assert measured_part(run.pool, frame, none).rows.tolist() == old.tolist()  # of classes
    whole = measured_part(run.pool, frame, none, with_none=True)
    reference = choose_reference(run.pool, whole, none, with_none=True)
    assert reference.name == "an evaluation sample of 8"
    assert (reference.sample.gold == 2).sum() == 2  # where every prediction is wrong
    assert appended_since(run.pool.facts, {}).sum() == 200
    assert not appended_since(run.pool.facts, {"periods": ["", "nov"]}).any()


def test_texts_that_left_stay_in_the_frame_and_come_back(run, tmp_path):
    frame = read_frame(run.pool, run.query)
    gone = set(frame.rows[:4].tolist())
    left = pl.read_parquet(run.pool.path / "pool.parquet").filter(
        ~pl.col("id").is_in([str(row) for row in gone])
    )
    with create(tmp_path / "less/pool", {}, {}) as (work, facts):
        tables.write(left, work / "pool.parquet", schemas.records_schema(["title"]))
        periods = [{"name": "", "n_texts": 296}, {"name": "nov", "n_texts": 200}]
        facts.update(run.pool.facts | {"n_pool": 496, "periods": periods})
    less = Artifact(tmp_path / "less/pool")
    smaller = read_frame(less, run.query)
    assert len(smaller.rows) == len(frame.rows) - 4
    with create(tmp_path / "less/query", {}, {}) as (work, facts):
        write_frame(smaller, less, work / "frame.parquet", run.query)
        facts |= {"periods": frame.periods}
    again = read_frame(run.pool, Artifact(tmp_path / "less/query"))
    assert again.rows.tolist() == frame.rows.tolist()
    assert again.stratum.tolist() == frame.stratum.tolist()
    assert period_weights(less.facts, smaller)[smaller.rows < 296].max() == 1


def test_texts_that_came_back_after_the_training_do_not_calibrate_the_export(run):
    frame = read_frame(run.pool, run.query)
    with create(run.folder / "rounds/001/finetuned", {}, {}) as (work, _):
        known = frame.keys[2:]
        write_probs(work, "frame", np.full((len(known), 2), 0.5, np.float32), known)
    classifier = Artifact(run.folder / "rounds/001/finetuned")
    sample = for_calibration(run.pool, classifier, [run.query], run.answered(frame.rows[:6]))
    assert sample.name.startswith("an evaluation sample of 4")
    assert sample.probs.sum(axis=1).tolist() == [1.0] * 4


def test_a_sample_that_the_frame_cuts_is_explained_and_texts_left_are_counted():
    frame = Frame(np.arange(0, 380, 5), np.zeros(76, np.int64))
    assert cut_sample(76, 76, frame, 381) == ""
    why = cut_sample(100, 76, frame, 381)
    assert why.startswith("76 texts for evaluation, not 100: they come from the 76 texts")
    assert "a fifth of the pool (381 texts)" in why
    assert n_texts_left(381, frame, np.array([0, 5, 1, 2, 2])) == 381 - 76 - 2
