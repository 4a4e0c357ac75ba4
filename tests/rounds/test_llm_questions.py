"""Which texts are asked when a language model votes: none of those that measure, once laid down."""

import numpy as np
import polars as pl
import pytest

from wsal import artifacts, schemas
from wsal.artifacts import Artifact
from wsal.llm.settings import LLMSettings
from wsal.rounds.llm_questions import vote_questions
from wsal.rounds.llm_sampling import MEASURES
from wsal.settings import EvaluationSettings

N = 3_000
LLM = LLMSettings(url="http://127.0.0.1:1/v1", model="m", texts=400)


def made(path, facts, **frames):
    with artifacts.create(path, {}, {}) as (work, facts_out):
        for name, frame in frames.items():
            frame.write_parquet(work / f"{name}.parquet")
        facts_out.update(facts)
    return Artifact.open(path)


@pytest.fixture
def run(tmp_path):
    ids = [str(row) for row in range(N)]
    records = [(i, f"t{i}", 1, {"title": f"t{i}"}) for i in ids]
    pool = pl.DataFrame(records, schema=schemas.records_schema(["title"]), orient="row")
    rule = pl.Series("rule", np.where(np.arange(N) % 2, 0, -1), dtype=pl.Int16)
    facts = {"labels": ["a", "b"], "n_pool": N, "n_dev": 0, "n_test": 0}
    return (
        made(tmp_path / "pool", facts, pool=pool),
        made(tmp_path / "votes", {}, votes=pl.DataFrame({"id": ids, "rule": rule})),
    )


def test_a_frame_stays_out_of_training_when_no_more_texts_are_labelled_for_evaluation(
    run, tmp_path
):
    laid = range(0, N, 10)
    frame = pl.DataFrame(
        [(str(row), f"t{row}", 0) for row in laid], schema=schemas.FRAME, orient="row"
    )
    made(tmp_path / "rounds/001/query", {"n_evaluation": 50}, frame=frame)
    sample, questions = vote_questions(*run, LLM, EvaluationSettings(size=0), seed=0)
    assert len(questions) == 400
    assert not np.isin(sample.rows, laid).any()
    sample, _ = vote_questions(*run, LLM, EvaluationSettings(size=50), seed=0)
    measures = np.array(sample.reasons) == MEASURES
    assert measures.sum() == 100
    assert (np.isin(sample.rows, laid) == measures).all()


def test_where_nothing_measures_the_sample_is_the_same_before_and_after_the_first_query(
    run, tmp_path
):
    before, _ = vote_questions(*run, LLM, EvaluationSettings(size=0), seed=0)
    frame = pl.DataFrame([("0", "t0", 0)], schema=schemas.FRAME, orient="row")
    made(tmp_path / "rounds/001/query", {"n_evaluation": 0}, frame=frame)
    after, _ = vote_questions(*run, LLM, EvaluationSettings(size=0), seed=0)
    assert before.rows.tolist() == after.rows.tolist()
