"""Word pieces on disk are those in memory, whatever the chunks, and are never copied."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.classifier.tokens import Tokens, read_shard, read_tokens, tokenise, write_tokens
from wsal.shards import shard_path

TEXTS = ["red kettle", "", "a laptop of very many words " * 9, "kettle 🫖 naïve", "novel"] * 5


@pytest.mark.parametrize("chunk", [1, 3, 25, 100])
def test_written_in_chunks_and_read_back(tiny, tmp_path, chunk):
    tokenizer = tiny(TEXTS).tokenizer
    chunks = (TEXTS[i : i + chunk] for i in range(0, len(TEXTS), chunk))
    n_pieces = write_tokens(tokenizer, chunks, 16, tmp_path / "pool")
    read, made = read_tokens(tmp_path / "pool"), tokenise(tokenizer, TEXTS, 16)
    assert len(read) == len(made) == len(TEXTS)
    assert n_pieces == sum(made.lengths)
    assert made.lengths.max() == 16
    for row, text in enumerate(TEXTS):
        expected = tokenizer(text, truncation=True, max_length=16)["input_ids"]
        assert read[row].tolist() == made[row].tolist() == expected
    assert isinstance(read.pieces, np.memmap)
    assert read.pieces.dtype == np.uint16


@pytest.mark.parametrize("cuts", [[0], [3], [1, 1, 24]])
def test_shards_read_as_one(tiny, tmp_path, cuts):
    tokenizer, bounds = tiny(TEXTS).tokenizer, [0, *cuts, len(TEXTS)]
    for number, (first, end) in enumerate(pairwise(bounds)):
        name = shard_path(tmp_path / "pool.tokens", number, len(cuts) + 1).with_suffix("")
        write_tokens(tokenizer, [TEXTS[first:end]], 16, name)
        shard = read_shard(tmp_path / "pool", 0)
        assert len(shard) == bounds[1]
    read, made = read_tokens(tmp_path / "pool"), tokenise(tokenizer, TEXTS, 16)
    assert [ids.tolist() for ids in read] == [ids.tolist() for ids in made]
    assert np.array_equal(read.lengths, made.lengths)
    assert np.array_equal(read.used(), made.used())
    rows = np.array([24, 0, 3, 3])
    assert [ids.tolist() for ids in read.take(rows)] == [made[row].tolist() for row in rows]


def test_no_texts_at_all(tiny, tmp_path):
    assert write_tokens(tiny(TEXTS).tokenizer, [], 16, tmp_path / "pool") == 0
    assert len(read_tokens(tmp_path / "pool")) == 0


@given(st.lists(st.integers(0, len(TEXTS) - 1)))
@settings(max_examples=20, deadline=None)
def test_some_texts_in_any_order(rows):
    pieces, bounds = np.arange(200), np.arange(0, 208, 8)
    tokens = Tokens(pieces, bounds[:-1], bounds[1:])
    taken = tokens.take(np.array(rows, dtype=np.int64))
    assert [taken[i].tolist() for i in range(len(taken))] == [tokens[r].tolist() for r in rows]
    assert taken.pieces is pieces
