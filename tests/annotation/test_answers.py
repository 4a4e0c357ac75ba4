"""An answer belongs to the text it was given for, whatever becomes of the table between rounds."""

import csv
import json

import numpy as np
import polars as pl
import pytest
from helpers import write_shards
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal import artifacts, schemas, tables
from wsal.annotation import sheet
from wsal.annotation.annotators import File, Oracle
from wsal.annotation.answers import gold_answers, read_query, rows_of
from wsal.annotation.collect import collected_answers, open_queue
from wsal.annotation.journal import Event
from wsal.annotation.query import Query
from wsal.annotation.set_aside import set_aside, set_aside_message
from wsal.artifacts import Artifact
from wsal.components import Components
from wsal.data.base import Layout
from wsal.data.table_file import TableFile
from wsal.errors import AnnotationError, WaitingForAnnotations
from wsal.labels import LabelSet
from wsal.llm.settings import LLMSettings
from wsal.rounds.evaluation_frame import read_frame
from wsal.run import stage_lines
from wsal.run.checks import check_answers
from wsal.run.pipeline import run_stage
from wsal.settings import ActiveSettings, EvaluationSettings, LauncherSettings
from wsal.text import clean, same_text

LABELS = ("Cat", "Dog", "Fish")


def key(text):
    """What the pool takes for the same text."""
    return same_text(clean(pl.Series([text])))[0]


def write_csv(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "title"), *rows])


def parts(path, by_id, annotator=None, labels=LABELS, seed=0, **layout):
    layout = Layout(text=("title",), id="id" if by_id else None, labels=labels, **layout)
    built = {"data": TableFile(path, layout), "annotator": annotator or File(), "seed": seed}
    built |= dict.fromkeys(("encoder", "strategy", "evaluation", "hardware"))
    built |= {"active": ActiveSettings(), "llm": LLMSettings()}
    built |= {"launcher": LauncherSettings(), "shard_rows": 1_000}
    return Components(built, {name: {"is": repr(one)} for name, one in built.items()})


def artifact(place, facts=None, **files):
    """A finished artifact with these tables in it."""
    with artifacts.create(place, {}, {}) as (work, facts_out):
        for name, (frame, schema) in files.items():
            tables.write(frame, work / f"{name}.parquet", schema)
        facts_out.update(facts or {})
    return Artifact.open(place)


def asked(run, texts=None, predicted=0, number=1):
    """A query for all of the pool, or for some texts, and a frame of all of it."""
    pool = Artifact.open(run / "pool")
    records = tables.read(pool.path / "pool.parquet").select("id", "text")
    wanted = records if texts is None else records.filter(pl.col("text").is_in(texts))
    query = wanted.with_columns(
        rank=pl.int_range(1, pl.len() + 1), score=0.0, reason=pl.lit("margin"), confidence=0.5,
        predicted=predicted, purpose=pl.lit("train"),
    )  # fmt: skip
    frame = records.with_columns(stratum=pl.int_range(pl.len()))
    return artifact(
        run / f"rounds/{number:03d}/query", {"round": number, "labels": pool.facts["labels"]},
        query=(query, schemas.QUERY), frame=(frame, schemas.FRAME),
    )  # fmt: skip


def answer(run, given):
    """Fill in the sheet: text -> label; those left out stay open."""
    path = run / "rounds/001/query.csv"
    table = pl.read_csv(path, infer_schema=False)
    label = table["text"].replace_strict(given, default="", return_dtype=pl.String)
    table.with_columns(label=label).write_csv(path)


def answered_round(run, source, rows, by_id, labels_of):
    """A run whose first round people have answered: text -> label."""
    write_csv(source, rows)
    run_stage(run, "prepare", parts(source, by_id))
    query = asked(run)
    with pytest.raises(WaitingForAnnotations):
        run_stage(run, "annotate", parts(source, by_id), 1)
    texts = tables.read(query.path / "query.parquet")["text"]
    given = {text: labels_of(text) for text in texts}
    answer(run, given)
    assert run_stage(run, "annotate", parts(source, by_id), 1).state == "made"
    return given


def check(run, given):
    """Every gold label is the one given for that text; every answer is used or set aside."""
    pool = Artifact.open(run / "pool")
    annotations = [Artifact.open(run / "rounds/001/annotations")]
    texts = tables.read(pool.path / "pool.parquet")["text"].to_list()
    rows, classes = gold_answers(pool, annotations)
    used = {key(texts[row]): LABELS[gold] for row, gold in zip(rows, classes, strict=True)}
    by_key = {key(text): label for text, label in given.items()}
    here = {key(text) for text in texts}
    assert used == {one: label for one, label in by_key.items() if one in here}
    aside = set_aside(pool, annotations)
    assert aside["n"] == sum(one not in here for one in by_key)
    assert (set_aside_message(aside) == "") == (aside["n"] == 0)
    return aside


words = st.sampled_from(["red mug", "blue mug", "pan", "big pan", "cup", "lid", "jar", "Über pot"])
variants = st.sampled_from([str, str.upper, lambda t: f"({t})", lambda t: f" {t.title()}, "])


@st.composite
def edits(draw, rows):
    """The rows after somebody worked on the table."""
    rows = list(rows)
    for kind in draw(st.lists(st.integers(0, 5), min_size=1, max_size=4)):
        place = draw(st.integers(0, len(rows) - 1)) if rows else 0
        if kind == 0:
            rows = draw(st.permutations(rows))
        elif kind == 1 and len(rows) > 2:
            del rows[place]
        elif kind == 2:  # an edit, of words or of capitals and commas only
            rows[place] = (rows[place][0], draw(variants)(draw(words)))
        elif kind == 3:  # a row on top: maybe the same as one below
            rows.insert(
                0, (f"n{len(rows)}{draw(st.integers(0, 999))}", draw(variants)(draw(words)))
            )
        elif kind == 4:
            rows.insert(place, (f"d{len(rows)}{place}", draw(variants)(rows[place][1])))
        elif kind == 5:  # ids go round: an export that numbers anew
            ids = [one for one, _ in rows]
            rows = [(one, title) for one, (_, title) in zip(ids[1:] + ids[:1], rows, strict=True)]
    return [row for n, row in enumerate(rows) if row[0] not in {one for one, _ in rows[:n]}]


@pytest.mark.slow
@given(data=st.data(), titles=st.lists(words, min_size=3, max_size=8), by_id=st.booleans())
@settings(max_examples=20, deadline=None)
def test_answers_and_frame_follow_their_texts(data, titles, by_id, tmp_path_factory):
    folder = tmp_path_factory.mktemp("edits")
    run, source = folder / "run", folder / "shop.csv"
    rows = [(f"i{n}", title) for n, title in enumerate(titles)]
    given = answered_round(run, source, rows, by_id, lambda text: LABELS[len(text) % 3])
    query = Artifact.open(run / "rounds/001/query")
    laid = tables.read(query.path / "frame.parquet")
    stratum = {key(text): n for text, n in laid.select("text", "stratum").iter_rows()}
    for _ in range(2):
        rows = data.draw(edits(rows))
        write_csv(source, rows)
        run_stage(run, "prepare", parts(source, by_id))
        assert run_stage(run, "annotate", parts(source, by_id), 1).state in ("kept", "up to date")
        check(run, given)
        pool = Artifact.open(run / "pool")
        frame = read_frame(pool, query)
        texts = tables.read(pool.path / "pool.parquet")["text"]
        assert (np.diff(frame.rows) > 0).all()
        strata = dict(zip(map(key, texts.gather(frame.rows)), frame.stratum, strict=True))
        here = set(map(key, texts))
        assert strata == {one: n for one, n in stratum.items() if one in here}


def test_an_edited_text_does_not_take_its_answer_along_and_it_comes_back_with_the_text(tmp_path):
    run, source = tmp_path / "run", tmp_path / "shop.csv"
    rows = [("a", "red mug"), ("b", "big pan")]
    given = answered_round(run, source, rows, True, lambda t: "Cat" if "mug" in t else "Dog")
    write_csv(source, [("a", "toothbrush"), ("b", "Big pan")])
    run_stage(run, "prepare", parts(source, True))
    aside = check(run, given)
    assert set_aside_message(aside) == (
        "1 answer set aside: its text is no longer in the pool (a 'red mug')"
    )
    write_csv(source, [("other", "red mug"), ("b", "Big pan")])
    run_stage(run, "prepare", parts(source, True))
    assert check(run, given)["n"] == 0


def renamed_run(tmp_path):
    tmp_path.mkdir(exist_ok=True)
    run, source = tmp_path / "run", tmp_path / "shop.csv"
    rows = [("a", "red mug"), ("b", "big pan"), ("c", "jar"), ("d", "lid")]
    answered_round(run, source, rows, True, lambda t: LABELS[len(t) % 3])
    return run, source


def labels_now(run, names):
    rows, classes = gold_answers(
        Artifact.open(run / "pool"), [Artifact.open(run / "rounds/001/annotations")]
    )
    return {int(row): names[gold] for row, gold in zip(rows, classes, strict=True)}


def test_answers_follow_renamed_and_merged_classes(tmp_path):
    run, source = renamed_run(tmp_path)
    assert labels_now(run, LABELS) == {0: "Dog", 1: "Dog", 2: "Cat", 3: "Cat"}
    for labels, renamed, expected in (
        (("Hound", "Cat", "Fish"), {"Dog": "Hound"}, {0: "Hound", 1: "Hound", 2: "Cat", 3: "Cat"}),
        (("Pet", "Fish"), {"Dog": "Pet", "Cat": "Pet"}, dict.fromkeys(range(4), "Pet")),
    ):
        run_stage(run, "prepare", parts(source, True, labels=labels, renamed=renamed))
        assert labels_now(run, labels) == expected
        shown = read_query(Artifact.open(run / "pool"), Artifact.open(run / "rounds/001/query"))
        old = LABELS[0]
        assert [labels[c] for c in shown["predicted"]] == [renamed.get(old, old)] * 4
    run_stage(run, "prepare", parts(source, True, labels=("Dog", "Fish"), renamed={"Cat": "Dog"}))
    run_stage(run, "prepare", parts(source, True, labels=("Hound", "Puss", "Fish")))
    with pytest.raises(AnnotationError) as error:
        labels_now(run, ())
    for words in ("2 classes", "'Dog': 2 answers", "'Cat': 2 answers", "data.layout.renamed={Dog:"):
        assert words in str(error.value)
    gone = read_query(Artifact.open(run / "pool"), Artifact.open(run / "rounds/001/query"))
    assert set(gone["predicted"]) == {-1}


def test_an_unknown_class_of_a_text_that_is_gone_stops_nobody(tmp_path):
    run, source = renamed_run(tmp_path)
    write_csv(source, [("a", "red mug"), ("b", "big pan")])
    run_stage(
        run, "prepare", parts(source, True, labels=("Dog", "Fish"))
    )  # Cat went with its texts
    assert labels_now(run, ("Dog", "Fish")) == {0: "Dog", 1: "Dog"}


# ---- a query that was handed to people -----


def waiting(tmp_path, by_id=True):
    """A run whose first query waits for answers, with all that `select` reads."""
    run, source = tmp_path / "run", tmp_path / "shop.csv"
    write_csv(source, [("a", "red mug"), ("b", "big pan"), ("c", "jar"), ("d", "lid")])
    run_stage(run, "prepare", parts(source, by_id))
    for noun in ("tokens", "votes", "weak_labels", "embeddings", "pretrained"):
        artifact(run / noun)
    asked(run)
    with pytest.raises(WaitingForAnnotations, match="4 of 4"):
        run_stage(run, "annotate", parts(source, by_id), 1)
    return run, source


def test_a_query_that_people_were_handed_is_kept_whatever_changes(tmp_path):
    run, source = waiting(tmp_path)
    sheet_path, query = run / "rounds/001/query.csv", run / "rounds/001/query"
    answer(run, {"red mug": "Cat"})
    before, digest = sheet_path.read_bytes(), Artifact.open(query).digest
    write_csv(source, [("new", "a new thing"), ("a", "red mug"), ("c", "jar"), ("d", "Lid")])
    for annotator in (File(), File(name="bob"), Oracle()):
        now = parts(source, True, annotator, seed=7)
        run_stage(run, "prepare", now)
        outcome = run_stage(run, "select", now, 1)
        assert outcome.state == "kept"
        assert outcome.note.endswith(f"delete the folder {run / 'rounds/001'}")
        assert Artifact.open(query).digest == digest
    with pytest.raises(WaitingForAnnotations, match="2 of 4 texts"):  # `big pan` is gone
        run_stage(run, "annotate", parts(source, True, seed=7), 1)
    assert sheet_path.read_bytes() == before
    answer(run, {"red mug": "Cat", "jar": "Dog", "lid": "Fish"})
    assert run_stage(run, "annotate", parts(source, True, seed=7), 1).state == "made"
    kept = tables.read(run / "rounds/001/annotations/annotations.parquet")
    assert dict(kept.select("text", "label").iter_rows()) == {
        "red mug": "Cat", "jar": "Dog", "lid": "Fish"}  # fmt: skip
    outcome = run_stage(run, "select", parts(source, True, seed=8), 1)
    assert (outcome.state, outcome.note) == ("kept", "")  # nobody should delete answers


def test_answers_to_texts_that_left_while_they_were_answered_are_kept_and_reported(tmp_path):
    run, source = waiting(tmp_path)
    answer(run, {"red mug": "Cat", "big pan": "Dog", "jar": "Dog", "lid": "Fish"})
    write_csv(source, [("a", "red mug"), ("c", "jar"), ("d", "lid")])
    run_stage(run, "prepare", parts(source, True))
    assert run_stage(run, "annotate", parts(source, True), 1).artifact.facts["n_labels"] == 4
    aside = set_aside(Artifact.open(run / "pool"), [Artifact.open(run / "rounds/001/annotations")])
    assert aside == {"n": 1, "examples": ["b 'big pan'"]}


def test_answers_of_people_are_not_replaced_by_an_oracle(tmp_path):
    run, source = renamed_run(tmp_path)
    outcome = run_stage(run, "annotate", parts(source, True, Oracle(), seed=3), 1)
    assert outcome.state == "kept"
    assert set(tables.read(outcome.artifact.path / "annotations.parquet")["annotator"]) == {"file"}


def test_a_corrected_sheet_is_read_again_and_a_deleted_one_is_not_missed(tmp_path):
    run, source = renamed_run(tmp_path)
    now, path = parts(source, True), run / "rounds/001/query.csv"
    before = run_stage(run, "annotate", now, 1)
    assert before.state == "up to date"
    answer(run, {"red mug": "Fish", "big pan": "Dog", "jar": "Cat", "lid": "Cat"})
    after = run_stage(run, "annotate", now, 1)
    assert after.state == "made"
    assert after.artifact.digest != before.artifact.digest  # so all that learns from it is stale
    assert labels_now(run, LABELS)[0] == "Fish"
    answer(run, {"red mug": "Fish"})  # cleared: waits, and what was read is still there
    with pytest.raises(WaitingForAnnotations, match="3 of 4"):
        run_stage(run, "annotate", now, 1)
    assert len(labels_now(run, LABELS)) == 4
    path.unlink()
    assert run_stage(run, "annotate", now, 1).state == "up to date"
    assert run_stage(run, "annotate", parts(source, True, seed=4), 1).state == "kept"
    assert not path.exists()


def test_answers_of_an_oracle_are_not_taken_for_those_of_people(tmp_path):
    source = tmp_path / "shop.csv"
    source.write_text("id,title,label\na,red mug,Cat\nb,big pan,Dog\n")
    run, layout = tmp_path / "run", {"label": "label", "test_share": 0.0}
    run_stage(run, "prepare", parts(source, True, Oracle(), **layout))
    asked(run)
    assert run_stage(run, "annotate", parts(source, True, Oracle(), **layout), 1).state == "made"
    people = parts(source, True, **layout)
    for _ in range(2):
        with pytest.raises(WaitingForAnnotations, match="2 of 2"):
            run_stage(run, "annotate", people, 1)
    answer(run, {"red mug": "Fish", "big pan": "Fish"})
    made = run_stage(run, "annotate", people, 1)
    table = tables.read(made.artifact.path / "annotations.parquet")
    assert table["label"].to_list() == ["Fish", "Fish"]
    assert run_stage(run, "annotate", parts(source, True, Oracle(), **layout), 1).state == "kept"


def test_an_oracle_answers_the_texts_of_a_query_whatever_their_ids(tmp_path):
    source = tmp_path / "shop.csv"
    source.write_text("id,title,label\na,red mug,Cat\nb,big pan,Dog\nc,lid,Fish\n")
    run, layout = tmp_path / "run", {"label": "label", "test_share": 0.0}
    now = parts(source, True, Oracle(), **layout)
    run_stage(run, "prepare", now)
    asked(run)
    source.write_text("id,title,label\nb,red mug,Cat\nc,big pan,Dog\na,lid,Fish\n")
    run_stage(run, "prepare", now)
    made = run_stage(run, "annotate", now, 1)
    collected_answers = tables.read(made.artifact.path / "annotations.parquet")
    assert dict(collected_answers.select("text", "label").iter_rows()) == {
        "red mug": "Cat", "big pan": "Dog", "lid": "Fish"}  # fmt: skip


def test_one_project_of_a_tool_serves_all_rounds_and_a_wrong_control_is_no_skip(tmp_path):
    run, source = tmp_path / "run", tmp_path / "shop.csv"
    now = parts(source, True, File("label_studio"))
    write_csv(source, [("a", "red mug"), ("b", "big pan"), ("c", "jar"), ("d", "lid")])
    run_stage(run, "prepare", now)

    def task(one, text, kind, value):
        result = [{"from_name": "label", "to_name": "text", "type": kind, "value": {kind: value}}]
        return {
            "id": 1,
            "data": {"wsal_id": one, "text": text},
            "annotations": [{"result": result}],
        }

    first = [task("a", "red mug", "choices", ["Cat"]), task("b", "big pan", "choices", ["Dog"])]
    for number, texts in ((1, ["red mug", "big pan"]), (2, ["jar", "lid"])):
        asked(run, texts, number=number)
        with pytest.raises(WaitingForAnnotations):
            run_stage(run, "annotate", now, number)
        if number == 1:
            (run / "rounds/001/answers.json").write_text(json.dumps(first))
            run_stage(run, "annotate", now, 1)
    path = run / "rounds/002/answers.json"
    wrong = [task("c", "jar", "rating", 4), task("d", "lid", "rating", 5)]
    path.write_text(json.dumps(first + wrong))
    with pytest.raises(AnnotationError, match="2 records are not in the form that Label") as error:
        run_stage(run, "annotate", now, 2)
    assert "record 3: a result of type rating" in str(error.value)
    right = [task("c", "jar", "choices", ["Fish"]), task("d", "lid", "choices", ["Cat"])]
    path.write_text(json.dumps(first + right))
    facts = run_stage(run, "annotate", now, 2).artifact.facts
    assert (facts["n_labels"], facts["n_skipped"]) == (2, 0)
    assert facts["notes"] == ["2 answers to texts of earlier rounds left out"]
    assert stage_lines.LINES["annotate"](facts).endswith(
        "; 2 answers to texts of earlier rounds left out"
    )


def test_an_oracle_with_too_little_gold_is_refused_before_anything_is_trained(tmp_path):
    def components(query_size, n_evaluation=0):
        made = parts(tmp_path, True, Oracle(), label="kind")
        made.built["active"] = ActiveSettings(query_size=query_size)
        made.built["evaluation"] = EvaluationSettings(size=n_evaluation)
        return made

    counts = {"n_pool": 370, "n_pool_gold": 28, "n_dev": 0, "n_test": 11, "labels": ["a", "b"]}
    pool = artifact(tmp_path / "pool", counts)
    with pytest.raises(AnnotationError, match="28 of the 370 texts of the pool have one") as error:
        check_answers(tmp_path, components(10), pool)
    assert "on average it could answer only 0.8 of the 10 texts" in str(error.value)
    check_answers(tmp_path, components(14), pool)
    check_answers(tmp_path, components(10, n_evaluation=4), pool)


def test_an_oracle_without_gold_and_lost_classes_are_refused_before_anything_is_trained(tmp_path):
    run, source = tmp_path / "run", tmp_path / "shop.csv"
    write_csv(source, [("a", "red mug"), ("b", "big pan")])
    pool = run_stage(run, "prepare", parts(source, True)).artifact
    with pytest.raises(AnnotationError, match="answers from gold labels, and this pool has none"):
        check_answers(run, parts(source, True, Oracle()), pool)
    with pytest.raises(AnnotationError, match="name another column than kind "):
        check_answers(run, parts(source, True, Oracle(), label="kind"), pool)
    check_answers(run, parts(source, True), pool)  # people may answer
    run, source = renamed_run(tmp_path / "other")
    now = parts(source, True, labels=("Hound", "Cat", "Fish"))
    pool = run_stage(run, "prepare", now).artifact
    with pytest.raises(AnnotationError, match=r"'Dog': 2 answers(.|\n)*renamed={Dog:"):
        check_answers(run, now, pool)
    path = run / "rounds/001/query.csv"
    path.write_text(path.read_text().replace("Dog", "Hound"))
    check_answers(run, now, pool)  # the sheet will be read again


# ---- the page and its journal -----


def page_queue(run, source, **more):
    """The page's queue as it opens on the run, its votes and vectors made of nothing."""
    now = parts(source, True, **more)
    run_stage(run, "prepare", now)
    pool = Artifact.open(run / "pool")
    ids = tables.read(pool.path / "pool.parquet").select("id")
    artifact(run / "votes", votes=(ids, {"id": pl.String}))
    with artifacts.create(run / "embeddings", {}, {"pool": pool.digest}) as (work, _):
        np.save(work / "embeddings.npy", np.ones((len(ids), 2), np.float16))
    (run / "config.json").write_text('{"rules": {}}')
    query = Artifact.open(run / "rounds/001/query")
    one = Query(
        read_query(pool, query), LabelSet(tuple(pool.facts["labels"])), {}, query.path.parent
    )
    queue = open_queue(one, 0, 0, 0)
    queue.refresh()
    return queue, one


def decide(queue, one, label, mark):
    queue.append([Event(mark, "answer", "ann", 1, one, label, 1.0)])


def test_a_half_answered_round_on_the_page_goes_on_after_the_data_changed(tmp_path):
    run, source = waiting(tmp_path)
    queue, _ = page_queue(run, source)
    assert queue.open_ids(queue.answers()) == ["a", "b", "c", "d"]
    decide(queue, "a", "Cat", "k1")
    decide(queue, "b", "Dog", "k2")
    write_csv(source, [("d", "jar"), ("x", "RED mug"), ("a", "something else"), ("c", "lid")])
    queue, query = page_queue(run, source)  # the pan is gone; ids went round
    assert queue.open_ids(queue.answers()) == ["c", "d"]
    for one in ("c", "d"):
        decide(queue, one, "Fish", f"k-{one}")
    assert queue.finished()
    answers = collected_answers(queue, query)
    assert dict(answers.select("id", "label").iter_rows()) == {
        "a": "Cat", "b": "Dog", "c": "Fish", "d": "Fish"}  # fmt: skip


def test_an_open_text_that_left_the_pool_is_not_waited_for_on_the_page(tmp_path):
    run, source = waiting(tmp_path)
    write_csv(source, [("a", "red mug"), ("d", "lid")])
    queue, query = page_queue(run, source)
    assert queue.open_ids(queue.answers()) == ["a", "d"]
    assert [one for one, _ in queue.assign("ann", 9, ())] == ["a", "d"]
    decide(queue, "a", "Cat", "k1")
    decide(queue, "d", "Cat", "k2")
    assert queue.finished()
    assert collected_answers(queue, query)["id"].to_list() == ["a", "d"]


def test_a_journal_of_a_query_that_was_thrown_away_does_not_speak_for_other_texts(tmp_path):
    run, source = waiting(tmp_path)
    queue, _ = page_queue(run, source)
    decide(queue, "a", "Cat", "k1")
    decide(queue, "b", "Dog", "k2")
    write_csv(source, [("a", "a new thing"), ("b", "BIG pan"), ("c", "jar")])
    run_stage(run, "prepare", parts(source, True))
    asked(run)  # chosen anew: the same ids, one of them another text's
    queue, _ = page_queue(run, source)
    assert {one: answers["ann"].label for one, answers in queue.answers().items()} == {"b": "Dog"}


def test_the_journal_follows_renamed_classes(tmp_path):
    run, source = waiting(tmp_path)
    queue, _ = page_queue(run, source)
    decide(queue, "a", "Dog", "k1")
    queue, query = page_queue(
        run, source, labels=("Hound", "Cat", "Fish"), renamed={"Dog": "Hound"}
    )
    assert collected_answers(queue, query)["label"].to_list() == ["Hound"]


def test_a_sheet_shows_no_guess_of_a_class_that_is_gone(tmp_path):
    run, source = waiting(tmp_path)
    run_stage(run, "prepare", parts(source, True, labels=("Dog", "Fish")))
    pool, query = Artifact.open(run / "pool"), Artifact.open(run / "rounds/001/query")
    labels = LabelSet(("Dog", "Fish"))
    assert sheet.shown(read_query(pool, query), labels)["suggestion"] == [""] * 4


def test_texts_are_looked_up_in_a_pool_of_shards_by_text_and_then_by_key(tmp_path):
    texts = ["Red Mug", "blue mug", "Red Mug (new)", "tea, green", "blue mug"]
    frame = pl.DataFrame({"text": texts, "id": list("abcde")})
    with artifacts.create(tmp_path / "pool", {}, {}) as (work, _):
        write_shards(frame, work / "pool.parquet", [1, 1, 3], rows_of_group=1)
    pool = Artifact.open(tmp_path / "pool")
    wanted = ["blue mug", "gone", "TEA GREEN", None, "red mug new", "Red Mug", "blue mug"]
    rows = rows_of(pool, pl.Series(wanted, dtype=pl.String))
    assert rows.to_list() == [1, None, 3, None, 2, 0, 1]
    assert rows_of(pool, pl.Series([], dtype=pl.String)).to_list() == []
