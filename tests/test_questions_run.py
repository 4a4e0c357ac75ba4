"""A run that asks about words: its weak labels get better, and it is paid for by the second."""

import json
import shutil

import polars as pl
import pytest
from helpers import run_here
from questions_shop import KINDS, SETTINGS, WORDS

from wsal.annotation.questions import DEPENDS, QUESTIONS_FILE, WORDS_FILE


@pytest.fixture(scope="module")
def shop(questions_run, tmp_path_factory):
    """A folder with a run that asks all kinds of questions, answered by an oracle."""
    folder = tmp_path_factory.mktemp("shop") / "copy"
    shutil.copytree(questions_run, folder)
    done = run_here(folder, "run", *SETTINGS, KINDS)
    assert not done.returncode, done.stdout + done.stderr
    return folder


def facts(shop, place):
    return json.loads((shop / "runs/shop" / place / "manifest.json").read_text())["facts"]


def read(shop, place):
    return pl.read_parquet(shop / "runs/shop" / place)


def right(metrics):
    """Share of all texts that have a vote and the right weak label."""
    return metrics["covered"]["coverage"] * metrics["covered"]["accuracy"]


def test_answered_words_improve_the_weak_labels(shop):
    words = read(shop, f"rounds/001/annotations/{WORDS_FILE}")
    named = dict(words.filter(pl.col("label") != DEPENDS).select("word", "label").iter_rows())
    of_class = {word: label for label, own in WORDS.items() for word in own}
    assert len(named) >= 4
    assert all(of_class[token] == label for w, label in named.items() for token in w.split())
    before = json.loads((shop / "runs/shop/weak_labels/metrics.json").read_text())["test"]
    after = json.loads((shop / "runs/shop/rounds/002/reweighed/metrics.json").read_text())["test"]
    assert right(after) > right(before) + 0.05
    assert after["log_loss"] < before["log_loss"]
    voters = read(shop, "rounds/001/reweighed/voters.parquet")
    assert set(named) <= set(voters.filter(voters["rule"].str.starts_with("answered"))["term"])
    done = run_here(shop, "rules", "runs/shop", "--terms", "9")
    assert "answered words: " in done.stdout, done.stderr


def test_words_take_the_place_of_texts_and_are_not_asked_twice(shop):
    for number in (1, 2):
        asked = facts(shop, f"rounds/00{number}/query")
        seconds = asked["seconds"]
        budget = 30 * seconds["text"]
        spent = asked["n_words"] * seconds["word"] + asked["n_asked"] * seconds["text"]
        assert abs(spent - budget) <= seconds["text"] / 2
    first, second = (read(shop, f"rounds/00{n}/query/{QUESTIONS_FILE}")["word"] for n in (1, 2))
    assert not set(first.drop_nulls()) & set(second.drop_nulls())
    questions = read(shop, f"rounds/001/query/{QUESTIONS_FILE}").filter(pl.col("kind") == "word")
    pool = set(read(shop, "pool/pool.parquet")["text"])
    frame = set(read(shop, "rounds/001/query/frame.parquet")["text"])
    for row in questions.iter_rows(named=True):
        assert all(row["word"] in text for text in row["examples"])
        assert set(row["examples"]) <= pool - frame


def test_the_bill_counts_each_kind_by_its_seconds(shop):
    seconds = 0.0
    for number in (1, 2):
        texts = read(shop, f"rounds/00{number}/annotations/annotations.parquet")
        if n_words := facts(shop, f"rounds/00{number}/query")["n_words"]:
            words = read(shop, f"rounds/00{number}/annotations/{WORDS_FILE}")
            assert words["seconds"].to_list() == [6.25] * n_words
            seconds += words["seconds"].sum()
        asked = read(shop, f"rounds/00{number}/query/{QUESTIONS_FILE}")
        guesses = dict(asked.filter(pl.col("kind") == "class").select("id", "label").iter_rows())
        for row in texts.iter_rows(named=True):
            guess = guesses.get(row["id"])
            expected = 5.0 if guess is None else 2.5 if guess == row["label"] else 7.5
            assert row["seconds"] == expected
        seconds += texts["seconds"].sum()
    assert facts(shop, "rounds/002/assessed")["seconds"] == pytest.approx(seconds, abs=0.06)
    summary = json.loads((shop / "runs/shop/summary.json").read_text())
    assert summary["bill"]["seconds"] == pytest.approx(seconds, abs=0.06)


def test_again_it_makes_the_same_and_nothing_is_done_twice(shop, tmp_path):
    shutil.copytree(shop, tmp_path, dirs_exist_ok=True)
    digests = [facts_digest(tmp_path, n) for n in (1, 2)]
    assert "up to date" in run_here(tmp_path, "run", *SETTINGS, KINDS).stdout
    shutil.rmtree(tmp_path / "runs/shop/rounds/002")
    assert not run_here(tmp_path, "run", *SETTINGS, KINDS).returncode
    assert [facts_digest(tmp_path, n) for n in (1, 2)] == digests


def facts_digest(folder, number):
    place = f"runs/shop/rounds/00{number}"
    names = ("query", "annotations", "reweighed")
    return [json.loads((folder / place / n / "manifest.json").read_text())["digest"] for n in names]


def test_a_sheet_asks_only_about_texts(shop, tmp_path):
    shutil.copytree(shop, tmp_path, dirs_exist_ok=True)
    done = run_here(tmp_path, "run", *SETTINGS, KINDS, "annotator=file")
    assert done.returncode
    assert "asks only about text, not word, class" in done.stderr + done.stdout


def test_texts_must_be_asked_about(tmp_path):
    done = run_here(tmp_path, "run", "experiment=smoke", "active.questions=[word]")
    assert done.returncode
    assert "has no `text`" in done.stderr + done.stdout


def test_runs_of_earlier_versions_stay_up_to_date(composed):
    from wsal.config.composed import check

    def digested(*overrides):
        return check(composed(*overrides)).components.config("active")["node"]

    assert "questions" not in digested()
    assert digested("active.questions=[text,word]")["questions"] == ["text", "word"]
