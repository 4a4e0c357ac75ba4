"""Near-duplicates among the texts of a round, which are decided together."""

import re
from collections import Counter
from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsal.annotation.open_round import Item

SIMILAR = 0.8  # share of words in common from which two texts are decided together


def group_duplicates(items: "Sequence[Item]") -> None:
    """Add to the first text of each group of near-duplicates the ids of the others.

    Texts are compared by their words: the embeddings of a trained classifier show that texts belong
    to one class, not that they are alike. Each text joins the first leader that it resembles;
    otherwise it becomes a leader.
    """
    words = [frozenset(re.findall(r"\w+", item.text.lower())) for item in items]
    count = Counter(word for text_words in words for word in text_words)
    leaders: dict[str, list[int]] = {}
    for row, item in enumerate(items):
        if item.blind or not words[row]:
            continue
        # Two sets with so many words in common share at least one of the rarest words of each
        # (prefix filtering: Chaudhuri et al., 2006), so only few leaders have to be compared.
        rarest = sorted(words[row], key=lambda word: (count[word], word))
        rarest = rarest[: len(rarest) - ceil(SIMILAR * len(rarest) - 1e-9) + 1]
        for leader in sorted({n for word in rarest for n in leaders.get(word, ())}):
            if len(words[leader] & words[row]) >= SIMILAR * len(words[leader] | words[row]):
                items[leader].duplicates.append(item.id)
                break
        else:
            for word in rarest:
                leaders.setdefault(word, []).append(row)
