"""The cascade: what is certified holds, and a bad student answers nothing."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from helpers import by_default
from scipy.stats import binom

from wsal.classifier.rejection import Rejection
from wsal.serving import cascade
from wsal.serving.certify import certify
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.labelling import label_table
from wsal.serving.sources import Source
from wsal.serving.student import features, fit_student, load_student

N_DRAWS = by_default(400, thorough=4_000)


def agreement_at(confidence):
    """The true chance of agreement, which rises with confidence from 0.9 to 1."""
    return 0.9 + 0.1 * confidence


def draw(chance, n, agrees=agreement_at):
    confidence = chance.random(n)
    return confidence, chance.random(n) < agrees(confidence)


def test_the_certified_agreement_holds_in_repeated_draws():
    chance, wrong, certified = np.random.default_rng(0), 0, 0
    for _ in range(N_DRAWS):
        result = certify(draw(chance, 2_000), draw(chance, 2_000), 0.97)
        if result:
            certified += 1
            wrong += (agreement_at(result.least) + 1) / 2 < 0.97  # the mean above the threshold
    assert certified > 0.7 * N_DRAWS
    assert wrong <= binom.ppf(0.999, N_DRAWS, 0.05)


def test_a_student_that_nowhere_agrees_enough_is_not_certified_more_often_than_allowed():
    chance = np.random.default_rng(1)
    barely = [
        certify(*(draw(chance, 2_000, lambda c: 0.9699 + 0 * c) for _ in range(2)), 0.97)
        for _ in range(N_DRAWS)
    ]
    assert sum(map(bool, barely)) <= binom.ppf(0.999, N_DRAWS, 0.05)
    nothing = (np.empty(0), np.empty(0, dtype=bool))
    assert certify(nothing, nothing, 0.97) is None


KINDS = ["kettle", "laptop", "novel"]


def titles_of(n, seed=0):
    """A word that decides the class, a number, and words without information."""
    chance = np.random.default_rng(seed)
    fill = chance.integers(0, 50, (n, 3))
    return [f"{KINDS[i % 3]} w{a} w{b} x{c} {i}" for i, (a, b, c) in enumerate(fill)]


class Simulated:
    """An engine whose class is that of the decisive word, or random."""

    def __init__(self, engine, *, is_random=False, rejects=""):
        self.texts = {}
        exported = replace(engine.exported, thresholds=np.array([0.0, 0.0, 0.97]))
        if rejects:
            means = {"means": np.eye(2, dtype=np.float32)[:1]}
            exported = replace(exported, rejection=Rejection("means", means, -0.5))
        self.calls = []
        word = {kind: int(exported.pieces([kind])[0][1]) for kind in KINDS}
        assert len(set(word.values())) == 3, "the tokenizer has to know the words"

        def run(ids, mask):
            self.calls.append(len(ids))
            classes = np.array([[word[k] in row[:4] for k in KINDS] for row in ids]).argmax(axis=1)
            if is_random:
                classes = ids.sum(axis=1) * 7919 % 3
            logits = np.zeros((len(ids), 3), dtype=np.float32)
            logits[np.arange(len(ids)), classes] = 6
            if not rejects:
                return logits
            is_none = classes == KINDS.index(rejects)
            return np.column_stack([logits, ~is_none, is_none]).astype(np.float32)

        self.engine = replace(engine, exported=exported, run=run, n_threads=1)
        self.backend, self.exported = "onnx", exported

    def open(self):
        return self.engine


@pytest.fixture
def words(engine, monkeypatch):
    """A tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    texts = [word for text in titles_of(4_000) for word in text.split()]
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sorted(set(texts) | set(KINDS))]
    tokenizer = Tokenizer(
        models.WordLevel({name: n for n, name in enumerate(names)}, unk_token=names[1])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    monkeypatch.setattr(cascade, "AT_ONCE", 300)
    return replace(engine, exported=replace(engine.exported, tokenizer=tokenizer))


def run(model, tmp_path, name, n=6_000, **options):
    frame = pl.DataFrame({"title": titles_of(n), "brand": pl.Series([None] * n, dtype=pl.String)})
    if not (tmp_path / "in.parquet").exists():
        frame.write_parquet(tmp_path / "in.parquet", row_group_size=1_000)
    target = tmp_path / name
    done = label_table(
        model, Source.of(tmp_path / "in.parquet"), target,
        PredictOptions(fields=["title"], cascade=True, **options), shard_rows=2_000,
    )  # fmt: skip
    return done, pl.read_parquet(target)


def test_a_student_that_is_sure_saves_the_classifier_work(words, tmp_path):
    model = Simulated(words)
    done, table = run(model, tmp_path, "out.parquet")
    fitted, n_classified = done.cascade, sum(model.calls)
    assert fitted.certificate.agreement >= fitted.certificate.at_least == 0.99
    assert done.n_student > 0.5 * done.n_texts
    assert n_classified == done.n_texts - done.n_student  # no text is classified twice
    by = table["labelled_by"].to_list()
    assert (by.count("student"), by.count("classifier")) == (done.n_student, n_classified)
    of_kind = {kind: label for kind, label in zip(KINDS, words.exported.labels, strict=True)}
    right = [
        of_kind[t.split()[0]] == name for t, name in zip(*table["title", "label"], strict=True)
    ]
    assert np.mean(right) > 0.99
    assert table.filter(labelled_by="student")["probability"].is_between(0.9, 1).all()
    assert any("agreement with the classifier is at least 99.0%" in line
               for line in fitted.report(done.n_texts, done.n_student))  # fmt: skip


def test_texts_that_the_classifier_abstains_on_are_left_to_it(words, tmp_path):
    model = Simulated(words)
    strict = replace(model.exported, thresholds=np.array([0.0, np.inf, 0.0]))
    model.exported, model.engine = strict, replace(model.engine, exported=strict)
    done, table = run(model, tmp_path, "out.parquet", agreement=0.97)
    assert done.n_student > 0
    by_student = table.filter(labelled_by="student")
    assert not by_student["abstain"].any()
    assert words.exported.labels[1] not in by_student["label"].to_list()
    assert table.filter(pl.col("title").str.starts_with("laptop"))["abstain"].mean() > 0.98


def test_texts_that_the_classifier_rejects_are_left_to_it(words, tmp_path):
    model = Simulated(words, rejects="laptop")
    done, table = run(model, tmp_path, "out.parquet", agreement=0.97)
    assert done.n_student > 0
    by_student = table.filter(labelled_by="student")
    assert not by_student["rejected"].any()
    assert by_student["none_score"].null_count() == len(by_student)
    assert words.exported.labels[1] not in by_student["label"].to_list()
    of_laptops = table.filter(pl.col("title").str.starts_with("laptop"))
    assert of_laptops["rejected"].mean() > 0.98
    by_classifier = table.filter(labelled_by="classifier")
    assert by_classifier["none_score"].null_count() == 0
    assert (by_classifier["rejected"] == (by_classifier["label"] == model.exported.labels[1])).all()


def test_a_student_that_cannot_learn_answers_nothing(words, tmp_path):
    model = Simulated(words, is_random=True)
    done, table = run(model, tmp_path, "out.parquet")
    assert done.cascade.certificate is None
    assert done.n_student == 0
    assert set(table["labelled_by"]) == {"classifier"}
    assert sum(model.calls) == done.n_texts
    [line] = done.cascade.report(done.n_texts, 0)
    assert "could not be certified on a sample of 1,500 texts" in line


def test_a_sample_that_is_too_small_is_not_drawn(words, tmp_path):
    done, table = run(Simulated(words), tmp_path, "out.parquet", n=300)
    assert done.cascade.n_sample == 0
    assert set(table["labelled_by"]) == {"classifier"}
    assert "fewer than 1,000 distinct texts" in next(done.cascade.report(300, 0))


def test_a_resumed_run_uses_the_same_student(words, tmp_path, monkeypatch):
    model = Simulated(words)
    _, expected = run(model, tmp_path, "whole.parquet")
    n_of_sample = sum(model.calls)
    stopping, calls = Simulated(words), []

    def stop(ids, mask, inner=stopping.engine.run):
        calls.append(len(ids))
        if sum(calls) > 1_500:
            raise KeyboardInterrupt
        return inner(ids, mask)

    stopping.engine = replace(stopping.engine, run=stop)
    with pytest.raises(KeyboardInterrupt):
        run(stopping, tmp_path, "out.parquet")
    monkeypatch.setattr(cascade, "fit_student", None)  # it was fitted before the kill
    _, table = run(Simulated(words), tmp_path, "out.parquet")
    assert table.equals(expected)
    assert n_of_sample > 1_500


def test_a_student_is_the_same_after_reading(words, tmp_path):
    pieces = words.exported.pieces(titles_of(500))
    targets = np.arange(500) % 3
    student = fit_student(pieces, targets, 3)
    assert (student.scores(pieces)[0] == targets).mean() > 0.95
    student.save(tmp_path / "a.safetensors")
    fit_student(pieces, targets, 3).save(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    again = load_student(tmp_path / "a.safetensors")
    assert (again.scores(pieces)[1] == student.scores(pieces)[1]).all()


def test_features_are_counts_of_pieces_and_pairs_in_rows_of_length_1():
    pieces = [np.array([5, 6, 5]), np.array([6]), np.array([], dtype=int), np.array([5, 6])]
    student = fit_student(pieces, np.array([0, 1, 0, 0]), 2)
    table = features(pieces, student.column, student.idf).toarray()
    assert table.shape == (4, 3)  # 5, 6, and the pair of both; the pair 6 5 is in one text alone
    assert (np.count_nonzero(table, axis=1) == [3, 1, 0, 3]).all()
    assert np.linalg.norm(table, axis=1) == pytest.approx([1, 1, 0, 1], abs=1e-6)
