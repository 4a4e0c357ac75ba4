"""Rules from class names alone: their words, and what they mean."""

import re

import numpy as np
import polars as pl
import pytest
from helpers import run_here
from test_patterns import records

from wsal.config.composed import check
from wsal.errors import ConfigError
from wsal.labels import LabelSet
from wsal.rules import mixture
from wsal.rules.base import Rule
from wsal.rules.class_names import EMPTY_WORDS, parts_of, singular
from wsal.rules.mixture import fit_mixture, least_leads, sure_classes, unit
from wsal.rules.names import NameKeywords, NameSimilarity
from wsal.rules.similarity import Similarity
from wsal.rules.testing import vote
from wsal.rules.voting import collect_votes

CSV = ("data=csv", "data.path=x.csv", "data.layout.text=[title]")


def votes_for(names, *texts, rule=None):
    """The names of the classes voted for; None where the rule abstains."""
    cast = vote(rule or NameKeywords(), *texts, labels=names)
    return [names[c] if c >= 0 else None for c in cast]


@pytest.mark.parametrize(
    ("names", "votes"),
    [
        (["fruits_and_vegetables", "tea"],
         {"Vegetable soup": "fruits_and_vegetables", "1 kg FRUIT": "fruits_and_vegetables",
          "tea with fruits": None, "seat": None}),
        (["Beverages/Tea", "Beverages/Coffee"],
         {"green teas": "Beverages/Tea", "beverages": None, "coffee beverage": "Beverages/Coffee"}),
        (["card_arrival", "lost card", "card"],
         {"when is the arrival of my card": "card_arrival", "I lost two cards": "lost card",
          "my card": "card", "arrival": None, "the lost arrival card": None}),
        (["Fridges", "Freezers", "Fridge Freezers"],
         {"freezer": "Freezers", "fridge-freezer": "Fridge Freezers", "FRIDGES": "Fridges"}),
        (["MobilePhones", "iPhone cases"], {"mobile phone": "MobilePhones", "phone": None}),
        (["Tea & Coffee", "Coffee, Tea", "Mugs"], {"tea": None, "mug": "Mugs"}),
        (["A12", "7", "&", "B"], {"A12 7 & B": None}),
        (["class 3", "class 4"], {"class": None, "a class 4 laser": "class 4"}),
        (["Other", "general", "Toys"], {"other general things": None, "toy": "Toys"}),
        (["Чай", "茶", "Käse und Wurst"],
         {"зеленый чай": "Чай", "绿 茶": "茶", "绿茶": None, "KÄSE": "Käse und Wurst"}),
        (["Batteries", "Dress", "Watch"],
         {"battery": "Batteries", "dresses": "Dress", "watches": "Watch"}),
    ],
)  # fmt: skip
def test_names_are_looked_for(names, votes):
    assert votes_for(names, *votes) == list(votes.values())


def test_keywords_equal_a_loop():
    rng = np.random.default_rng(0)
    words = ["tea", "toys", "box", "the", "pies", "3", "é"]
    names = sorted({" ".join(rng.choice(words, rng.integers(1, 4))) for _ in range(12)})
    texts = [" ".join(rng.choice(words, rng.integers(0, 6))) for _ in range(300)]
    parts = [(part, c) for c, name in enumerate(names) for part in parts_of(name)]
    expected = []
    for text in texts:
        here = {singular(word) for word in text.split()} - EMPTY_WORDS
        present = [(p, c) for p, c in parts if p <= here and [q for q, _ in parts].count(p) == 1]
        most = max((len(part) for part, _ in present), default=0)
        classes = {c for part, c in present if len(part) == most}
        expected.append(classes.pop() if len(classes) == 1 else -1)
    assert NameKeywords().vote(records(texts), LabelSet(tuple(names))).tolist() == expected
    assert len(set(expected)) > 5


def around(directions, gold, noise, rng):
    """Unit vectors around the direction of each class."""
    dims = directions.shape[1]
    return unit(directions[gold] + noise * rng.normal(size=(len(gold), dims)) / np.sqrt(dims))


def simulated(shares, n, rng, dims=64):
    """Texts of classes whose names lie beside their texts, all of them in a narrow cone."""
    directions = unit(rng.normal(size=(len(shares), dims)))
    cone = 2 * unit(rng.normal(size=(1, dims)))
    names = around(directions, np.arange(len(shares)), 1.6, rng) + 2 * rng.normal(size=dims) / 8
    gold = rng.choice(len(shares), n, p=shares)
    return unit(around(directions, gold, 1.2, rng) + cone), unit(names), gold


def test_texts_correct_what_the_encoder_makes_of_a_name():
    rng = np.random.default_rng(0)
    shares = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    texts, names, gold = simulated(shares, 3000, rng)
    nearest = (texts @ names.T).argmax(axis=1)
    fitted = fit_mixture(texts, names)
    by_texts = fitted.log_odds(texts).argmax(axis=1)
    assert (by_texts == gold).mean() > (nearest == gold).mean() + 0.05
    assert np.exp(fitted.log_shares) == pytest.approx(shares, abs=0.05)
    sure = sure_classes(texts, fitted, least_leads(texts, fitted, 0.3))
    voted = sure >= 0
    assert (sure[voted] == by_texts[voted]).all()
    n_of_class = np.bincount(by_texts, minlength=5)
    n_kept = np.bincount(sure[voted], minlength=5)
    assert (n_kept == n_of_class - np.floor(0.3 * n_of_class)).all()
    assert (sure[voted] == gold[voted]).mean() > (by_texts == gold).mean()


def test_texts_are_scored_in_parts_and_a_sample_is_fitted_to(monkeypatch):
    texts, names, _ = simulated(np.full(150, 1 / 150), 4000, np.random.default_rng(1))
    fitted = fit_mixture(texts, names)
    whole = sure_classes(texts, fitted, least_leads(texts, fitted, 0.2))
    assert len(np.unique(whole)) > 140
    monkeypatch.setattr(mixture, "CHUNK", 700)
    assert (sure_classes(texts, fitted, least_leads(texts, fitted, 0.2)) == whole).all()
    monkeypatch.setattr(mixture, "FITTED_TO", 1500)
    by_sample = fit_mixture(texts, names)
    sampled = sure_classes(texts, by_sample, least_leads(texts, by_sample, 0.2))
    assert (sampled == whole).mean() > 0.7
    assert (fit_mixture(texts[::3], names).directions == fit_mixture(texts, names).directions).all()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_few_texts_go_to_the_nearest_names(n):
    rng = np.random.default_rng(2)
    names = unit(rng.normal(size=(4, 32)))
    gold = rng.integers(0, 4, n)
    texts = around(names, gold, 0.3, rng)
    fitted = fit_mixture(texts, names)
    least = least_leads(texts, fitted, 0)
    assert sure_classes(texts, fitted, least).tolist() == gold.tolist()


WORDS = ["tea", "green", "coffee", "bean", "pot", "toy"]


def embed(texts, encoder):
    """Counts of words, as unit vectors."""
    assert encoder in ("words", NameSimilarity.encoder)
    counts = [[len(re.findall(w, text.lower())) for w in WORDS] + [0.1] for text in texts]
    return unit(np.array(counts))


TEXTS = ["green tea", "tea pot", "a bean toy", "toys", "coffee bean", "coffee pot"] * 10


def test_similarity_of_names_votes_for_the_nearest_class():
    names = ("Coffee", "Tea", "Toys")
    rule = NameSimilarity(abstain=0)
    assert isinstance(rule, Rule)
    votes = rule.vote(records(TEXTS), LabelSet(names), embed)
    assert [names[c] for c in votes[:6]] == ["Tea", "Tea", "Toys", "Toys", "Coffee", "Coffee"]
    abstaining = NameSimilarity(abstain=1).vote(records(TEXTS), LabelSet(names), embed)
    assert (abstaining == -1).all()


def test_texts_are_embedded_once_for_rules_about_meaning():
    asked = []

    def counted(texts, encoder):
        asked.append(len(texts))
        return embed(texts, encoder)

    rules = {
        "words": NameKeywords(),
        "names": NameSimilarity(),
        "seeds": Similarity({"Tea": ["green"]}, threshold=0.6),
    }
    votes = collect_votes(rules, records(TEXTS), LabelSet(("Coffee", "Tea", "Toys")), counted)
    assert asked == [len(TEXTS) + 3 + 1]
    assert all(len(np.unique(column)) > 1 for column in votes.T)


@pytest.mark.parametrize(
    "names",
    [
        ["A12", "B7", "C"],
        ["class 1", "class 2", "class 3"],
        ["Tea & Coffee", "Coffee and Tea"],
        ["Чай", "Кофе"],
        ["&", "Tea"],
        ["Other", "Tea"],
    ],
)
def test_names_that_tell_nothing_apart_get_no_votes_and_cost_nothing(names):
    rules = {"names": NameSimilarity()}
    votes = collect_votes(rules, records(TEXTS), LabelSet(tuple(names)), lambda *_: 1 / 0)
    assert (votes == -1).all()


def test_some_names_may_tell_nothing():
    names = ("A12", "Coffee", "Other", "Tea", "Чай")
    votes = NameSimilarity(abstain=0).vote(records(TEXTS), LabelSet(names), embed)
    assert {names[c] for c in votes} == {"Coffee", "Tea"}
    own = NameSimilarity(abstain=0, encoder="words")
    assert own.seed_texts(LabelSet(names)) == ["coffee", "tea", "чай"]


def test_descriptions_say_what_codes_do_not(tmp_path):
    path = tmp_path / "classes.yaml"
    path.write_text("A12: tea, also green\nB7: toys\nЧай: coffee\n", "utf-8")
    names = ("A12", "B7", "Чай")
    rule = NameSimilarity(abstain=0, guidelines=str(path))
    votes = rule.vote(records(TEXTS), LabelSet(names), embed)
    assert [names[c] for c in votes[:6]] == ["A12", "A12", "B7", "B7", "Чай", "Чай"]
    before = rule.content()
    path.write_text("A12: tea\n")
    assert rule.content() != before
    with pytest.raises(ConfigError, match=r"guidelines=none\.yaml: there is no such file"):
        NameSimilarity(guidelines="none.yaml").content()


@pytest.mark.parametrize(
    ("overrides", "rules"),
    [
        (CSV, ["name_keywords", "name_similarity"]),
        ((*CSV, "rules=none"), []),
        (("data=catalog_small", "rules=names"), ["name_keywords", "name_similarity"]),
        (("experiment=pricerunner", "data.path=x", "rules=names"),
         ["name_keywords", "name_similarity"]),
    ],
)  # fmt: skip
def test_names_are_the_default_of_data_without_rules_of_their_own(composed, overrides, rules):
    assert list(check(composed(*overrides)).components["rules"]) == rules


def test_the_catalogue_and_experiments_keep_their_rules(composed):
    for overrides in ((), ("data=catalog_small",), ("experiment=fashion", "data.path=x")):
        rules = check(composed(*overrides)).components["rules"]
        assert len(rules) > 10
        assert "name_keywords" not in rules


def test_descriptions_are_those_that_annotators_see(composed):
    file = "annotator.guidelines=pyproject.toml"
    rules = check(composed(*CSV, "annotator=terminal", file)).components["rules"]
    assert rules["name_similarity"].guidelines == "pyproject.toml"
    people = ("annotator=cascade", "annotator@annotator.people=terminal")
    file = ("llm=local", "llm.model=m", "annotator.people.guidelines=pyproject.toml")
    rules = check(composed(*CSV, *people, *file)).components["rules"]
    assert rules["name_similarity"].guidelines == "pyproject.toml"


def test_a_table_and_classes_are_enough(tmp_path):
    pl.DataFrame({"title": [f"{t} {i}" for i, t in enumerate(TEXTS)]}).write_csv(tmp_path / "x.csv")
    words = (*CSV, "data.layout.labels=[Coffee,Tea,Toys]", "rules.name_similarity.encoder=tiny",
             "run_dir=run")  # fmt: skip
    for stage in ("prepare", "vote", "aggregate"):
        done = run_here(tmp_path, stage, *words)
        assert done.returncode == 0, done.stderr
    votes = pl.read_parquet(tmp_path / "run" / "votes" / "votes.parquet")
    assert votes.columns == ["id", "name_keywords", "name_similarity"]
    assert votes.select(pl.exclude("id").n_unique()).row(0) == (3, 4)  # all texts have a name
    weak = pl.read_parquet(tmp_path / "run" / "weak_labels" / "weak_labels.parquet")
    assert weak["used"].sum() > 50
