"""The sheet that people fill in: nothing is lost on the way, nothing wrong is taken."""

import csv

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.active import sheet
from wsal.active.annotators import File, Query
from wsal.errors import AnnotationError, WaitingForAnnotations
from wsal.labels import LabelSet
from wsal.seeding import rng

LABELS = LabelSet(("Kühl & Co.", 'The "best", ones', "فئة", "plain"))
TEXTS = [
    "emoji 👩‍👩‍👧 mug", "two\nlines", "שלום עולם", 'a "quoted", one; and\tmore', "plain",
    "=1+1", "+44 20", "-5 C", "@home", "\tx", "' quoted", "0042",
]  # fmt: skip
IDS = ["0042", "a,b", "é-1", "x y", *(f"r{i}" for i in range(4, len(TEXTS)))]


def query(ids=tuple(IDS), texts=tuple(TEXTS)):
    n = len(ids)
    return pl.DataFrame(
        {"id": ids, "text": texts, "predicted": [i % len(LABELS) for i in range(n)],
         "reason": [f"margin 0.{i}" for i in range(n)], "purpose": ["train"] * n},
        schema_overrides={"predicted": pl.Int16},
    )  # fmt: skip


def read(path, ids, labels):
    """The label of each id."""
    return [row.label for row in sheet.checked(sheet.read(path), ids, labels, path)]


def cells(path):
    """What a spreadsheet shows: the header, and the rows as lists of text."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file)
        return header, rows
    frame = pl.read_excel(path, infer_schema_length=0, sheet_name="query")
    return frame.columns, [[value or "" for value in row] for row in frame.iter_rows()]


def save(path, header, rows):
    """Save the rows as a spreadsheet does."""
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"strings_to_formulas": False}) as book:
        page = book.add_worksheet("query")
        for number, row in enumerate([header, *rows]):
            for column, value in enumerate(row):
                page.write_string(number, column, value)


def filled(path, answers, asked=None):
    """Write a sheet and answer it: row -> label."""
    asked = query() if asked is None else asked
    sheet.write(asked, LABELS, path)
    header, rows = cells(path)
    for number, answer in answers.items():
        rows[number][header.index("label")] = answer
    save(path, header, rows)
    return asked["id"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_shows_every_text_and_takes_every_answer(kind, tmp_path):
    path = tmp_path / f"query.{kind}"
    answers = [LABELS.names[i % len(LABELS)] for i in range(len(IDS))]
    ids = filled(path, dict(enumerate(answers)))
    header, rows = cells(path)
    assert header == list(sheet.COLUMNS)
    assert [row[header.index("id")] for row in rows] == IDS
    shown = [row[header.index("text")] for row in rows]
    assert [s.removeprefix("'") for s in shown] == [t.removeprefix("'") for t in TEXTS]
    assert read(path, ids, LABELS) == answers
    save(path, header, rows[::-1])  # people sort
    assert read(path, ids, LABELS) == answers
    kept = [header.index("label"), header.index("id")]
    save(path, ["label", "id"], [[row[i] for i in kept] for row in rows])  # and delete columns
    assert read(path, ids, LABELS) == answers


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_blank_means_open_and_a_dash_skips(kind, tmp_path):
    path = tmp_path / f"query.{kind}"
    ids = filled(path, {0: "plain", 1: "-", 2: "  ", 4: " plain "})
    found = read(path, ids, LABELS)
    assert found == ["plain", "-", "", "", "plain", *[""] * (len(IDS) - 5)]


texts = st.text("ab=+-@\t\r\n,;\"' éא👍", min_size=1, max_size=8)


@given(st.lists(texts, min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_any_text_is_shown_and_answered(tmp_path_factory, shown):
    path = tmp_path_factory.mktemp("sheet") / "query.csv"
    asked = query([f"r{i}" for i in range(len(shown))], shown)
    ids = filled(path, dict.fromkeys(range(len(shown)), "plain"), asked)
    assert read(path, ids, LABELS) == ["plain"] * len(shown)
    column = [row[2] for row in cells(path)[1]]
    assert [c.removeprefix("'") for c in column] == [t.removeprefix("'") for t in shown]
    assert not any(c.startswith(("=", "+", "-", "@", "\t", "\r")) for c in column)


def test_no_cell_is_a_formula(tmp_path):
    """Ids and classes come from the data as texts do; answers must still be found by their id."""
    labels = LabelSet(("=HYPERLINK(1)", "@b"))
    asked = query(["=1+1", "-7", "@x"], ["=cmd", "+1", "\tx"]).with_columns(predicted=pl.lit(0))
    path = tmp_path / "query.csv"
    sheet.write(asked, labels, path)
    header, rows = cells(path)
    risky = [cell for row in rows for cell in row if cell.startswith(sheet.FORMULA)]
    save(path, header, [[row[0], "@b", *row[2:]] for row in rows])
    assert read(path, asked["id"], labels) == ["@b"] * 3
    assert risky == []


def test_an_id_with_outer_spaces_is_found_again(tmp_path):
    ids = filled(tmp_path / "query.csv", {0: "plain"}, query([" 7", "8 "], ["x", "y"]))
    assert read(tmp_path / "query.csv", ids, LABELS) == ["plain", ""]


def test_a_long_text_is_shown_in_xlsx(tmp_path):
    sheet.write(query(["1"], ["long " * 10_000]), LABELS, tmp_path / "query.xlsx")
    [row] = cells(tmp_path / "query.xlsx")[1]
    assert row[2].startswith("long long")


HEADER = "id,label\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (HEADER + "0042,plian\n", ["row 2", "'0042'", "'plian'", "did you mean 'plain'", "same"]),
        (HEADER + "0042,plain\nx y,\n0042,plain\n", ["row 4", "'0042'", "stands twice"]),
        (HEADER + "42,plain\n", ["row 2", "'42'", "was not asked"]),
        (HEADER + ",plain\n", ["row 2", "''"]),
        ("id,lable\n0042,plain\n", ["no column 'label'", "did you mean 'lable'"]),
        ("label\nplain\n", ["no column 'id'"]),
    ],
)
def test_what_cannot_be_taken_is_named_with_row_and_id(content, words, tmp_path):
    path = tmp_path / "query.csv"
    path.write_text(content)
    with pytest.raises(AnnotationError) as refused:
        read(path, pl.Series(IDS), LABELS)
    assert all(word in str(refused.value) for word in [*words, str(path)]), refused.value


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_people_answer_in_several_sittings_and_no_answer_is_overwritten(kind, tmp_path):
    asked, path = query(), tmp_path / f"query.{kind}"
    people, one = File(format=kind, name="ann"), Query(asked, LABELS, {}, tmp_path)
    with pytest.raises(WaitingForAnnotations, match=f"{len(IDS)} of {len(IDS)} texts"):
        people.annotate(one, rng(0))
    header, rows = cells(path)
    for sitting, wait in ((rows[:-1], True), (rows[-1:], False)):
        for row in sitting:
            row[1] = "-" if row[0] == "a,b" else "plain"
        save(path, header, rows)
        before = path.read_bytes()
        if wait:
            with pytest.raises(WaitingForAnnotations, match=f"1 of {len(IDS)} texts"):
                people.annotate(one, rng(0))
        assert path.read_bytes() == before
    found = people.annotate(one, rng(0))
    assert found["id"].to_list() == IDS
    assert found["label"].to_list() == [None if i == "a,b" else "plain" for i in IDS]
    assert set(found["annotator"]) == {"ann"}


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_texts_that_measure_and_texts_asked_again_come_without_a_suggestion(tmp_path, suffix):
    path = tmp_path / f"query.{suffix}"
    asked = query().with_columns(
        purpose=pl.Series(["evaluate", *["train"] * (len(IDS) - 1)]),
        reason=pl.Series(["drawn at random", sheet.AGAIN, *["margin"] * (len(IDS) - 2)]),
    )
    sheet.write(asked, LABELS, path)
    header, rows = cells(path)
    suggested = [row[header.index("suggestion")] for row in rows]
    assert suggested[:2] == ["", ""]
    assert all(suggested[2:])
