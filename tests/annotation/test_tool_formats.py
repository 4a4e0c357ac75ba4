"""Other tools' files: what goes out comes back, and what cannot be accepted is listed."""

import csv
import json
import xml.etree.ElementTree as ET
from zipfile import ZipFile

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.annotation import tool_formats
from wsal.annotation.annotators import File
from wsal.annotation.query import Query
from wsal.annotation.returned_sheet import SKIP_MARK, match_answers, text_keys
from wsal.errors import AnnotationError, WaitingForAnnotations
from wsal.labels import NONE, LabelSet
from wsal.seeding import rng

LABELS = LabelSet(("Kühl & Co.", 'The "best", <ones>', "فئة", "two\nlines"))
TEXTS = ["emoji 👩‍👩‍👧 mug", "two\nlines", "שלום עולם", 'a "quoted" <b>\u2028', "", "=1+1"]
TOOLS = sorted(tool_formats.FORMATS)


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
        answers = [
            {"id": 10 + k, "was_cancelled": label is None, "lead_time": 2.5, "result": [] if
             label is None else [{"from_name": "label", "to_name": "text", "type": "choices",
                                  "value": {"choices": [label]}}]}
            for k, label in enumerate(labels)
        ]  # fmt: skip
        return [{"id": n, "annotations": answers, "predictions": [], **task}]
    if tool == "argilla":
        answers = [{"value": label, "user_id": f"u{k}"} for k, label in enumerate(labels)]
        return [{**task, "responses": {"label": answers} if answers else {}, "status": "completed"}]
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
        if tool_formats.FORMATS[tool].suffix == ".json"
        else "\n".join(json.dumps(one) for one in records)
    )
    path.write_text(text, "utf-8")


def read(tool, path, asked=None, **more):
    asked = query() if asked is None else asked
    about = Query(asked, LABELS, {}, path.parent, **more)
    return match_answers(tool_formats.read(path, tool), about, path, allow_others=True).rows


@pytest.mark.parametrize("tool", TOOLS)
def test_every_text_goes_out_and_every_answer_comes_back(tool, tmp_path):
    asked = query()
    path = tmp_path / f"query{tool_formats.FORMATS[tool].suffix}"
    tool_formats.write(asked, LABELS, tool, path)
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
    rows = read(tool, tmp_path / "back", asked)
    expected = [SKIP_MARK if x is None else x for x in answers]
    assert [row.label for row in rows] == expected
    assert [row.id for row in rows] == asked["id"].to_list()


def test_label_studio_is_told_the_classes_the_guess_and_gives_the_time(tmp_path):
    tool_formats.write(query(), LABELS, "label_studio", tmp_path / "query.json")
    view = ET.fromstring((tmp_path / "labels.xml").read_text("utf-8"))  # noqa: S314  our own
    assert [one.get("value") for one in view.iter("Choice")] == [*LABELS.names, NONE]
    blind, shown = json.loads((tmp_path / "query.json").read_text("utf-8"))[:2]
    assert "predictions" not in blind
    assert shown["predictions"][0]["result"][0]["value"]["choices"] == [LABELS.names[1]]
    save("label_studio", exported("label_studio", shown, [LABELS.names[3]] * 2), tmp_path / "back")
    rows = read("label_studio", tmp_path / "back", query())
    assert (rows[1].label, rows[1].seconds) == (LABELS.names[3], 5.0)


def test_argilla_reads_settings_and_records(tmp_path):
    argilla = pytest.importorskip("argilla", reason="argilla is not installed here")
    tool_formats.write(query(), LABELS, "argilla", tmp_path / "query.json")
    settings_ = argilla.Settings.from_json(tmp_path / "settings.json")
    assert settings_.questions["label"].labels == [*LABELS.names, NONE]
    tasks = json.loads((tmp_path / "query.json").read_text())
    records = [argilla.Record.from_dict({**one, "status": "completed"}) for one in tasks]
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
        (["فئة", "Kühl & Co."], ["disagree|more than one label", "فئة"]),
    ],
)
def test_what_cannot_be_taken_is_named(tool, labels, words, tmp_path):
    asked = query()
    tasks = tool_formats.tasks(asked, LABELS, tool)
    save(tool, exported(tool, tasks[1], labels), tmp_path / "back")
    with pytest.raises(AnnotationError) as error:
        read(tool, tmp_path / "back", asked)
    assert any(word in str(error.value) for word in words[0].split("|"))
    assert words[1] in str(error.value)
    assert str(tmp_path / "back") in str(error.value)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_text_is_found_by_its_id_or_as_it_reads_and_others_are_left_out(tool, tmp_path):
    """A tool's project may serve other rounds and other ends, too."""
    asked, other = (
        query(),
        query([f"other {n}" for n in range(6)], [f"other {n}" for n in range(6)]),
    )
    tasks, others = (tool_formats.tasks(one, LABELS, tool) for one in (asked, other))
    place = {"label_studio": "data", "prodigy": "meta"}.get(tool)
    records = []
    for task in (tasks[0], tasks[1], tasks[2], others[1], others[2]):
        records += exported(tool, json.loads(json.dumps(task)), ["فئة"])
    for name in ("id", "wsal_id"):
        for record in records[1:3]:
            (record[place] if place else record).pop(name, None)
    save(tool, records, tmp_path / "back")
    about = Query(asked, LABELS, {}, tmp_path, earlier=other.head(2))
    back = match_answers(
        tool_formats.read(tmp_path / "back", tool), about, "place", allow_others=True
    )
    assert [row.label for row in back.rows] == [*["فئة"] * 3, "", "", ""]
    assert back.notes[0] == "1 answer to texts of earlier rounds left out"
    assert "1 answer to texts that were not asked left out" in back.notes[1]
    assert "'other 2'" in back.notes[1]


@pytest.mark.parametrize("tool", TOOLS)
def test_an_earlier_answer_is_none_to_the_same_text_asked_again(tool, tmp_path):
    """One project serves all rounds, so its export holds both."""
    earlier, asked = query(["a", "b"], ["mug", "pan"]), query(["a-again-2"], ["mug"])
    tasks = [tool_formats.tasks(one, LABELS, tool) for one in (earlier, asked)]
    old = [one for task in tasks[0] for one in exported(tool, task, ["فئة"])]
    about = Query(asked, LABELS, {}, tmp_path, earlier=earlier.select("id", "text"))
    for new, label in (([], ""), (exported(tool, tasks[1][0], [LABELS.names[0]]), LABELS.names[0])):
        save(tool, [*old, *new], tmp_path / "back")
        back = match_answers(
            tool_formats.read(tmp_path / "back", tool), about, "place", allow_others=True
        )
        assert [row.label for row in back.rows] == [label]
        assert back.notes == ["2 answers to texts of earlier rounds left out"]


@pytest.mark.parametrize("tool", TOOLS)
def test_an_id_that_stands_for_another_text_now_answers_nothing(tool, tmp_path):
    """The export is of an older query: the text behind the id has been edited since."""
    task = tool_formats.tasks(query(texts=[f"before {n}" for n in range(6)]), LABELS, tool)[1]
    save(tool, exported(tool, task, ["فئة"]), tmp_path / "back")
    assert [row.label for row in read(tool, tmp_path / "back")] == [""] * 6


@pytest.mark.parametrize("tool", TOOLS)
def test_a_record_without_id_and_text_is_refused(tool, tmp_path):
    task = json.loads(json.dumps(tool_formats.tasks(query(), LABELS, tool)[1]))
    [record] = exported(tool, task, ["فئة"])
    for part in (record, *(v for v in record.values() if isinstance(v, dict))):
        for name in ("text", "id", "wsal_id"):
            part.pop(name, None)
    save(tool, [record, record], tmp_path / "back")
    with pytest.raises(AnnotationError, match="2 records are not in the form that") as error:
        read(tool, tmp_path / "back")
    assert "no `" in str(error.value)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("text", ["{", "[1, 2]", '"x"', '{"a": 1}', "\x00", '[{"data": {}}]'])
def test_other_files_are_refused(tool, text, tmp_path):
    (tmp_path / "back").write_text(text)
    with pytest.raises(AnnotationError, match="back"):
        read(tool, tmp_path / "back", query())


@pytest.mark.parametrize("tool", TOOLS)
@given(
    texts=st.lists(st.text(), min_size=1, max_size=5, unique_by=lambda t: text_keys([t])[0]),
    data=st.data(),
)
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
    tasks = tool_formats.tasks(asked, LABELS, tool)
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
    answers = annotator.annotate(ask, rng(0))
    assert answers["label"].to_list() == ["فئة"] * 3 + [None] * 3


# ---- what each tool exports, variant by variant -----

A, B, C, D = LABELS.names


def labels_in(tool, records, tmp_path, name="answers.json", n=6, text=None):
    path = tmp_path / name
    path.write_text(json.dumps(records) if text is None else text, "utf-8")
    rows = read(tool, path)
    return [row.label for row in rows][:n]


def studio(*annotations, n=1, **more):
    task = tool_formats.tasks(query(), LABELS, "label_studio")[n]
    return {"id": 50 + n, **task, "annotations": list(annotations), **more}


def entry(label, who=1, at="2024-01-01", kind="choices", name="label", **more):
    value = {"choices": [label]} if kind == "choices" else {kind: [[label]]}
    result = [{"from_name": name, "to_name": "text", "type": kind, "value": value}]
    return {"completed_by": who, "updated_at": at, "result": result, "lead_time": 1.0, **more}


@pytest.mark.parametrize(
    ("annotations", "label"),
    [
        ([entry(A), entry(A, 2), entry(B, 3)], A),  # the most frequent
        (
            [entry(A), entry(B, 2, ground_truth=True), entry(A, 3)],
            B,
        ),  # before all, what settles
        (
            [entry(A, at="2024-01-02"), entry(B, 2), entry(B, 1, "2024-01-01")],
            None,
        ),  # one changed
        ([entry(A, at="2024-01-01"), entry(B, 2), entry(B, 1, "2024-01-02")], B),
        ([entry(A), entry(B, 2, was_cancelled=True)], A),
        ([entry(A, was_cancelled=True)], SKIP_MARK),
        ([], ""),
        ([entry(A, name="class")], A),  # the only choices there are
        (
            [
                {
                    **entry(A),
                    "result": entry(B, name="mood")["result"] + entry(A)["result"],
                }
            ],
            A,
        ),
    ],
)
def test_label_studio_takes_people_as_label_studio_does(annotations, label, tmp_path):
    if label is None:
        with pytest.raises(AnnotationError, match="people disagree"):
            labels_in("label_studio", [studio(*annotations)], tmp_path)
        return
    assert labels_in("label_studio", [studio(*annotations)], tmp_path)[1] == label


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (studio(entry(A, kind="rating")), ["type rating", "expected `choices`"]),
        (studio({"result": []}), ["an answer without a choice"]),
        (studio({"result": entry(B, name="x")["result"] + entry(A, name="y")["result"]}),
         ["several controls (x, y)", "`label`"]),
        ({"id": 1, "data": {"text": "=1+1"}}, ["no list `annotations`", "has id, data"]),
        ({"id": 1, "text": "=1+1", "taxonomy": [["x"]], "annotation_id": 3}, ["without a `label`"]),
    ],
)  # fmt: skip
def test_label_studio_answers_of_another_kind_are_no_skips(record, words, tmp_path):
    with pytest.raises(AnnotationError) as error:
        labels_in("label_studio", [record, record], tmp_path)
    for word in [*words, "2 records", "record 2"]:
        assert word in str(error.value)


def test_label_studio_flat_exports_and_old_names(tmp_path):
    """JSON-MIN, CSV and TSV have an id of Label Studio's own; skipped tasks are not in them."""
    old = {"id": 1, "data": {"id": "id 1/é", "text": TEXTS[1]}, "completions": [entry(C)]}
    assert labels_in("label_studio", [old], tmp_path)[1] == C
    flat = [
        {"id": 1, "text": TEXTS[5], "label": A, "annotation_id": 1, "annotator": 1, "lead_time": 2},
        {"id": 7, "wsal_id": "id 1/é", "label": {"choices": [B]}, "annotation_id": 2},
        {"id": 8, "text": TEXTS[0], "label": [C], "annotation_id": 3},
        {"id": 9, "text": TEXTS[2]},
    ]
    assert labels_in("label_studio", flat, tmp_path) == [C, B, "", "", "", A]
    with pytest.raises(AnnotationError, match="more than one label"):
        labels_in("label_studio", [{**flat[2], "label": {"choices": [A, B]}}], tmp_path)
    for suffix, mark in ((".csv", ","), (".tsv", "\t")):
        rows = [
            ["id", "text", "label", "annotation_id", "lead_time"],
            ["1", "=1+1", "فئة", "3", "1.5"],
            ["2", "שלום עולם", '{"choices":["فئة"]}', "4", ""],
        ]
        with (tmp_path / f"out{suffix}").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=mark).writerows(rows)
        rows = read("label_studio", tmp_path / f"out{suffix}")
        assert [row.label for row in rows] == ["", "", "فئة", "", "", "فئة"]
        assert rows[5].seconds == 1.5


def record_of_argilla(responses, status="completed", n=1):
    task = tool_formats.tasks(query(), LABELS, "argilla")[n]
    return {**task, "responses": responses, "status": status}


def flat_of_argilla(values, states, n=1, question="label"):
    end, people = f"{question}.responses", [f"u{i}" for i in range(len(values))]
    record = {"id": f"id {n}/é", "text": TEXTS[n], "status": "pending", end: values}
    return {**record, f"{end}.users": people, f"{end}.status": states}


@pytest.mark.parametrize(
    ("record", "label"),
    [
        (record_of_argilla({"label": [{"value": A, "user_id": "u"}]}), A),
        (record_of_argilla({"label": [{"value": [A], "user_id": "u"}]}), A),
        (record_of_argilla({"label": [{"value": A, "user_id": "u"}]}, "pending"), ""),
        (record_of_argilla({}), ""),
        (record_of_argilla({"label": [{"value": v, "user_id": v} for v in (A, B, A)]}), A),
        (flat_of_argilla([A], ["submitted"]), A),
        (flat_of_argilla([A, B, B], ["submitted", "draft", "discarded"]), A),
        (flat_of_argilla([B], ["discarded"]), SKIP_MARK),
        (flat_of_argilla([B], ["draft"]), ""),
        ({"id": "id 1/é", "text": TEXTS[1], "status": "pending", "label.responses": None}, ""),
    ],
)
def test_argilla_counts_what_was_submitted(record, label, tmp_path):
    assert labels_in("argilla", [record], tmp_path)[1] == label


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (
            record_of_argilla({"category": [{"value": A}]}),
            "answers to category; expected answers",
        ),
        (
            flat_of_argilla([A], ["submitted"], question="kind"),
            "answers to kind; expected answers",
        ),
        (record_of_argilla({"label": [{"value": [A, B]}]}), "more than one label"),
        (record_of_argilla({"label": [{"value": 3}]}), "is it a label question"),
        (record_of_argilla({"label": [{"value": {"a": 1}}]}), "is it a label question"),
        (flat_of_argilla([A], ["odd"]), "status 'odd'"),
        ({"id": "id 1/é", "text": "x"}, "no `responses`"),
    ],
)
def test_argilla_records_of_another_kind_are_refused(record, words, tmp_path):
    with pytest.raises(AnnotationError, match=words):
        labels_in("argilla", [record], tmp_path)


def line_of_prodigy(n=1, **more):
    return {**tool_formats.tasks(query(), LABELS, "prodigy")[n], **more}


@pytest.mark.parametrize(
    ("lines", "label"),
    [
        ([{"answer": "accept", "accept": [A]}], A),
        ([{"answer": "ignore", "accept": [A]}], SKIP_MARK),
        ([{"answer": "reject", "accept": []}], SKIP_MARK),
        ([{"answer": "accept", "label": A}], A),  # textcat.manual with one label
        ([{"answer": "reject", "label": A}], ""),
        ([{"answer": "reject", "label": A}, {"answer": "accept", "label": B}], B),
        ([{}], ""),
        ([{"answer": "accept", "accept": [x], "_annotator_id": "u", "_timestamp": t}
          for x, t in ((A, 5), (B, 7))], B),  # changed
        ([{"answer": "accept", "accept": [x], "_annotator_id": x, "_timestamp": 5}
          for x in (A, B)], None),
    ],
)  # fmt: skip
def test_prodigy_answers(lines, label, tmp_path):
    records = [line_of_prodigy(**one) for one in lines]
    if label is None:
        with pytest.raises(AnnotationError, match="people disagree"):
            labels_in("prodigy", records, tmp_path)
        return
    assert labels_in("prodigy", records, tmp_path)[1] == label


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"answer": "accept", "accept": []}, "accepted without a choice"),
        ({"answer": "accept", "accept": [A, B]}, "more than one label"),
        ({"answer": "accept", "spans": []}, "no `accept` and no `label`"),
        ({"answer": "maybe", "accept": [A]}, "an answer 'maybe'"),
    ],
)
def test_prodigy_answers_of_another_kind_are_no_skips(more, words, tmp_path):
    with pytest.raises(AnnotationError, match=words):
        labels_in("prodigy", [line_of_prodigy(**more)], tmp_path)


def test_doccano_lines_csv_and_a_zip_with_a_file_for_each_person(tmp_path):
    def line(label, n=1, **more):
        return {"id": 7, "text": TEXTS[n], "label": label, "wsal_id": f"id {n}/é", **more}

    for text in (json.dumps([line([A])]), json.dumps(line([A])), json.dumps(line(A))):
        assert labels_in("doccano", None, tmp_path, text=text)[1] == A
    nested = {"id": 7, "label": [B], "meta": {"wsal_id": "id 1/é"}}
    assert labels_in("doccano", [nested], tmp_path)[1] == B
    assert labels_in("doccano", [line([])], tmp_path)[1] == ""
    (tmp_path / "a.csv").write_text("id,text,label,wsal_id\n0,=1+1,فئة,\n1,x,,id 1/é\n", "utf-8")
    assert [row.label for row in read("doccano", tmp_path / "a.csv")] == [*[""] * 5, "فئة"]
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../admin.jsonl", json.dumps(line([A])) + "\n" + json.dumps(line([B], 2)))
        archive.writestr("bob.jsonl", json.dumps(line([A])))
        archive.writestr("unknown.jsonl", "")
    assert [row.label for row in read("doccano", tmp_path / "a.zip")] == ["", A, B, "", "", ""]
    with ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("admin.jsonl", json.dumps(line([A])) + "\n" + json.dumps(line([B], 2)))
        archive.writestr("bob.jsonl", json.dumps(line([B])) + "\n" + json.dumps(line([C], 2)))
    with pytest.raises(AnnotationError, match="2 answers cannot be accepted") as error:
        read("doccano", tmp_path / "b.zip")
    assert "bob.jsonl, line 1" in str(error.value)
    assert "bob.jsonl, line 2" in str(error.value)
    (tmp_path / "c.zip").write_bytes(b"no zip")
    with pytest.raises(AnnotationError, match=r"c\.zip cannot be read as zip"):
        read("doccano", tmp_path / "c.zip")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"wsal_id": "x", "annotations": [{"label": 1, "user": 2}]}, "by number"),
        ({"wsal_id": "id 1/é", "text": "t", "label": [[0, 2, A]]}, "of a part of the text"),
        ({"wsal_id": "id 1/é", "text": TEXTS[1], "label": [A, B]}, "more than one label"),
    ],
)
def test_doccano_records_of_another_kind_are_refused(record, words, tmp_path):
    with pytest.raises(AnnotationError, match=words):
        labels_in("doccano", [record], tmp_path)


def test_an_export_beside_the_right_name_is_pointed_at_and_two_are_refused(tmp_path):
    about, people = Query(query(), LABELS, {}, tmp_path), File("label_studio")
    (tmp_path / "project-1-at-2024.json").write_text("[]")
    with pytest.raises(WaitingForAnnotations) as error:
        people.annotate(about, rng(0))
    assert "The folder also holds project-1-at-2024.json" in str(error.value)
    assert f"save it as {tmp_path / 'answers.json'}" in str(error.value)
    assert people.answer_files(tmp_path) == []
    for name in ("answers.json", "answers.csv"):
        (tmp_path / name).write_text("[]")
    assert [path.name for path in people.answer_files(tmp_path)] == ["answers.json", "answers.csv"]
    with pytest.raises(AnnotationError, match="both hold answers"):
        people.annotate(about, rng(0))
