"""Rules that look for the names of the classes: no effort, and often a good start."""

import re

import numpy as np

from wsal.arrays import ABSTAIN, Classes, Votes
from wsal.labels import LabelSet
from wsal.rules.class_names import singular
from wsal.rules.patterns import Keyword

MIN_ACCURACY = 0.7  # of a name that is used, as far as gold can tell
PRIOR_TEXTS = 10  # texts that the accuracy of all names counts for in that of one


def name_rules(labels: LabelSet) -> dict[str, Keyword]:
    """For each class a rule that looks for its name, in singular and plural.

    If a name contains another, texts with the longer one go to its class alone. Names that two
    classes share are not looked for, so a class may have no rule.

    >>> rule = name_rules(LabelSet(("Freezers", "Fridge Freezers")))["Freezers"]
    >>> rule.words, rule.unless
    (('freezers', 'freezer'), ('fridge freezers', 'fridge freezer'))
    """
    forms_by_class = {name: forms_of(name) for name in labels.names}
    all_forms = [form for forms in forms_by_class.values() for form in forms]
    rules = {}
    for name, forms in forms_by_class.items():
        own = tuple(form for form in forms if all_forms.count(form) == 1)
        others = [form for form in all_forms if form not in forms]
        longer = [form for form in others if any(f" {word} " in f" {form} " for word in own)]
        if own:
            rules[name] = Keyword(label=name, words=own, unless=tuple(dict.fromkeys(longer)))
    return rules


def forms_of(name: str) -> tuple[str, ...]:
    """A class name, or each part of one that lists several, in plural and singular.

    >>> forms_of("Batteries"), forms_of("Glass"), forms_of("Pet Toys & Beds")
    (('batteries', 'battery'), ('glass',), ('pet toys', 'pet toy', 'beds', 'bed'))
    """
    parts = [" ".join(part.split()) for part in re.split(r"[,/&+;|>()]|\band\b", name.lower())]
    forms = [form for part in parts if re.search(r"\w\w", part) for form in (part, singular(part))]
    return tuple(dict.fromkeys(forms))


def seed_votes(votes: Votes, gold: Classes, n_classes: int) -> tuple[Classes, list[bool]]:
    """A first guess of each text's class `(texts,)`, and which of the voters were used for it.

    A voter that gold contradicts is not used. Texts with votes for several classes, or with none,
    are -1.

    Args:
        votes: of name rules and other rules `(texts, voters)`.
        gold: `(texts,)`, -1 where unknown.
        n_classes: the number of classes.
    """
    labelled = gold >= 0
    cast = votes[labelled] != ABSTAIN
    right = cast & (votes[labelled] == gold[labelled][:, None])
    n_right, n = right.sum(axis=0), cast.sum(axis=0)
    overall = (n_right.sum() + PRIOR_TEXTS * 0.9) / (n.sum() + PRIOR_TEXTS)
    used = (n_right + PRIOR_TEXTS * overall) / (n + PRIOR_TEXTS) >= MIN_ACCURACY
    counts = np.zeros((len(votes), n_classes), dtype=np.int16)
    for vote in votes[:, used].T:
        rows = np.flatnonzero(vote != ABSTAIN)
        counts[rows, vote[rows]] += 1
    unanimous = (counts > 0).sum(axis=1) == 1
    return np.where(unanimous, counts.argmax(axis=1), ABSTAIN), used.tolist()
