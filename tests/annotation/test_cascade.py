"""Each text goes to the cheapest source that can be trusted with it, and only people measure."""

import csv

import numpy as np
import polars as pl
import pytest
from annotation.cascade_run import LABELS, Run, gold_of, says
from llm.fake_server import FakeServer

from wsal import artifacts, schemas, tables
from wsal.annotation import audit
from wsal.annotation.annotators import File, Oracle
from wsal.annotation.early import open_in_journal
from wsal.annotation.handed_out import is_handed_out
from wsal.annotation.journal import ANSWER, FINISH, JOURNAL_FILE, Event, Journal
from wsal.annotation.llm_annotators import Cascade, Llm
from wsal.annotation.open_round import newest_round, read_round
from wsal.annotation.similarity import class_centres, class_scores, similar_gold
from wsal.annotation.split import read_split
from wsal.annotation.terminal import Terminal
from wsal.artifacts import Artifact
from wsal.errors import AnnotationError, ConfigError, LLMError, WaitingForAnnotations
from wsal.llm.settings import Price
from wsal.rounds.early import early_rows
from wsal.rounds.evaluation_frame import Frame
from wsal.shards import shard_path
from wsal.web import panel
from wsal.web.annotator import Web
from wsal.web.site import Site

TRAIN = [f"{name} {n}" for n in range(8) for name in ("cup", "pot", "tea")]
TESTS = ["cup 18", "pot 18", "tea 18", "cup 19"]
UNSURE = {"cup 0": ("Cup", 60), "pot 0": (None, 90), "tea 0": ("Pot", 70)}
FILE = Cascade(File(), audit=0.0)


@pytest.fixture
def run(tmp_path):
    """A run whose first round asks 24 texts to train on and 4 to measure with."""
    run = Run(tmp_path / "run", rules={"pot 1": ("Tea", 0.97), "pot 2": ("Tea", 0.7)}).build()
    run.ask(TRAIN, evaluate=TESTS, again=["cup 2"], sure=["cup 3", "tea 18"])
    return run


@pytest.fixture
def server():
    """A model that is right and sure of most texts."""
    with FakeServer(says(95)(UNSURE)) as fake:
        yield fake


def sheet(run):
    """The rows of the sheet that people get."""
    with (run.round_dir / "query.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def answer(run, label=gold_of, only=None):
    """Fill in the sheet."""
    rows = sheet(run)
    for row in rows:
        if only is None or row["text"] in only:
            row["label"] = label(row["text"])
    with (run.round_dir / "query.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def waits(run, *arguments, **more):
    with pytest.raises(WaitingForAnnotations) as raised:
        run.annotate(*arguments, **more)
    return str(raised.value)


def test_each_text_goes_where_it_should(run, server):
    done = run.annotate(Cascade(Oracle(), audit=0.0), server)
    to_model = [text for text in TRAIN if text not in ("cup 2", "cup 3")]
    assert done.reasons() == dict.fromkeys(to_model, audit.ACCEPTED) | {
        "cup 0": audit.UNSURE, "pot 0": "none of these", "tea 0": audit.UNSURE,
        "pot 1": audit.CONTRADICTS,
    }  # fmt: skip
    by_people = done.labels("oracle")
    assert set(by_people) == {"cup 0", "pot 0", "tea 0", "pot 1", "cup 2", *TESTS}
    assert set(done.labels("llm:fake")) == set(TRAIN) - set(by_people) - {"cup 3"}
    asked = {text for text, _ in server.requests}
    assert asked == set(TRAIN) - {"cup 2", "cup 3"}  # neither evaluation texts nor doubtful labels
    assert done.table.filter(pl.col("annotator") == "llm:fake")["seconds"].null_count() == 18
    assert set(done.table.filter(pl.col("text").is_in(TESTS))["annotator"]) == {"oracle"}
    names = ("n_llm", "n_people", "n_audited", "n_sure", "n_unseen", "n_labels", "human")
    assert [done.facts[n] for n in names] == [18, 9, 0, 1, 0, 27, False]
    assert done.facts["llm"]["input_tokens"] > 0
    assert run.annotate(Cascade(Oracle(), audit=0.0), server).state == "up to date"


def test_an_audit_is_blind_and_its_size_is_as_asked(run, server):
    waits(run, Cascade(File(), audit=1.0), server)
    rows = {row["text"]: row for row in sheet(run)}
    split = read_split(run.round_dir, pl.read_parquet(run.round_dir / "query/query.parquet"))
    audited = set(split.filter(pl.col("reason") == audit.AUDIT)["text"])
    assert len(audited) == 18
    assert set(rows) == set(TRAIN) - {"cup 3"} | set(TESTS)
    assert {rows[text]["suggestion"] + rows[text]["reason"] for text in audited} == {""}
    assert not any("audit" in str(row) or "llm" in str(row) for row in rows.values())
    answer(run)
    done = run.annotate(Cascade(File(), audit=1.0), server)
    assert done.facts["n_audited"] == 18
    assert done.facts["n_llm"] == 0
    assert set(done.table["annotator"]) == {"file"}
    assert len(done.llm) == 22


def test_the_share_of_the_audit_does_not_depend_on_the_round_or_on_kills(tmp_path, server):
    run = Run(tmp_path / "run").build()
    texts = [f"{name} {n}" for n in range(20) for name in ("cup", "pot", "tea")]
    run.ask(texts)
    cascade = Cascade(Oracle(), audit=0.3)
    first = run.annotate(cascade, server)
    assert 8 <= first.facts["n_audited"] <= 28
    again = run.annotate(cascade, server, seed=1)
    assert again.reasons() == first.reasons()
    assert set(again.labels("oracle")) == set(first.labels("oracle"))


def test_a_class_that_fails_the_audit_goes_back_to_people_now_and_later(tmp_path):
    wrong = {f"pot {n}": ("Tea", 95) for n in range(20)}
    run = Run(tmp_path / "run").build()
    cascade = Cascade(Oracle(), audit=0.5)
    with FakeServer(says(95)(wrong)) as server:
        run.ask([f"{name} {n}" for n in range(9) for name in ("cup", "pot", "tea")])
        first = run.annotate(cascade, server)
        assert first.facts["returned_classes"] == ["Tea"]
        assert set(first.labels("llm:fake").values()) == {"Cup"}  # no unaudited "Tea" is kept
        assert "Tea" in set(first.llm.filter(pl.col("reason") == audit.RETURNED)["label"])
        assert (
            first.facts["n_unseen"] == first.llm.filter(pl.col("reason") == audit.RETURNED).height
        )
        run.ask([f"{name} {n}" for n in range(9, 15) for name in ("cup", "pot", "tea")], 2)
        second = run.annotate(cascade, server, number=2)
        to_people = {text for text, reason in second.reasons().items() if reason == audit.RETURNED}
        assert to_people == {f"{name} {n}" for n in range(9, 15) for name in ("pot", "tea")}
        assert to_people <= set(second.labels("oracle"))
        assert second.labels("oracle")["pot 9"] == "Pot"
    fine = {f"pot {n}": ("Pot", 95) for n in range(20)}
    with FakeServer(says(95)(fine)) as server:  # a better model: people see all its "Tea"
        run.ask([f"tea {n}" for n in range(15, 20)] + ["pot 15"], 3)
        third = run.annotate(cascade, server, number=3)
        assert set(third.reasons().values()) <= {audit.RETURNED, audit.AUDIT, audit.ACCEPTED}


def test_people_get_a_sheet_of_their_texts_alone_and_nothing_is_asked_twice(run, server):
    assert "9 of 9 texts" in waits(run, FILE, server)
    assert {row["text"] for row in sheet(run)} == {
        "cup 0", "pot 0", "tea 0", "pot 1", "cup 2", *TESTS,
    }  # fmt: skip
    answer(run, only=["cup 0", "pot 0"])
    n = len(server.requests)
    # The rules change while people answer: what they were given stays as it is.
    run.rules |= {f"{name} 5": ("Pot", 0.99) for name in ("cup", "tea")}
    run.build()
    run.ask(TRAIN, evaluate=TESTS, again=["cup 2"], sure=["cup 3", "tea 18"])
    assert "7 of 9 texts" in waits(run, FILE, server)
    answer(run)
    done = run.annotate(FILE, server)
    assert len(server.requests) == n
    assert len(done.labels("file")) == 9
    assert len(done.labels("llm:fake")) == 18
    assert done.facts["human"]
    answer(run, label=lambda text: "Tea")  # corrected later
    corrected = run.annotate(FILE, server)
    assert corrected.state == "made"
    assert set(corrected.labels("file").values()) == {"Tea"}
    assert len(server.requests) == n
    assert run.annotate(FILE, server, seed=5).state == "kept"


def test_the_page_has_peoples_texts_alone_and_only_once_the_model_is_done(run, server):
    annotator = Cascade(Terminal(), audit=0.5)
    with FakeServer(says(95)({}), faults=lambda text, attempt: "401") as broken:
        broken.key = "other"
        with pytest.raises(LLMError):
            run.annotate(annotator, broken)
    assert newest_round(run.path) == (0, False)  # the page shows nothing yet
    assert not is_handed_out(run.round_dir)
    with pytest.raises(AnnotationError, match="not a terminal"):
        run.annotate(annotator, server)
    assert newest_round(run.path) == (1, True)
    round_ = read_round(run.path, 1, blind_share=0.0)
    split = read_split(run.round_dir, pl.read_parquet(run.round_dir / "query/query.parquet"))
    people = split.filter(pl.col("goes_to") == "people")
    assert [item.text for item in round_.items.values()] == people["text"].to_list()
    assert round_.vectors.shape == (len(people), 8)
    audited = set(people.filter(pl.col("reason") == audit.AUDIT)["text"])
    assert audited
    blind = {item.text for item in round_.items.values() if item.blind}
    assert blind == audited | set(TESTS) | {"cup 2"}
    assert all(not i.guess and not i.reason for i in round_.items.values() if i.text in audited)


def test_a_round_on_the_page_ends_with_peoples_texts_or_sooner(run, server):
    annotator, site = Cascade(Web(browser=False), audit=0.0), Site(run.path, {})
    assert site.queue() is None
    with pytest.raises(AnnotationError, match="not a terminal"):
        run.annotate(Cascade(Terminal(), audit=0.0), server)  # the texts are handed out
    queue = site.queue()
    assert (panel.progress([queue])["n"], panel.progress([queue])["open"]) == (9, 9)
    ids = {item.text: text_id for text_id, item in queue.round.items.items()}
    for text in ("cup 0", "pot 1", "cup 18"):
        queue.append([Event(text, ANSWER, "ann", 1, ids[text], gold_of(text), 4.0)])
    queue.append([Event("end", FINISH, "ann", 1)])
    ended = run.annotate(annotator, server)
    assert set(ended.labels("ann")) == {"cup 0", "pot 1", "cup 18"}
    assert (len(ended.labels("llm:fake")), ended.facts["n_unseen"]) == (18, 6)


def test_texts_that_people_answered_early_are_theirs_and_not_asked_again(run, server):
    early = ["cup 0", "tea 3"]
    run.ask(TRAIN, evaluate=TESTS, early=early)
    journal = Journal(run.path / JOURNAL_FILE)
    ids = dict(pl.read_parquet(run.round_dir / "query/query.parquet")["text", "id"].iter_rows())
    events = [
        Event(f"{text}.0", ANSWER, "ann", 1, ids[text], gold_of(text), 4.0, "early", text=text)
        for text in early
    ]
    others = [Event(f"{t}.0", ANSWER, "bob", 1, ids[t], gold_of(t), 4.0, text=t) for t in ids]
    journal.append(events)
    journal.append([event for event in others if event.text not in early])
    done = run.annotate(Cascade(Web(browser=False), audit=0.0), server)
    assert done.labels("ann") == {text: gold_of(text) for text in early}
    assert not set(early) & set(done.llm["text"])


def test_what_people_answered_while_the_model_was_asked_counts_for_the_next_round(run, server):
    """The query was made, but nobody had been given it: its texts were early ones until then."""
    journal = Journal(run.path / JOURNAL_FILE)
    open_in_journal(run.path, 1)
    ids = dict(pl.read_parquet(run.round_dir / "query/query.parquet")["text", "id"].iter_rows())
    while_asked = ["cup 1", "cup 3"]  # the model's; of the second, the classifier is sure
    journal.append([
        Event(f"{text}.0", ANSWER, "ann", 1, ids[text], "Tea", 4.0, "early", text=text)
        for text in while_asked
    ])  # fmt: skip
    journal.append([
        Event(f"{t}.0", ANSWER, "bob", 1, ids[t], gold_of(t), 4.0, text=t)
        for t in ids if t not in while_asked
    ])  # fmt: skip
    done = run.annotate(Cascade(Web(browser=False), audit=0.0), server)
    assert done.labels("llm:fake")["cup 1"] == "Cup"
    assert not done.labels("ann")
    pool, query, annotations = (
        Artifact.open(run.path / place)
        for place in ("pool", "rounds/001/query", "rounds/001/annotations")
    )
    nothing = Frame(np.empty(0, np.int64), np.empty(0, np.int64))
    rows = early_rows(run.path, 2, pool, nothing, [query], [annotations])
    assert pl.read_parquet(pool.path / "pool.parquet")["text"].gather(rows).to_list() == while_asked


def test_who_was_asked_everything_stays_so_and_the_other_way_round(run, server):
    waits(run, File(), server)
    assert len(sheet(run)) == 28
    answer(run, only=["tea 5"])
    assert "27 of 28" in waits(run, FILE, server)  # perhaps they answered any of the texts
    assert not server.requests
    assert (
        read_split(run.round_dir, pl.read_parquet(run.round_dir / "query/query.parquet"))
        is not None
    )
    assert len(read_round(run.path, 1, 0.0).items) == 28
    waits(run, File(), server)
    answer(run)
    assert len(run.annotate(File(), server).labels("file")) == 28


def test_after_a_cascade_another_annotator_asks_the_rest_too(run, server):
    waits(run, FILE, server)
    assert len(read_round(run.path, 1, 0.0).items) == 9
    (run.round_dir / "query.csv").unlink()
    waits(run, File(), server)
    assert len(sheet(run)) == 28
    assert len(read_round(run.path, 1, 0.0).items) == 28


@pytest.mark.parametrize("n_shards", [1, 2])
def test_what_the_rules_say_without_the_model_counts(run, server, n_shards):
    """With votes of the model, weak labels are in part its own answers."""
    records = pl.read_parquet(run.path / "pool/pool.parquet")
    label = pl.when(pl.col("text") == "cup 1").then(LABELS.index("Tea")).otherwise(-1)
    alone = records.select("id", label=label, probability=0.95)
    path, step = run.path / "weak_labels/rules_alone.parquet", -(-len(alone) // n_shards)
    for number, shard in enumerate(alone.iter_slices(step)):
        tables.write(shard, shard_path(path, number, n_shards), schemas.RULES_ALONE)
    reasons = run.annotate(Cascade(Oracle(), audit=0.0), server).reasons()
    assert {text for text, r in reasons.items() if r == audit.CONTRADICTS} == {"cup 1"}


def test_votes_of_the_model_that_precise_rules_contradict_lower_its_probability(run, server):
    assert len(run.annotate(Cascade(Oracle(), audit=0.0), server).labels("llm:fake")) == 18
    texts = [f"{name} {n}" for n in range(10, 18) for name in ("cup", "pot", "tea")]
    run.rules = {text: (gold_of(text), 0.97) for text in texts}
    run.build()
    run.ask(TRAIN)
    votes = pl.DataFrame(
        {"id": texts, "text": texts, "label": ["Pot" if "tea" in t else "Tea" for t in texts]}
    ).with_columns(
        confidence=0.95, source=pl.lit("stated"), status=pl.lit("class"), calls=1, cost=0.0,
        input_tokens=1, output_tokens=1, reason=pl.lit("random"),
    )  # fmt: skip
    with artifacts.create(run.path / "llm_votes", {}, {}) as (out, _):
        tables.write(votes, out / "answers.parquet", schemas.LLM_ANSWERS)
    done = run.annotate(Cascade(Oracle(), audit=0.0), server)
    assert not done.labels("llm:fake")
    assert set(done.reasons().values()) == {audit.UNSURE, "none of these"}


def test_a_budget_that_ends_gives_the_rest_to_people(run, server):
    done = run.annotate(Cascade(Oracle(), audit=0.0), server, calls=5)
    assert 0 < len(done.llm) <= 5  # a call may have to be repeated
    assert done.facts["n_people"] == 27 - done.facts["n_llm"]
    assert len(done.table) == 27
    left = f"{22 - len(done.llm)} texts go to people"
    assert left in " ".join(done.facts["notes"])
    more = run.annotate(Cascade(Oracle(), audit=0.0), server, seed=1)
    assert len(more.llm) == len(server.requests) == 22  # none was asked twice


def test_a_price_makes_no_answer_stale(run, server):
    cascade = Cascade(Oracle(), audit=0.0)
    first = run.annotate(cascade, server, price=Price(1.0, 2.0))
    assert first.facts["llm"]["cost"] > 0
    assert first.llm["cost"].sum() == pytest.approx(first.facts["llm"]["cost"], abs=1e-5)
    again = run.annotate(cascade, server, seed=1, price=Price(9.0, 9.0))
    assert again.llm["cost"].to_list() == first.llm["cost"].to_list()  # what was paid


def test_classes_renamed_and_removed_while_people_answer(run, server):
    waits(run, FILE, server)
    run.labels, run.pool_facts = ("Mug", "Pot", "Tea"), {"renamed": {"Cup": "Mug"}}
    run.build()
    run.ask(TRAIN, evaluate=TESTS, again=["cup 2"], sure=["cup 3", "tea 18"])
    answer(run, label=gold_of)
    done = run.annotate(FILE, server)
    assert set(done.table["label"]) == {"Mug", "Pot", "Tea"}
    run.labels, run.pool_facts = ("Pot", "Tea", "Jar"), {}
    run.build()
    run.ask(TRAIN, evaluate=TESTS, again=["cup 2"], sure=["cup 3", "tea 18"])
    answer(run, label=lambda text: "Jar")
    done = run.annotate(FILE, server)
    assert set(done.labels("llm:fake").values()) == {"Pot", "Tea"}  # what it called Cup is open


def test_texts_that_left_the_pool_are_neither_sent_nor_waited_for(run, server):
    query = run.round_dir / "query/query.parquet"
    table = pl.read_parquet(query).with_columns(
        text=pl.when(pl.col("text") == "cup 5").then(pl.lit("gone")).otherwise("text")
    )
    table.write_parquet(query)
    done = run.annotate(Cascade(Oracle(), audit=0.0), server)
    assert "gone" not in {text for text, _ in server.requests}
    assert len(done.llm) == 21


def test_alone_the_model_answers_what_it_is_sure_of_and_never_evaluation_texts(run, server):
    done = run.annotate(Llm(), server)
    assert set(done.table["annotator"]) == {"llm:fake"}
    assert set(done.table["purpose"]) == {"train"}
    skipped = set(done.table.filter(pl.col("label").is_null())["text"])
    assert skipped == {"cup 0", "pot 0", "tea 0", "pot 1"}
    assert {text for text, _ in server.requests} == set(TRAIN) - {"cup 2"}
    assert "4 evaluation texts are unanswered" in " ".join(done.facts["notes"])
    names = ("n_llm", "n_people", "n_skipped", "n_unseen", "human")
    assert [done.facts[n] for n in names] == [19, 0, 4, 1, False]  # nobody answers cup 2
    assert not is_handed_out(run.round_dir)


def test_what_is_missing_is_named_before_work(run, tmp_path, server):
    with pytest.raises(ConfigError, match="annotator=cascade asks a language model"):
        run.annotate(Cascade(Oracle()))
    with pytest.raises(ConfigError, match=r"annotator\.people is a language model"):
        Cascade(Llm())
    (run.path / "pool/gold.parquet").unlink()
    pl.DataFrame(schema={"id": pl.String, "label": pl.Int16}).write_parquet(
        run.path / "pool/gold.parquet"
    )
    with pytest.raises(AnnotationError, match=r"annotator@annotator\.people=web"):
        run.annotate(Cascade(Oracle()), server)
    assert not server.requests
    refused = pytest.raises(AnnotationError, match=r"lower annotator\.accept")
    with FakeServer(says(50)({})) as unsure, refused:
        run.annotate(Llm(), unsure)


def test_similar_gold_texts_are_shown_and_no_answer_of_the_model(run, server):
    run.annotate(Cascade(Oracle(), audit=0.0), server)
    texts = [f"{name} {n}" for n in range(10, 14) for name in ("cup", "pot", "tea")]
    run.ask(texts, 2)
    run.annotate(Cascade(Oracle(), audit=0.0), server, number=2)
    prompts = [str(body) for text, body in server.requests if text in texts]
    assert all("Examples of texts that people sorted" in prompt for prompt in prompts)
    assert not any(text in prompt for prompt in prompts for text in TESTS)


def test_nearest_gold_and_likeliest_classes():
    vectors = np.eye(3, dtype=np.float32)
    assert similar_gold(vectors[:1], vectors[[2, 0]], 1) == [[1]]
    assert similar_gold(vectors[:1], vectors[:0], 3) == [[]]
    centres = class_centres(vectors, np.array([0, 0, 2]), np.array([1.0, 1.0, 1.0]), 4)
    assert (centres.any(axis=1) == [True, False, True, False]).all()
    names = ("red tea", "iron pots", "cups", "big jars")
    scores = class_scores(["nice jars"], vectors[:1], centres, names)[0]
    assert np.argsort(-scores).tolist() == [3, 0, 2, 1]  # named, near, far, unknown
