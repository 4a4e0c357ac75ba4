"""What is taken for an attribute, what is protected, what may stand in for what."""

import numpy as np
import polars as pl
import pytest

from wsal.amplify.attributes import attributes
from wsal.amplify.lexicon import Lexicon, build_lexicon, tokens
from wsal.seeding import rng

NAMES = ("fridges", "phones", "teas")


def pool(seed=0, n=600):
    """Titles of three classes, whose words and numbers are told apart by class."""
    draw = np.random.default_rng(seed)
    pick = lambda words: words[draw.integers(len(words))]  # noqa: E731
    texts, classes = [], draw.integers(3, size=n)
    brands = [["Bosko", "Smaug", "Grundo"], ["Nokio", "Bosko"], ["Ahmed Leaf", "Pickwig"]]
    for label in classes:
        brand, colour = pick(brands[label]), pick(["black", "white", "silver"])
        code = f"{pick(['X', 'Z'])}{draw.integers(10, 99)}Q{draw.integers(100, 999)}"
        goods = [
            f"larder fridge {pick([120, 200, 310])} litre {colour}",
            f"{code} phone {pick([16, 32, 64])}gb {colour}",
            f"{pick(['black', 'green'])} tea {pick([125, 250])} g",
        ]
        texts.append(f"{brand} {goods[label]}")
    return pl.Series(texts), classes


def lexicon(**options):
    texts, classes = pool()
    return build_lexicon(texts, classes, NAMES, rng(0), **options)


def test_attributes_stand_where_they_are_said_to():
    text = 'Samsung 55" TV, dark blue - 2 x 250 ml (pack of 3) size XL, 0.5 kg'
    found = [(text[a.start : a.end], a.slot) for a in attributes(text, {"samsung"})]
    assert found == [
        ("Samsung", "brand"), ("55", "inch"), ("dark blue", "colour"), ("2 x 250", "ml*"),
        ("3", "pack"), ("XL", "size"), ("0.5", "kg"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "|",
        "BlackBerry",
        "blackboard",
        "snow-white",
        "4g",
        "2m+",
        "s/steel",
        "Black's",
        "v2.50 g",
        "gr 5",
        "1/2 kg",
        "kg",
    ],
)
def test_what_is_no_attribute(text):
    assert attributes(text) == []


@pytest.mark.parametrize(
    ("text", "brand"),
    [
        ("Lee Cooper Men", "Lee Cooper"), ("Lee Men", "Lee"), ("Tea | Lee", "Lee"),
        ("Lee of London", None), ("Men Lee", None), ("Lee & Co", None),
    ],
)  # fmt: skip
def test_the_longest_brand_counts_at_the_start_of_a_field(text, brand):
    found = [text[a.start : a.end] for a in attributes(text, {"lee", "lee cooper"})]
    assert found == ([brand] if brand else [])


def test_words_that_tell_the_class_are_protected_and_others_are_not():
    protected = lexicon().protected
    assert {"litre", "gb", "larder", "tea", "fridge", "fridges", "phone", "g"} <= protected
    assert protected.isdisjoint({"black", "white", "silver", "bosko"})


def test_protection_is_the_share_of_entropy_that_a_word_takes_away():
    texts, classes = pool()
    shares = np.bincount(classes) / len(classes)
    for word in ("black", "silver", "litre", "green"):
        of = np.bincount(classes[[word in tokens(t) for t in texts]], minlength=3)
        given = (of + 2 * shares) / (of.sum() + 2)
        gain = sum(g * np.log(g / s) for g, s in zip(given, shares, strict=True))
        gain /= -sum(s * np.log(s) for s in shares)
        assert (
            word not in build_lexicon(texts, classes, NAMES, rng(0), protect=gain + 1e-9).protected
        )
        assert word in build_lexicon(texts, classes, NAMES, rng(0), protect=gain - 1e-9).protected


def test_values_stay_in_their_class_slot_and_context():
    seen = lexicon(protect=2.0).values  # above 1 nothing is protected but names
    assert set(seen["brand", 0, ""]) == {"Bosko", "Smaug", "Grundo"}
    assert set(seen["brand", 1, ""]) == {"Nokio", "Bosko"}
    assert set(seen["brand", 2, ""]) == {"Ahmed Leaf", "Pickwig"}
    assert set(seen["l", 0, ""]) == {"120", "200", "310"}
    assert set(seen["gb", 1, ""]) == {"16", "32", "64"}
    assert set(seen["colour", 2, "tea"]) == {"black", "green"}
    assert set(seen["colour", 0, "litre $"]) == {"black", "white", "silver"}
    assert ("gb", 0, "") not in seen


def test_brands_of_a_field_are_taken_as_they_are():
    texts, _ = pool()
    brands = pl.Series(["Ahmed Leaf" if "Ahmed" in text else None for text in texts])
    assert lexicon(brands=brands).brands == {"ahmed leaf"}


def test_a_pool_without_classes_or_texts_offers_nothing():
    texts, classes = pool()
    for some, known in ((texts, np.full_like(classes, -1)), (texts[:0], classes[:0])):
        empty = build_lexicon(some, known, NAMES, rng(0))
        assert empty.values == {}
        assert {"fridge", "fridges", "phone", "tea"} <= empty.protected
        assert empty.replacements("Bosko fridge black", 0) == []
    one = build_lexicon(texts, np.zeros_like(classes), NAMES, rng(0))  # one class: no word tells it
    assert "larder" not in one.protected


def test_nothing_protected_is_offered_nor_replaced_nor_what_stands_there_already():
    words = Lexicon(
        frozenset({"red"}),
        frozenset(),
        frozenset(),
        {("colour", 0, "mug $"): ("red", "blue", "green")},
    )
    assert words.replacements("mug red", 0) == []
    assert [others for _, others in words.replacements("mug blue or mug, red", 0)] == []
    assert words.replacements("red mug blue", 0)[0][1] == ("green",)
    assert words.replacements("mug blue", 1) == []


def test_a_value_that_wrong_labels_brought_into_a_class_is_not_offered():
    texts, classes = pool(n=2000)
    wrong = np.random.default_rng(3).random(len(classes)) < 0.05
    noisy = np.where(wrong, 1, classes)
    seen = build_lexicon(texts, noisy, NAMES, rng(0), protect=2.0).values
    assert set(seen["brand", 1, ""]) == {"Nokio", "Bosko"}
    assert ("l", 1, "") not in seen


def test_a_number_is_exchanged_for_one_of_about_its_size():
    words = Lexicon(
        frozenset(), frozenset(), frozenset(), {("g", 0, ""): ("50", "100", "150", "2000", "9 x 9")}
    )
    assert words.replacements("tea 400 g", 0)[0][1] == ("100", "150", "9 x 9")


def test_a_brand_that_reads_like_a_number_is_a_brand():
    words = Lexicon(
        frozenset({"tea"}), frozenset({"nan"}), frozenset(), {("brand", 0, ""): ("Acme", "Nan")}
    )
    assert words.replacements("Nan tea", 0)[0][1] == ("Acme",)


def test_first_words_are_brands_only_where_most_texts_begin_with_one():
    texts, classes = pool()
    assert {"bosko", "ahmed leaf", "pickwig"} <= lexicon().brands
    others = pl.Series([f"{i} {text}" for i, text in enumerate(texts)] * 2)
    mostly = build_lexicon(pl.concat([texts, others]), np.tile(classes, 3), NAMES, rng(0))
    assert mostly.brands == frozenset()


def test_the_same_pool_gives_the_same_lexicon():
    assert lexicon() == lexicon()
