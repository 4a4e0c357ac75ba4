"""Other tools' files: what goes out comes back, and what cannot be taken is named."""

import json
import xml.etree.ElementTree as ET

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.active import formats, sheet
from wsal.active.annotators import File, Query
from wsal.errors import AnnotationError, WaitingForAnnotations
from wsal.labels import LabelSet
from wsal.seeding import rng

LABELS = LabelSet(("Kühl & Co.", 'The "best", <ones>', "فئة", "two\nlines"))
TEXTS = ["emoji 👩‍👩‍👧 mug", "two\nlines", "שלום עולם", 'a "quoted" <b>\u2028', "", "=1+1"]
TOOLS = sorted(formats.FORMATS)


def query(ids=None, texts=TEXTS):
    ids = ids or [f"id {n}/é" for n in range(len(texts))]
    n = len(texts)
    purposes = ["evaluate", *["train"] * (n - 1)]
    return pl.DataFrame(
        {"id": ids, "text": texts, "predicted": [i % len(LABELS) for i in range(n)],
         "confidence": [0.5] * n, "reason": ["margin"] * n, "purpose": purposes},
        schema_overrides={"predicted": pl.Int16},
    )  # fmt: skip


def exported(tool, task, labels, n=0):
    """A task as the tool gives it back with these labels (None: skipped), one a person."""
    if tool == "label_studio":
        said = [
            {"id": 10 + k, "was_cancelled": label is None, "lead_time": 2.5, "result": [] if
             label is None else [{"from_name": "label", "to_name": "text", "type": "choices",
                                  "value": {"choices": [label]}}]}
            for k, label in enumerate(labels)
        ]  # fmt: skip
        return [{"id": n, "annotations": said, "predictions": [], **task}]
    if tool == "argilla":
        said = [{"value": label, "user_id": f"u{k}"} for k, label in enumerate(labels)]
        return [{**task, "responses": {"label": said} if said else {}, "status": "completed"}]
    if tool == "prodigy":
        return [
            {**task, "_input_hash": 1, "answer": "ignore" if label is None else "accept",
             "accept": [] if label is None else [label], "_annotator_id": f"p{k}"}
            for k, label in enumerate(labels)
        ] or [task]  # fmt: skip
    return [{**task, "id": n, "label": [x for x in labels if x is not None], "Comments": []}]


def save(tool, records, path):
    text = (
        json.dumps(records)
        if formats.FORMATS[tool].suffix == ".json"
        else "\n".join(json.dumps(one) for one in records)
    )
    path.write_text(text, "utf-8")


def read(tool, path, asked):
    return sheet.checked(formats.read(path, tool), asked["id"], LABELS, path)


@pytest.mark.parametrize("tool", TOOLS)
def test_every_text_goes_out_and_every_answer_comes_back(tool, tmp_path):
    asked = query()
    path = tmp_path / f"query{formats.FORMATS[tool].suffix}"
    formats.write(asked, LABELS, tool, path)
    text = path.read_text("utf-8")
    if path.suffix == ".jsonl":
        tasks = [json.loads(line) for line in text.split("\n") if line]
    else:
        tasks = json.loads(text)
    shown = [one["data"] if tool == "label_studio" else one.get("fields", one) for one in tasks]
    assert [one["text"] for one in shown] == TEXTS
    assert LABELS.names[0] not in json.dumps(tasks[0].get("predictions", []))  # it measures
    answers = [LABELS.names[n % len(LABELS)] for n in range(len(TEXTS))]
    answers[2] = "" if tool == "doccano" else None
    records = [
        record
        for n, (task, label) in enumerate(zip(tasks, answers, strict=True))
        for record in exported(tool, task, [] if label == "" else [label], n)
    ]
    save(tool, records, tmp_path / "back")
    found = read(tool, tmp_path / "back", asked)
    expected = [sheet.SKIP if x is None else x for x in answers]
    assert [row.label for row in found] == expected
    assert [row.id for row in found] == asked["id"].to_list()


def test_label_studio_is_told_the_classes_the_guess_and_gives_the_time(tmp_path):
    formats.write(query(), LABELS, "label_studio", tmp_path / "query.json")
    view = ET.fromstring((tmp_path / "labels.xml").read_text("utf-8"))  # noqa: S314  our own
    assert [one.get("value") for one in view.iter("Choice")] == list(LABELS.names)
    blind, shown = json.loads((tmp_path / "query.json").read_text("utf-8"))[:2]
    assert "predictions" not in blind
    assert shown["predictions"][0]["result"][0]["value"]["choices"] == [LABELS.names[1]]
    save("label_studio", exported("label_studio", shown, [LABELS.names[3]] * 2), tmp_path / "back")
    found = read("label_studio", tmp_path / "back", query())
    assert (found[1].label, found[1].seconds) == (LABELS.names[3], 5.0)


def test_argilla_reads_settings_and_records(tmp_path):
    argilla = pytest.importorskip("argilla", reason="argilla is not installed here")
    formats.write(query(), LABELS, "argilla", tmp_path / "query.json")
    settings_ = argilla.Settings.from_json(tmp_path / "settings.json")
    assert settings_.questions["label"].labels == list(LABELS.names)
    records = [
        argilla.Record.from_dict(one) for one in json.loads((tmp_path / "query.json").read_text())
    ]
    records[1].responses.add(
        argilla.Response("label", LABELS.names[2], "00000000-0000-0000-0000-000000000001")
    )
    save("argilla", [one.to_dict() for one in records], tmp_path / "back")
    assert read("argilla", tmp_path / "back", query())[1].label == LABELS.names[2]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["Kühl & C."], ["unknown label", "Kühl & Co."]),
        (["فئة", "two\nlines"], ["disagree|more than one label", "فئة"]),
    ],
)
def test_what_cannot_be_taken_is_named(tool, labels, words, tmp_path):
    asked = query()
    tasks = formats.tasks(asked, LABELS, tool)
    save(tool, exported(tool, tasks[1], labels), tmp_path / "back")
    with pytest.raises(AnnotationError) as error:
        read(tool, tmp_path / "back", asked)
    assert any(word in str(error.value) for word in words[0].split("|"))
    assert words[1] in str(error.value)
    assert str(tmp_path / "back") in str(error.value)


@pytest.mark.parametrize("tool", TOOLS)
def test_ids_that_are_unknown_missing_or_no_text(tool, tmp_path):
    asked = query()
    task = formats.tasks(query([f"other {n}" for n in range(len(TEXTS))]), LABELS, tool)[1]
    save(tool, exported(tool, task, ["فئة"]), tmp_path / "back")
    with pytest.raises(AnnotationError, match="'other 1' was not asked"):
        read(tool, tmp_path / "back", asked)
    place = {"label_studio": "data", "prodigy": "meta"}.get(tool)
    name = "wsal_id" if tool == "doccano" else "id"
    for change in ("gone", 7):
        record = json.loads(json.dumps(exported(tool, task, ["فئة"])[0]))
        holder = record[place] if place else record
        holder.pop(name)
        if change != "gone":
            holder[name] = change
        save(tool, [record], tmp_path / "back")
        with pytest.raises(AnnotationError, match="1: not an answer as"):
            read(tool, tmp_path / "back", asked)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("text", ["{", "[1, 2]", '"x"', '{"a": 1}', "\x00", '[{"data": {}}]'])
def test_other_files_are_refused(tool, text, tmp_path):
    (tmp_path / "back").write_text(text)
    with pytest.raises(AnnotationError, match="back"):
        read(tool, tmp_path / "back", query())


@pytest.mark.parametrize("tool", TOOLS)
@given(texts=st.lists(st.text(), min_size=1, max_size=5), data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_text_and_id(tool, texts, data, tmp_path_factory):
    ids = data.draw(
        st.lists(
            st.text(min_size=1).map(str.strip).filter(bool),
            min_size=len(texts), max_size=len(texts), unique=True,
        )
    )  # fmt: skip
    asked = query(ids, texts)
    path = tmp_path_factory.mktemp("any") / "file"
    labels = [data.draw(st.sampled_from(LABELS.names)) for _ in texts]
    tasks = formats.tasks(asked, LABELS, tool)
    records = [exported(tool, task, [x])[0] for task, x in zip(tasks, labels, strict=True)]
    save(tool, records, path)
    assert [row.label for row in read(tool, path, asked)] == labels


def test_a_tool_is_waited_for_then_taken(tmp_path):
    place = tmp_path / "run" / "rounds" / "001"
    place.mkdir(parents=True)
    asked = query()
    ask = Query(asked, LABELS, {}, place)
    annotator = File("prodigy")
    with pytest.raises(WaitingForAnnotations, match=r"6 of 6 .*query\.jsonl into Prodigy"):
        annotator.annotate(ask, rng(0))
    tasks = [json.loads(x) for x in (place / "query.jsonl").read_text("utf-8").split("\n") if x]
    half = [exported("prodigy", one, ["فئة"])[0] for one in tasks[:3]]
    save("prodigy", half, place / "answers.jsonl")
    with pytest.raises(WaitingForAnnotations, match="3 of 6"):
        annotator.annotate(ask, rng(0))
    save("prodigy", half + [exported("prodigy", one, [None])[0] for one in tasks[3:]],
         place / "answers.jsonl")  # fmt: skip
    found = annotator.annotate(ask, rng(0))
    assert found["label"].to_list() == ["فئة"] * 3 + [None] * 3
