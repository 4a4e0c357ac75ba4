"""None of these, as an answer: in queues, sheets and tools, and what may be trained on."""

import numpy as np
import polars as pl
import pytest
from fastapi import HTTPException
from made_up_run import RIGHT, write_run

from wsal.annotation import sheet, tool_formats
from wsal.annotation.journal import Event, Journal
from wsal.annotation.open_round import Item, OpenRound
from wsal.annotation.query import Query
from wsal.annotation.returned_sheet import Row, match_answers, text_keys
from wsal.annotation.task_queue import TaskQueue
from wsal.artifacts import Artifact
from wsal.classifier.tokens import joined
from wsal.labels import NONE, LabelSet
from wsal.rounds.evaluation_frame import choose_reference, read_frame
from wsal.rounds.finetuning import FineTuning
from wsal.stages.assess import assess
from wsal.training_settings import FinetuneSettings
from wsal.web.actions import Action, check
from wsal.web.panel import distribution, people
from wsal.web.remaining import _labelled

LABELS = LabelSet(("Coffee", "Tea"))


def queue_of(tmp_path, **more):
    items = {
        str(n): Item(str(n), f"text {n}", {}, "margin", "Tea", 0.5, [], [], False) for n in range(4)
    }
    items["w"] = Item("w", "a word", {}, "", "", 0.0, [], [], False, kind="word", word="oolong")
    vectors = np.zeros((5, 4), np.float32)
    opened = OpenRound(1, items, vectors, list(LABELS.names))
    return TaskQueue(Journal(tmp_path / "a.sqlite"), opened, **more)


def answer(text, label, who="ann"):
    return Event(f"{who}-{text}.0", "answer", who, 1, text, label, 1.0)


def test_it_answers_a_text_but_is_no_label_to_train_on(tmp_path):
    queue = queue_of(tmp_path)
    queue.append([answer("0", NONE)])
    assert "0" not in queue.open_ids(queue.answers())
    assert not queue.can_end()  # there is nothing to learn from yet
    assert queue.labelled()[1] == []
    assert _labelled(queue) == set()
    assert distribution(queue) == [(NONE, 1)]
    queue.append([answer("1", "Tea")])
    assert queue.can_end()
    assert queue.labelled()[1] == ["Tea"]
    assert _labelled(queue) == {"1"}


def test_people_may_disagree_about_it(tmp_path):
    queue = queue_of(tmp_path, overlap=1.0)
    queue.append([answer("0", NONE), answer("0", "Tea", "bob")])
    queue.append([answer("1", NONE), answer("1", NONE, "bob")])
    assert queue.ties(queue.answers()) == ["0"]
    assert people(queue.events)["pairs"][0][2] == 2


def test_the_server_takes_it_for_texts_only(tmp_path):
    queue = queue_of(tmp_path)
    check(Action(key="12345678", kind="answer", round=1, ids=["0"], label=NONE), queue)
    with pytest.raises(HTTPException, match="unknown label"):
        check(Action(key="12345678", kind="answer", round=1, ids=["w"], label=NONE), queue)


def asked(n=3):
    texts = [f"text {i}" for i in range(n)]
    return pl.DataFrame(
        {"id": [str(i) for i in range(n)], "text": texts, "purpose": "train", "reason": "margin",
         "predicted": [0] * n, "confidence": [0.5] * n}
    )  # fmt: skip


def test_sheets_and_tools_offer_it_and_take_it_back(tmp_path):
    pytest.importorskip("xlsxwriter")
    sheet.write(asked(), LABELS, tmp_path / "query.xlsx")
    classes = pl.read_excel(tmp_path / "query.xlsx", sheet_name="classes", has_header=False)
    assert NONE in classes.to_series().to_list()
    for name, tool in tool_formats.FORMATS.items():
        tool_formats.write(asked(), LABELS, name, tmp_path / f"{name}{tool.suffix}")
        written = (tmp_path / f"{name}{tool.suffix}").read_text()
        setup = (tmp_path / tool.setup[0]).read_text() if tool.setup else ""
        assert NONE in written + setup, name
    query = Query(asked(), LABELS, {}, tmp_path)
    keys = text_keys(asked()["text"])
    rows = [Row("row 2", "None of these", "0", keys[0]), Row("row 3", "-", "1", keys[1])]
    matched = match_answers([*rows, Row("row 4", "tea", "2", keys[2])], query, "a sheet").rows
    assert [row.label for row in matched] == [NONE, "-", "Tea"]


def test_such_a_text_is_never_replayed_with_its_weak_label():
    n = 40
    texts = joined([np.array([row]) for row in range(n)])  # a text is its row
    settings = FinetuneSettings(steps=4, batch_size=8, replay=0.5)
    usable, none = np.ones(n, dtype=bool), np.arange(5, 15)

    def weak(rows):
        return np.full((len(rows), 2), 0.5, np.float32), np.ones(len(rows))

    tuning = FineTuning(lambda: None, settings, 0, 1, None)
    made, n_replayed = tuning.training_set(
        texts, np.array([0]), np.array([1]), usable, weak, left_out=none
    )
    assert n_replayed == 16
    assert not set(none) & {int(made.tokens[row][0]) for row in range(len(made.tokens))}


def test_the_evaluation_sample_counts_it_as_wrong_and_calibration_leaves_it_out(tmp_path):
    write_run(tmp_path / "run", 2_000, 4, dev=False)
    run_dir = tmp_path / "run"
    path = run_dir / "rounds/001/annotations/annotations.parquet"
    answers = pl.read_parquet(path)
    evaluate = answers["purpose"] == "evaluate"
    changed = evaluate & (evaluate.cum_sum() <= 15)
    label = pl.when(changed).then(pl.lit(NONE)).otherwise("label")
    answers.with_columns(label=label).write_parquet(path)
    pool, embeddings, query = (
        Artifact(run_dir / name) for name in ("pool", "embeddings", "rounds/001/query")
    )
    annotations, frame = [Artifact(path.parent)], read_frame(pool, query)
    n = int(evaluate.sum())
    kept = choose_reference(pool, frame, annotations)
    assert kept.name == f"an evaluation sample of {n - 15} (15 of no class left out)"
    (tmp_path / "assessed").mkdir()
    facts = assess(
        tmp_path / "assessed", pool=pool, embeddings=embeddings,
        pretrained=Artifact(run_dir / "pretrained"), first_query=query,
        classifiers=[Artifact(run_dir / "rounds/001/finetuned")], annotations=annotations, seed=0,
    )  # fmt: skip
    assert facts["n_evaluation_none"] == 15
    assert f"sample of {n} (15 of them belong to no class" in facts["measured_on"]
    share, right = 15 / n, RIGHT + 0.04
    accuracy = facts["rounds"][-1]["accuracy"]
    assert accuracy["low"] < right * (1 - share) < accuracy["high"]
