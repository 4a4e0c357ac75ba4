"""Training a part of the embedding table gives what training the whole of it gives."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_training import SETTINGS, objective_of, plan_of, task

from wsal.classifier import training
from wsal.classifier.embedding_subset import SubsetEmbedding, only_used
from wsal.classifier.tokens import Tokens
from wsal.classifier.training import train
from wsal.classifier.training_run import TrainingRun

pytestmark = pytest.mark.slow

MORE = ["words that occur in no text of the task"]


def table_of(classifier):
    return classifier.model.get_input_embeddings().weight.detach().clone()


def trained(tiny, scratch, settings):
    classifier = tiny(task()[0] + MORE)
    before = table_of(classifier)
    objective = objective_of(classifier)
    train(classifier, objective, plan_of(2), TrainingRun(settings, scratch, 7, "test"))
    return classifier, before, objective.used()


@pytest.mark.parametrize("more", [{}, {"ema": 0.9, "layer_decay": 0.8, "max_grad_norm": 0.1}])
def test_as_with_the_whole_table(tiny, tmp_path, monkeypatch, more):
    settings = replace(SETTINGS, weight_decay=0.0, **more)
    part, before, used = trained(tiny, tmp_path / "part", settings)
    monkeypatch.setattr(training, "only_used", lambda *_: nullcontext())
    whole, _, _ = trained(tiny, tmp_path / "whole", settings)
    for one, other in zip(part.model.parameters(), whole.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
    assert not torch.equal(table_of(part)[used], before[used])


def test_what_does_not_occur_stays_bit_for_bit(tiny, tmp_path):
    classifier, before, used = trained(tiny, tmp_path, replace(SETTINGS, weight_decay=0.5))
    others = np.setdiff1d(np.arange(len(before)), used)
    assert len(others) > 5
    assert torch.equal(table_of(classifier)[others], before[others])
    assert type(classifier.model.get_input_embeddings()) is torch.nn.Embedding


def test_every_piece_is_known_when_it_is_looked_up():
    whole = torch.nn.Embedding(20, 4, padding_idx=0)
    subset = SubsetEmbedding(whole, np.array([0, 3, 7]))
    ids = torch.arange(20).reshape(4, 5)
    assert torch.equal(subset.eval()(ids), whole(ids))
    assert subset.weight.shape == (3, 4)
    subset.train()(torch.tensor([[3, 0, 7, 3]])).sum().backward()
    assert subset.weight.grad[:, 0].tolist() == [0, 2, 1]  # padding learns nothing


def test_the_whole_table_is_put_back_whatever_happens(tiny):
    classifier = tiny(task()[0])
    whole, used = classifier.model.get_input_embeddings(), np.array([1, 5])
    with pytest.raises(KeyError), only_used(classifier.model, used):
        assert classifier.model.get_input_embeddings().weight.shape[0] == 3  # and padding
        with torch.no_grad():
            classifier.model.get_input_embeddings().weight.fill_(2.0)
        raise KeyError
    assert classifier.model.get_input_embeddings() is whole
    assert whole.weight[[0, 1, 5]].eq(2).all()
    assert not whole.weight[2].eq(2).any()


def test_used_pieces_are_those_of_the_texts_taken():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 6, size=50)
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    tokens = Tokens(
        rng.integers(0, 900, size=bounds[-1]).astype(np.uint16), bounds[:-1], bounds[1:]
    )
    rows = rng.permutation(50)[:17]
    slow = sorted({int(piece) for row in rows for piece in tokens[row]})
    assert tokens.take(rows).used().tolist() == slow
