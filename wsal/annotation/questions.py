"""Questions other than "which class does this text belong to?", and the answers to them.

Questions about words and groups of texts are answered in the queue of a round, beside its texts. An
answer has the form of an answer to a text: a class, or `DEPENDS` (of a word) or `NOT_ALL` (of a
group). Whether a text belongs to a class is asked about texts of the query; the answer is an
ordinary one.
"""

from collections.abc import Iterator, Mapping, Sequence
from re import sub

import polars as pl

from wsal import schemas, tables
from wsal.annotation.answers import check_classes, names_since
from wsal.artifacts import Artifact
from wsal.digests import digest_of
from wsal.errors import ConfigError
from wsal.labels import LabelSet

WORD, CLASS, GROUP = "word", "class", "group"
WORD_ID, GROUP_ID = " word:", " group:"
"""How the ids of questions about these begin; ids of texts never begin with a space."""
DEPENDS, NOT_ALL = "depends ", "not all "
"""The answers that texts with a word belong to several classes, and that not all texts of a group
belong to the class. No class can have these names: the names of classes are cleaned, and end
without a space."""
QUESTIONS_FILE, WORDS_FILE, GROUPS_FILE = "questions.parquet", "words.parquet", "groups.parquet"
QUESTIONS: schemas.Schema = {
    "id": pl.String,  # of the question or, if it is about a text of the query, of the text
    "kind": pl.String,  # WORD, CLASS or GROUP
    "word": pl.String,  # null: it is about a text, or a group
    "label": pl.String,  # the class that the classifier predicts
    "helps": pl.Float32,  # of a word or a group: probability that the answer is a class
    "gain": pl.Float32,  # of these: share of all texts whose label it is expected to correct
    "n_texts": pl.Int64,  # of a word: texts of the pool with it
    "examples": pl.List(pl.String),  # of a word: some of these texts; of a group: its texts
    "ids": pl.List(pl.String),  # of a group: those of its texts
}
WORDS: schemas.Schema = {
    "word": pl.String,
    "label": pl.String,  # a class, or DEPENDS; null: skipped
    "annotator": pl.String,
    "seconds": pl.Float32,
}
GROUPS: schemas.Schema = {
    "id": pl.String,
    "label": pl.String,  # the class of all its texts, or NOT_ALL; null: skipped
    "annotator": pl.String,
    "seconds": pl.Float32,
    "texts": pl.List(pl.String),
}
NO_QUESTIONS = pl.DataFrame(schema=QUESTIONS)


def word_id(word: str) -> str:
    """The id of the question about a word, beside those of texts.

    >>> word_id("arabica")
    ' word:arabica'
    """
    return f"{WORD_ID}{word}"


def group_id(label: str, texts: Sequence[str]) -> str:
    """The id of the question whether all these texts belong to a class; another for others.

    >>> group_id("Tea", ["green tea", "black tea"])
    ' group:9e6704a488a05379'
    """
    return f"{GROUP_ID}{digest_of([label, *texts])}"


def is_beside_texts(question_id: str) -> bool:
    """Whether an id has the form of that of a question about a word or a group."""
    return question_id.startswith((WORD_ID, GROUP_ID))


def question_about(word: str) -> str:
    """What people are asked about a word."""
    return f'What is a text with "{word}" in it?'


def read_questions(pool: Artifact, query: Artifact) -> pl.DataFrame:
    """The questions of a round other than those about its texts, columns of QUESTIONS.

    Classes have their present names. Whether texts belong to a class that there is no longer is not
    asked.
    """
    questions = _read(query).with_columns(label=pl.col("label").replace(names_since(pool, query)))
    is_present = pl.col("label").is_in(list(pool.facts["labels"]))
    return questions.filter((pl.col("kind") == WORD) | is_present)


def _read(query: Artifact) -> pl.DataFrame:
    path = query.path / QUESTIONS_FILE
    return tables.read(path, QUESTIONS) if path.exists() else NO_QUESTIONS


def about_words(questions: pl.DataFrame) -> pl.DataFrame:
    """The questions about words."""
    return questions.filter(pl.col("kind") == WORD)


def about_groups(questions: pl.DataFrame) -> pl.DataFrame:
    """The questions about groups."""
    return questions.filter(pl.col("kind") == GROUP)


def beside_texts(questions: pl.DataFrame) -> pl.DataFrame:
    """The questions that are answered beside the texts of the query: about words and groups."""
    return questions.filter(pl.col("kind") != CLASS)


def word_answers(annotations: Sequence[Artifact], pool: Artifact | None = None) -> pl.DataFrame:
    """The answers to questions about words, oldest first, columns of WORDS.

    With a pool, classes have their present names.
    """
    parts = [pl.DataFrame(schema=WORDS)]
    for artifact in annotations:
        if (path := artifact.path / WORDS_FILE).exists():
            names = {} if pool is None else names_since(pool, artifact)
            table = tables.read(path, WORDS)
            parts.append(table.with_columns(label=pl.col("label").replace(names)))
    return pl.concat(parts)


def answered_words(pool: Artifact, annotations: Sequence[Artifact]) -> Mapping[str, str]:
    """The newest answer to each word: a present class, a parent, or `DEPENDS`; no skipped ones.

    Answers with a class that was removed are left out; one that was split is a parent.

    Raises:
        AnnotationError: answers name classes that the data does not have.
    """
    answers = word_answers(annotations, pool).drop_nulls("label").sort("word", maintain_order=True)
    if any("edits" in made.facts for made in (pool, *annotations)):  # some may be undone
        present = LabelSet.of_pool(pool.facts).answers
        answers = answers.filter(pl.col("label").is_in([*present, DEPENDS]))
    named = answers.filter(pl.col("label") != DEPENDS)
    check_classes(named, LabelSet.of_pool(pool.facts))
    return dict(answers.select("word", "label").iter_rows())


def words_so_far(queries: Sequence[Artifact], annotations: Sequence[Artifact]) -> pl.DataFrame:
    """The words answered before, skipped ones too: `word`, and two columns of those not skipped.

    `helps`: the probability that the answer is a class, from before it was known; `is_class`:
    whether it is one. Both are null where the word was skipped.
    """
    expected = [about_words(_read(query)).select("word", "helps") for query in queries]
    table = pl.concat([about_words(NO_QUESTIONS).select("word", "helps"), *expected])
    answers = word_answers(annotations).join(table, on="word", how="left", maintain_order="left")
    label = pl.col("label")
    return answers.select(
        "word",
        helps=pl.when(label.is_not_null()).then("helps"),
        is_class=label != DEPENDS,
    ).unique("word", keep="last", maintain_order=True)


def group_answers(annotations: Sequence[Artifact]) -> pl.DataFrame:
    """The answers to questions about groups, oldest first, columns of GROUPS."""
    paths = [a.path / GROUPS_FILE for a in annotations]
    parts = [tables.read(path, GROUPS) for path in paths if path.exists()]
    return pl.concat([pl.DataFrame(schema=GROUPS), *parts])


def groups_so_far(queries: Sequence[Artifact], annotations: Sequence[Artifact]) -> pl.DataFrame:
    """The groups answered before, skipped ones too: `texts`, and two columns of those not skipped.

    `helps`: the probability that the answer is yes, from before it was known; `is_yes`: whether it
    is. Both are null where the group was skipped.
    """
    expected = [about_groups(_read(query)).select("id", "helps") for query in queries]
    table = pl.concat([about_groups(NO_QUESTIONS).select("id", "helps"), *expected])
    table = table.unique("id", keep="last")  # a group that stayed unanswered is asked again
    answers = group_answers(annotations).join(table, on="id", how="left", maintain_order="left")
    label = pl.col("label")
    return answers.select(
        "texts", helps=pl.when(label.is_not_null()).then("helps"), is_yes=label != NOT_ALL
    )


def labels_of_groups(groups: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """The labels that texts have by a yes to their group, columns of schemas.ANNOTATIONS.

    Each text has its share of the seconds.

    Args:
        groups: the questions, columns of QUESTIONS.
        answers: to them, columns of GROUPS.
    """
    is_yes = pl.col("label").is_not_null() & (pl.col("label") != NOT_ALL)
    labelled = answers.filter(is_yes).join(
        groups.select("id", "ids"), on="id", maintain_order="left"
    )
    share = (pl.col("seconds") / pl.col("texts").list.len()).cast(pl.Float32)
    rows = labelled.with_columns(seconds=share).drop("id").explode("ids", "texts")
    return rows.rename({"ids": "id", "texts": "text"}).select(
        *schemas.ANSWERS, "text", purpose=pl.lit(schemas.TRAIN)
    )


def times_of_kinds(
    queries: Sequence[Artifact], annotations: Sequence[Artifact]
) -> dict[str, list[float]]:
    """The seconds of each timed answer so far, by the kind of the question.

    A text whose class was asked about counts as that if the answer was yes. The time of a group is
    that of all its texts together.
    """
    times: dict[str, list[float]] = {"text": [], WORD: [], CLASS: [], GROUP: []}
    for query, done in zip(queries, annotations, strict=False):
        questions = _read(query)
        asked = questions.filter(pl.col("kind") == CLASS).select("id", guess="label")
        in_groups = about_groups(questions).select(id=pl.col("ids").explode())
        answers = tables.read(done.path / "annotations.parquet").join(asked, on="id", how="left")
        answers = answers.join(in_groups, on="id", how="anti", maintain_order="left")
        for kind, seconds in _timed(answers):
            times[kind].append(seconds)
    times[WORD] = word_answers(annotations)["seconds"].drop_nulls().to_list()
    times[GROUP] = group_answers(annotations)["seconds"].drop_nulls().to_list()
    return times


def _timed(answers: pl.DataFrame) -> Iterator[tuple[str, float]]:
    """The kind and the time of each answer to a text whose question is known."""
    for row in answers.drop_nulls("seconds").iter_rows(named=True):
        if row["guess"] is None:
            yield "text", row["seconds"]
        elif row["guess"] == row["label"]:
            yield CLASS, row["seconds"]


def check_kinds(annotator: object, kinds: Sequence[str]) -> None:
    """Check that the annotator can ask all kinds of questions.

    Raises:
        ConfigError: it cannot.
    """
    can_ask = getattr(annotator, "asks", ("text",))
    if others := [kind for kind in kinds if kind not in can_ask]:
        name = sub(r"(?<!^)(?=[A-Z])", "_", type(annotator).__name__).lower()
        raise ConfigError(
            f"active.questions={list(kinds)}: annotator={name} asks only about "
            f"{', '.join(can_ask)}, not {', '.join(others)}; set active.questions=[text], or let "
            "people answer on the page (annotator=web)"
        )
