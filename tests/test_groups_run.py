"""A run that asks about groups of texts: a yes labels all of them, a no labels none."""

import json
import shutil

import polars as pl
import pytest
from helpers import run_here
from questions_shop import SETTINGS

from wsal.annotation.questions import GROUPS_FILE, NOT_ALL, QUESTIONS_FILE

KINDS = ("active.questions=[text,group]", "annotator.noise=0.4")


@pytest.fixture(scope="module")
def shop(questions_run, tmp_path_factory):
    """A folder with a run of two rounds, answered by an oracle that often errs."""
    folder = tmp_path_factory.mktemp("shop") / "copy"
    shutil.copytree(questions_run, folder)
    done = run_here(folder, "run", *SETTINGS, *KINDS)
    assert not done.returncode, done.stdout + done.stderr
    return folder


def facts(shop, place):
    return json.loads((shop / "runs/shop" / place / "manifest.json").read_text())["facts"]


def read(shop, place):
    return pl.read_parquet(shop / "runs/shop" / place)


def answered(shop, number):
    """The texts of each group of a round, and the answer."""
    table = read(shop, f"rounds/00{number}/annotations/{GROUPS_FILE}")
    return list(table.select("texts", "label").iter_rows())


def test_a_yes_labels_all_texts_and_a_no_none(shop):
    answers = [answered(shop, number) for number in (1, 2)]
    assert {label == NOT_ALL for groups in answers for _, label in groups} == {True, False}
    for number, groups in zip((1, 2), answers, strict=True):
        table = read(shop, f"rounds/00{number}/annotations/annotations.parquet")
        labels = {row["text"]: row for row in table.iter_rows(named=True)}
        assert len(labels) == len(table)
        for texts, label in groups:
            assert 3 <= len(texts) <= 8
            for text in texts:
                if label == NOT_ALL:
                    assert text not in labels
                else:
                    own = labels[text]
                    assert (own["label"], own["purpose"]) == (label, "train")
                    assert (own["annotator"], own["seconds"]) == ("oracle", 7.5 / len(texts))
    n_yes = [sum(len(t) for t, label in own if label != NOT_ALL) for own in answers]
    n_texts = [facts(shop, f"rounds/00{number}/query")["n_asked"] for number in (1, 2)]
    assert facts(shop, "rounds/002/finetuned")["n_gold"] == sum(n_yes) + sum(n_texts)


def test_groups_have_only_texts_that_nobody_was_asked_about(shop):
    taken = set(read(shop, "rounds/001/query/frame.parquet")["text"])
    for number in (1, 2):
        groups = [set(texts) for texts, _ in answered(shop, number)]
        query = set(read(shop, f"rounds/00{number}/query/query.parquet")["text"])
        assert not set.union(*groups) & (taken | query)
        assert len(set.union(*groups)) == sum(map(len, groups))
        taken |= query.union(*groups)
        asked = facts(shop, f"rounds/00{number}/query")
        seconds = asked["seconds"]
        spent = len(groups) * seconds["group"] + asked["n_asked"] * seconds["text"]
        assert abs(spent - 30 * seconds["text"]) <= seconds["text"] / 2


def test_the_bill_counts_every_group_once(shop):
    n_groups = sum(len(answered(shop, number)) for number in (1, 2))
    n_texts = sum(facts(shop, f"rounds/00{number}/query")["n_asked"] for number in (1, 2))
    assessed = facts(shop, "rounds/002/assessed")
    assert assessed["seconds"] == pytest.approx(7.5 * n_groups + 5.0 * n_texts, abs=0.06)


def test_again_it_makes_the_same_and_nothing_is_done_twice(shop, tmp_path):
    shutil.copytree(shop, tmp_path, dirs_exist_ok=True)
    place = tmp_path / "runs/shop/rounds/002"
    files = [f"query/{QUESTIONS_FILE}", f"annotations/{GROUPS_FILE}", "query/query.parquet"]
    before = [(place / name).read_bytes() for name in files]
    assert "up to date" in run_here(tmp_path, "run", *SETTINGS, *KINDS).stdout
    shutil.rmtree(place)
    assert not run_here(tmp_path, "run", *SETTINGS, *KINDS).returncode
    assert [(place / name).read_bytes() for name in files] == before
