"""Texts on which sources disagree, and texts that are nearly alike."""

from collections.abc import Iterable

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import ABSTAIN, Mask, Probs, Scores, Vote
from wsal.artifacts import Artifact
from wsal.members import nested
from wsal.rounds.vote_tables import votes_file
from wsal.shards import shard_files

SURE = 0.9  # probability of a weak label that the classifier should not contradict


def covered_and_disputed(votes: Artifact, members: Mask | None = None) -> tuple[Mask, Mask]:
    """Whether rules vote on each text of the pool, and whether for different classes.

    With `members` `(codes, classes)`, a parent and a class of it are not different. Votes are read
    a shard and a rule at a time.
    """
    covered, is_disputed = list[Mask](), list[Mask]()
    for file in shard_files(votes.path / votes_file("pool")):
        has_vote = np.zeros(tables.n_rows(file), bool)
        for of_rule in tables.vote_columns(file):
            has_vote |= of_rule != ABSTAIN
        covered.append(has_vote)
        any_rule = tables.rule_names(file)
        is_disputed.append(
            disputed(tables.vote_columns(file), members) > 0
            if any_rule
            else np.zeros(len(has_vote), bool)
        )
    return np.concatenate(covered), np.concatenate(is_disputed)


def disputed(votes_of_rules: Iterable[Vote], members: Mask | None = None) -> Scores:
    """1.0 for each text on which rules vote for different classes; the votes come rule by rule.

    With `members` `(codes, classes)`, a parent and a class of it are not different.

    >>> disputed([np.array([0, 0, -1]), np.array([1, 0, 2])]).tolist()
    [1.0, 0.0, 0.0]
    """
    if members is not None:
        return _disputed_codes(votes_of_rules, members)
    least = most = np.empty(0, np.int16)
    for number, votes in enumerate(votes_of_rules):
        low = np.where(votes == ABSTAIN, np.iinfo(np.int16).max, votes)
        least = np.minimum(least, low) if number else low
        most = np.maximum(most, votes) if number else votes
    scores: Scores = ((most != ABSTAIN) & (least != most)).astype(np.float32)
    return scores


def _disputed_codes(votes_of_rules: Iterable[Vote], members: Mask) -> Scores:
    agree, size = nested(members), members.sum(axis=1)
    narrowest, differ = np.empty(0, np.int16), np.empty(0, bool)
    for number, votes in enumerate(votes_of_rules):
        if not number:
            narrowest, differ = np.full(len(votes), ABSTAIN, np.int16), np.zeros(len(votes), bool)
        is_first = (votes != ABSTAIN) & (narrowest == ABSTAIN)
        both = (votes != ABSTAIN) & ~is_first
        differ |= both & ~agree[votes, narrowest]
        narrower = is_first | (both & (size[votes] < size[narrowest]))
        narrowest = np.where(narrower, votes, narrowest)
    scores: Scores = differ.astype(np.float32)
    return scores


def contradicts(probs: Probs, weak_probs: Probs, n_votes: np.ndarray) -> Scores:
    """1.0 for each text whose sure weak label is not the class the classifier predicts.

    All three are of the same texts; a text without votes has no weak label to contradict.
    """
    sure = (weak_probs.max(axis=1) >= SURE) & (n_votes > 0)
    scores: Scores = (sure & (weak_probs.argmax(axis=1) != probs.argmax(axis=1))).astype(np.float32)
    return scores


def near_duplicates(texts: pl.Series) -> np.ndarray:
    """A number for each text, equal where texts differ in no letter.

    >>> near_duplicates(pl.Series(["Tea 50 g", "tea, 100 g", "cup"])).tolist()
    [2, 2, 1]
    """
    letters = texts.str.to_lowercase().str.replace_all(r"[^\p{L}]+", " ").str.strip_chars()
    return letters.rank("dense").to_numpy().astype(np.int64)
