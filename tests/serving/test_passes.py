"""Passes over shards: however the input is cut and who works, the rows are those of one shard."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from helpers import Opened, by_default
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal import json_files
from wsal.errors import ConfigError, DataError, ModelError
from wsal.files import lines
from wsal.launch import sealing
from wsal.serving import answers
from wsal.serving.backends import Model
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.labelling import label_table
from wsal.serving.sources import Source
from wsal.settings import LauncherSettings


@pytest.fixture(autouse=True, scope="module")
def no_fsync():
    """Many shards are sealed here, and waiting for the disk would take minutes."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (sealing, json_files):
            patch.setattr(module, "fsync", lambda path: None)
        yield


WORDS = ["red kettle 2 l", "gaming laptop", "", "a novel", "kettle lid", "blue mug"]
ONE, TWO = LauncherSettings(), LauncherSettings(processes=2)


def label(model, source, target, shard_rows=1_000_000, launcher=ONE, **options):
    return label_table(
        model, Source.of(source), target, PredictOptions(fields=["title"], **options),
        launcher=launcher, shard_rows=shard_rows,
    )  # fmt: skip


def frame_of(titles):
    return pl.DataFrame({"n": range(len(titles)), "title": titles, "brand": "B"})


def counted(engine):
    """The engine, and the texts that it was given."""
    given = []

    def run(ids, mask):
        given.extend(bytes(row[kept > 0]) for row, kept in zip(ids, mask, strict=True))
        return engine.run(ids, mask)

    return replace(engine, run=run, n_threads=1), given


TABLE = st.lists(
    st.tuples(st.sampled_from(WORDS), st.integers(0, 5), st.booleans()), min_size=1, max_size=30
)


@settings(max_examples=by_default(6, thorough=100))
@given(TABLE, st.integers(4, 12), st.integers(1, 5), st.lists(st.integers(0, 40), max_size=3))
def test_shards_have_the_rows_of_one_file(engine, tmp_path_factory, table, size, group, cuts):
    """Parquet of several row groups in several files, and csv with bad lines and empty texts."""
    folder = tmp_path_factory.mktemp("t")
    titles = [f"{word} {k}" if word else "" for word, k, _ in table]
    frame = frame_of(titles)
    with pytest.MonkeyPatch.context() as patch:
        frame.write_parquet(folder / "whole.parquet")
        label(Opened(engine), folder / "whole.parquet", folder / "whole-out.parquet")
        expected = pl.read_parquet(folder / "whole-out.parquet")
        patch.setattr(lines, "CHUNK_SIZE", 3)
        patch.setattr(answers, "AT_ONCE", 2)
        ends = [0, *sorted(min(cut, len(frame)) for cut in cuts), len(frame)]
        (folder / "parts").mkdir()
        (folder / "texts").mkdir()
        for number, (start, end) in enumerate(pairwise(ends)):
            part = frame[start:end]
            part.write_parquet(folder / f"parts/{number}.parquet", row_group_size=group)
            rows = ["n,title,brand"]
            for n, title, is_bad in zip(part["n"], part["title"], [t[2] for t in table[start:end]],
                                        strict=True):  # fmt: skip
                rows += ["only one"] * is_bad + [f"{n},{title},B"]
            (folder / f"texts/{number}.csv").write_text("\n".join(rows) + "\n")
        tested, given = counted(engine)
        done = label(Opened(tested), folder / "parts", folder / "out", size)
        assert len(given) == len(set(titles) - {""}) == done.n_texts
        files = sorted((folder / "out").iterdir())
        assert [file.name for file in files] == [f"{n:05}.parquet" for n in range(len(files))]
        assert_same(pl.concat(map(pl.read_parquet, files)), expected)
        done = label(Opened(engine), folder / "texts", folder / "out.parquet", size)
        read = pl.read_parquet(folder / "out.parquet")
        assert_same(read.with_columns(pl.col("n").cast(pl.Int64)), expected)
        bad = [t[2] for t in table].count(True)
        assert (done.n_rows, done.n_bad) == (len(table), bad)
        if bad:
            bad_lines = [json.loads(line) for line in done.bad_path.read_text().splitlines()]
            lines_of = {name: (folder / "texts" / name).read_text().splitlines()
                        for name in {line["file"] for line in bad_lines}}  # fmt: skip
            assert all(lines_of[b["file"]][b["line"] - 1] == "only one" for b in bad_lines)
            assert len({(b["file"], b["line"]) for b in bad_lines}) == bad


def assert_same(frame, expected):
    """Equal, up to the last digits of probabilities: they depend on the neighbours in a batch."""
    exact = ["n", "title", "label", "abstain", "model"]
    frame = frame.with_columns(pl.col("title").fill_null(""))
    assert frame.select(exact).equals(expected.select(exact))
    both = [t["probability"].fill_null(0).to_list() for t in (frame, expected)]
    assert both[0] == pytest.approx(both[1], abs=1e-5)


def files_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def many(tmp_path):
    """A table of eight row groups, with repeats across them."""
    chance = np.random.default_rng(0)
    titles = [f"{WORDS[i]} {k}" for i, k in chance.integers(0, [6, 30], (400, 2))]
    frame_of(titles).write_parquet(tmp_path / "in.parquet", row_group_size=50)
    return tmp_path / "in.parquet"


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(folder, many, tmp_path):
    model = Model.of(folder, "onnx")
    label(model, many, tmp_path / "one", 100)
    label(model, many, tmp_path / "two", 100, TWO)
    assert len(files_of(tmp_path / "one")) == 4
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_after_a_kill_finished_shards_are_kept_and_the_bytes_are_the_same(engine, many, tmp_path):
    label(Opened(engine), many, tmp_path / "whole", 100)
    for moment in range(1, 5):
        tested, given = counted(engine)

        def run(ids, mask, tested=tested, moment=moment, calls=[]):  # noqa: B006
            calls.append(1)
            if len(calls) == moment:
                raise KeyboardInterrupt
            return tested.run(ids, mask)

        target = tmp_path / f"out{moment}"
        with pytest.raises(KeyboardInterrupt):
            label(Opened(replace(tested, run=run)), many, target, 100)
        assert not target.exists()
        before = len(given)
        done = label(Opened(tested), many, target, 100)
        assert before < done.n_texts == len(given)  # a partition is a batch, and none came twice
        assert files_of(target) == files_of(tmp_path / "whole")


@pytest.mark.slow
def test_a_run_with_two_processes_is_continued_by_one(folder, engine, many, tmp_path):
    model = Model.of(folder, "onnx")
    label(model, many, tmp_path / "whole", 100)
    (tmp_path / "broken").symlink_to(folder)
    broken = Broken(tmp_path / "broken", "onnx")
    with pytest.raises(ModelError, match="exit code -9"):
        label(broken, many, tmp_path / "out", 100, TWO)
    assert (tmp_path / "out.unfinished").exists()
    label(Model.of(folder, "onnx"), many, tmp_path / "out", 100)
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")


class Broken(Model):
    """A model whose process dies when it is opened."""

    def open(self):
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)


def test_an_input_that_changes_meanwhile_is_refused(engine, tmp_path):
    """A file that is added has as many rows as its neighbours, so that no count tells it."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, word in (("b", "kettle"), ("c", "laptop")):
        frame_of([word] * 3).write_parquet(folder / f"{name}.parquet")

    def run(ids, mask):
        frame_of(["novel"] * 3).write_parquet(folder / "a.parquet")
        return engine.run(ids, mask)

    with pytest.raises(DataError, match="changed while it was read"):
        label(Opened(replace(engine, run=run)), folder, tmp_path / "out", 3)
    assert not (tmp_path / "out").exists()
    label(Opened(engine), folder, tmp_path / "out", 3)
    titles = pl.read_parquet(tmp_path / "out")["title"].to_list()
    assert titles == ["novel"] * 3 + ["kettle"] * 3 + ["laptop"] * 3


def test_another_shard_size_begins_anew(engine, many, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        stop = replace(engine, run=lambda ids, mask: (_ for _ in ()).throw(KeyboardInterrupt))
        label(Opened(stop), many, tmp_path / "out.parquet", 100)
    label(Opened(engine), many, tmp_path / "out.parquet", 70)
    assert pl.read_parquet(tmp_path / "out.parquet").height == 400


def test_what_a_cascade_cannot_do_is_refused(engine, many, tmp_path):
    for options, message in [
        ({"top": 2}, "--cascade gives one class"), ({"agreement": 1.0}, "--agreement is 1.0"),
    ]:  # fmt: skip
        with pytest.raises(ConfigError, match=message):
            label(Opened(engine), many, tmp_path / "out", cascade=True, **options)
