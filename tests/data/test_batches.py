"""Batches of records: what they add, change and withdraw, compared with a list of records."""

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal import tables
from wsal.changes import Batch
from wsal.data.base import Layout
from wsal.data.batches import Batches, first_file
from wsal.data.frames import TableFrame
from wsal.data.reading import Sizes
from wsal.data.row_keys import read_keys
from wsal.digests import file_digest
from wsal.errors import DataError
from wsal.stages.prepare import write_pool

TEXTS = ("red mug", "Red Mug", "blue mug", "tv", "pan", "lid", "cup")
IDS = ("1", "2", "3", "4", "5", "6")
BY_ID = Layout(text=("title",), keep=("price",), id="id", labels=("a", "b"), label="kind")
BY_TEXT = Layout(text=("title",), labels=("a", "b"), label="kind", test_share=0.4)
SMALL = Sizes(rows_of_part=2, rows_of_run=3, partitions=4)
records = st.dictionaries(
    st.sampled_from(IDS),
    st.tuples(
        st.sampled_from(TEXTS), st.sampled_from(["a", "b", None]), st.sampled_from(["1", "2"])
    ),
    min_size=1, max_size=5,
)  # fmt: skip
SCHEMA = dict.fromkeys(("id", "title", "kind", "price"), pl.String)


def as_frame(of_id):
    return pl.DataFrame([(i, *values) for i, values in of_id.items()], schema=SCHEMA, orient="row")


def batch_of(folder, number, frame, *, withdraw=False, by="id", columns=None):
    """A batch, and its file in the folder."""
    path = folder / f"{number:03d}.csv"
    frame.select(columns or frame.columns).write_csv(path)
    labels = columns is None or "kind" in columns
    return Batch(path.name, file_digest(path), withdraw, by, labels)


def prepared(folder, frame, layout, batches, shard_rows=99, sizes=SMALL):
    folder.mkdir()
    source = TableFrame(frame, layout)
    facts = write_pool(folder, source, 1, shard_rows, sizes, Batches(batches, folder.parent))
    splits = [s for s in ("pool", "dev", "test") if facts[f"n_{s}"]]
    return facts, {s: tables.read(folder / f"{s}.parquet") for s in splits}


@given(records, st.lists(st.tuples(st.booleans(), records), min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_batches_by_id_are_edits_of_a_dictionary(base, edits):
    base = {**base, "7": ("soap", None, "1")}  # is never edited, so that the pool is not empty
    with TemporaryDirectory() as name:
        folder, now, first = Path(name), dict(base), {}
        batches = []
        for number, (withdraw, edit) in enumerate(edits):
            columns = ["id"] if withdraw else None
            frame = as_frame(edit)
            batches.append(batch_of(folder, number, frame, withdraw=withdraw, columns=columns))
            if withdraw:
                now = {i: record for i, record in now.items() if i not in edit}
            else:
                now = {**now, **edit}
        facts, made = prepared(folder / "pool", as_frame(base), BY_ID, tuple(batches))
        expected = {text.lower() for text, *_ in now.values()}
        texts = [t.lower() for s in made.values() for t in s["text"].unique(maintain_order=True)]
        assert set(texts) == expected
        pool = made["pool"]
        assert pool["text"].str.to_lowercase().is_unique().all()
        for row in pool.iter_rows(named=True):
            alike = [i for i, (text, *_) in now.items() if text.lower() == row["text"].lower()]
            assert row["n_copies"] == len(alike) and row["id"] in alike
            assert now[row["id"]][2] == row["fields"]["price"]
        # A text is in the period in which it came first.
        periods, start = {}, 0
        for number, period in enumerate(facts["periods"]):
            for text in pool["text"][start : start + period["n_texts"]]:
                periods[text.lower()] = number
            start += period["n_texts"]
        for number, edit in enumerate([base, *({} if w else e for w, e in edits)]):
            for text, *_ in edit.values():
                first.setdefault(text.lower(), number)
        assert all(first[text] == number for text, number in periods.items())
        assert start == len(pool) == sum(map(len, read_keys(folder / "pool", "text_keys", "pool")))


@given(records, records, st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_a_withdrawn_batch_leaves_the_pool_as_it_was_and_parts_do_not_matter(base, added, n):
    base = {**base, "7": ("soap", None, "1")}
    added = {f"n{i}": record for i, record in added.items()}
    with TemporaryDirectory() as name:
        folder = Path(name)
        plain, before = prepared(folder / "plain", as_frame(base), BY_ID, ())
        more = batch_of(folder, 1, as_frame(added))
        gone = batch_of(folder, 2, as_frame(added), withdraw=True, columns=["id"])
        facts, after = prepared(folder / "after", as_frame(base), BY_ID, (more, gone))
        assert before.keys() == after.keys()
        assert all(before[split].equals(after[split]) for split in before)
        kept = ("n_pool", "n_dev", "n_test", "n_pool_gold", "labels")
        assert {k: facts[k] for k in kept} == {k: plain[k] for k in kept}
        # What rules learn from is the pool without batches.
        learned = tables.read(folder / "after" / first_file("pool"))
        assert learned.equals(before["pool"].select("id", "text", "fields"))
        whole, one = prepared(folder / "one", as_frame(base), BY_ID, (more,), 99, Sizes())
        split, many = prepared(folder / "many", as_frame(base), BY_ID, (more,), n)
        assert all(one[s].equals(many[s]) for s in one)
        assert whole["periods"] == split["periods"]
        of_shards = split.get("rows_of_shards", [split["n_pool"]])
        ends, of_period = {sum(of_shards[: i + 1]) for i in range(len(of_shards))}, 0
        for period in split["periods"]:
            of_period += period["n_texts"]
            assert of_period in ends  # no shard has texts of two periods


def test_no_batch_moves_a_text_to_another_split(tmp_path):
    """Whatever labels and splits later rows have; a changed record without labels keeps its own."""
    texts = [f"text {i}" for i in range(40)]
    base = pl.DataFrame({"id": [str(i) for i in range(40)], "title": texts, "price": ["1"] * 40})
    gold = pl.Series(["a", "b", None, "a"] * 10)
    base = base.with_columns(kind=gold).select(*SCHEMA)
    _, before = prepared(tmp_path / "before", base, BY_ID, ())
    swapped = base.with_columns(kind=pl.Series(["b", None, "a", "b"] * 10))
    relabelled = batch_of(tmp_path, 1, swapped)
    _, after = prepared(tmp_path / "after", base, BY_ID, (relabelled,))
    moved = set(before["test"]["text"]) - set(after["test"]["text"])
    assert moved == {t for t in before["test"]["text"] if int(t.split()[1]) % 4 == 1}  # lost gold
    assert moved <= set(after["pool"]["text"])
    priced = batch_of(
        tmp_path, 2, base.with_columns(price=pl.lit("2")), columns=["id", "title", "price"]
    )
    facts, repriced = prepared(tmp_path / "priced", base, BY_ID, (priced,))
    for split, table in before.items():
        columns = ["id", "text", *(["label"] if "label" in table.columns else [])]
        assert table.select(columns).sort("id").equals(repriced[split].select(columns).sort("id"))
    assert repriced["pool"]["text"].to_list() == before["pool"]["text"].to_list()
    assert repriced["pool"]["fields"].struct.field("price").unique().to_list() == ["2"]
    assert facts["n_pool_gold"] > 0


def test_by_text_a_batch_adds_copies_and_withdraws_all_of_them(tmp_path):
    base = pl.DataFrame({"title": ["red mug", "Red Mug", "tv", "pan"], "kind": [None] * 4})
    base = base.cast(pl.String)
    more = batch_of(tmp_path, 1, pl.DataFrame({"title": ["RED mug", "lid"]}), by="text")
    gone = batch_of(tmp_path, 2, pl.DataFrame({"title": ["red MUG"]}), by="text", withdraw=True)
    back = batch_of(tmp_path, 3, pl.DataFrame({"title": ["red mug"]}), by="text")
    pools = [
        prepared(tmp_path / f"p{n}", base, BY_TEXT, batches)[1]["pool"]
        for n, batches in enumerate([(), (more,), (more, gone), (more, gone, back)])
    ]
    assert [p["text"].to_list() for p in pools] == [
        ["red mug", "tv", "pan"], ["red mug", "tv", "pan", "lid"], ["tv", "pan", "lid"],
        ["red mug", "tv", "pan", "lid"],
    ]  # fmt: skip
    assert [p["n_copies"][0] for p in pools] == [2, 3, 1, 1]
    assert pools[3]["id"][0] == pools[0]["id"][0]


def test_what_is_wrong_with_a_copy_is_said(tmp_path):
    base = as_frame({"1": ("red mug", "a", "1"), "2": ("tv", "b", "1"), "3": ("pan", None, "1")})
    good = as_frame({"9": ("lid", None, "1")})
    torn = batch_of(tmp_path, 1, good)
    (tmp_path / "001.csv").write_text((tmp_path / "001.csv").read_text()[:-3])
    with pytest.raises(DataError, match=r"001\.csv is not what was appended.*--undo"):
        prepared(tmp_path / "torn", base, BY_ID, (torn,))
    (tmp_path / "001.csv").unlink()
    with pytest.raises(DataError, match=r"001\.csv, which was appended to this run, is missing"):
        prepared(tmp_path / "missing", base, BY_ID, (torn,))
    label = batch_of(tmp_path, 2, as_frame({"9": ("lid", "zz", "1")}))
    with pytest.raises(DataError, match=r"002\.csv: the label 'zz' is not a class"):
        prepared(tmp_path / "label", base, BY_ID, (label,))
    twice = pl.concat([good, good])
    with pytest.raises(DataError, match=r"'9' occurs twice.*rows 2 and 3|row 2 of appended"):
        prepared(tmp_path / "twice", base, BY_ID, (batch_of(tmp_path, 3, twice),))
