"""Rules that compare embeddings: texts are embedded once for all rules with the same encoder."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Protocol

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Embeddings, Vote, Votes
from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules.base import Embed, VoteRows, VotingContext, naming


class EmbeddingRule(Protocol):
    """A rule that votes by the embeddings of the records and of texts of its own."""

    @property
    def encoder(self) -> str:
        """What makes the embeddings; the same values as for `encoder.path`."""
        ...

    def seed_texts(self, labels: LabelSet) -> list[str]:
        """The rule's own texts. If there are none, the rule abstains, and embeds nothing."""
        ...

    def voter(
        self, sample: Embeddings, seeds: Embeddings, labels: LabelSet
    ) -> Callable[[Embeddings], Vote]:
        """What computes votes `(texts,)` from unit embeddings `(texts, dims)`.

        `sample` are embeddings of texts to learn from, `seeds` those of `seed_texts`.
        """
        ...


def vote_by_embedding(rules: Mapping[str, EmbeddingRule], context: VotingContext) -> VoteRows:
    """The votes of all rules; see `wsal.rules.base.VoteTogether`.

    The rules learn from the sample of the context. Their own texts are embedded in the same call as
    the sample, so that an encoder whose vocabulary comes from the texts it is given treats both
    alike. If no text was left out of the sample, its texts are not embedded again. Records may be
    others than those of the sample, and in another order: some were appended or withdrawn since.
    """
    seeds = dict[str, list[str]]()
    for name, rule in rules.items():
        with naming(name):
            seeds[name] = rule.seed_texts(context.labels)
    sample: list[str] = []
    if any(seeds.values()):
        sample = context.sample.records["text"].to_list()
    voters: dict[str, dict[int, Callable[[Embeddings], Vote]]] = {}  # encoder -> column -> voter
    learned_from: dict[str, list[str]] = {}
    known: Votes = np.full((len(sample), len(rules)), ABSTAIN, dtype=np.int16, order="F")
    for encoder in dict.fromkeys(rule.encoder for name, rule in rules.items() if seeds[name]):
        members = [name for name, rule in rules.items() if rule.encoder == encoder and seeds[name]]
        learned_from[encoder] = sample + [text for name in members for text in seeds[name]]
        voters[encoder] = {}
        with naming(members[0]):
            embeddings = embedded(learned_from[encoder], encoder, context.embed)
        first = len(sample)
        for name in members:
            last, column = first + len(seeds[name]), list(rules).index(name)
            voter = rules[name].voter(
                embeddings[: len(sample)], embeddings[first:last], context.labels
            )
            voters[encoder][column] = voter
            known[:, column] = voter(embeddings[: len(sample)])
            first = last
    row_of = {text: row for row, text in enumerate(sample)} if context.sample.step == 1 else {}
    lock = Lock()  # an encoder uses all cores for one chunk

    def vote(records: pl.DataFrame, _first: int) -> Votes:
        votes: Votes = np.full((len(records), len(rules)), ABSTAIN, dtype=np.int16, order="F")
        texts = records["text"].to_list()
        rows = np.array([row_of.get(text, -1) for text in texts], dtype=np.int64)
        votes[rows >= 0] = known[rows[rows >= 0]]
        new = np.flatnonzero(rows < 0)
        if not len(new):
            return votes
        new_texts = [texts[row] for row in new]
        for encoder, of_encoder in voters.items():
            with lock, naming(list(rules)[min(of_encoder)]):
                embeddings = embedded(new_texts, encoder, context.embed, learned_from[encoder])
            for column, voter in of_encoder.items():
                votes[new, column] = voter(embeddings)
        return votes

    return vote


def embedded(
    texts: Sequence[str],
    encoder: str,
    embed: Embed | None,
    learned_from: Sequence[str] | None = None,
) -> Embeddings:
    """Unit vectors `(texts, dims)`.

    Raises:
        RuleError: there is no `embed`.
    """
    if embed is None:
        raise RuleError(
            "a similarity rule compares embeddings, and there is nothing here to make them; pass "
            "`embed`, as `wsal vote` and `wsal rules watch` do"
        )
    if learned_from is None:
        return embed(texts, encoder)
    return embed(texts, encoder, learned_from=learned_from)
