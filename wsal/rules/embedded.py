"""Rules that compare embeddings: texts are embedded once for all rules with the same encoder."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

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

    def vote_on(self, texts: Embeddings, seeds: Embeddings, labels: LabelSet) -> Vote:
        """The votes `(texts,)`, from unit embeddings of texts and of `seed_texts`."""
        ...


def vote_by_embedding(rules: Mapping[str, EmbeddingRule], context: VotingContext) -> VoteRows:
    """The votes of all rules; see `wsal.rules.base.VoteTogether`.

    The rules' own texts are embedded in the same call as the records', so that an encoder whose
    vocabulary comes from the texts it is given treats both alike.
    """
    n_records = len(context.records)
    votes: Votes = np.full((n_records, len(rules)), ABSTAIN, dtype=np.int16, order="F")
    seeds = dict[str, list[str]]()
    for name, rule in rules.items():
        with naming(name):
            seeds[name] = rule.seed_texts(context.labels)
    for encoder in dict.fromkeys(rule.encoder for name, rule in rules.items() if seeds[name]):
        members = [name for name, rule in rules.items() if rule.encoder == encoder and seeds[name]]
        own = [text for name in members for text in seeds[name]]
        with naming(members[0]):
            embeddings = embedded([*context.records["text"], *own], encoder, context.embed)
        first = n_records
        for name in members:
            last = first + len(seeds[name])
            votes[:, list(rules).index(name)] = rules[name].vote_on(
                embeddings[:n_records], embeddings[first:last], context.labels
            )
            first = last
    return lambda rows: votes[rows]


def embedded(texts: Sequence[str], encoder: str, embed: Embed | None) -> Embeddings:
    """Unit vectors `(texts, dims)`.

    Raises:
        RuleError: there is no `embed`.
    """
    if embed is None:
        raise RuleError(
            "a similarity rule compares embeddings, and there is nothing here to make them; pass "
            "`embed`, as `wsal vote` and `wsal rules watch` do"
        )
    return embed(texts, encoder)
