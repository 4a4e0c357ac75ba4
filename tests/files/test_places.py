"""Tables elsewhere: each kind of file in a memory file system, and a local S3 server."""

import bz2
import gzip
import lzma
import zipfile

import fsspec
import polars as pl
import pyarrow as pa
import pytest

from wsal.api.pool import Pool
from wsal.building import build
from wsal.data.base import Layout
from wsal.data.table_file import TableFile
from wsal.errors import ConfigError, DataError
from wsal.files import lines
from wsal.files.places import Remote, place_digest, place_of
from wsal.stages.prepare import prepare

FRAME = pl.DataFrame(
    {"id": [f"a{i}" for i in range(40)], "title": [f"mug, n\u00b0 {i}" for i in range(40)],
     "kind": ["mug", "pan"] * 20}
)  # fmt: skip
LAYOUT = Layout(text=("title",), label="kind", id="id", test_share=0.0)


def packed(kind, content):
    """Compressed bytes."""
    if kind == "zst":
        return pa.compress(content, codec="zstd", asbytes=True)
    return {"gz": gzip, "bz2": bz2, "xz": lzma}[kind].compress(content)


def files_of_every_kind(folder):
    """Name -> the bytes of a file with the rows of `FRAME`."""
    csv = FRAME.write_csv().encode()
    FRAME.write_parquet(folder / "x.parquet")
    FRAME.write_excel(folder / "x.xlsx")
    with zipfile.ZipFile(folder / "x.csv.zip", "w") as file:
        file.writestr("x.csv", csv)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files |= {f"x.csv.{kind}": packed(kind, csv) for kind in ("gz", "bz2", "xz", "zst")}
    files["x.csv"] = csv
    files["x.tsv"] = files["x.txt"] = FRAME.write_csv(separator="\t").encode()
    files["y.csv"] = FRAME.write_csv(separator=";").encode("cp1252")
    files["x.jsonl"] = files["x.ndjson"] = FRAME.write_ndjson().encode()
    files["x.json"] = FRAME.write_json().encode()
    return files


def pool(folder, path, layout=LAYOUT, **options):
    """The pool that is prepared from an address, and the facts."""
    folder.mkdir(parents=True)
    source = TableFile(str(path), layout, **options)
    facts = prepare(folder, data=source, seed=0, shard_rows=1000)
    return pl.read_parquet(folder / "pool.parquet"), facts


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def test_every_kind_of_file_is_read_from_elsewhere(tmp_path, memory):
    (tmp_path / "files").mkdir()
    files = files_of_every_kind(tmp_path / "files")
    assert len(files) == 14
    (tmp_path / "x.csv").write_bytes(files["x.csv"])
    expected, _ = pool(tmp_path / "out", tmp_path / "x.csv")
    for name, content in files.items():
        memory.pipe(f"/shop/{name}/{name}", content)
        for number, address in enumerate((f"memory://shop/{name}/{name}", f"memory://shop/{name}")):
            table, _ = pool(tmp_path / f"out {name} {number}", address)
            assert table.equals(expected), address


def test_a_folder_elsewhere_is_its_files_by_name(tmp_path, memory):
    memory.pipe("/shop/b.csv", FRAME[25:].write_csv().encode())
    memory.pipe("/shop/a.csv", FRAME[:25].select("title", "kind", "id").write_csv().encode())
    memory.pipe("/shop/_SUCCESS", b"")
    memory.pipe("/shop/older/c.csv", b"x")
    table, _ = pool(tmp_path / "a", "memory://shop/")
    assert table["id"].to_list() == FRAME["id"].to_list()
    assert Pool.read("memory://shop", text="title", label="kind", test_share=0).texts.equals(
        table["text"]
    )
    with pytest.raises(DataError, match=r"file memory://shop/a\.cvs not found .*'a\.csv'"):
        pool(tmp_path / "b", "memory://shop/a.cvs")
    with pytest.raises(DataError, match=r"there is no folder memory://shops"):
        pool(tmp_path / "c", "memory://shops/a.csv")
    memory.pipe("/shop/c.csv", b"id,title\n1,mug\n")
    with pytest.raises(DataError, match=r"shop/a\.csv has a column 'kind' but .*shop/c\.csv does"):
        pool(tmp_path / "d", "memory://shop")


def test_remote_contents_are_identified_by_what_the_store_reports(memory):
    source = TableFile("memory://shop", LAYOUT)
    memory.pipe("/shop/a.csv", b"id,title\n1,mug\n")
    before = source.content()
    assert source.content() == before
    memory.pipe("/shop/a.csv", b"id,title\n1,pan\n")
    after = source.content()
    assert after != before
    memory.pipe("/shop/b.csv", b"id,title\n1,pan\n")
    assert source.content() != after
    assert TableFile("memory://shop/a.csv", LAYOUT).content() == after  # the same one file


def test_addresses_that_cannot_be_read_are_errors():
    with pytest.raises(ConfigError, match=r"gs:// needs gcsfs; install .*wsal\[gcs\]"):
        TableFile("gs://shop/a.csv", LAYOUT).content()
    with pytest.raises(ConfigError, match=r"az:// needs adlfs; install .*wsal\[azure\]"):
        TableFile("az://shop/a.csv", LAYOUT).read()
    with pytest.raises(DataError, match=r"sss:// cannot be read; known: abfs"):
        TableFile("sss://shop/a.csv", LAYOUT).read()


def test_an_address_in_the_configuration_stays_as_it_is(tmp_path):
    node = {"_target_": "wsal.data.table_file.TableFile", "layout": {"text": ["title"]}}
    assert build({**node, "path": "s3://shop/a.csv"}, "data").path == "s3://shop/a.csv"
    assert place_of("s3://shop/a.csv") == Remote("s3://shop/a.csv")
    assert place_of("shop/a.csv") == place_of(place_of("shop/a.csv"))
    with pytest.raises(ConfigError, match=r"data\.path is empty; give data\.path=FILE"):
        build({**node, "path": " "}, "data")


def test_only_parts_of_a_large_file_are_in_memory(memory, monkeypatch):
    """A chunk is handed on before the next is fetched."""
    monkeypatch.setattr(lines, "CHUNK_SIZE", 100)
    text = "".join(f"title {i} {'x' * 100}\n" for i in range(100_000))
    memory.pipe("/shop/a.csv", b"title\n" + text.encode())
    parts = TableFile("memory://shop/a.csv", Layout(text=("title",)), encoding="utf-8").parts()
    assert len(next(parts).rows) == 100
    memory.store["/shop/a.csv"].truncate(3_000_000)
    assert 20_000 < 100 + sum(len(part.rows) for part in parts) < 40_000


def test_records_that_cannot_be_parsed_are_put_aside(tmp_path, memory):
    memory.pipe("/shop/a.csv", b"title,kind\nmug,a\nred,mug,b\npan,b\n")
    memory.pipe("/shop/b.csv", b'title,kind\nmug 2,a\n"open,b\n')
    with pytest.raises(DataError, match=r"a\.csv line 3: 3 fields"):
        pool(tmp_path / "a", "memory://shop", Layout(text=("title",), label="kind"))
    layout = Layout(text=("title",), label="kind", test_share=0)
    table, facts = pool(tmp_path / "b", "memory://shop", layout, bad_records="aside")
    assert table["text"].to_list() == ["mug", "pan", "mug 2"]
    assert facts["n_bad_records"] == 2
    assert facts["n_rows"] == 3
    bad = pl.read_ndjson(tmp_path / "b" / "bad_records.jsonl")
    assert bad.select("file", "line", "raw").rows() == [
        ("a.csv", 3, "red,mug,b"), ("b.csv", 3, '"open,b')
    ]  # fmt: skip
    assert bad["reason"].str.len_chars().min() > 5
    memory.pipe("/json/a.jsonl", b'{"title": "mug", "kind": "a"}\n{"title": \n{"kind": "b"}\n')
    memory.pipe("/json/b.jsonl", b'{"title": "pan", "kind": "b"}\n')
    table, facts = pool(tmp_path / "c", "memory://json", layout, bad_records="aside")
    assert (table["text"].to_list(), facts["n_bad_records"]) == (["mug", "pan"], 1)
    assert "n_bad_records" not in pool(tmp_path / "d", "memory://json/b.jsonl", Layout(
        text=("title",), labels=("a", "b")), bad_records="aside")[1]  # fmt: skip
    assert not (tmp_path / "d" / "bad_records.jsonl").exists()


@pytest.fixture
def bucket(monkeypatch):
    """A bucket of an S3 server on this machine."""
    server = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    s3fs.S3FileSystem.clear_instance_cache()
    system = fsspec.filesystem("s3")
    system.mkdir("shop")
    yield system
    s3fs.S3FileSystem.clear_instance_cache()
    running.stop()


def test_tables_on_s3_are_read(tmp_path, bucket):
    FRAME.write_csv(tmp_path / "x.csv")
    expected, _ = pool(tmp_path / "out", tmp_path / "x.csv")
    FRAME[:30].write_parquet(tmp_path / "a.parquet")
    FRAME[30:].write_parquet(tmp_path / "b.parquet")
    for name in ("a.parquet", "b.parquet"):
        bucket.pipe(f"shop/parts/{name}", (tmp_path / name).read_bytes())
    bucket.pipe("shop/x.csv.gz", gzip.compress((tmp_path / "x.csv").read_bytes()))
    assert pool(tmp_path / "1", "s3://shop/parts")[0].equals(expected)
    assert pool(tmp_path / "2", "s3://shop/x.csv.gz")[0].equals(expected)
    before = place_digest(Remote("s3://shop/parts"))
    assert place_digest(Remote("s3://shop/parts/")) == before
    bucket.pipe("shop/parts/b.parquet", (tmp_path / "b.parquet").read_bytes())
    bucket.invalidate_cache()
    assert place_digest(Remote("s3://shop/parts")) == before  # the same bytes have the same etag
    bucket.pipe("shop/parts/b.parquet", (tmp_path / "a.parquet").read_bytes())
    bucket.invalidate_cache()
    assert place_digest(Remote("s3://shop/parts")) != before
    with pytest.raises(DataError, match=r"file s3://shop/y\.csv not found"):
        pool(tmp_path / "3", "s3://shop/y.csv")
