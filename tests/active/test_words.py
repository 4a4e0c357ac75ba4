"""Words to ask about: those whose answer corrects the most labels in a second, and no others."""

import numpy as np
import pytest

from wsal.active import prices
from wsal.active.prices import seconds_of
from wsal.active.words import LEFT, MOST_SECONDS, choose_words

SECONDS = {"text": 4.0, "word": 5.0}
N, CLASSES = 2_000, 4


@pytest.fixture
def world():
    """Texts of four classes; the classifier is unsure of 400, of which it mostly has class 1."""
    draw = np.random.default_rng(0)
    truth = draw.integers(CLASSES, size=N)
    texts = np.array([f"thing{c} plain{i % 7}" for i, c in enumerate(truth)], dtype=object)
    probs = np.full((N, CLASSES), 0.02)
    probs[np.arange(N), truth] = 0.94
    unsure = draw.permutation(N)[:400]
    probs[unsure] = [0.2, 0.4, 0.2, 0.2]
    texts[unsure[:300]] = "arabica " + texts[unsure[:300]]  # one answer for all of these
    texts[unsure[300:]] = "robusta " + texts[unsure[300:]]
    mixed = np.arange(0, N, 4)
    texts[mixed] = "vendor " + texts[mixed]  # in every fourth text, of all classes
    return texts.tolist(), probs.astype(np.float32)


def chosen(world, answered=None, seconds=SECONDS, budget=160.0, weak=None, **more):
    texts, probs = world
    weak = np.zeros_like(probs) if weak is None else weak
    return choose_words(texts, probs, weak, answered or {}, seconds, budget, **more)


def test_words_of_many_unsure_texts_come_first_and_each_text_counts_once(world):
    words = chosen(world)
    assert [word.word for word in words[:2]] == ["arabica", "robusta"]
    assert words[0].predicted == 1
    assert words[0].gain == pytest.approx(words[0].helps * 300 * (0.6 - LEFT) / N, rel=0.01)
    assert {"vendor", "arabica vendor", "vendor arabica"}.isdisjoint(w.word for w in words)


def test_a_pair_and_a_word_of_it_are_not_asked_together(world):
    words = chosen(world, record=(2.0, 15.0))  # what is asked may well depend
    tokens = [token for word in words for token in word.word.split()]
    assert len(tokens) == len(set(tokens))


def test_an_answered_word_is_not_asked_again_and_settles_its_texts(world):
    assert [word.word for word in chosen(world, answered={"arabica": True})] == ["robusta"]
    after = [word.word for word in chosen(world, answered={"arabica": False})]
    assert "arabica" not in after
    assert any("arabica" in word for word in after)  # a pair may say more


def test_a_word_that_takes_long_is_not_worth_it(world):
    words = chosen(world, seconds={"text": 4.0, "word": 200.0}, budget=4_000.0)
    assert [word.word for word in words] == ["arabica"]
    assert chosen(world, seconds={"text": 4.0, "word": 1_000.0}, budget=4_000.0) == []


def test_words_take_at_most_half_of_the_time(world):
    assert len(chosen(world, budget=10.0)) == 10.0 * MOST_SECONDS // SECONDS["word"] == 1


def test_rules_that_contradict_the_classifier_show_that_the_answer_depends(world):
    texts, _ = world
    weak = np.eye(CLASSES, dtype=np.float32)[np.arange(N) % CLASSES]
    weak *= np.array([["arabica" in text] for text in texts])
    before = next(word for word in chosen(world) if word.word == "arabica")
    after = [word for word in chosen(world, weak=weak) if word.word == "arabica"]
    assert not after or after[0].helps < 0.3 * before.helps


def test_words_that_turned_out_to_depend_make_others_look_worse(world):
    before, after = chosen(world), chosen(world, record=(2.0, 15.0))
    assert after[0].helps == pytest.approx(before[0].helps * 7 / 20)
    assert after[0].gain < before[0].gain


def test_texts_without_a_frequent_word_have_nothing_to_ask():
    texts = [f"{i} {chr(97 + i)}" for i in range(20)]
    probs = np.full((20, 2), 0.5, np.float32)
    assert choose_words(texts, probs, probs * 0, {}, SECONDS, 160.0) == []


def test_a_price_is_learned_once_there_are_answers_enough():
    assert seconds_of({})["word"] == 5.0
    assert seconds_of({"word": [9.0] * 9})["word"] == 5.0
    assert seconds_of({"word": [9.0] * 6 + [7.0] * 5}) == prices.SECONDS | {"word": 9.0}
