"""What tests import from each other: paths, and a tiny classifier."""

import contextlib
import io
import os
import sys
from collections import namedtuple
from itertools import pairwise
from pathlib import Path

Done = namedtuple("Done", "returncode stdout stderr")
ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
THOROUGH = os.environ.get("WSAL_TESTS") == "thorough"  # make test-thorough


def by_default(quick, *, thorough):
    """The first value, or in `make test-thorough` the second: how many random cases to try."""
    return thorough if THOROUGH else quick


def options(group):
    """The names of a group's files."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def tiny_classifier(texts, n_classes=3, seed=0, encoder=None, **hardware):
    """A tiny random classifier whose words are those of some texts."""
    from wsal.classifier.encoder import new_classifier, new_tokenizer
    from wsal.labels import LabelSet
    from wsal.settings import EncoderSettings, HardwareSettings

    settings = EncoderSettings("tiny", max_length=32, precision="fp32", **(encoder or {}))
    labels = LabelSet(tuple(f"class {i}" for i in range(n_classes)))
    tokenizer = new_tokenizer(settings, texts)
    where = HardwareSettings(**{"device": "cpu", **hardware})
    return new_classifier(settings, where, labels, tokenizer, seed)


def with_head(classifier, times):
    """The classifier with a head so large that its labels differ."""
    import torch

    from wsal.classifier.head import last_layer

    with torch.no_grad():
        last_layer(classifier.model).weight.mul_(times)
    return classifier


ODD = [b'"', b'""', b",", b"\n", b"\r", b"\r\n", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe",
       b"{", b"}", b"\\ud83d", b"NaN", b"[" * 3000, "é".encode(), b"\t", b"1e999"]  # fmt: skip


def mutated(content, chance):
    """The bytes with one to four changes."""
    found = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        a, b = sorted(chance.choices(range(len(found) + 1), k=2))
        match chance.randrange(5):
            case 0 if a < len(found):
                found[a] = chance.randrange(256)
            case 1:
                found[a:a] = chance.choice(ODD)
            case 2:
                del found[a : min(b, a + 8)]
            case 3:
                found[b:b] = found[a:b]
            case 4 if a:
                del found[a:]
    return bytes(found)


class Opened:
    """A model for `label_table` that is open already."""

    backend = "onnx"

    def __init__(self, engine):
        self.engine, self.exported = engine, engine.exported

    def open(self):
        """The engine."""
        return self.engine


def compose_once():
    """Let Hydra not compose a configuration a first time, only to read `hydra.mode` in it.

    No file of conf/ or of a test sets that, so it would find None, as here. A third of the time of
    a short command is saved.
    """
    from hydra._internal.hydra import Hydra

    composed = Hydra.get_mode

    def get_mode(self, config_name, overrides):
        named = any("hydra.mode" in override for override in overrides)
        return composed(self, config_name, overrides) if named else None

    Hydra.get_mode = get_mode


def leave_files_in_memory():
    """Let `os.fsync` do nothing: it takes milliseconds, hundreds of times in a run.

    A killed process leaves behind what it wrote; only a power cut would not, and no test makes one.
    """
    os.fsync = lambda _: None


def run_here(folder, *words):
    """The command in this process: faster than one of its own, and as good where it ends early."""
    from wsal import cli

    out, err, code = io.StringIO(), io.StringIO(), 0
    before, argv = Path.cwd(), sys.argv
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            os.chdir(folder)
            sys.argv = ["wsal", *words]
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        finally:
            os.chdir(before)
            sys.argv = argv
            os.environ.pop("HYDRA_FULL_ERROR", None)  # set by the command
    return Done(code, out.getvalue(), err.getvalue())


def write_shards(frame, path, cuts, rows_of_group=3):
    """Write a table as a dataset of several files that end at these rows, and at the last."""
    from wsal.shards import shard_path

    parts = [frame[start:end] for start, end in pairwise([0, *cuts, len(frame)])]
    for number, part in enumerate(parts):
        file = shard_path(path, number, len(parts))
        part.write_parquet(file, row_group_size=rows_of_group)


def split_table(path, n_rows):
    """Split the file of a table, and the keys of its rows, into shards of `n_rows` rows each."""
    import numpy as np
    import polars as pl

    from wsal.data.row_keys import COLUMNS, keys_file
    from wsal.shards import shard_path

    frame = pl.read_parquet(path)
    path.unlink()
    write_shards(frame, path, range(n_rows, len(frame), n_rows))
    for kind in COLUMNS:
        file = path.with_name(keys_file(kind, path.stem))
        keys, firsts = np.load(file), range(0, len(frame), n_rows)
        file.unlink()
        for number, first in enumerate(firsts):
            np.save(shard_path(file, number, len(firsts)), keys[first : first + n_rows])


def mask(n, rows):
    """`(n,)`: true at these rows."""
    import numpy as np

    return np.isin(np.arange(n), rows)
