"""Get the texts of a round labelled, by people, a language model, or an oracle."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from wsal import schemas, tables
from wsal.annotation.annotators import Annotator
from wsal.annotation.answers import names_since, read_query, rows_of
from wsal.annotation.evidence import RunSoFar, gather
from wsal.annotation.handed_out import answer_digests, hand_out
from wsal.annotation.llm_annotators import Cascade, Llm
from wsal.annotation.llm_tables import ANSWERS_FILE
from wsal.annotation.multilabel_answers import gold_of_asked
from wsal.annotation.multilabel_query import read_guesses
from wsal.annotation.query import Query
from wsal.annotation.questions import (
    DEPENDS,
    GROUPS,
    GROUPS_FILE,
    NOT_ALL,
    WORDS,
    WORDS_FILE,
    about_groups,
    about_words,
    labels_of_groups,
    read_questions,
)
from wsal.annotation.split import forget_split
from wsal.artifacts import Artifact, Facts
from wsal.data.class_history import ClassHistory, edits_in
from wsal.errors import AnnotationError
from wsal.labels import NONE, LabelSet
from wsal.llm.asking import open_llm
from wsal.llm.settings import LLMSettings
from wsal.multilabel import is_multilabel
from wsal.rounds.word_gold import gold_of_groups, gold_of_words
from wsal.seeding import rng


def annotate(
    out: Path,
    *,
    pool: Artifact,
    query: Artifact,
    earlier_queries: Sequence[Artifact],
    annotator: Annotator,
    llm: LLMSettings | None = None,
    seed: int,
) -> Facts:
    """query.parquet -> annotations.parquet, once every text asked is answered or skipped.

    Answers to questions about words are written to words.parquet, and those about groups of texts
    to groups.parquet, if there were such questions. A yes to a group labels all its texts.

    The query may be older than the pool: texts that left it since are not waited for. All answers
    of a language model, also those that are not accepted, are written to llm_answers.parquet.

    Where a text may have several classes, an answer has all their names; see `wsal.multilabel`.
    """
    number, round_dir = query.facts["round"], query.path.parent
    table = read_query(pool, query)
    rows = rows_of(pool, table["text"])
    asks_model = isinstance(annotator, Llm | Cascade)
    model = open_llm(llm, round_dir.parents[1]) if llm and asks_model else None
    labels, questions = LabelSet.of_pool(pool.facts), read_questions(pool, query)
    words, groups, simulated = about_words(questions), about_groups(questions), not annotator.human
    multilabel = is_multilabel(pool.facts)
    asked = Query(
        table=table,
        labels=labels,
        questions=questions,
        word_gold=gold_of_words(pool, words["word"].to_list(), labels) if simulated else {},
        group_gold=gold_of_groups(pool, groups, labels) if simulated else {},
        gold={} if multilabel else _gold(pool, table["id"], rows),
        multilabel=multilabel,
        gold_sets=gold_of_asked(pool, table["id"], rows) if multilabel and simulated else {},
        guesses=read_guesses(query),
        round_dir=round_dir,
        n_pool=pool.facts["n_pool"],
        n_pool_gold=pool.facts["n_pool_gold"],
        renamed=names_since(pool, query),
        gone=frozenset(table["id"].filter(rows.is_null())),
        earlier=pl.concat(
            [
                pl.DataFrame(schema={"id": pl.String, "text": pl.String}),
                *(_asked(earlier) for earlier in earlier_queries),
            ]
        ),
        evidence=gather(RunSoFar.of(round_dir.parents[1], number), model, table) if model else None,
    )
    if annotator.human and not isinstance(annotator, Cascade):  # which hands out only a part
        forget_split(round_dir)
        hand_out(round_dir)
    files = answer_digests(annotator, round_dir)  # of before reading: a later edit is read again
    answers = annotator.annotate(asked, rng(seed, "annotate", number))
    of_words = answers.join(words.select("id", "word"), on="id", maintain_order="left")
    texts_of = groups.select("id", texts="examples")
    of_groups = answers.join(texts_of, on="id", maintain_order="left")
    about = table.select("id", "text", "purpose")
    answers = answers.join(about, on="id", maintain_order="left")
    if len(groups):
        answers = pl.concat([answers, labels_of_groups(groups, of_groups)])
    teaches = pl.col("label").is_not_null() if multilabel else pl.col("label") != NONE
    if number == 1 and answers.filter(teaches).is_empty():
        raise AnnotationError(_nothing_to_learn(annotator, asked))
    tables.write(answers, out / "annotations.parquet", schemas.ANNOTATIONS)
    if len(words):
        tables.write(of_words, out / WORDS_FILE, WORDS)
        asked.facts["n_words"] = int(of_words["label"].count())
        asked.facts["n_depends"] = int((of_words["label"] == DEPENDS).sum())
    if len(groups):
        tables.write(of_groups, out / GROUPS_FILE, GROUPS)
        asked.facts["n_groups"] = int(of_groups["label"].count())
        asked.facts["n_not_all"] = int((of_groups["label"] == NOT_ALL).sum())
    if asked.llm_answers:
        tables.write(pl.concat(asked.llm_answers), out / ANSWERS_FILE, schemas.LLM_ANSWERS)
    n_skipped = answers["label"].null_count()
    if n_none := int((answers["label"] == NONE).sum()):
        asked.facts["n_none"] = n_none
    still_there = table.filter(~pl.col("id").is_in(list(asked.gone)))
    n_unseen = len(still_there.join(answers, on="id", how="anti"))  # the round was ended early
    n_unseen -= asked.facts.get("n_not_asked", 0)  # on purpose
    counts = {"n_labels": len(answers) - n_skipped, "n_skipped": n_skipped, "n_unseen": n_unseen}
    return {
        "round": number, **counts, **asked.facts, "human": annotator.human, "answers_in": files,
        # People who get what a model is unsure of, or groups, get no random texts.
        "random": query.facts.get("random", False) and not (asks_model or len(groups)),
        "notes": asked.notes, **_changed_since(pool, query, answers),
    }  # fmt: skip


def _changed_since(pool: Artifact, query: Artifact, answers: pl.DataFrame) -> Facts:
    """The edits of the classes when the query was made, if there were others since.

    And the ids of texts whose answer is a class that was split since then.
    """
    then = edits_in(query.facts)
    if then == edits_in(pool.facts):
        return {}
    opened = ClassHistory.of_pool(pool.facts).opened_since(then)
    left_open = answers.filter(pl.col("label").is_in(list(opened)))["id"].to_list()
    return {"left_open": left_open, "asked_with": [edit.as_node() for edit in then]}


def _nothing_to_learn(annotator: Annotator, asked: Query) -> str:
    """Why the first round brought no label, and what to do about it."""
    if len(asked.gone) == len(asked.table):
        return (
            "every text of the first query has left the pool; to choose others, delete the "
            f"folder {asked.round_dir}"
        )
    if isinstance(annotator, Llm):
        return (
            "the language model gave no answer to the first round that can be accepted, so there "
            "is nothing to learn from; lower annotator.accept, or have people answer the rest "
            "(annotator=cascade)"
        )
    if asked.facts.get("n_sure"):
        return (
            f"the first round brought no label: the classifier is sure of "
            f"{asked.facts['n_sure']} of {len(asked.table)} texts; raise annotator.sure"
        )
    if asked.multilabel:
        return (
            "all texts of the first round were skipped, so there is nothing to learn from; answer "
            "at least one text, and run the same command again"
        )
    return (
        "no text of the first round was given a class, so there is nothing to learn from; "
        "give at least one text a class, and run the same command again"
    )


def _asked(query: Artifact) -> pl.DataFrame:
    return tables.read(query.path / "query.parquet", schemas.QUERY).select("id", "text")


def _gold(pool: Artifact, ids: pl.Series, rows: pl.Series) -> dict[str, int]:
    """The gold labels of the texts asked, by the ids that they have in the query."""
    gold = tables.scan(pool.path / "gold.parquet")
    if (path := pool.path / "none.parquet").exists():
        none = pl.scan_parquet(path).select("id", label=pl.lit(len(pool.facts["labels"]), pl.Int16))
        gold = pl.concat([gold, none])
    places = pl.DataFrame({"asked": ids, "row": rows}).drop_nulls("row")
    held = tables.take(pool.path / "pool.parquet", places["row"].to_numpy(), ["id"])
    known = places.hstack(held).lazy().join(gold, on="id", how="inner").collect()
    found: dict[str, int] = dict(known.select("asked", "label").iter_rows())
    return found
