"""Summaries: what they count, how they add up, and that they hold no text."""

import numpy as np
import polars as pl
import pytest
from exported_fixtures import LABELS
from helpers import Opened

from wsal.errors import ConfigError
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.comparison import DRIFT, NONE, SLIGHT, compare
from wsal.serving.labelling import label_table
from wsal.serving.sources import Source
from wsal.serving.summaries import Summary, bin_names, summarise, total
from wsal.serving.tally import Tally
from wsal.serving.words import Words

WORDS = Words.of(pl.Series(["red kettle", "red mug", "blue mug 日本"]))


def test_words_are_counted_by_their_text():
    texts = pl.Series(["Red KETTLE", "green kettle!", "", "日本語", "…"])
    n_words, new, bits = WORDS.measure(texts)
    assert n_words.tolist() == [2, 2, 0, 3, 0]
    assert new.tolist() == [0, 1, 0, 1, 0]
    rarest = -np.log2(1 / 8)
    assert bits[0] == pytest.approx((-np.log2(2 / 8) + rarest) / 2, abs=0.1)
    assert bits[1] == pytest.approx(rarest, abs=0.1)
    assert bits[2] == 0


def test_words_are_written_without_any_word(tmp_path):
    WORDS.write(tmp_path)
    (file,) = tmp_path.iterdir()
    assert b"kettle" not in file.read_bytes()
    assert np.array_equal(Words.read(tmp_path).surprise, WORDS.surprise)


def test_every_text_is_in_one_bin_of_each_feature(engine):
    rng = np.random.default_rng(0)
    texts = [" ".join(["red"] * n) for n in range(1, 40)]
    classes, probs = rng.integers(0, 3, 39), np.append(rng.random(38), 1.0)
    made = summarise(engine.exported, WORDS, texts, classes, probs)
    assert {name: sum(counts) for name, counts in made.counts.items()} == dict.fromkeys(
        ("classes", "confidence", "words", "new_words", "distance"), 39
    )
    assert all(len(made.counts[name]) == len(bin_names(name)) for name in list(made.counts)[1:])
    assert made.counts["confidence"][-1] >= 1


def table_of(folder, n=60):
    frame = pl.DataFrame({"title": [f"red kettle {i % 40}" for i in range(n)] + [""]})
    frame.with_columns(brand=pl.lit("Brand")).write_csv(folder / "in.csv")
    return Source.of(folder / "in.csv")


def test_a_summary_is_the_same_however_the_table_is_cut(engine, tmp_path):
    source = table_of(tmp_path)
    options = PredictOptions(summary=True)
    made = [
        label_table(Opened(engine), source, tmp_path / f"{n}.csv", options, shard_rows=n).summary
        for n in (1_000, 7)
    ]
    assert made[0].n_texts == 41  # distinct ones, and that of the brand alone
    first, second = (one.without_times() for one in made)
    assert first == second
    assert label_table(Opened(engine), source, tmp_path / "x.csv", PredictOptions()).summary is None


def test_a_tally_counts_each_text_once(engine):
    tally = Tally(engine.exported, WORDS)
    tally.add(["red", "blue", "red", ""], np.array([0, 1, 0, 0]), np.array([0.5, 0.6, 0.5, 0]))
    tally.add(["blue", "mug"], np.array([1, 2]), np.array([0.6, 0.7]))
    assert (tally.summary.n_texts, tally.summary.counts["classes"]) == (3, [1, 1, 1])
    tally.begin_anew()
    assert tally.summary.n_texts == 0


def test_summaries_are_read_as_they_were_written(engine, tmp_path):
    made = summarise(engine.exported, WORDS, ["red mug"], np.array([2]), np.array([0.4]), "some")
    made.write(tmp_path / "s.json")
    assert Summary.read(tmp_path / "s.json") == made
    both = total([made, made])
    assert (both.n_texts, both.counts["classes"], both.about) == (2, [0, 0, 2], "some")
    assert "mug" not in (tmp_path / "s.json").read_text()


@pytest.mark.parametrize(
    "content", ["{}", "[1]", '{"model": "m"}', '{"model": "m", "labels": ["a"], "counts": 3}',
                '{"model": "m", "labels": ["a"], "counts": {"classes": [1, 2]}}'],
)  # fmt: skip
def test_a_file_that_is_no_summary_is_refused(tmp_path, content):
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(ConfigError, match=r"s\.json is"):
        Summary.read(tmp_path / "s.json")


def test_models_with_other_classes_are_compared_by_their_texts_alone(engine):
    made = summarise(engine.exported, WORDS, ["red mug"], np.array([2]), np.array([0.4]))
    other = Summary("m", ("a", "b"), 1, 0, {**made.counts, "classes": [1, 0]})
    with pytest.raises(ConfigError, match="different classes"):
        made.plus(other)
    (compared,) = compare(made, [("other", other)])
    assert "classes" not in {change.feature for change in compared.changes}
    assert compared.classes == []


def drawn(rng, n, shares, language="red kettle mug blue"):
    """A summary of `n` made-up texts."""

    class Exported:
        labels, digest = tuple(LABELS), "m"

        @staticmethod
        def abstains(classes, probabilities):
            return probabilities < 0.5

    texts = [" ".join(rng.choice(language.split(), 6)) for _ in range(n)]
    return summarise(Exported, WORDS, texts, rng.choice(3, n, p=shares), rng.beta(8, 2, n))


def test_verdicts_need_both_certainty_and_size():
    rng = np.random.default_rng(0)
    reference = drawn(rng, 4_000, [0.6, 0.3, 0.1])
    kinds = {
        "same": drawn(rng, 1_000, [0.6, 0.3, 0.1]),
        "slight": drawn(rng, 4_000, [0.55, 0.35, 0.1]),
        "class": drawn(rng, 1_000, [0.3, 0.3, 0.4]),
        "language": drawn(rng, 300, [0.6, 0.3, 0.1], "roter Kessel blaue Tasse"),
        "few": drawn(rng, 5, [0.0, 0.0, 1.0]),
    }
    made = {one.name: one for one in compare(reference, list(kinds.items()))}
    assert made["same"].verdict == NONE
    assert made["slight"].verdict == SLIGHT
    assert made["class"].verdict == DRIFT
    assert {c.feature for c in made["language"].changes if c.verdict == DRIFT} >= {"new_words"}
    assert [c.verdict for c in made["class"].changes if c.feature == "new_words"] == [NONE]


def test_false_alarms_are_as_rare_as_stated():
    rng = np.random.default_rng(1)
    shares = [0.6, 0.3, 0.1]
    alarms = [
        compare(drawn(rng, 500, shares), [("a", drawn(rng, 300, shares))])[0].verdict != NONE
        for _ in range(60)
    ]
    assert np.mean(alarms) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)
