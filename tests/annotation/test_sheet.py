"""The sheet that people fill in: nothing is lost on the way, nothing wrong is taken."""

import csv

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.annotation import sheet
from wsal.annotation.annotators import File
from wsal.annotation.query import REVIEW_REASON, Query
from wsal.annotation.returned_sheet import match_answers, text_keys
from wsal.errors import AnnotationError, WaitingForAnnotations
from wsal.labels import LabelSet
from wsal.seeding import rng
from wsal.text import clean_text

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


def read(path, asked, labels=LABELS, **more):
    """The label of each text."""
    about = Query(asked, labels, {}, path.parent, **more)
    return [row.label for row in match_answers(sheet.read(path), about, path).rows]


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
    return asked


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_shows_every_text_and_takes_every_answer(kind, tmp_path):
    path = tmp_path / f"query.{kind}"
    answers = [LABELS.names[i % len(LABELS)] for i in range(len(IDS))]
    asked = filled(path, dict(enumerate(answers)))
    header, rows = cells(path)
    assert header == list(sheet.COLUMNS)
    assert [row[header.index("id")] for row in rows] == IDS
    shown = [row[header.index("text")] for row in rows]
    assert [s.removeprefix("'") for s in shown] == [t.removeprefix("'") for t in TEXTS]
    assert read(path, asked) == answers
    save(path, header, rows[::-1])  # people sort
    assert read(path, asked) == answers
    for column in ("id", "key", "text"):  # and delete columns: each of these is enough
        kept = [header.index("label"), header.index(column)]
        save(path, ["Label ", column], [[row[i] for i in kept] for row in rows])
        assert read(path, asked) == answers, column


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_blank_means_open_and_a_dash_skips(kind, tmp_path):
    path = tmp_path / f"query.{kind}"
    asked = filled(path, {0: "plain", 1: "-", 2: "  ", 4: " plain ", 5: "–"})
    labels = read(path, asked)
    assert labels == ["plain", "-", "", "", "plain", "-", *[""] * (len(IDS) - 6)]


texts = st.text("ab=+-@\t\r\n,;\"' éא👍", min_size=1, max_size=8).filter(clean_text)


@given(st.lists(texts, min_size=1, max_size=6, unique_by=lambda t: text_keys([t])[0]))
@settings(max_examples=50, deadline=None)
def test_any_text_is_shown_and_answered(tmp_path_factory, shown):
    path = tmp_path_factory.mktemp("sheet") / "query.csv"
    asked = query([f"r{i}" for i in range(len(shown))], shown)
    filled(path, dict.fromkeys(range(len(shown)), "plain"), asked)
    assert read(path, asked) == ["plain"] * len(shown)
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
    assert read(path, asked, labels) == ["@b"] * 3
    assert risky == []


def test_an_id_with_outer_spaces_is_found_again(tmp_path):
    asked = filled(tmp_path / "query.csv", {0: "plain"}, query([" 7", "8 "], ["x", "y"]))
    assert read(tmp_path / "query.csv", asked) == ["plain", ""]


def test_a_long_text_is_shown_in_xlsx(tmp_path):
    sheet.write(query(["1"], ["long " * 10_000]), LABELS, tmp_path / "query.xlsx")
    [row] = cells(tmp_path / "query.xlsx")[1]
    assert row[2].startswith("long long")


HEADER = "id,label\n"
KEYS = text_keys(TEXTS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (HEADER + "0042,plian\n", ["row 2", "'0042'", "'plian'", "did you mean 'plain'", "same"]),
        (HEADER + "x,plain\n", ["row 2", "'x'", "was not asked"]),
        (HEADER + ",plain\n", ["row 2", "was not asked"]),
        (HEADER + "0042,plain\n0042,فئة\n", ["row 3", "'plain' (1) and 'فئة' (1)"]),
        (HEADER + "4.12346E+11,plain\n", ["row 2", "rounded this id", "`key`"]),
        ("id,lable\n0042,plain\n", ["no column 'label'", "did you mean 'lable'"]),
        ("label\nplain\n", ["no column 'id', 'key' or 'text'"]),
        (f"id,label,key\n0042,plain,{KEYS[1]}\n", ["row 2", "sorted separately"]),
        ("id,label,text\n0042,plain,שלום עולם\n", ["row 2", "sorted separately"]),
        (f"id,label,key\n0042,plain,{text_keys(['another text'])[0]}\n", ["row 2", "not asked"]),
    ],
)
def test_what_cannot_be_taken_is_named_with_row_and_id(content, words, tmp_path):
    path = tmp_path / "query.csv"
    path.write_text(content)
    with pytest.raises(AnnotationError) as refused:
        read(path, query())
    assert all(word in str(refused.value) for word in [*words, str(path)]), refused.value


def test_all_wrong_labels_are_listed_at_once(tmp_path):
    path = tmp_path / "query.csv"
    asked = filled(path, {0: "plian", 1: "plain", 2: "cheap", 3: "plain, فئة"})
    with pytest.raises(AnnotationError) as refused:
        read(path, asked)
    message = str(refused.value)
    assert "3 answers cannot be accepted" in message
    assert "row 2, id '0042': unknown label 'plian'; did you mean 'plain'?" in message
    assert "id 'é-1': unknown label 'cheap'\n" in message
    assert "id 'x y': unknown label" in message
    filled(path, dict.fromkeys(range(len(IDS)), "Plane"))
    with pytest.raises(AnnotationError) as refused:
        read(path, asked)
    assert str(refused.value).count("unknown label") == 10
    assert f"... and {len(IDS) - 10} more" in str(refused.value)


def test_labels_are_compared_as_gold_is(tmp_path):
    path = tmp_path / "query.csv"
    labels = LabelSet(("Pet Food", "Coffee", "COFFEE"))
    given = ["pet food", "Pet\u00a0Food", " Pet  Food", "Pet\u200b Food", "Coffee", "COFFEE"]
    asked = query([f"r{i}" for i in range(6)], [f"text {i}" for i in range(6)])
    filled(path, dict(enumerate(given)), asked)
    assert read(path, asked, labels) == [*["Pet Food"] * 4, "Coffee", "COFFEE"]
    filled(path, {0: "coffee"}, asked)  # may be either
    with pytest.raises(AnnotationError, match="unknown label 'coffee'"):
        read(path, asked, labels)


PLAIN = [("r1", "Kühl & Co.", 'a 27" screen'), ("r2", "", "café"), ("r3", "plain", "pan, big")]


def as_text(delimiter, quoted=True):
    mark = '"' if quoted else ""
    rows = [("id", "label", "text"), *PLAIN]
    cells = [
        [f"{mark}{c.replace(mark, mark * 2) if mark else c}{mark}" for c in row] for row in rows
    ]
    return "\r\n".join(delimiter.join(row) for row in cells) + "\r\n"


@pytest.mark.parametrize(
    "content",
    [
        as_text(";").encode("utf-8-sig"),  # Excel where the comma is the decimal sign
        as_text(";").encode("cp1252"),  # plain CSV
        as_text("\t").encode("utf-16"),  # Unicode text
        b"sep=;\r\n" + as_text(";").encode("utf-8"),
        as_text("\t", quoted=False).encode("utf-8"),  # inch marks that nothing escapes
        b"Table 1\r\n" + as_text(",").encode("utf-8"),  # Numbers puts its table's name on top
        as_text(",").encode("utf-8") + b",,\r\n,,\r\n",  # empty rows at the end
    ],
    ids=["semicolon", "cp1252", "utf-16", "sep", "inch", "title", "empty rows"],
)
def test_a_sheet_is_read_however_it_was_saved(content, tmp_path):
    (tmp_path / "query.csv").write_bytes(content)
    asked = query([row[0] for row in PLAIN], [row[2] for row in PLAIN])
    assert read(tmp_path / "query.csv", asked) == [row[1] for row in PLAIN]


def test_the_sheet_with_answers_is_found_wherever_it_stands(tmp_path):
    import xlsxwriter

    path = tmp_path / "query.xlsx"
    for name in ("query", "Tabelle2"):
        with xlsxwriter.Workbook(path) as book:
            book.add_worksheet("classes").write_column(0, 0, LABELS.names)
            page = book.add_worksheet(name)
            for number, row in enumerate([("id", "label", "text"), *PLAIN]):
                page.write_row(number, 0, row)
        asked = query([row[0] for row in PLAIN], [row[2] for row in PLAIN])
        assert read(path, asked) == [row[1] for row in PLAIN]


def test_two_label_columns_are_refused(tmp_path):
    (tmp_path / "query.csv").write_text("id,label,Label \n0042,plain,\n")
    with pytest.raises(AnnotationError, match="two columns 'label'"):
        read(tmp_path / "query.csv", query())


def test_a_former_class_name_is_taken_for_the_present_one(tmp_path):
    path = tmp_path / "query.csv"
    asked = filled(path, {0: "Plain things", 1: "plain", 2: "plain things"})
    labels = read(path, asked, renamed={"Plain things": "plain"})
    assert labels[:3] == ["plain"] * 3


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_ids_that_a_spreadsheet_changed_are_found_again(kind, tmp_path):
    """Article numbers: Excel drops zeros in front, makes floats, and rounds long ones."""
    path = tmp_path / f"query.{kind}"
    ids = ["0412345600133", "0412345600294", "412345600999", "7"]
    asked = query(ids, ["a", "b", "c", "d"])
    for spoil in (lambda i: i.lstrip("0"), lambda i: f"{i.lstrip('0')}.0", lambda _: "4.12346E+11"):
        for gone in ((), ("text",), ("key",)):
            filled(path, dict.fromkeys(range(4), "plain") | {1: "فئة"}, asked)
            header, rows = cells(path)
            kept = [i for i, name in enumerate(header) if name not in gone]
            rows = [[spoil(row[0]), *row[1:]] for row in rows]
            save(path, [header[i] for i in kept], [[row[i] for i in kept] for row in rows])
            assert read(path, asked) == ["plain", "فئة", "plain", "plain"]
    save(path, ["id", "label"], [["412345600133", "plain"], ["7.0", "plain"]])
    assert read(path, asked) == ["plain", "", "", "plain"]


def test_an_id_is_not_taken_for_another_that_differs_in_zeros(tmp_path):
    path = tmp_path / "query.csv"
    asked = query(["07", "7", "007", "08"], ["a", "b", "c", "d"])
    path.write_text("id,label\n7,plain\n007,فئة\n8,plain\n")
    assert read(path, asked) == ["", "plain", "فئة", "plain"]
    with pytest.raises(AnnotationError, match="'0007': this text was not asked"):
        path.write_text("id,label\n0007,plain\n")
        read(path, asked)


def test_a_sheet_of_an_earlier_round_says_so(tmp_path):
    """Rows of texts that an earlier round asked are left out; they are not this round's answers."""
    path = tmp_path / "query.csv"
    filled(path, {0: "plain"}, query(["x"], ["an earlier text"]))
    about = Query(query(), LABELS, {}, tmp_path, earlier=query(["x"], ["an earlier text"]))
    back = match_answers(sheet.read(path), about, path)
    assert back.notes == ["1 answer to texts of earlier rounds left out"]
    assert len(back.missing) == len(IDS)


def test_a_stale_sheet_nobody_touched_is_written_anew_and_one_with_answers_never(tmp_path):
    path = tmp_path / "query.csv"
    sheet.write(query(["old"], ["an old text"]), LABELS, path)
    about = Query(query(), LABELS, {}, tmp_path)
    with pytest.raises(WaitingForAnnotations, match=f"{len(IDS)} of {len(IDS)} texts"):
        File().annotate(about, rng(0))
    assert [row[0] for row in cells(path)[1]] == IDS
    filled(path, {0: "plain"}, query(["old"], ["an old text"]))
    before = path.read_bytes()
    with pytest.raises(AnnotationError, match="id 'old': this text was not asked"):
        File().annotate(about, rng(0))
    assert path.read_bytes() == before


def test_texts_that_left_the_pool_are_not_waited_for_and_their_answers_are_kept(tmp_path):
    path = tmp_path / "query.csv"
    asked = filled(path, dict.fromkeys(range(1, len(IDS)), "plain"))
    about = Query(asked, LABELS, {}, tmp_path, gone=frozenset(IDS[:2]))
    answers = File().annotate(about, rng(0))
    assert answers["id"].to_list() == IDS[1:]  # the first is gone and unanswered


def test_answers_beside_the_sheet_are_pointed_at(tmp_path):
    about = Query(query(), LABELS, {}, tmp_path)
    for name in ("query (1).csv", "answers.xlsx", "notes.txt"):
        (tmp_path / name).write_text("x")
    with pytest.raises(WaitingForAnnotations) as error:
        File().annotate(about, rng(0))
    assert "The folder also holds answers.xlsx, query (1).csv: if the answers are in there" in str(
        error.value
    )
    assert "notes.txt" not in str(error.value)


def test_rows_that_were_deleted_are_named(tmp_path):
    path = tmp_path / "query.csv"
    asked = filled(path, dict.fromkeys(range(len(IDS)), "plain"))
    header, rows = cells(path)
    save(path, header, rows[1:])
    with pytest.raises(WaitingForAnnotations, match=r"1 of them are not in the file \(ids 0042\)"):
        File().annotate(Query(asked, LABELS, {}, tmp_path), rng(0))


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
    answers = people.annotate(one, rng(0))
    assert answers["id"].to_list() == IDS
    assert answers["label"].to_list() == [None if i == "a,b" else "plain" for i in IDS]
    assert set(answers["annotator"]) == {"ann"}


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_texts_that_measure_and_texts_asked_again_come_without_a_suggestion(tmp_path, suffix):
    path = tmp_path / f"query.{suffix}"
    asked = query().with_columns(
        purpose=pl.Series(["evaluate", *["train"] * (len(IDS) - 1)]),
        reason=pl.Series(["drawn at random", REVIEW_REASON, *["margin"] * (len(IDS) - 2)]),
    )
    sheet.write(asked, LABELS, path)
    header, rows = cells(path)
    suggested = [row[header.index("suggestion")] for row in rows]
    assert suggested[:2] == ["", ""]
    assert any(suggested[2:])


def test_nobody_can_tell_from_the_sheet_which_texts_measure():
    purposes = ["evaluate" if n % 4 == 0 else "train" for n in range(400)]
    asked = pl.concat([query().head(1)] * 400).with_columns(
        id=pl.Series([f"t{n}" for n in range(400)]),
        purpose=pl.Series(purposes),
        reason=pl.when(pl.Series(purposes) == "evaluate")
        .then(pl.lit("drawn at random"))
        .otherwise(pl.lit("margin 0.1")),
    )
    beside = sheet.shown(asked, LABELS)
    bare = np.array([not (guess or why) for guess, why in zip(*beside.values(), strict=True)])
    measures = np.array(purposes) == "evaluate"
    assert bare[measures].all()
    assert 0.05 < bare[~measures].mean() < 0.3
    assert all(bool(guess) == bool(why) for guess, why in zip(*beside.values(), strict=True))
