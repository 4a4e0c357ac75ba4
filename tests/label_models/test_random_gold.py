"""Gold of random texts calibrates the weak labels of all texts; that of chosen texts does not."""

import numpy as np
import polars as pl
import pytest
from helpers import CONF
from hydra import compose, initialize_config_dir
from scipy.special import logit
from simulations import keyword_rules, repeated, some_gold

from wsal.config.composed import check
from wsal.evaluation.metrics import calibration_error
from wsal.label_models.precision import Precision
from wsal.label_models.sparse import SparseVotes
from wsal.rounds.random_gold import drawn_at_random, has_random_gold
from wsal.rounds.reweighing import RandomGold, reweigh_rules, reweigh_sets
from wsal.run.pipeline import run_stage


def nothing(votes, gold):
    """No gold beside that of the answers."""
    return RandomGold("none", votes.take(np.arange(0)), gold[:0])


@pytest.mark.parametrize("seed", range(3))
def test_random_gold_calibrates_rules_that_repeat_each_other(seed):
    votes, truth = keyword_rules(4_000, 4, 8, (0.2, 0.4), (0.05, 0.1), seed)
    cast = SparseVotes.of(repeated(votes, 3))  # the same evidence three times: overconfident
    gold = some_gold(truth, 200, seed)
    rows = np.flatnonzero(gold >= 0)
    rest = np.setdiff1d(np.flatnonzero(cast.n_votes), rows)

    def error(model):
        probs = model.predict_proba(cast)[rest]
        return calibration_error(probs, truth[rest], np.ones(len(rest)))

    given = (Precision(), cast, 4, None, rows, gold[rows], nothing(cast, truth))
    random, chosen = (reweigh_rules(*given, is_random=is_random) for is_random in (True, False))
    assert random.checked == "used: it was drawn at random"
    assert error(random.without_gold) > 0.1
    assert error(random.fitted) < 0.5 * error(chosen.fitted)


def test_random_gold_shows_how_often_texts_without_a_vote_belong_to_a_class():
    rng = np.random.default_rng(0)
    gold = (rng.random((4_000, 3)) < 0.4).astype(int)
    votes = np.where(gold & (rng.random(gold.shape) < 0.3), np.arange(3), -1)
    cast, rows = SparseVotes.of(votes), np.arange(150)
    given = (Precision(), cast, 3, None, rows, gold[rows], nothing(cast, gold))
    silent = votes < 0
    truth = gold[silent].mean()
    random, chosen = (
        reweigh_sets(*given, is_random=is_random).fitted.predict_proba(cast)[silent].mean()
        for is_random in (True, False)
    )
    assert abs(logit(random) - logit(truth)) < 0.5 * abs(logit(chosen) - logit(truth))


def test_a_query_is_random_if_the_strategy_drew_all_texts_to_train_on():
    def asked(*reasons):
        rows = [("train", reason) for reason in reasons] + [("evaluate", "evaluation")]
        return pl.DataFrame(rows, ["purpose", "reason"], orient="row")

    assert drawn_at_random(asked("drawn at random", "drawn at random"))
    assert not drawn_at_random(asked("drawn at random", "answered early"))
    assert not drawn_at_random(asked("margin"))


@pytest.mark.parametrize(
    ("overrides", "is_random"),
    [
        (("strategy=random",), True),
        (("strategy=margin",), False),
        (("strategy=mix",), False),
    ],
)
def test_stages_pass_on_whether_answers_are_to_random_texts(tmp_path, overrides, is_random):
    rng = np.random.default_rng(0)
    classes = rng.choice(["tea", "coffee"], 500)
    titles = [f"{name if rng.random() < 0.8 else ''} pack {n}" for n, name in enumerate(classes)]
    pl.DataFrame({"text": titles, "label": classes}).write_csv(tmp_path / "shop.csv")
    given = (
        "data=csv", f"data.path={tmp_path / 'shop.csv'}", "data.layout.text=[text]",
        "data.layout.label=label", "rules=names", "encoder=tiny",
        "pretrain.epochs=1", "active.query_size=40", "evaluation.frame=200", *overrides,
    )  # fmt: skip
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        parts = check(compose("config", overrides=list(given))).components
    for name in ("prepare", "vote", "aggregate", "tokenise", "pretrain", "embed"):
        run_stage(tmp_path / "run", name, parts, 0)
    for name in ("select", "annotate", "reweigh"):
        made = run_stage(tmp_path / "run", name, parts, 1).artifact
        if name == "annotate":
            assert has_random_gold([made]) == is_random
    expected = "drawn at random" if is_random else "no random gold to check"
    assert expected in made.facts["checked"]
