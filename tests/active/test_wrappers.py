"""Whose turn it is: a cold start ends when enough is labelled."""

from dataclasses import replace

import numpy as np
import pytest
from pools import candidates, labelled

from wsal.active.strategies import Dbal, Random
from wsal.active.typiclust import TypiClust
from wsal.active.wrappers import ColdStart, OnePerGroup, looks_everywhere
from wsal.seeding import rng


@pytest.mark.parametrize(("n", "turn"), [(0, "first"), (9, "first"), (10, "base"), (30, "base")])
def test_the_first_strategy_chooses_until_so_many_texts_are_labelled(n, turn):
    first, base = TypiClust(), Dbal()
    pool = replace(candidates(80), labelled=labelled(n) if n else None)
    chosen = ColdStart(base, first, labels=10).select(pool, 5, rng(1))
    expected = {"first": first, "base": base}[turn].select(pool, 5, rng(1))
    assert np.array_equal(chosen.rows, expected.rows)
    assert chosen.reasons == expected.reasons


def test_random_looks_everywhere_however_it_is_wrapped():
    assert looks_everywhere(OnePerGroup(Random()))
    assert not looks_everywhere(OnePerGroup(Dbal()))
