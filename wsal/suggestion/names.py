"""Rules that look for the names of the classes: no effort, and often a good start."""

import re

import numpy as np

from wsal.arrays import ABSTAIN, Classes, Votes
from wsal.labels import LabelSet
from wsal.rules.patterns import Keyword

SURE = 0.7  # least accuracy a name must seem to have once gold can tell
DOUBT = 10  # texts that the accuracy of all names counts for in that of one


def name_rules(labels: LabelSet) -> dict[str, Keyword]:
    """For each class a rule that looks for its name, in singular and plural.

    Where one name lies within another, the longer one has it. Names that two classes share are
    looked for by neither; a class may so have no rule.

    >>> rule = name_rules(LabelSet(("Freezers", "Fridge Freezers")))["Freezers"]
    >>> rule.words, rule.unless
    (('freezers', 'freezer'), ('fridge freezers', 'fridge freezer'))
    """
    forms = {name: forms_of(name) for name in labels.names}
    every = [one for some in forms.values() for one in some]
    found = {}
    for name, some in forms.items():
        own = tuple(one for one in some if every.count(one) == 1)
        others = [one for one in every if one not in some]
        longer = [one for one in others if any(f" {mine} " in f" {one} " for mine in own)]
        if own:
            found[name] = Keyword(label=name, words=own, unless=tuple(dict.fromkeys(longer)))
    return found


def forms_of(name: str) -> tuple[str, ...]:
    """A class name, or each part of one that lists several, in plural and singular.

    >>> forms_of("Batteries"), forms_of("Glass"), forms_of("Pet Toys & Beds")
    (('batteries', 'battery'), ('glass',), ('pet toys', 'pet toy', 'beds', 'bed'))
    """
    parts = [" ".join(part.split()) for part in re.split(r"[,/&+;|>()]|\band\b", name.lower())]
    forms = [form for part in parts if re.search(r"\w\w", part) for form in (part, _singular(part))]
    return tuple(dict.fromkeys(forms))


def seed_votes(votes: Votes, gold: Classes, n_classes: int) -> tuple[Classes, list[bool]]:
    """What the names say of each text `(texts,)`, and which of the names are to be believed.

    `votes` is `(texts, names)`. A name that gold contradicts is not believed; texts that hold the
    names of several classes are left out.
    """
    known = gold >= 0
    fires = votes[known] != ABSTAIN
    right = fires & (votes[known] == gold[known][:, None])
    n_right, n = right.sum(axis=0), fires.sum(axis=0)
    overall = (n_right.sum() + DOUBT * 0.9) / (n.sum() + DOUBT)
    believed = (n_right + DOUBT * overall) / (n + DOUBT) >= SURE
    counts = np.zeros((len(votes), n_classes), dtype=np.int16)
    for said in votes[:, believed].T:
        rows = np.flatnonzero(said != ABSTAIN)
        counts[rows, said[rows]] += 1
    alone = (counts > 0).sum(axis=1) == 1
    return np.where(alone, counts.argmax(axis=1), ABSTAIN), believed.tolist()


def _singular(words: str) -> str:
    for end, other in (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("xes", "x")):
        if words.endswith(end):
            return words.removesuffix(end) + other
    return words[:-1] if words.endswith("s") and not words.endswith("ss") else words
