"""Whose turn it is: a cold start ends when enough is labelled."""

from dataclasses import replace

import numpy as np
import pytest
from pools import candidates, labelled

from wsal.active.strategies import Dbal, Margin, Random
from wsal.active.typiclust import TypiClust
from wsal.active.wrappers import (
    ClassCap,
    ColdStart,
    Mix,
    OnePerGroup,
    candidate_sizes,
)
from wsal.seeding import rng


@pytest.mark.parametrize(("n", "turn"), [(0, "first"), (9, "first"), (10, "base"), (30, "base")])
def test_the_first_strategy_chooses_until_so_many_texts_are_labelled(n, turn):
    first, base = TypiClust(), Dbal()
    pool = replace(candidates(80), labelled=labelled(n) if n else None)
    chosen = ColdStart(base, first, labels=10).select(pool, 5, rng(1))
    expected = {"first": first, "base": base}[turn].select(pool, 5, rng(1))
    assert np.array_equal(chosen.rows, expected.rows)
    assert chosen.reasons == expected.reasons


COLD = ColdStart(Dbal(), first=TypiClust(), labels=10)
HALF = Mix({"unsure": Margin(), "random": Random()}, {"unsure": 1, "random": 1})


@pytest.mark.parametrize(
    ("strategy", "n_labelled", "sizes"),
    [
        (Random(), 0, (100, 0)),
        (Dbal(), 0, (0, 100)),
        (OnePerGroup(ClassCap(Random())), 0, (100, 0)),
        (COLD, 9, (100, 0)),
        (COLD, 10, (0, 100)),
        (OnePerGroup(COLD), 9, (100, 0)),
        (HALF, 0, (50, 50)),
        (Mix({"a": Random(), "b": TypiClust()}, {"a": 1, "b": 1}), 0, (100, 0)),
        (Mix({"a": Random(), "b": Dbal()}, {"a": 0, "b": 1}), 0, (0, 100)),  # a is never asked
        (ColdStart(Dbal(), first=HALF, labels=10), 0, (50, 50)),
        (Mix({"a": COLD, "b": Dbal()}, {"a": 1, "b": 1}), 0, (50, 50)),
        (Mix({"a": COLD, "b": Dbal()}, {"a": 1, "b": 1}), 10, (0, 100)),
    ],
)
def test_every_part_that_chooses_now_gets_the_candidates_it_needs(strategy, n_labelled, sizes):
    assert candidate_sizes(strategy, n_labelled, 100) == sizes


def test_the_random_part_of_a_mix_never_draws_from_texts_that_were_listed_as_unsure():
    drawn = np.arange(80) % 2 == 0
    pool = replace(candidates(80), drawn=drawn)
    for seed in range(20):
        chosen = HALF.select(pool, 10, rng(seed))
        at_random = [why == "drawn at random" for why in chosen.reasons]
        assert sum(at_random) == 5
        assert drawn[chosen.rows[at_random]].all()


def test_a_mix_stays_whole_where_too_few_were_drawn_at_random():
    pool = replace(candidates(20), drawn=np.arange(20) < 2)
    assert len(HALF.select(pool, 10, rng(0)).rows) == 10
