"""What the name of a class says: its words, its parts, and whether it tells the class apart."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

LISTED = re.compile(r"[,/&+;|>():\\]|\s[-–—]\s|\b(?:and|or|und|oder)\b")
"""What stands between the parts of a name that lists several things."""
CAMEL_CASE = re.compile(r"(?<=[a-z]{2})(?=[A-Z][a-z])")
TOKEN = re.compile(r"[^\W_]+")
SAYS_NOTHING = """a an and as at by do for from how i in into is it my no not of on or the to what
why with your all etc general misc miscellaneous none other others rest unknown various"""
EMPTY_WORDS = frozenset(SAYS_NOTHING.split())  # "other" says only what a class is not


def spaced(name: str) -> str:
    """The name with spaces where it has underscores or camel case.

    >>> spaced("card_arrival"), spaced("MobilePhones"), spaced("iPhone cases")
    ('card arrival', 'Mobile Phones', 'iPhone cases')
    """
    return " ".join(CAMEL_CASE.sub(" ", name).replace("_", " ").split())


def words_of(name: str) -> frozenset[str]:
    """The words of a name, in singular; without codes, and without words that say nothing.

    >>> sorted(words_of("Fruits and Vegetables")), sorted(words_of("class 3")), words_of("A12")
    (['fruit', 'vegetable'], ['class'], frozenset())
    """
    return frozenset(filter(_is_word, _tokens(name)))


def parts_of(name: str) -> list[frozenset[str]]:
    """For each thing that a name lists, its words in singular; codes stay beside words.

    >>> [sorted(part) for part in parts_of("Beverages/Green Tea & USB 3")]
    [['beverage'], ['green', 'tea'], ['3', 'usb']]
    """
    parts = (frozenset(_tokens(part)) for part in LISTED.split(spaced(name).lower()))
    return list(dict.fromkeys(part for part in parts if any(map(_is_word, part))))


def tells_apart(names: Sequence[str]) -> list[bool]:
    """Whether the words of each name are those of no other; False if it has none.

    >>> tells_apart(["Tea & Coffee", "Coffee, Tea", "A12", "Teapots"])
    [False, False, False, True]
    """
    words = [words_of(name) for name in names]
    counts = Counter(words)
    return [bool(each) and counts[each] == 1 for each in words]


def is_latin(name: str) -> bool:
    """Whether all letters are Latin.

    >>> is_latin("Kühlschränke 2"), is_latin("холодильники")
    (True, False)
    """
    return all(unicodedata.name(c, "").startswith("LATIN") for c in name if c.isalpha())


def singular(words: str) -> str:
    """The words with the last one in singular, as far as simple rules of English go.

    >>> singular("pet toys"), singular("batteries"), singular("glass")
    ('pet toy', 'battery', 'glass')
    """
    for end, other in (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("xes", "x")):
        if words.endswith(end):
            return words.removesuffix(end) + other
    return words[:-1] if words.endswith("s") and not words.endswith("ss") else words


def plural(word: str) -> str:
    """The plural of a word in singular, as far as simple rules of English go.

    >>> plural("battery"), plural("watch"), plural("toy"), plural("cup")
    ('batteries', 'watches', 'toys', 'cups')
    """
    if re.search("[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + ("es" if re.search("(s|x|ch|sh)$", word) else "s")


def _tokens(name: str) -> list[str]:
    tokens = TOKEN.findall(spaced(name).lower())
    return [singular(token) for token in tokens if token not in EMPTY_WORDS]


def _is_word(token: str) -> bool:
    """Not a code: no digit, and more than a single Latin letter."""
    return not any(map(str.isdigit, token)) and (len(token) > 1 or not token.isascii())
