"""What sellers and exports do to a title: talk, shuffling, typos, SHOUTING and mangled letters."""

from collections.abc import Iterator

from wsal.data.catalog_words import EMOJI, MANGLED, SELLER_TALK

JOINS = (", ", " - ", " / ", "; ", " ~ ")


def noisy_title(parts: list[str], chance: Iterator[float], mess: float) -> str:
    """The parts as one title, messed up; each kind of mess comes `mess` times as often."""
    parts = talked(parts, chance, mess)
    if next(chance) < 0.12 * mess:
        parts = shuffled(parts, chance)
    join = JOINS[int(next(chance) * len(JOINS))] if next(chance) < 0.15 * mess else " "
    title = join.join(parts)
    if next(chance) < 0.04 * mess:
        title = " ".join(shuffled(title.split(" "), chance))
    if next(chance) < 0.15 * mess:
        title = misspelt(title, chance)
    return mangled(cased(title, chance, mess), chance, mess)


def talked(parts: list[str], chance: Iterator[float], mess: float) -> list[str]:
    """The parts with seller talk before or after them, in about one of four."""
    if next(chance) >= 0.25 * mess:
        return parts
    talk = SELLER_TALK[int(next(chance) * len(SELLER_TALK))]
    return [talk, *parts] if next(chance) < 0.4 else [*parts, talk]


def shuffled(words: list[str], chance: Iterator[float]) -> list[str]:
    """The words in any order."""
    return [word for _, word in sorted((next(chance), word) for word in words)]


def misspelt(title: str, chance: Iterator[float]) -> str:
    """The title with one letter swapped, dropped or doubled in one longer word."""
    words = title.split(" ")
    longer = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    if not longer:
        return title
    at = longer[int(next(chance) * len(longer))]
    word = words[at]
    # The first letter stays: people seldom get that one wrong.
    i = 1 + int(next(chance) * (len(word) - 2))
    swap = word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    forms = (swap, word[:i] + word[i + 1 :], word[:i] + word[i] + word[i:])
    words[at] = forms[int(next(chance) * 3)]
    return " ".join(words)


def cased(title: str, chance: Iterator[float], mess: float) -> str:
    """The title in capitals, in lower case, With Capitals Or mostly as it is."""
    dice = next(chance)
    if dice < 0.08 * mess:
        return title.upper()
    if dice < 0.22 * mess:
        return title.lower()
    if dice < 0.40 * mess:
        return title.title()
    return title


def mangled(title: str, chance: Iterator[float], mess: float) -> str:
    """The title, in a few of a hundred cases with an emoji or as a careless export writes it."""
    dice = next(chance)
    if dice < 0.04 * mess:
        return f"{title} {EMOJI[int(next(chance) * len(EMOJI))]}"
    if dice < 0.10 * mess:
        # Marks come before the plain space, which nearly every title has.
        mark = next(mark for mark in (*MANGLED, " ") if mark in title or mark == " ")
        return title.replace(mark, MANGLED[mark])
    return title
