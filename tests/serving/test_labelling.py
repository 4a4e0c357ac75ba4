"""`label_table` and `wsal predict`: all rows and columns, in their order, whatever they come as."""

import argparse
import gzip
import io
import json
import random
import shutil
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import fork_server
import numpy as np
import polars as pl
import pytest
from helpers import Opened, by_default, mutated

from wsal.commands.predict import add_options
from wsal.commands.predict import run as predict_command
from wsal.errors import ConfigError, DataError
from wsal.files import lines, read_table
from wsal.serving import answers
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.engine import softmax
from wsal.serving.exported import Exported
from wsal.serving.labelling import label_table
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


def label(engine, source, target, *, force=False, **options):
    options = PredictOptions(**options)
    return label_table(Opened(engine), Source.of(source), target, options, force=force)


@pytest.fixture
def small(monkeypatch):
    """Chunks of two records, and parts of two texts."""
    monkeypatch.setattr(lines, "CHUNK_SIZE", 2)
    monkeypatch.setattr(answers, "AT_ONCE", 2)


@pytest.mark.parametrize("target", [*FILES, ""])
@pytest.mark.parametrize("source", [*FILES, ""])
def test_each_kind_becomes_each_kind(engine, tmp_path, small, source, target):
    names = [f"{name}.{kind}" if kind else name for name, kind in (("in", source), ("out", target))]
    done = label(engine, write(FRAME, tmp_path / names[0]), tmp_path / names[1])
    table = read(tmp_path / names[1])
    assert (done.n_rows, done.n_bad, done.bad_path) == (7, 0, None)
    assert table.columns == [*FRAME.columns, *ADDED]
    assert table["id"].cast(pl.Int64).to_list() == list(range(7))
    blank = pl.col("title", "brand").fill_null("").str.strip_chars()
    assert table.select(blank).equals(FRAME.select(blank))
    texts = engine.exported.text_of(FRAME).to_list()
    probs = softmax(engine.logits(engine.exported.pieces(texts)))
    names_of_best = [engine.exported.labels[row.argmax()] for row in probs]
    expected = [name if text else None for text, name in zip(texts, names_of_best, strict=True)]
    assert table["label"].to_list() == expected
    best = [float(row.max()) if text else None for text, row in zip(texts, probs, strict=True)]
    assert table["probability"].to_list() == pytest.approx(best, abs=1e-5)
    assert set(table["model"]) == {engine.exported.digest}
    assert [p.name for p in tmp_path.iterdir() if "out" in p.name] == [names_of(target)]


def names_of(kind):
    return f"out.{kind}" if kind else "out"


def test_below_its_threshold_a_class_is_abstained_on(engine, tmp_path):
    write(FRAME, tmp_path / "in.csv")
    for least, n in ((0.0, 2), (2.0, 7)):  # two rows have no text
        strict = replace(engine.exported, thresholds=np.full(3, least))
        summary = label(replace(engine, exported=strict), tmp_path / "in.csv", tmp_path / "out.csv")
        assert summary.n_abstained == n
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
    options = {"fields": ["name", "brand"], "top": 3, "prefix": "m_"}
    label(engine, tmp_path / "in.csv", tmp_path / "out.csv", **options)
    table = read(tmp_path / "out.csv")
    assert table["label"].unique().to_list() == ["mine"]
    labelled = table.drop_nulls("m_label")
    labels = labelled.select("m_label", "m_label_2", "m_label_3").rows()
    assert {tuple(sorted(row)) for row in labels} == {tuple(sorted(engine.exported.labels))}
    sums = labelled.select("m_probability", "m_probability_2", "m_probability_3").sum_horizontal()
    assert sums.to_list() == pytest.approx([1] * len(labelled), abs=1e-5)
    assert not list(tmp_path.glob("*.unfinished"))


def test_json_values_keep_their_kinds(engine, tmp_path):
    records = [
        {"title": "red kettle", "n": 1, "big": 2**70, "deep": {"a": [1, None]}, "mixed": 1},
        {"title": "a novel", "n": None, "yes": True, "mixed": "x", "é": 0.5},
        {"brand": "Acme", "n": 2.5},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    label(engine, source, tmp_path / "out.jsonl")
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [{k: v for k, v in record.items() if k not in ADDED} for record in written] == records
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
    (tmp_path / "in.csv").write_bytes(
        "title,brand\né,ü\nonly one\n".encode() + b"\xff,b\n\xc3\xbc,d\n"
    )
    done = label(engine, tmp_path / "in.csv", tmp_path / "out.csv")
    assert (done.n_rows, done.n_bad) == (2, 2)
    bad = [json.loads(line) for line in done.bad_path.read_text().splitlines()]
    assert [(line["line"], line["raw"]) for line in bad] == [(3, "only one"), (4, "\\xff,b")]
    (tmp_path / "in.csv").write_bytes(b"title,brand\na,b\n")
    label(engine, tmp_path / "in.csv", tmp_path / "out.csv")
    assert not done.bad_path.exists()


def test_nothing_that_is_there_is_written_over(engine, tmp_path):
    source = write(FRAME, tmp_path / "in.csv")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"x")
    for target, message in [
        (source, "is the input"),
        (tmp_path / "photos", "is not empty"),
        (tmp_path / "nowhere" / "out.csv", "there is no folder"),
        (tmp_path / "out.cvs", "did you mean 'csv'"),
    ]:
        with pytest.raises(ConfigError, match=message):
            label(engine, source, target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "photos"]


def test_what_wsal_did_not_write_is_written_over_by_force_alone(engine, tmp_path):
    source = write(FRAME, tmp_path / "in.csv")
    for name, content in [
        ("out.csv", b"price list\n"), ("out.jsonl", b'{"label": "x", "model": "y"}\n'),
        ("out.parquet", b"no parquet"), ("out.xlsx", b"PK\x03\x04"), ("out.tsv", b"\xff\x00"),
    ]:  # fmt: skip
        target = tmp_path / name
        target.write_bytes(content)
        with pytest.raises(ConfigError, match=r"not written by wsal predict.*--force"):
            label(engine, source, target)
        assert target.read_bytes() == content
        assert label(engine, source, target, force=True).n_rows == 7
        label(engine, source, target)  # its own, which may be written over
        label(engine, source, target, prefix="m_")
        label(engine, source, target)
    (tmp_path / "empty.csv").touch()
    label(engine, source, tmp_path / "empty.csv")
    with pytest.raises(ConfigError, match="is the input"):
        label(engine, source, source, force=True)


def test_predict_and_prepare_read_the_same_rows(engine, tmp_path):
    """In whatever dialect: rows are those that training would get."""
    titles = ['Monitor 27" 4K', "Café; crème", "Büro, Stuhl", "a\nb", "zero\u200bwidth"]
    rows = [f'{i};"{title.replace(chr(34), chr(34) * 2)}";B' for i, title in enumerate(titles)]
    text = "sep=;\r\nid;title;brand\r\n" + "\r\n;;\r\n".join(rows) + "\r\n\r\n"
    for name, content in [
        ("a.csv", text.encode("utf-16")), ("b.csv.gz", gzip.compress(text.encode())),
        ("c.txt", text.replace("\u200b", "").encode("cp1252")),
        ("d.tsv", text.replace(";;", "\t\t").replace("sep=;\r\n", "").replace(";", "\t").encode()),
    ]:  # fmt: skip
        path = tmp_path / name
        path.write_bytes(content)
        target = tmp_path / f"{name}.parquet"
        done = label(engine, path, target)
        assert (done.n_rows, done.n_bad) == (5, 0), name
        assert read(target).select("id", "title", "brand").equals(read_table(path)), name


def test_a_table_in_which_nothing_is_a_record_is_refused(engine, tmp_path):
    for name, content, words in [
        ("a.csv", b"title,brand\nx\ny\n", "2 lines that cannot be parsed:\n  line 2: 1 field"),
        ("b.jsonl", b"title\nbrand\n", "2 lines that cannot be parsed:\n  line 1: Expecting value"),
        ("c.csv", b"title,brand\n", "has no rows"),
        ("d.csv", "title,brand\nКофе,Кофе\n".encode("cp1251"), "not UTF-8"),
    ]:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError, match=words):
            label(engine, path, tmp_path / "out.csv")
        assert not [p for p in tmp_path.iterdir() if "out" in p.name]


def test_fields_that_are_no_text_are_refused(engine, tmp_path):
    for title, held in [([["a"], ["b"]], "lists"), ([b"a", b"b"], "bytes"),
                        ([{"a": 1}, {"a": 2}], "objects")]:  # fmt: skip
        frame = pl.DataFrame({"title": title, "brand": ["x", "y"]})
        frame.write_parquet(tmp_path / "in.parquet")
        with pytest.raises(DataError, match=rf"in\.parquet: column 'title' holds {held}"):
            label(engine, tmp_path / "in.parquet", tmp_path / "out.csv")
    (tmp_path / "in.jsonl").write_text('{"title": ["a"]}\n{"title": "b"}\n')
    with pytest.raises(DataError, match=r"in\.jsonl: column 'title' holds lists"):
        label(engine, tmp_path / "in.jsonl", tmp_path / "out.csv")


def test_numbers_beyond_what_json_knows_cost_their_line(engine, tmp_path):
    rows = [
        '{"title": "a", "n": 1e400}',
        '{"title": "b", "n": -1e400}',
        '{"title": "c", "n": 1e30}',
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(rows))
    done = label(engine, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    [written] = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert (written["title"], written["n"], done.n_bad) == ("c", 1e30, 2)
    assert "Infinity" not in (tmp_path / "out.jsonl").read_text()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_folder_of_files_goes_on_after_a_kill(engine, tmp_path, small, kind):
    folder = tmp_path / "in"
    folder.mkdir()
    write(FRAME[:3], folder / f"a.{kind}")
    write(FRAME[3:].select("title", "brand", "id"), folder / f"b.{kind}")
    label(engine, folder, tmp_path / "whole")
    assert [p.name for p in (tmp_path / "whole").iterdir()] == ["00000.parquet"]
    expected = [str(i) for i in range(7)]
    assert read(tmp_path / "whole")["id"].cast(pl.String).to_list() == expected
    for moment in range(1, 3):
        n_run = []

        def run(ids, mask, n_run=n_run, moment=moment):
            n_run.append(1)
            if len(n_run) == moment:
                raise KeyboardInterrupt
            return engine.run(ids, mask)

        target = tmp_path / f"out{moment}.jsonl"
        with pytest.raises(KeyboardInterrupt):
            label(replace(engine, run=run, n_threads=1), folder, target)
        label(engine, folder, target)
        assert pl.read_ndjson(target)["id"].cast(pl.String).to_list() == expected


def test_a_folder_of_unlike_files_is_refused_by_name(engine, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    frame = FRAME.select("title", "brand", pl.lit(1).alias("n"))
    write(frame, folder / "a.parquet")
    write(frame.with_columns(n=pl.lit("x")), folder / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet has columns of other types"):
        label(engine, folder, tmp_path / "out.csv")
    write(frame.drop("n"), folder / "b.parquet")
    with pytest.raises(DataError, match=r"a\.parquet has a column 'n' but .*b\.parquet does not"):
        label(engine, folder, tmp_path / "out2.csv")


def test_a_run_instead_of_its_exported_model_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "shop").mkdir(parents=True)
    (tmp_path / "runs" / "shop" / "exported").symlink_to(folder)
    (tmp_path / "runs" / "new" / "source").mkdir(parents=True)
    for given in ("runs/shop", "shop"):
        with pytest.raises(ConfigError, match=f"{given} .*did you mean runs/shop/exported"):
            Exported.open(Path(given))
    with pytest.raises(ConfigError, match="runs/new is a run that was not exported"):
        Exported.open(Path("runs/new"))
    with pytest.raises(ConfigError, match="there is no folder shpo"):
        Exported.open(Path("shpo"))


def test_order_and_neighbours_change_no_label(engine, tmp_path):
    rows = pl.concat([FRAME, FRAME.with_columns(title=pl.lit("a much longer title " * 9)), FRAME])
    shuffled = rows.with_row_index("place").sample(fraction=1, shuffle=True, seed=1)
    label(engine, write(rows, tmp_path / "a.parquet"), tmp_path / "x.parquet")
    label(engine, write(shuffled, tmp_path / "b.parquet"), tmp_path / "y.parquet")
    ordered, shuffled = read(tmp_path / "x.parquet"), read(tmp_path / "y.parquet").sort("place")
    assert ordered["label"].equals(shuffled["label"])
    assert ordered["probability"].fill_null(0).to_list() == pytest.approx(
        shuffled["probability"].fill_null(0).to_list(), abs=1e-5
    )


def test_what_is_done_is_not_computed_again(engine, tmp_path, small):
    source, target = write(FRAME, tmp_path / "in.csv"), tmp_path / "out.csv"
    label(engine, source, tmp_path / "whole.csv")
    computed = []

    def run(ids, mask):
        computed.append(len(ids))
        if len(computed) == 2:
            raise KeyboardInterrupt
        return engine.run(ids, mask)

    broken = replace(engine, run=run, n_threads=1)
    with pytest.raises(KeyboardInterrupt):
        label(broken, source, target)
    assert not target.exists()
    before = len(computed)
    label(broken, source, target)
    assert sum(computed[before:]) < 4
    assert target.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    with pytest.raises(DataError):  # another table begins anew
        label(engine, write(FRAME.select("id"), source), target)


def run_command(folder, *arguments):
    """What `wsal predict` does, in this process."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    arguments = [str(argument) for argument in (folder, *arguments, "--backend", "onnx")]
    predict_command(parser.parse_args(arguments))


def test_a_model_without_thresholds_says_that_it_never_abstains(folder, tmp_path, capsys):
    source, words = write(FRAME, tmp_path / "in.csv"), "the model has no thresholds"
    run_command(folder, source, tmp_path / "out.csv")
    assert words not in capsys.readouterr().out
    copy = shutil.copytree(folder, tmp_path / "model")
    (copy / "thresholds.json").write_text('{"classes": {}}')
    run_command(copy, source, tmp_path / "other.csv")
    assert f"{words}, so it abstains only on empty texts, however" in capsys.readouterr().out
    assert "abstain" in read(tmp_path / "other.csv").columns


def test_the_command_takes_the_options_of_the_reader(folder, tmp_path, capsys):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes("Прайс,лист\nid/title/brand\n1/чайник, красный/x\n".encode("cp1251"))
    target.write_text("precious\n")
    options = ["--delimiter", "/", "--encoding", "cp1251", "--header-row", "2"]
    with pytest.raises(ConfigError, match="--force"):
        run_command(folder, source, target, *options)
    run_command(folder, source, target, *options, "--force")
    assert read(target)["title"].to_list() == ["чайник, красный"]
    assert "labelled 1 rows" in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"predict\.delimiter is 'ab'.*expected comma"):
        run_command(folder, source, target, "--delimiter", "ab")
    import xlsxwriter

    with xlsxwriter.Workbook(tmp_path / "in.xlsx") as book:
        book.add_worksheet("notes").write(0, 0, "hello")
        book.add_worksheet("data").write_column(0, 0, ["title", "mug"])
    with pytest.raises(DataError, match=r"sheets: notes, data"):
        run_command(folder, tmp_path / "in.xlsx", target, "--fields", "title")
    run_command(folder, tmp_path / "in.xlsx", target, "--fields", "title", "--sheet", "data")
    assert read(target)["title"].to_list() == ["mug"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--launcher", "ray", "--processes", "2"], "use --ray-actors"),
        (["--launcher", "ray", "--ray-gpus", "-1"], "ray.gpus is -1"),
        (["--ray-actors", "0"], "ray.actors is 0"),
        (["--processes", "0"], "processes is 0"),
    ],
)
def test_wrong_options_of_launchers_are_refused(folder, tmp_path, options, message):
    (tmp_path / "in.csv").write_text("title\nmug\n")
    with pytest.raises(ConfigError, match=message):
        run_command(folder, tmp_path / "in.csv", tmp_path / "out", *options)
    assert not (tmp_path / "out.unfinished").exists()


def test_standard_input_in_other_dialects(folder, tmp_path, monkeypatch):
    for sent, options in [
        ("sep=;\nid;title;brand\n1;Büro, rot;x\n".encode("utf-16"), ["--encoding", "utf-16"]),
        ("id|title|brand\n1|Büro, rot|x\n".encode("utf-8-sig"), []),
    ]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(sent)))
        run_command(folder, "-", tmp_path / "out.csv", "--format", "csv", *options)
        assert read(tmp_path / "out.csv")["title"].to_list() == ["Büro, rot"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("title\n".encode("utf-16"))))
    with pytest.raises(DataError, match="standard input is UTF-16; name it with --encoding"):
        run_command(folder, "-", tmp_path / "out.csv", "--format", "csv")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"title,brand\nx\ny\n")))
    with pytest.raises(DataError, match="standard input has 2 lines that cannot be parsed"):
        run_command(folder, "-", "-", "--format", "csv")


COMMAND = [sys.executable, "-c", "from wsal.cli import main; main()", "predict"]


def predict(folder, *arguments, sent=None):
    return fork_server.run(
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
    parts, times = "answered/checkpoints/predict/00000.parts/*.npy", []
    for least in (1, 3):
        process = fork_server.Popen([*COMMAND, folder, source, target, "--backend", "onnx"])
        while process.poll() is None and len(list(work.glob(parts))) < least:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not target.exists()
        times.append({p.name: p.stat().st_mtime_ns for p in work.glob(parts)})
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
    assert b"line 3: 1 field; the header has 2" in done.stderr
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
    chance = random.Random(kind)
    whole = write(FRAME, tmp_path / f"whole.{kind}").read_bytes()
    refused, source = 0, tmp_path / f"in.{kind}"
    n_files = by_default(100, thorough=400)
    for number in range(n_files):
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
    assert refused < n_files
