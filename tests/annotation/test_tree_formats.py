"""Sheets and annotation tools with a class tree: paths and parents go out and come back."""

import json
import xml.etree.ElementTree as ET
import zipfile

import polars as pl
import pytest

from wsal import schemas
from wsal.annotation import sheet, tool_formats
from wsal.annotation.query import Query
from wsal.annotation.returned_sheet import match_answers
from wsal.data.taxonomy import Taxonomy
from wsal.errors import AnnotationError
from wsal.labels import NONE, LabelSet

PATHS = ["Food & Drink > Hot > Tea", 'Food & Drink > Hot > "Cocoa"', "Food & Drink > Cola", "Pets"]
IDS = ["11", "12", "13", "14"]
ANSWERS = [*PATHS, "Food & Drink > Hot", "Food & Drink"]


@pytest.fixture
def query(tmp_path):
    taxonomy = Taxonomy.of(PATHS, IDS)
    labels = LabelSet(taxonomy.leaves, taxonomy.parents, taxonomy.names)
    n = len(ANSWERS)
    table = pl.DataFrame(
        {
            "id": [f"t{i}" for i in range(n)],
            "text": [f"text number {i}" for i in range(n)],
            "rank": range(n),
            "score": [0.5] * n,
            "reason": ["unsure"] * n,
            "predicted": [i % len(PATHS) for i in range(n)],
            "confidence": [0.5] * n,
            "purpose": [schemas.TRAIN] * n,
        }
    )
    return Query(table, labels, {}, tmp_path, renamed=taxonomy.names)


def studio(task, answer):
    value = {"taxonomy": [answer.split(" > ")]}
    result = {"type": "taxonomy", "from_name": "label", "to_name": "text", "value": value}
    return {**task, "annotations": [{"completed_by": 1, "result": [result]}]}


def studio_flat(task, answer):
    taxonomy = [{"taxonomy": [answer.split(" > ")]}]
    return {"wsal_id": task["data"]["wsal_id"], "text": task["data"]["text"], "label": taxonomy}


FILLED = {
    "label_studio": studio,
    "label_studio flat": studio_flat,
    "argilla": lambda t, a: {
        **t, "status": "completed", "responses": {"label": [{"value": a, "user_id": "u"}]}
    },
    "prodigy": lambda t, a: {**t, "answer": "accept", "accept": [a]},
    "doccano": lambda t, a: {**t, "label": [a]},
}  # fmt: skip


@pytest.mark.parametrize("kind", FILLED)
def test_answers_at_all_levels_come_back(query, tmp_path, kind):
    name = kind.split()[0]
    tasks = tool_formats.tasks(query.table, query.labels, name)
    filled = [FILLED[kind](task, answer) for task, answer in zip(tasks, ANSWERS, strict=True)]
    lines = tool_formats.FORMATS[name].suffix == ".jsonl"
    path = tmp_path / f"answers{tool_formats.FORMATS[name].suffix}"
    path.write_text("\n".join(map(json.dumps, filled)) if lines else json.dumps(filled))
    rows = match_answers(tool_formats.read(path, name), query, path).rows
    assert [row.label for row in rows] == ANSWERS


def test_label_studio_gets_a_taxonomy(query):
    config = ET.fromstring(tool_formats.label_studio_config(query.labels))  # noqa: S314
    taxonomy = config.find("Taxonomy")
    paths = []

    def walk(node, above):
        for choice in node.findall("Choice"):
            path = [*above, choice.get("value")]
            paths.append(" > ".join(path))
            walk(choice, path)

    walk(taxonomy, [])
    food, *_ = paths
    assert food == "Food & Drink"
    assert sorted(paths) == sorted([*ANSWERS, NONE])
    shown = [
        t["predictions"][0]
        for t in tool_formats.tasks(query.table, query.labels, "label_studio")
        if "predictions" in t
    ]
    values = {" > ".join(guess["result"][0]["value"]["taxonomy"][0]) for guess in shown}
    assert values
    assert values <= set(PATHS)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("food & drink>hot >TEA", PATHS[0]),
        ("tea", PATHS[0]),
        ("12", PATHS[1]),
        ("Hot", "Food & Drink > Hot"),
        ("FOOD & DRINK", "Food & Drink"),
    ],
)
def test_other_ways_to_write_an_answer(query, tmp_path, written, meant):
    path = tmp_path / "query.csv"
    sheet.write(query.table, query.labels, path)
    filled = pl.read_csv(path).with_columns(label=pl.lit(written))
    filled.write_csv(path)
    assert {row.label for row in match_answers(sheet.read(path), query, path).rows} == {meant}


def test_an_unknown_path_suggests_the_nearest(query, tmp_path):
    path = tmp_path / "query.csv"
    sheet.write(query.table, query.labels, path)
    pl.read_csv(path).with_columns(label=pl.lit("Food & Drink > Hott")).write_csv(path)
    with pytest.raises(AnnotationError, match="did you mean 'Food & Drink > Hot'"):
        match_answers(sheet.read(path), query, path)


def test_a_workbook_offers_parents_before_their_children(query, tmp_path):
    path = tmp_path / "query.xlsx"
    sheet.write(query.table, query.labels, path)
    sheet_of_classes = pl.read_excel(path, sheet_name="classes", has_header=False)
    offered = sheet_of_classes.to_series().to_list()
    assert offered[0] == "Food & Drink"
    assert sorted(offered) == sorted([*ANSWERS, NONE, "-"])
    with zipfile.ZipFile(path) as book:
        page = book.read("xl/worksheets/sheet1.xml").decode()
    assert f"<formula1>classes!$A$1:$A${len(offered)}</formula1>" in page


def test_the_path_of_a_class_that_another_was_split_into(tmp_path):
    labels = LabelSet(("Black tea", "Green tea", "Pets"), {"Tea": ("Black tea", "Green tea")})
    table = pl.DataFrame({"id": ["a", "b"], "text": ["one", "two"]})
    query = Query(table, labels, {}, tmp_path)
    path = tmp_path / "answers.csv"
    path.write_text("id,label\na,Tea > Green tea\nb,Tea\n")
    rows = match_answers(sheet.read(path), query, path).rows
    assert [row.label for row in rows] == ["Green tea", "Tea"]
