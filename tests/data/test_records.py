"""From a source's rows to records: what is read, what is numbered, what is refused."""

from dataclasses import replace

import polars as pl
import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsal.config.overrides import prepared
from wsal.data.base import Layout
from wsal.data.frames import TableFrame
from wsal.data.in_memory import prepared_of
from wsal.data.records import label_set, renaming, to_records
from wsal.data.table_file import TableFile
from wsal.errors import DataError

LAYOUT = Layout(text=("title", "brand"), label="class", id="id", split="part", keep=("price",))


def rows(**columns):
    """Three rows, with other values where given."""
    plain = {
        "id": ["007", "8", "9"],
        "title": ["red mug", "blue  mug", None],
        "brand": [None, "Acme", "Zed"],
        "class": ["a", "b", None],
        "part": ["train", "Validation", " TEST "],
        "price": [1.5, None, 3],
        "unused": ["x", "y", "z"],
    }
    return pl.DataFrame(plain | columns, strict=False)


def test_composes_text_and_keeps_fields_and_ids():
    assert to_records(rows(), LAYOUT).to_dicts() == [
        {"id": "007", "text": "red mug", "label": "a", "split": "pool",
         "fields": {"title": "red mug", "brand": None, "price": "1.5"}},
        {"id": "8", "text": "blue mug | Acme", "label": "b", "split": "dev",
         "fields": {"title": "blue mug", "brand": "Acme", "price": None}},
        {"id": "9", "text": "Zed", "label": None, "split": "test",
         "fields": {"title": None, "brand": "Zed", "price": "3.0"}},
    ]  # fmt: skip


def test_a_row_without_text_stays_and_has_none():
    blank = rows(title=[None, "  ", "\t"], brand=[None, "", "x"])
    assert to_records(blank, LAYOUT)["text"].to_list() == [None, None, "x"]


def test_ids_come_from_texts_and_labels_are_left_open_where_no_column_says():
    layout = Layout(text=("title", "brand"))
    found = to_records(rows(), layout)
    assert all(found[name].null_count() == 3 for name in ("id", "label", "split"))
    layout = replace(layout, labels=("a", "b"))
    ids = prepared_of(TableFrame(rows(), layout), 0).pool["id"]
    assert ids.str.contains("^t[0-9a-f]{12}$").all()
    assert ids.n_unique() == 3
    changed = rows(title=["red  mug", "new", None], part=["x"] * 3)
    other = prepared_of(TableFrame(changed, layout), 0).pool["id"]
    assert other[0] == ids[0]  # white space is cleaned away
    assert other[1] != ids[1]


@given(
    st.lists(st.sampled_from(["a", "b", "A", "a b", None]), min_size=1, max_size=12), st.randoms()
)
@settings(max_examples=50, deadline=None)
def test_ids_without_a_column_survive_sorting_adding_and_removing(titles, random):
    """Each text has the same ids wherever its rows stand; equal texts are numbered."""

    def ids_of(titles):
        frame = pl.DataFrame({"title": titles, "kind": [f"{i}" for i in range(len(titles))]})
        frame = frame.with_columns(part=pl.lit("test")).cast(pl.String)
        extra = pl.DataFrame({"title": "pool", "kind": ["x", "y"], "part": "train"})
        table = prepared_of(TableFrame(pl.concat([frame, extra]), layout), 0).test
        assert table["id"].n_unique() == len(table) == len(titles) - titles.count(None)
        return dict(table.group_by("text").agg(pl.col("id").sort()).iter_rows())

    layout = Layout(text=("title",), label="kind", split="part")
    before = ids_of(titles)
    after = ids_of(random.sample([*titles, "new", "a"], len(titles) + 2))
    for text, ids in before.items():
        assert set(ids) <= set(after[text])
    del after
    fewer = ids_of(titles[1:]) if len(titles) > 1 else {}
    assert all(set(ids) <= set(before[text]) for text, ids in fewer.items())


def test_former_class_names_are_read_as_the_present_ones():
    layout = Layout(
        text=("title",), label="class", renamed={" a": "B ", "b": "B"}, labels=("B", "C")
    )
    found = to_records(rows(), layout)
    assert found["label"].to_list() == ["B", "B", None]
    assert label_set(found, layout).names == ("B", "C")


@pytest.mark.parametrize(
    ("renamed", "labels", "words"),
    [
        ({"old": "a"}, (), None),
        ({"old": "A"}, (), ["'old'", "to 'A', which is not a class", "known: a, b"]),
        ({"a": "b"}, ("a", "b"), ["renames 'a' to 'b'", "still a class", "data.layout.labels"]),
    ],
)
def test_new_names_must_be_classes_and_former_ones_no_more(renamed, labels, words):
    layout = Layout(text=("title",), label="class", renamed=renamed, labels=labels)
    if words is None:
        assert label_set(to_records(rows(), layout), layout).names == ("a", "b")
        return
    with pytest.raises(DataError) as error:
        label_set(to_records(rows(), layout), layout)
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize("dash", ["-", "–", "—"])
def test_no_class_has_the_name_that_skips_a_text(dash):
    layout = Layout(text=("title",), label="class")
    found = to_records(rows(**{"class": ["a", dash, None]}), layout)
    with pytest.raises(DataError, match=r"which means `skipped`.*data\.layout\.renamed"):
        label_set(found, layout)


@given(st.permutations(range(3)))
@settings(max_examples=6, deadline=None)
def test_permuting_rows_permutes_records(order):
    found, permuted = to_records(rows(), LAYOUT), to_records(rows()[order], LAYOUT)
    assert permuted.equals(found[order])


@pytest.mark.parametrize(
    ("changed", "layout", "words"),
    [
        ({}, Layout(text=("titel",)), ["no column 'titel'", "did you mean 'title'", "brand"]),
        ({}, Layout(text=("title",), keep=("prize",)), ["'prize'", "did you mean 'price'"]),
        ({"id": ["1", None, "3"]}, LAYOUT, ["row 2", "'id'", "every row needs an id"]),
        ({"part": ["train", "tset", "dev"]}, LAYOUT, ["row 2", "'tset'", "did you mean 'test'"]),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_row(changed, layout, words):
    with pytest.raises(DataError) as refused:
        to_records(rows(**changed), layout)
    assert all(word in str(refused.value) for word in words), refused.value


def labelled(*names):
    """Records with these gold labels."""
    count = len(names)
    data = {"id": [str(i) for i in range(count)], "title": ["x"] * count, "class": names}
    return to_records(
        pl.DataFrame(data, schema=dict.fromkeys(data, pl.String)),
        Layout(text=("title",), id="id", label="class"),
    )


def classes(records, *names):
    return label_set(records, Layout(text=("title",), labels=names)).names


@given(st.lists(st.sampled_from(["b", "a", "C", None]), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_classes_are_those_of_gold_sorted(names):
    known = tuple(sorted({name for name in names if name}))
    if len(known) < 2:
        with pytest.raises(DataError, match=r"expected at least 2.*data\.layout\.labels"):
            classes(labelled(*names))
    else:
        assert classes(labelled(*names)) == known


def test_a_column_with_a_single_class_is_named():
    with pytest.raises(DataError, match=r"'class' names 1 class \['a'\], expected"):
        label_set(labelled("a", "a"), Layout(text=("title",), label="class"))


def test_an_empty_column_of_gold_labels_is_named_with_its_file(tmp_path):
    path, rows = tmp_path / "goods.csv", "".join(f"mug {i},\n" for i in range(1200))
    path.write_text(f"title,category\n{rows}")
    empty = TableFile(path, Layout(text=("title",), label="category"))
    with pytest.raises(DataError) as error:
        prepared_of(empty, 0)
    assert f"column 'category' of {path} is empty in all 1,200 rows" in str(error.value)
    named = Layout(text=("title",), label="category", labels=("a", "b"))
    assert prepared_of(TableFile(path, named), 0).labels.names == ("a", "b")


def test_classes_named_in_the_layout_keep_their_order():
    assert classes(labelled("a", None), "z", "a") == ("z", "a")
    assert classes(labelled(None, None), "z", "a") == ("z", "a")


def test_gold_outside_the_named_classes_is_refused_with_its_id():
    with pytest.raises(DataError, match=r"'tea pot' of id '1'.*did you mean 'teapot'"):
        classes(labelled("mug", "tea pot"), "mug", "teapot")


def test_the_same_name_in_gold_and_in_the_layout_is_the_same_class():
    """Gold is cleaned; a class named alike in the layout must not be lost by that."""
    assert len(classes(labelled("Spices &amp; herbs", "½ price"), "Spices &amp; herbs", "½ price"))


def test_a_class_named_twice_is_refused():
    with pytest.raises(DataError, match="twice"):
        classes(labelled("a"), "a", "b", "a")


names = st.text("aB é1&':,{}()\\\"/ +-.$#", min_size=1, max_size=8).filter(lambda n: n == n.strip())


@given(names, names)
@example("Tea & Coffee", "Pet's")
@example("Wi-Fi", "TV / Hi-Fi")
@settings(max_examples=150, deadline=None)
def test_what_a_message_says_to_type_renames_as_it_says(old, new):
    typed = renaming(old, [new])
    if typed.startswith("'"):
        (override,) = prepared([typed[1:-1]])
        found = OverridesParser.create().parse_override(override).value()
        assert {str(key): str(value) for key, value in found.items()} == {old: new}
    else:
        assert yaml.safe_load(typed.partition("YAML file: ")[2]) == {"renamed": {old: new}}
