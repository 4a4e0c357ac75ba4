"""Which texts a language model votes on."""

from collections import Counter

import numpy as np

from wsal.rounds.llm_sampling import (
    DISPUTED,
    MEASURES,
    OTHER,
    RANDOM,
    UNCOVERED,
    draw_sample,
    random_order,
)

N_VOTES = np.repeat([0, 1, 2], [300, 400, 300])
DISPUTE = np.where(np.arange(1_000) >= 850, 1.0, 0.0)
FRAME = np.arange(0, 1_000, 5)


def sample(size, *, measure=True, seed=0):
    order = random_order(map(str, range(1_000)), seed)
    drawn = draw_sample(N_VOTES, DISPUTE, FRAME, size, order, measure=measure)
    return drawn.rows, np.array(drawn.reasons)


def test_the_kinds_have_equal_parts_and_only_measuring_texts_are_in_the_frame():
    rows, reasons = sample(240)
    assert Counter(reasons.tolist()) == {UNCOVERED: 60, DISPUTED: 60, RANDOM: 60, MEASURES: 60}
    assert (np.isin(rows, FRAME) == (reasons == MEASURES)).all()
    assert (N_VOTES[rows[reasons == UNCOVERED]] == 0).all()
    assert (DISPUTE[rows[reasons == DISPUTED]] > 0).all()
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
                np.zeros(len(pool)), np.zeros(len(pool)), nothing, 300,
                random_order(pool, 0), measure=False,
            ).rows
        }
        for pool in (texts, changed)
    )  # fmt: skip
    assert len(first & second) > 250
    assert sum(text.startswith("new") for text in second) > 10
