"""Sets of classes in sheets, in files of other tools, in the source, and at the terminal."""

import json

import polars as pl
import pytest

from wsal.annotation import sheet, tool_formats
from wsal.annotation.multilabel_keys import pressed
from wsal.annotation.query import Query
from wsal.annotation.returned_sheet import match_answers
from wsal.data.base import Layout
from wsal.data.multilabel import as_lists, label_sets
from wsal.data.records import to_records
from wsal.errors import AnnotationError, DataError
from wsal.labels import LabelSet

LABELS = LabelSet(("Bread", "Fish", "Vegan"))
GUESSES = {"a": "Bread | Vegan", "b": "none of these", "c": "Fish"}
ANSWERS = {"a": ["Vegan", "Bread"], "b": ["none of these"], "c": ["Fish"]}
STORED = ["Bread | Vegan", "none of these", "Fish"]


def asked(tmp_path):
    table = pl.DataFrame(
        {"id": ["a", "b", "c"], "text": ["one", "two", "three"], "rank": [1, 2, 3],
         "score": 0.0, "reason": "unsure", "predicted": -1, "confidence": 0.5, "purpose": "train"}
    )  # fmt: skip
    return Query(
        table=table, labels=LABELS, gold={}, round_dir=tmp_path, multilabel=True, guesses=GUESSES
    )


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_several_names_in_a_cell(tmp_path, suffix):
    query, path = asked(tmp_path), tmp_path / f"query.{suffix}"
    sheet.write(query.table, LABELS, path, query.sets_guessed)
    cells = ["vegan|Bread", " none of these ", "Fish | fish"]
    rows = [row._replace(label=cell) for row, cell in zip(sheet.read(path), cells, strict=True)]
    assert [row.label for row in match_answers(rows, query, path).rows] == STORED
    wrong = [rows[0]._replace(label="Bread | Fsh"), *rows[1:]]
    with pytest.raises(AnnotationError, match="unknown label 'Fsh'; did you mean 'Fish'"):
        match_answers(wrong, query, path)
    skipped = [rows[0]._replace(label="-"), *rows[1:]]
    assert match_answers(skipped, query, path).rows[0].label == "-"


def test_label_studio_offers_several_choices_and_none(tmp_path):
    query, path = asked(tmp_path), tmp_path / "query.json"
    tool_formats.write(query.table, LABELS, "label_studio", path, query.sets_guessed)
    setup = (tmp_path / "labels.xml").read_text()
    assert 'choice="multiple"' in setup and 'value="none of these"' in setup
    tasks = json.loads(path.read_text())
    for task in tasks:
        for prediction in task.get("predictions", ()):
            choices = prediction["result"][0]["value"]["choices"]
            assert sorted(choices) == sorted(GUESSES[task["data"]["id"]].split(" | "))
        result = {"from_name": "label", "to_name": "text", "type": "choices",
                  "value": {"choices": ANSWERS[task["data"]["id"]]}}  # fmt: skip
        task["annotations"] = [{"result": [result]}]
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps(tasks))
    rows = tool_formats.read(answers, "label_studio", multilabel=True)
    assert [row.label for row in match_answers(rows, query, answers).rows] == STORED
    with pytest.raises(AnnotationError, match="more than one label: 'Vegan', 'Bread'; leave one"):
        tool_formats.read(answers, "label_studio")


@pytest.mark.parametrize("name", ["argilla", "prodigy", "doccano"])
def test_other_tools_return_several_labels(tmp_path, name):
    query = asked(tmp_path)
    records = []
    for text_id, text in query.table.select("id", "text").iter_rows():
        labels = ANSWERS[text_id]
        records.append(
            {
                "argilla": {"id": text_id, "fields": {"text": text}, "status": "completed",
                            "responses": {"label": [{"value": labels, "user_id": "u"}]}},
                "prodigy": {"text": text, "meta": {"id": text_id}, "answer": "accept",
                            "accept": labels},
                "doccano": {"text": text, "wsal_id": text_id, "label": labels},
            }[name]
        )  # fmt: skip
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    rows = tool_formats.read(path, name, multilabel=True)
    assert [row.label for row in match_answers(rows, query, path, allow_others=True).rows] == STORED


def test_the_source_has_lists_or_text_and_an_empty_list_is_no_gap():
    lists = pl.Series("tags", [["b", "a"], [], None, ["c"]], dtype=pl.List(pl.String))
    written = label_sets(as_lists(lists, "|"), "|", {"c": "b"})
    assert written.to_list() == ["a | b", "none of these", None, "b"]
    cells = pl.Series("tags", ["b; a", "none of these", None, '["c", "a"]', " ; "])
    written = label_sets(cells, ";", {})
    assert written.to_list() == ["a | b", "none of these", None, "a | c", None]
    with pytest.raises(DataError, match="label_separator"):
        as_lists(pl.Series("tags", [["a|b"]]), "|")
    with pytest.raises(DataError, match="contains"):
        label_sets(pl.Series("tags", ["a|b;c"]), ";", {})


def test_sets_are_read_with_renamed_classes():
    layout = Layout(text=("t",), label="tags", multilabel=True, renamed={"Bun": "Bread"})
    rows = pl.DataFrame({"t": ["x", "y"], "tags": [["Bun", "Bread"], ["Fish", "Bun"]]})
    assert to_records(rows, layout)["label"].to_list() == ["Bread", "Bread | Fish"]


def test_keys_choose_drop_and_accept():
    chosen = set()
    assert pressed("\r", None, LABELS.names, chosen)[0] is None
    for name in ("Vegan", "Fish", "Bread", "Fish"):
        pressed("x", name, LABELS.names, chosen)
    assert pressed("\r", None, LABELS.names, chosen) == ("Bread | Vegan", "")
    assert pressed("0", None, LABELS.names, chosen) == ("none of these", "")
