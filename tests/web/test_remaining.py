"""What is left to answer, and examples of each class."""

import json
from dataclasses import replace

import polars as pl
import pytest
from annotation.test_task_queue import answer, queue_of

from wsal import schemas, tables
from wsal.annotation.handed_out import hand_out
from wsal.annotation.open_round import read_round
from wsal.artifacts import create
from wsal.web.class_examples import NO_EXAMPLES, class_examples
from wsal.web.remaining import remaining, seconds_per_answer

TARGET = {
    "value": 0.9, "is_set": True, "labels": [120.0, 40.0, None], "unreachable": 0.2,
    "beyond": False, "n_gold": 80, "round": 0,
}  # fmt: skip
PLAN = {"plan": {"rounds": 3, "query_size": 30}, "price": 36.0, "metric": "macro_f1"}


@pytest.fixture
def queue(tmp_path):
    """The queue of 30 texts, of which five were answered, one of them after a pause."""
    queue = queue_of(tmp_path)
    times = (4.0, 5.0, 6.0, 5.0, 900.0)
    queue.append([replace(answer(str(n)), seconds=seconds) for n, seconds in enumerate(times)])
    return queue


def test_minutes_are_those_of_people_at_work(queue):
    assert seconds_per_answer([queue]) == 5.0
    left = remaining([queue], [queue], {})
    assert left["minutes"] == pytest.approx(25 * 5 / 60)
    assert seconds_per_answer([]) is None


def test_labels_since_the_forecast_are_taken_off_it(queue):
    left = remaining([queue], [queue], PLAN | {"target": TARGET})
    assert left["labels"] == [85, 200]
    first, cost, chance, most, _ = left["sentences"]
    assert first == (
        "macro-F1 0.9 needs about 115 more labels (80%: at least 35), 10 min of work "
        "(at least 3 min)."
    )
    assert cost == "These cost about 5.75 of people's time."
    assert chance == "The chance that no number of labels reaches it is 20%."
    assert most.startswith("At most 85 more labels (2 more rounds of 30 texts), 7 min of work")


@pytest.mark.parametrize(
    ("labels", "words"),
    [([0.0, 0.0, 0.0], "is reached"), ([None, None, None], "than can be estimated."),
     ([None, 50.0, None], "than can be estimated (80%: at least 45)"),
     ([None, 5.0, None], "than can be estimated.")],
)  # fmt: skip
def test_a_target_that_is_reached_or_never_will_be(queue, labels, words):
    left = remaining([queue], [queue], PLAN | {"target": TARGET | {"labels": labels}})
    assert words in left["sentences"][0]
    assert left["labels"] is None


@pytest.mark.parametrize(
    ("labels", "n_left", "words"),
    [([120.0, 40.0, None], 60, ", but the pool has only 55 texts left: by this curve, they are "
      "probably too few."),
     ([120.0, 100.0, None], 60, "they are too few."), ([None, None, None], 6, "only 1 text left"),
     ([120.0, 40.0, None], 120, "at least 3 min)."), ([120.0, 40.0, None], None, "3 min).")],
)  # fmt: skip
def test_a_pool_with_too_few_texts_for_the_target(queue, labels, n_left, words):
    target = TARGET | {"labels": labels, "n_left": n_left}
    assert words in remaining([queue], [queue], PLAN | {"target": target})["sentences"][0]


def test_at_least_0_more_labels_is_no_interval(queue):
    left = remaining([queue], [queue], PLAN | {"target": TARGET | {"labels": [120.0, 5.0, None]}})
    assert (
        "needs about 115 more labels (no interval can be given), 10 min of work."
        in left["sentences"][0]
    )


def test_examples_are_answers_of_earlier_rounds_that_neither_measure_nor_are_asked(run):
    run_dir = run / "runs" / "w"
    assert class_examples(run_dir, []) == NO_EXAMPLES
    pool = pl.read_parquet(run_dir / "pool/pool.parquet")
    label = json.loads((run_dir / "pool/labels.json").read_text())[0]
    query = pl.read_parquet(run_dir / "rounds/001/query/query.parquet")
    frame = pl.read_parquet(run_dir / "rounds/001/query/frame.parquet")
    others = pool.filter(~pl.col("text").is_in([*query["text"], *frame["text"]]))
    answered = {
        "train": [*others["text"][:5], *query["text"][:1], *frame["text"][:1]],
        "evaluate": frame["text"][1:3].to_list(),
    }
    with create(run_dir / "rounds/001/annotations", {}, {}) as (out, _):
        rows = [
            {"id": text[:9], "label": label, "annotator": "ann", "text": text, "purpose": purpose}
            for purpose, texts in answered.items()
            for text in texts
        ]
        table = pl.DataFrame(rows).with_columns(seconds=pl.lit(1.0, pl.Float32))
        tables.write(
            table.select(list(schemas.ANNOTATIONS)),
            out / "annotations.parquet",
            schemas.ANNOTATIONS,
        )
    hand_out(run_dir / "rounds/001")

    class Asked:
        round = read_round(run_dir, 1, 0.0)

    ((n, texts),) = class_examples(run_dir, [Asked]).classes.values()
    assert (n, len(texts)) == (6, 3)
    assert set(texts) <= set(others["text"][:5])
    assert class_examples(run_dir, [Asked]) == class_examples(run_dir, [Asked])
