"""Each way to rewrite: what it gives, what it leaves alone."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_lexicon import lexicon, pool

from wsal.amplify.amplifier import OPERATIONS
from wsal.amplify.lexicon import Lexicon, tokens
from wsal.amplify.operations import (
    Record,
    attribute_swap,
    code_mask,
    field_dropout,
    segment_permute,
    unit_rewrite,
)
from wsal.seeding import rng

PLAIN = Lexicon(frozenset(), frozenset(), frozenset(), {})
MINED = lexicon()
WORDS = st.sampled_from(
    ["Bosko", "larder", "fridge", "black", "silver", "200 litre", "64gb", "tea", "125 g", '14"',
     "2 x 250 ml", "pack of 2", "KGN36X1", "4006381333931", "é", "東", "ß", "İ", "|", ",", " - ",
     "(new)", "(", ""]
)  # fmt: skip


def outcomes(operation, record, words=PLAIN, n=40):
    return {operation(record, words, rng(seed)) for seed in range(n)}


@given(parts=st.lists(WORDS, max_size=9), label=st.integers(0, 2), seed=st.integers(0, 999))
@settings(max_examples=300, deadline=None)
def test_what_every_operation_promises(parts, label, seed):
    fields = (" ".join(parts[:4]), " ".join(parts[4:]) or None)
    record = Record(" | ".join(field for field in fields if field), label, fields)
    for name, operation in OPERATIONS.items():
        new = operation(record, MINED, rng(seed))
        assert new == operation(record, MINED, rng(seed))
        if new is None:
            continue
        assert new != record.text
        bears = MINED.protected_words(record.text)
        if name == "field_dropout":
            assert set(bears) <= set(tokens(new))
        else:
            assert bears <= MINED.protected_words(new)


@given(text=st.text(max_size=40), seed=st.integers(0, 9))
@settings(max_examples=200, deadline=None)
def test_any_text_is_borne(text, seed):
    for operation in OPERATIONS.values():
        new = operation(Record(text, 0, (text[:3], None, text)), MINED, rng(seed))
        assert new is None or new != text


def test_a_swap_keeps_slot_and_class():
    texts, classes = pool(seed=1)
    shapes = [
        r"(Bosko|Smaug|Grundo) larder fridge (120|200|310) litre (black|white|silver)",
        r"(Nokio|Bosko) [XZ]\d\dQ\d{3} phone (16|32|64)gb (black|white|silver)",
        r"(Ahmed Leaf|Pickwig) (black|green) tea (125|250) g",
    ]
    swapped = 0
    for text, label in zip(texts, classes.tolist(), strict=True):
        new = attribute_swap(Record(text, label), MINED, rng(0, text))
        if new is not None:
            swapped += 1
            assert re.fullmatch(shapes[label], new)
    assert swapped > len(texts) / 2


def test_a_swap_writes_as_was_written_and_everywhere_alike():
    words = Lexicon(
        frozenset({"mug", "tea"}), frozenset({"acme"}), frozenset(),
        {("brand", 0, ""): ("Acme", "Bree"), ("colour", 0, "mug"): ("red", "navy blue")},
    )  # fmt: skip
    swap = lambda text: outcomes(attribute_swap, Record(text, 0), words)  # noqa: E731
    assert swap("Acme tea | Acme") == {"Bree tea | Bree"}
    assert swap("RED mug") == {"Navy Blue mug"}
    assert swap("old red mug") == {"old navy blue mug"}
    assert swap("acme Red mug") == {"bree Red mug", "acme Navy Blue mug", "bree Navy Blue mug"}
    assert swap("red pepper") == {None}
    assert swap("Acme 700") == {None}  # the brand may be all that tells the class


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tea 500 g", {"tea 500g", "tea 500 gm", "tea 0.5 kg", "tea 0.5kg"}),
        ("tea 0.5 kg", {"tea 0.5kg", "tea 500 g", "tea 500g"}),
        ('tv 14"', {"tv 14 inch", "tv 14-inch", "tv 35.6 cm", "tv 35.6cm"}),
        ("tv 35.6 cm", {"tv 35.6cm", 'tv 14"', "tv 14 inch"}),
        ("oil 1 l", {"oil 1l", "oil 1 litre", "oil 1000 ml", "oil 1000ml"}),
        ("hose 2 m", {"hose 2m", "hose 200 cm", "hose 200cm"}),
        ("cup 2 x 250 ml", {"cup pack of 2 250ml"}),
        ("cup 2 x 250 ml each", {"cup pack of 2 250ml each"}),
        ("1366 x 768 cm", {None}), ("5.5.5 g", {None}), ("1,500 g", {None}), ("4 cats", {None}),
    ],
)  # fmt: skip
def test_units(text, expected):
    assert outcomes(unit_rewrite, Record(text, 0)) == expected


def test_a_pack_is_unpacked():
    assert "cup 2 x 250ml" in outcomes(unit_rewrite, Record("cup pack of 2 250ml", 0))


METRES = {"mm": 0.001, "cm": 0.01, "m": 1.0, '"': 0.0254, "inch": 0.0254}
KILOGRAMS, LITRES = (
    {"g": 0.001, "gm": 0.001, "kg": 1.0},
    {"ml": 0.001, "cl": 0.01, "l": 1.0, "litre": 1.0},
)
SCALE = {**METRES, **KILOGRAMS, **LITRES}


@given(
    number=st.decimals(1, 3000, places=1).map(lambda d: f"{d:f}".rstrip("0").rstrip(".")),
    unit=st.sampled_from(sorted(SCALE)),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_a_quantity_stays_the_same_quantity(number, unit, seed):
    new = unit_rewrite(Record(f"x {number} {unit}", 0), PLAIN, rng(seed))
    found = re.fullmatch(r'x ([\d.]+)[ -]?([a-z]+|")', new) if new else None
    assert (new is None) == (found is None)
    if found:
        kind = next(one for one in (METRES, KILOGRAMS, LITRES) if unit in one)
        assert found[2] in kind
        was, now = float(number) * SCALE[unit], float(found[1]) * SCALE[found[2]]
        assert abs(was - now) <= 0.051 * SCALE[found[2]] + 1e-9  # one decimal of the new unit


def test_a_protected_unit_stays():
    words = Lexicon(frozenset({"g"}), frozenset(), frozenset(), {})
    assert outcomes(unit_rewrite, Record("tea 500 g", 0), words) == {"tea 500g"}


def test_a_masked_code_keeps_its_shape_and_what_bears_the_label():
    words = Lexicon(frozenset({"fridge", "kgn"}), frozenset(), frozenset({"lga1151"}), {})
    text = "Bosch fridge KGN36vl-45 LGA1151 1920x1080 1gb/8gb 500mm 4006381333931 150Gx2 A+++"
    shape = (
        r"Bosch fridge KGN\d\d[a-z]{2}-\d\d LGA1151 1920x1080 1gb/8gb 500mm \d{13} 150Gx2 A\+\+\+"
    )
    found = outcomes(code_mask, Record(text, 0), words)
    assert len(found) > 30
    assert all(re.fullmatch(shape, new) for new in found)
    assert code_mask(Record("Bosch XX36vl45", 0), words, rng(0)) is None  # the code may be all


def test_segments_stay_whole_and_in_their_field():
    text = "Steel bowl - large, black | Acme (new)"
    found = outcomes(segment_permute, Record(text, 0), n=99)
    assert found == {
        "Acme (new) | Steel bowl - large, black", "Steel bowl - large, black | (new) Acme",
        "Steel bowl - black, large | Acme (new)", "large - Steel bowl, black | Acme (new)",
        "large - black, Steel bowl | Acme (new)", "black - large, Steel bowl | Acme (new)",
        "black - Steel bowl, large | Acme (new)",
    }  # fmt: skip
    assert outcomes(segment_permute, Record("A, B", 0)) == {"B, A"}
    for one in ("A, A", "A (b, c)", "A", "1,5 l", "A, -", "half-baked"):
        assert outcomes(segment_permute, Record(one, 0)) == {None}


def test_a_field_is_dropped_only_if_the_label_is_borne_elsewhere():
    words = Lexicon(frozenset({"tea"}), frozenset(), frozenset(), {})
    drop = lambda *fields: outcomes(  # noqa: E731
        field_dropout, Record(" | ".join(f for f in fields if f), 0, (*fields, "kept aside")), words
    )
    assert drop("Green tea", None, "Acme") == {"Green tea"}
    assert drop("Green tea", "Acme tea", "Acme") == {"Green tea | Acme", "Green tea | Acme tea"}
    assert drop("Acme", "Green tea", "Tea") == {"Acme | Green tea", "Acme | Tea"}
    assert drop("Acme", "Green tea") == {None}
    assert drop("Green", "Acme") == {None}  # who knows what bears the label
    assert drop("Green tea") == drop("tea", "", None) == {None}
