"""Brands, colours, materials, sizes and quantities in a text."""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

# Colours that are as often a flavour or a scent (orange, cream, rose, olive) are left out.
SHADES = (
    "navy|royal|sky|dark|light|deep|bright|pale|matte?|metallic|steel|rose|jet|space|coral|midnight|"
    "pearl|baby|hot|off"
)
COLOURS = (
    "black|white|gr[ae]y|silver|gold|red|blue|green|yellow|pink|purple|brown|beige|navy|maroon|"
    "turquoise|teal|khaki|magenta|violet|burgundy|indigo|anthracite|graphite|crimson"
)
MATERIALS = (
    "stainless steel|steel|plastic|glass|wood|wooden|leather|cotton|polyester|silk|wool|metal|"
    "alumini?um|ceramic|rubber|nylon|denim|linen|velvet|copper|brass|bamboo|porcelain|melamine|"
    "silicone|chrome|canvas|suede"
)
SIZES = "small|medium|large|x{1,4}[sl]"
UNITS = {
    "mg": "mg|milligrams?", "g": "g|gms?|grams?", "kg": "kgs?|kilograms?", "oz": "oz", "lb": "lbs?",
    "ml": "ml|millilitres?", "cl": "cl", "l": "l|lt|ltr|lit(?:re|er)s?",
    "mm": "mm", "cm": "cm", "m": "m|met(?:re|er)s?", "ft": "ft|feet",
    "inch": r"inch(?:es)?|\"|''|″|”",
    "mb": "mb", "gb": "gb", "tb": "tb", "w": "w|watts?", "kw": "kw", "v": "v|volts?", "mah": "mah",
    "hz": "hz", "mhz": "mhz", "ghz": "ghz", "rpm": "rpm", "mp": "mp|megapixels?",
    "pieces": "pcs?|pieces?|packs?|tablets?|capsules?|sheets?|sachets?|bags?|place settings?",
}  # fmt: skip
NUMBER = r"\d+(?:\.\d+)?"
WORD = re.compile(
    rf"(?<![\w'’/-])(?:(?P<colour>(?:(?:{SHADES})[ -])?(?:{COLOURS}))|(?P<material>{MATERIALS})"
    rf"|(?P<size>{SIZES}))(?![\w'’-])",
    re.IGNORECASE,
)
QUANTITY = re.compile(
    rf"(?<![\w.,/+-])(?!\dg\b)(?P<number>{NUMBER}(?:\s?[x×]\s?{NUMBER}){{0,2}})(?P<space>[\s-]?)(?:"
    + "|".join(f"(?P<{unit}>{spellings})" for unit, spellings in UNITS.items())
    + r")(?![\w/+])",  # 4g is not a weight, 2m+ is not a length
    re.IGNORECASE,
)
PACK = re.compile(r"\b(?:pack|set|box|combo) of (?P<number>\d+)\b", re.IGNORECASE)
NEXT = re.compile(r"\s*[&/+]?\s*([^\W_]+)")
LAST = re.compile(r"[^\W\d_]+(?=[\W\d_]*$)")
FIELD = re.compile(r"^\s*|\|\s*")
LINKS = ("of", "and", "&", "n", "de", "by", "+", "-")  # words that join the parts of a name


@dataclass(frozen=True)
class Attribute:
    """A value in a text, `text[start:end]`, that another value of its slot may replace."""

    start: int
    end: int
    slot: str
    """brand, colour, material, size, pack, or the unit of a number; then "*" for each "x" in it."""
    context: str
    """The next word, or the previous one and `$` if punctuation follows: it distinguishes black tea
    from a black bag. Empty for brands and numbers, for which it does not matter."""


def attributes(text: str, brands: Container[str] = ()) -> list[Attribute]:
    """All attributes in `text`, from left to right, without overlaps.

    A brand, one of `brands` (lower case), is recognised only at the beginning of the text or,
    after `|`, of a field. The value of a quantity is its number, without the unit.

    >>> text = "Acme steel kettle 1.7 l, black"
    >>> [(text[a.start : a.end], a.slot) for a in attributes(text, {"acme"})]
    [('Acme', 'brand'), ('steel', 'material'), ('1.7', 'l'), ('black', 'colour')]
    """
    candidates = sorted((*_brands(text, brands), *_others(text)), key=lambda each: each.start)
    result: list[Attribute] = []
    for attribute in candidates:
        if not result or attribute.start >= result[-1].end:
            result.append(attribute)
    return result


def unit_of(quantity: re.Match[str]) -> str:
    """The unit of a match of `QUANTITY`, as a key of `UNITS`."""
    return quantity.lastgroup or ""


def _brands(text: str, brands: Container[str]) -> Iterator[Attribute]:
    for field in FIELD.finditer(text):
        words = list(re.finditer(r"[^\s|]+", text[field.end() : field.end() + 80]))[:4]
        for n in (3, 2, 1):
            if len(words) < n:
                continue
            end = field.end() + words[n - 1].end()
            if text[field.end() : end].lower() in brands:
                if len(words) == n or words[n][0].lower() not in LINKS:
                    yield Attribute(field.end(), end, "brand", "")
                break


def _others(text: str) -> Iterator[Attribute]:
    for word in WORD.finditer(text):
        yield Attribute(*word.span(), word.lastgroup or "", _context(text, *word.span()))
    for number in QUANTITY.finditer(text):
        times = "*" * len(re.findall("[x×]", number["number"], re.IGNORECASE))
        yield Attribute(*number.span("number"), unit_of(number) + times, "")
    for pack in PACK.finditer(text):
        yield Attribute(*pack.span("number"), "pack", "")


def _context(text: str, start: int, end: int) -> str:
    if following := NEXT.match(text, end):
        return following[1].lower()
    last = LAST.search(text, max(0, start - 40), start)
    return f"{last[0].lower()} $" if last else "$"
