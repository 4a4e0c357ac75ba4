"""A language model's answers are no gold, and explain only what was asked about at random."""

import numpy as np
import polars as pl
import pytest

from wsal import artifacts, schemas, tables
from wsal.annotation.answers import gold_answers
from wsal.annotation.audit import ACCEPTED, AUDIT
from wsal.artifacts import Artifact
from wsal.label_models.majority import Majority
from wsal.rounds.evaluation_frame import Frame, choose_reference, frame_rows, new_frame
from wsal.rounds.llm_answers import frame_answers
from wsal.rounds.llm_sampling import MEASURES, RANDOM
from wsal.rounds.llm_worth import llm_facts
from wsal.settings import AggregateSettings, LauncherSettings
from wsal.stages.reweigh import reweigh

LABELS = ["Cat", "Dog"]
FRAME = Frame(np.array([4, 5, 6, 7]), np.zeros(4, np.int64))


def made(path, facts, **files):
    with artifacts.create(path, {}, {}) as (work, facts_out):
        for name, (rows, schema) in files.items():
            frame = pl.DataFrame(rows, schema=schema, orient="row")
            tables.write(frame, work / f"{name}.parquet", schema)
        facts_out.update(facts)
    return Artifact.open(path)


def answer(row, label, reason, cost=0.1, confidence=0.9):
    status = "class" if label else "none of these"
    return (str(row), f"t{row}", label, confidence, "stated", status, 1, 100, 10, cost, reason)


@pytest.fixture
def pool(tmp_path):
    records = [(str(row), f"t{row}", 1, {"title": f"t{row}"}) for row in range(8)]
    schema = schemas.records_schema(["title"])
    return made(tmp_path / "pool", {"labels": LABELS}, pool=(records, schema))


@pytest.fixture
def votes(tmp_path):
    rows = [answer(0, "Cat", RANDOM), answer(4, "Dog", MEASURES), answer(6, None, MEASURES)]
    return made(tmp_path / "llm_votes", {}, answers=(rows, schemas.LLM_ANSWERS))


@pytest.fixture
def annotations(tmp_path):
    """Texts 1 and 2 by the model; 3 audited, and wrong; 5 and 7 measure, the model got at 7."""
    rows = [
        ("1", "Cat", "llm:m", None, "t1", "train"), ("2", "Dog", "llm:m", None, "t2", "train"),
        ("3", "Cat", "ann", 4.0, "t3", "train"), ("5", "Dog", "ann", 4.0, "t5", "evaluate"),
        ("7", "Dog", "llm:m", None, "t7", "evaluate"),
    ]  # fmt: skip
    answers = [
        answer(1, "Cat", ACCEPTED), answer(2, "Dog", ACCEPTED), answer(3, "Dog", AUDIT),
        answer(5, "Dog", "evaluation"), answer(0, "Cat", ACCEPTED),
    ]  # fmt: skip
    files = {
        "annotations": (rows, schemas.ANNOTATIONS),
        "llm_answers": (answers, schemas.LLM_ANSWERS),
    }
    return [made(tmp_path / "rounds/001/annotations", {}, **files)]


@pytest.mark.parametrize(("purpose", "rows"), [(schemas.TRAIN, [3]), (schemas.EVALUATE, [5])])
def test_its_answers_are_never_gold(pool, annotations, purpose, rows):
    assert gold_answers(pool, annotations, purpose)[0].tolist() == rows


def test_what_was_trained_on_measures_nothing():
    probs, drawn = np.full((100, 2), 0.5, np.float32), frame_rows(100, 20, seed=0)
    assert new_frame(probs, 20, 0).rows.tolist() == drawn.tolist()
    frame = new_frame(probs, 20, 0, trained_on=np.array([drawn[3], drawn[7]]))
    assert frame.rows.tolist() == np.delete(drawn, [3, 7]).tolist()
    assert len(frame.stratum) == 18


def test_answers_of_rounds_count_when_there_is_no_language_model_any_more(
    tmp_path, pool, annotations
):
    ids = [(str(row),) for row in range(8)]
    rules = made(tmp_path / "votes", {}, votes=(ids, schemas.votes_schema([])))
    out = tmp_path / "reweighed"
    out.mkdir()
    model, settings = Majority(), AggregateSettings()
    arguments = {"pool": pool, "votes": rules, "label_model": model, "aggregate": settings}
    reweigh(out, annotations=annotations, launcher=LauncherSettings(), **arguments)
    assert np.load(out / "answered.npy").tolist() == [0, 1, 2, 3, 5]


def test_answers_on_the_frame_are_those_that_were_drawn_at_random(pool, votes, annotations):
    found = frame_answers(pool, votes, FRAME)
    assert found.asked.tolist() == [True, False, True, False]  # 6 counts: it was asked about
    assert found.answers.tolist() == [1, -1, -1, -1]
    assert found.confidence[0] == pytest.approx(0.9)
    assert frame_answers(pool, None, FRAME) is None
    reference = choose_reference(pool, FRAME, annotations, found)
    assert reference.sample.rows.tolist() == [1]  # text 5, by a person
    assert reference.sample.asked.tolist() == [0, 2]


def test_what_it_did_and_cost_is_added_up(pool, votes, annotations, tmp_path):
    models = [made(tmp_path / f"model{n}", {"n_llm": n} if n else {}) for n in (0, 2)]
    facts = llm_facts(votes, annotations, models)
    assert facts["calls"] == 7  # eight answers, one of them from the cache: text 0
    assert facts["cost"] == pytest.approx(0.7)
    assert facts["rounds_cost"] == pytest.approx(0.4)
    assert (facts["labels"], facts["audited"], facts["right"]) == ([0, 2], 1, 0)
    assert facts["worth"][1] < 0.1
    assert llm_facts(None, [], models) == {}
