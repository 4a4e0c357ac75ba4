"""A preview says what an edit would do, as letting all rules vote again would."""

import numpy as np
import pytest

from wsal.building import build
from wsal.errors import RuleError
from wsal.inspection.groups import find_groups
from wsal.inspection.groups_of_run import Inspected
from wsal.inspection.preview import majority, preview, share_right
from wsal.inspection.preview_votes import Trial, votes_in_time
from wsal.inspection.proposals import Evidence, class_of_group, propose
from wsal.inspection.run_view import RunView
from wsal.rules.voting import collect_votes


@pytest.fixture(scope="module")
def inspected(waiting):
    return Inspected(RunView(waiting / "runs" / "w"))


@pytest.fixture(scope="module")
def trial(inspected):
    return Trial(inspected)


def by_voting_again(trial, nodes):
    """The classes that most rules vote for, computed anew."""
    rules = {name: build(node, name) for name, node in nodes.items()}
    votes = collect_votes(rules, trial.records, trial.labels)
    counts = np.stack([(votes == c).sum(axis=1) for c in range(len(trial.labels))], axis=1)
    return votes, majority(counts)


@pytest.mark.parametrize("name", ["phone_words", "new"])
def test_gains_and_losses_are_those_of_letting_all_rules_vote_again(inspected, trial, name):
    nodes = inspected.nodes
    node = {"_target_": "wsal.rules.patterns.Keyword", "label": "Phones",
            "words": ["smartphone", "case", "laptop"], "unless": ["for"]}  # fmt: skip
    effect = preview(trial, nodes, name, node)
    votes, before = by_voting_again(trial, nodes)
    votes_now, now = by_voting_again(trial, {**nodes, name: node})
    old = votes[:, [*nodes].index(name)] if name in nodes else np.full(len(before), -1)
    new = votes_now[:, [*{**nodes, name: node}].index(name)]
    for kind, (had, has) in {"rule": (old, new), "together": (before, now)}.items():
        expected = {
            "gained": (had < 0) & (has >= 0),
            "lost": (had >= 0) & (has < 0),
            "changed": (had >= 0) & (has >= 0) & (had != has),
        }
        assert effect[kind] == {key: mask.sum() for key, mask in expected.items()}
    assert effect["rule"]["gained"] > 0
    gained = {example["text"] for example in effect["examples"]["gained"]}
    assert gained <= set(trial.records["text"].to_numpy()[(old < 0) & (new >= 0)])
    of_pool = {line["source"]: line for line in effect["precision"]}
    came = next(known for known in trial.known if known.places is not None)
    cast = new[came.places] >= 0
    right = (new[came.places] == came.gold)[cast].mean()
    assert of_pool["gold labels that came with the pool"]["now"]["share"] == pytest.approx(right)
    assert not any("test" in source for source in of_pool)


def test_a_wrong_rule_is_explained_and_a_slow_one_is_stopped(inspected, trial):
    regex = {"_target_": "wsal.rules.patterns.Regex", "label": "Phones", "pattern": "(a+)+$"}
    assert preview(trial, inspected.nodes, "evil", regex)["seconds"] < 5
    for pattern in ("(?=x)", "(", r"(\w{500}){500}"):
        with pytest.raises(RuleError):
            preview(trial, inspected.nodes, "evil", {**regex, "pattern": pattern})
    with pytest.raises(RuleError, match="Phonez"):
        preview(trial, inspected.nodes, "evil", {**regex, "label": "Phonez"})
    rule = build(regex, "evil")
    with pytest.raises(RuleError, match="more than 0 seconds"):
        votes_in_time(rule, trial.records, trial.labels, seconds=0.0)


def test_shares_are_weighted():
    votes, gold = np.array([0, 0, -1]), np.array([0, 1, 1])
    share = share_right(votes, gold, np.array([3.0, 1.0, 9.0]))
    assert (share["n"], share["share"]) == (2, 0.75)
    assert share["low"] < 0.75 < share["high"]
    assert share_right(np.full(3, -1), gold, np.ones(3)) is None


@pytest.mark.parametrize("section", ["errors", "uncertain"])
def test_proposals_are_about_the_texts_of_the_group(inspected, trial, section):
    population = getattr(inspected, section)
    evidence = Evidence.of(inspected, population)
    groups = find_groups(population)[:4]
    assert groups
    proposals = [(g, p) for g in groups for p in propose(g, evidence, inspected.nodes)]
    assert proposals or section == "uncertain"
    for group, proposal in proposals:
        records = population.records[group.rows]
        rule = build(proposal.node, proposal.name)
        votes = collect_votes({"rule": rule}, records, trial.labels)[:, 0]
        label = class_of_group(group, population)
        if proposal.name in inspected.nodes:  # it votes on fewer texts of other classes than before
            old = build(inspected.nodes[proposal.name], proposal.name)
            before = collect_votes({"rule": old}, records, trial.labels)[:, 0]
            assert (votes >= 0).sum() < (before >= 0).sum()
        else:
            assert (votes[votes >= 0] == label).all()
            assert (votes >= 0).any()


def test_no_text_that_measures_can_be_labelled_and_no_test_text_is_shown(inspected):
    view = inspected.view
    assert not np.isin(inspected.open_rows, view.frame.rows).any()
    assert inspected.errors.weights.sum() >= view.pool.facts["n_dev"]
    assert len(inspected.errors.records) == view.pool.facts["n_dev"]
    assert inspected.doubtful is None  # nobody has answered


def test_a_wrong_rule_in_the_file_does_not_keep_others_from_being_edited(inspected, trial):
    keyword = {"_target_": "wsal.rules.patterns.Keyword", "label": trial.labels.names[0],
               "words": ["tea", "phone"]}  # fmt: skip
    wrong = {**keyword, "label": "a class that was renamed"}
    alone = preview(trial, inspected.nodes, "new", keyword)
    beside = preview(trial, {**inspected.nodes, "wrong": wrong}, "new", keyword)
    assert beside["left_out"] == [*alone["left_out"], "wrong"]
    assert beside["together"] == alone["together"]
    righted = preview(trial, {**inspected.nodes, "wrong": wrong}, "wrong", keyword)
    assert righted["together"] == alone["together"]
    assert righted["left_out"] == alone["left_out"]
    group, population = find_groups(inspected.errors)[0], inspected.errors
    evidence = Evidence.of(inspected, population)
    beside = propose(group, evidence, {**inspected.nodes, "wrong": wrong})
    assert beside == propose(group, evidence, inspected.nodes)
