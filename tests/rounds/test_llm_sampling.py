"""Which texts a language model votes on."""

from collections import Counter

import numpy as np
import pytest

from wsal.rounds.llm_sampling import (
    DISPUTED,
    MEASURES,
    NEEDED,
    OTHER,
    RANDOM,
    UNCOVERED,
    draw_sample,
    first_in_order,
)

N_VOTES = np.repeat([0, 1, 2], [300, 400, 300])
DISPUTE = np.arange(1_000) >= 850
FRAME = np.arange(0, 1_000, 5)


def random_order(texts, seed):
    return first_in_order([texts], [np.ones(len(texts), bool)], len(texts), seed)


def sample(size, *, measure=True, seed=0):
    order = random_order([str(n) for n in range(1_000)], seed)
    drawn = draw_sample(N_VOTES > 0, DISPUTE, FRAME, size, order, measure=measure)
    return drawn.rows, np.array(drawn.reasons)


def test_the_kinds_have_equal_parts_and_only_measuring_texts_are_in_the_frame():
    rows, reasons = sample(240)
    assert Counter(reasons.tolist()) == {UNCOVERED: 60, DISPUTED: 60, RANDOM: 60, MEASURES: 60}
    assert (np.isin(rows, FRAME) == (reasons == MEASURES)).all()
    assert (N_VOTES[rows[reasons == UNCOVERED]] == 0).all()
    assert DISPUTE[rows[reasons == DISPUTED]].all()
    assert len(np.unique(rows)) == len(rows)


def test_any_beginning_has_all_kinds():
    _, reasons = sample(240)
    for n in (12, 60, 120):
        counts = Counter(reasons[:n].tolist())
        assert len(counts) == 4
        assert max(counts.values()) - min(counts.values()) <= 1


def test_without_an_evaluation_sample_the_frame_is_left_out():
    rows, reasons = sample(240, measure=False)
    assert not np.isin(rows, FRAME).any()
    assert MEASURES not in reasons
    assert len(rows) == 240


def test_random_texts_take_the_place_of_what_runs_out():
    rows, reasons = sample(600, measure=False)
    counts = Counter(reasons.tolist())
    assert counts[RANDOM] == 600 - 200 - 120  # only 120 outside the frame are disputed
    assert OTHER in counts or len(rows) == 600


def test_the_whole_pool_can_be_asked():
    rows, _ = sample(2_000)
    assert len(np.unique(rows)) == len(rows) == 1_000


def test_random_texts_are_drawn_from_the_whole_pool_outside_the_frame():
    shares = []
    for seed in range(200):
        rows, reasons = sample(60, measure=False, seed=seed)
        shares.append((N_VOTES[rows[reasons == RANDOM]] == 0).mean())
    assert abs(np.mean(shares) - 0.3) < 0.02


def test_a_sample_stays_mostly_the_same_while_texts_join_and_leave():
    texts = [f"text {n}" for n in range(1_000)]
    changed = texts[50:] + [f"new text {n}" for n in range(100)]
    nothing = np.empty(0, np.int64)
    first, second = (
        {
            pool[row]
            for row in draw_sample(
                np.zeros(len(pool), bool), np.zeros(len(pool), bool), nothing, 300,
                random_order(pool, 0), measure=False,
            ).rows
        }
        for pool in (texts, changed)
    )  # fmt: skip
    assert len(first & second) > 250
    assert sum(text.startswith("new") for text in second) > 10


@pytest.mark.parametrize("size", [0, 7, 100, 240, 700])
@pytest.mark.parametrize("measure", [True, False])
def test_the_first_rows_of_each_kind_make_the_sample_that_all_rows_make(size, measure):
    in_frame, parts = (
        np.isin(np.arange(1_000), FRAME),
        [range(130), range(130, 131), range(131, 1_000)],
    )
    kinds = [in_frame, ~in_frame, ~in_frame & (N_VOTES == 0), ~in_frame & DISPUTE]
    texts = [[str(n) for n in part] for part in parts]
    order = first_in_order(texts, kinds, NEEDED * size, seed=3)
    drawn = draw_sample(N_VOTES > 0, DISPUTE, FRAME, size, order, measure=measure)
    rows, reasons = sample(size, measure=measure, seed=3)
    assert drawn.rows.tolist() == rows.tolist()
    assert drawn.reasons == reasons.tolist()
