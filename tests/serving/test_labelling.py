"""`label_table` and `wsal predict`: all rows and columns, in their order, whatever they come as."""

import io
import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from helpers import mutated

from wsal.errors import ConfigError, DataError
from wsal.files import lines
from wsal.serving.exported import softmax
from wsal.serving.labelling import Wanted, label_table
from wsal.serving.sources import Source

TITLES = ["red kettle 2 l", "gaming laptop", "", "a novel", "kettle lid", "red kettle 2 l", None]
FRAME = pl.DataFrame({
    "id": range(7), "title": TITLES, "brand": [None, "Acme", None, "B,C", "D\nE", None, " "],
})  # fmt: skip
FILES = ("csv", "tsv", "jsonl", "parquet", "xlsx")
ADDED = ["label", "probability", "abstain", "model"]


def write(frame, path):
    match path.suffix:
        case ".csv":
            frame.write_csv(path)
        case ".tsv":
            frame.write_csv(path, separator="\t")
        case ".jsonl":
            frame.write_ndjson(path)
        case ".parquet":
            frame.write_parquet(path)
        case ".xlsx":
            frame.write_excel(path)
        case "":
            path.mkdir()
            frame[:3].write_parquet(path / "b.parquet")
            frame[3:].write_parquet(path / "c.parquet")
    return path


def read(path):
    match path.suffix:
        case ".csv":
            return pl.read_csv(path)
        case ".tsv":
            return pl.read_csv(path, separator="\t")
        case ".jsonl":
            return pl.read_ndjson(path)
        case ".xlsx":
            return pl.read_excel(path)
    return pl.read_parquet(sorted(path.glob("*.parquet")) if path.is_dir() else path)


def label(engine, source, target, **wanted):
    return label_table(engine, Source.of(source), target, Wanted(**wanted))


@pytest.fixture
def small(monkeypatch):
    """Chunks of two records."""
    monkeypatch.setattr(lines, "AT_ONCE", 2)


@pytest.mark.parametrize("target", [*FILES, ""])
@pytest.mark.parametrize("source", [*FILES, ""])
def test_each_kind_becomes_each_kind(engine, tmp_path, small, source, target):
    names = [f"{name}.{kind}" if kind else name for name, kind in (("in", source), ("out", target))]
    done = label(engine, write(FRAME, tmp_path / names[0]), tmp_path / names[1])
    found = read(tmp_path / names[1])
    assert (done.n_rows, done.n_bad, done.bad_path) == (7, 0, None)
    assert found.columns == [*FRAME.columns, *ADDED]
    assert found["id"].cast(pl.Int64).to_list() == list(range(7))
    blank = pl.col("title", "brand").fill_null("").str.strip_chars()
    assert found.select(blank).equals(FRAME.select(blank))
    texts = engine.exported.text_of(FRAME).to_list()
    probs = softmax(engine.logits(engine.exported.pieces(texts)))
    said = [engine.exported.labels[row.argmax()] for row in probs]
    expected = [name if text else None for text, name in zip(texts, said, strict=True)]
    assert found["label"].to_list() == expected
    sure = [float(row.max()) if text else None for text, row in zip(texts, probs, strict=True)]
    assert found["probability"].to_list() == pytest.approx(sure, abs=1e-5)
    assert set(found["model"]) == {engine.exported.digest}
    assert [p.name for p in tmp_path.iterdir() if "out" in p.name] == [names_of(target)]


def names_of(kind):
    return f"out.{kind}" if kind else "out"


def test_below_its_threshold_a_class_is_abstained_on(engine, tmp_path):
    write(FRAME, tmp_path / "in.csv")
    for least, n in ((0.0, 2), (2.0, 7)):  # two rows have no text
        strict = replace(engine.exported, thresholds=np.full(3, least))
        told = label(replace(engine, exported=strict), tmp_path / "in.csv", tmp_path / "out.csv")
        assert told.n_abstained == n
        assert read(tmp_path / "out.csv")["abstain"].sum() == n
    half = np.array([0.9, 0.999, np.inf])
    part = replace(engine, exported=replace(engine.exported, thresholds=half))
    label(part, tmp_path / "in.csv", tmp_path / "out.csv")
    for row in read(tmp_path / "out.csv").iter_rows(named=True):
        limit = half[engine.exported.labels.index(row["label"])] if row["label"] else np.inf
        assert row["abstain"] == ((row["probability"] or 0) < limit)


def test_top_fields_and_prefix(engine, tmp_path):
    frame = FRAME.rename({"title": "name"}).with_columns(label=pl.lit("mine"))
    write(frame, tmp_path / "in.csv")
    with pytest.raises(DataError, match=r"no column 'title'.*--fields"):
        label(engine, tmp_path / "in.csv", tmp_path / "out.csv")
    with pytest.raises(DataError, match=r"column 'label' of its own.*--prefix"):
        label(engine, tmp_path / "in.csv", tmp_path / "out.csv", fields=["name", "brand"])
    with pytest.raises(ConfigError, match="--top is 4; expected 1 to 3"):
        label(engine, tmp_path / "in.csv", tmp_path / "out.csv", top=4)
    wanted = {"fields": ["name", "brand"], "top": 3, "prefix": "m_"}
    label(engine, tmp_path / "in.csv", tmp_path / "out.csv", **wanted)
    found = read(tmp_path / "out.csv")
    assert found["label"].unique().to_list() == ["mine"]
    some = found.drop_nulls("m_label")
    assert {tuple(sorted(row)) for row in some.select("m_label", "m_label_2", "m_label_3").rows()} \
        == {tuple(sorted(engine.exported.labels))}  # fmt: skip
    sums = some.select("m_probability", "m_probability_2", "m_probability_3").sum_horizontal()
    assert sums.to_list() == pytest.approx([1] * len(some), abs=1e-5)
    assert not list(tmp_path.glob("*.unfinished"))


def test_json_values_keep_their_kinds(engine, tmp_path):
    records = [
        {"title": "red kettle", "n": 1, "big": 2**70, "deep": {"a": [1, None]}, "mixed": 1},
        {"title": "a novel", "n": None, "yes": True, "mixed": "x", "é": 0.5},
        {"brand": "Acme", "n": 2.5},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(one) + "\n" for one in records))
    label(engine, source, tmp_path / "out.jsonl")
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [{k: v for k, v in one.items() if k not in ADDED} for one in found] == records
    label(engine, source, tmp_path / "out.parquet")
    table = read(tmp_path / "out.parquet")
    assert table["n"].to_list() == [1, None, 2.5]
    assert table["big"].to_list() == [str(2**70), None, None]
    assert table["deep"].to_list() == ['{"a": [1, null]}', None, None]
    assert table["mixed"].to_list() == ["1", "x", None]
    assert table["yes"].to_list() == [None, True, None]


def test_nested_columns_of_parquet_are_kept_and_written_as_json(engine, tmp_path):
    frame = pl.DataFrame({
        "title": ["a", "b"], "brand": None, "tags": [["x", "é"], None], "n": [2**63, 1],
    }, schema_overrides={"n": pl.UInt64, "brand": pl.String})  # fmt: skip
    frame.write_parquet(tmp_path / "in.parquet")
    label(engine, tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert read(tmp_path / "out.parquet").select(frame.columns).equals(frame)
    label(engine, tmp_path / "in.parquet", tmp_path / "out.csv")
    assert read(tmp_path / "out.csv")["tags"].to_list() == ['["x", "é"]', None]


def test_bad_lines_lie_beside_the_output_with_their_numbers(engine, tmp_path):
    (tmp_path / "in.csv").write_bytes(b"title,brand\na,b\nonly one\n\xff,b\nc,d\n")
    done = label(engine, tmp_path / "in.csv", tmp_path / "out.csv")
    assert (done.n_rows, done.n_bad) == (2, 2)
    told = [json.loads(line) for line in done.bad_path.read_text().splitlines()]
    assert [(one["line"], one["raw"]) for one in told] == [(3, "only one"), (4, "\\xff,b")]
    (tmp_path / "in.csv").write_bytes(b"title,brand\na,b\n")
    label(engine, tmp_path / "in.csv", tmp_path / "out.csv")
    assert not done.bad_path.exists()


def test_nothing_that_is_there_is_written_over(engine, tmp_path):
    source = write(FRAME, tmp_path / "in.csv")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"x")
    for target, said in [
        (source, "is the input"),
        (tmp_path / "photos", "is not empty"),
        (tmp_path / "nowhere" / "out.csv", "there is no folder"),
        (tmp_path / "out.cvs", "did you mean 'csv'"),
    ]:
        with pytest.raises(ConfigError, match=said):
            label(engine, source, target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "photos"]


def test_order_and_neighbours_change_no_label(engine, tmp_path):
    rows = pl.concat([FRAME, FRAME.with_columns(title=pl.lit("a much longer title " * 9)), FRAME])
    shuffled = rows.with_row_index("place").sample(fraction=1, shuffle=True, seed=1)
    label(engine, write(rows, tmp_path / "a.parquet"), tmp_path / "x.parquet")
    label(engine, write(shuffled, tmp_path / "b.parquet"), tmp_path / "y.parquet")
    one, other = read(tmp_path / "x.parquet"), read(tmp_path / "y.parquet").sort("place")
    assert one["label"].equals(other["label"])
    assert one["probability"].fill_null(0).to_list() == pytest.approx(
        other["probability"].fill_null(0).to_list(), abs=1e-5
    )


def test_what_is_done_is_not_computed_again(engine, tmp_path, small):
    source, target = write(FRAME, tmp_path / "in.csv"), tmp_path / "out.csv"
    label(engine, source, tmp_path / "whole.csv")
    computed = []

    def run(ids, mask):
        computed.append(len(ids))
        if len(computed) == 3:
            raise KeyboardInterrupt
        return engine.run(ids, mask)

    broken = replace(engine, run=run, n_threads=1)
    with pytest.raises(KeyboardInterrupt):
        label(broken, source, target)
    assert not target.exists()
    before = len(computed)
    label(broken, source, target)
    assert sum(computed[before:]) < 5
    assert target.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    with pytest.raises(DataError):  # another table begins anew
        label(engine, write(FRAME.select("id"), source), target)


COMMAND = [sys.executable, "-c", "from wsal.cli import main; main()", "predict"]


def predict(folder, *arguments, sent=None):
    return subprocess.run(
        [*COMMAND, folder, *arguments, "--backend", "onnx"], input=sent, capture_output=True,
        check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_killed_at_any_moment_the_same_command_ends_the_same(folder, tmp_path):
    chance = random.Random(0)
    titles = [f"{chance.choice(TITLES)} {i}" for i in range(60_000)]
    source = tmp_path / "in.csv"
    pl.DataFrame({"id": range(60_000), "title": titles, "brand": "B"}).write_csv(source)
    assert predict(folder, source, tmp_path / "whole.csv").returncode == 0
    target, work = tmp_path / "out.csv", tmp_path / "out.csv.unfinished"
    times = []
    for least in (1, 3):
        process = subprocess.Popen([*COMMAND, folder, source, target, "--backend", "onnx"])
        while process.poll() is None and len(list(work.glob("*.parquet"))) < least:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not target.exists()
        times.append({p.name: p.stat().st_mtime_ns for p in work.glob("*.parquet")})
    assert times[0].items() <= times[1].items()
    done = predict(folder, source, target)
    assert b"labelled 60,000 rows" in done.stdout
    assert target.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not work.exists()


@pytest.mark.slow
def test_streams_through_a_pipe(folder, tmp_path):
    done = predict(folder, "-", "-", "--format", "csv", sent=b"title,brand\na,b\nx\nc,d\n")
    assert done.returncode == 0, done.stderr
    assert pl.read_csv(io.BytesIO(done.stdout))["title"].to_list() == ["a", "c"]
    assert b"line 3: 1 fields; the header has 2" in done.stderr
    done = predict(folder, "-", "-", "--format", "jsonl", sent=b'{"title": "a", "n": 1}\n')
    assert json.loads(done.stdout)["n"] == 1
    done = predict(folder, "-", tmp_path / "out.parquet", "--format", "tsv",
                   sent=b"title\tbrand\na\tb\n")  # fmt: skip
    assert pl.read_parquet(tmp_path / "out.parquet").height == 1
    assert b"labelled 1 rows" in done.stdout
    done = predict(folder, "-", "-", sent=b"")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"--format" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", FILES)
def test_of_mutated_files_each_row_is_labelled_or_told(engine, tmp_path, kind):
    """With those of the readers alone, 20,000 files."""
    chance = random.Random(kind)
    whole = write(FRAME, tmp_path / f"whole.{kind}").read_bytes()
    refused, source = 0, tmp_path / f"in.{kind}"
    for number in range(400):
        source.write_bytes(mutated(whole, chance))
        target = tmp_path / f"out.{chance.choice(FILES)}"
        try:
            done = label(engine, source, target)
        except (DataError, ConfigError) as error:
            assert str(source) in str(error) or "of its own" in str(error), number
            refused += 1
            continue
        n_bad = len(done.bad_path.read_text().splitlines()) if done.bad_path else 0
        assert n_bad == done.n_bad, number
        assert read(target).height == done.n_rows if target.suffix == ".parquet" else True
        assert not target.with_name(f"{target.name}.unfinished").exists()
    assert refused < 400
