"""What a fuzz test does to bytes, JSON and command lines; all of it drawn from one seed."""

import json

TOKENS = (
    b'"', b"'", b'""', b",", b";", b"\t", b"\n", b"\r\n", b"\r", b"\\", b"\x00", b"\xff\xfe",
    b"\xef\xbb\xbf", b"\xe9", "é".encode(), "动".encode(), "👩‍👧".encode(), b"[", b"]", b"{", b"}",
    b"${", b"${1}", b": ", b"- ", b"#", b"&a ", b"*a", b"!!python/object:os.system ", b"null",
    b"yes", b"~", b"-1", b"1e999", b"NaN", b"007", b"9" * 20, b"%", b"(", b")", b"@", b"=",
    b"<<: ", b"|", b"???", b"sep=;\n", b"_target_: ", b" ", "\u200b".encode(), "\u2028".encode(),
)  # fmt: skip
ODD_VALUES = (
    None, True, 0, -1, 10**30, 1.5, float("nan"), "", "x", "é\x00", [], [1], {}, {"a": 1}, [[]],
)  # fmt: skip
ODD_WORDS = (
    "", " ", "-", "--", "-1", "0", "1e9", "x", "runs", "nosuch", ".", "..", "/", "a=b", "é", "\x00",
    "--help=1", "--nosuch", "a\nb", "x" * 300, "${x}", "[", "*", "~", "@file",
)  # fmt: skip


def _place(data, random):
    """What comes before a random place, a few bytes there, and what comes after them."""
    at, length = random.randint(0, len(data)), random.randint(1, 20)
    return data[:at], data[at : at + length], data[at + length :]


def cut_off(data, random):
    return _place(data, random)[0]


def shortened(data, random):
    before, _, after = _place(data, random)
    return before + after


def repeated(data, random):
    before, some, after = _place(data, random)
    return before + some * random.randint(2, 4) + after


def with_another_byte(data, random):
    before, some, after = _place(data, random)
    return before + bytes([random.randrange(256)]) + some[1:] + after


def shuffled(data, random):
    lines = data.split(b"\n")
    random.shuffle(lines)
    return b"\n".join(lines)


def with_a_token_first(data, random):
    return random.choice(TOKENS) + data


def with_a_token(data, random):
    before, some, after = _place(data, random)
    return before + random.choice(TOKENS) + some + after


def recoded(data, random):
    coding = random.choice(["utf-16", "utf-16-be", "utf-8-sig", "utf-32"])
    return data.decode("ascii", "ignore").encode(coding)


EDITS = (
    cut_off, shortened, repeated, with_another_byte, shuffled, with_a_token_first, with_a_token,
    recoded,
)  # fmt: skip
GONE = "gone"
VALUES = (GONE, *ODD_VALUES)  # what a value in JSON becomes
WORD_EDITS = ("inserted", "damaged", GONE, "replaced")


def damaged(data, random, first=None):
    """The bytes after one to four edits; which the first one is can be chosen."""
    for _ in range(random.randint(1, 4)):
        data = (first or random.choice(EDITS))(data, random)
        first = None
    return data


def damaged_json(data, random, becomes, part=""):
    """JSON in which one value, anywhere or in a part of it, is another one or gone."""
    value = json.loads(data)
    inside = value.get(part, value) if part else value
    places = list(_places(inside if random.random() < 0.7 else value))
    parent, key = random.choice(places)
    if becomes == GONE:
        del parent[key]
    else:
        parent[key] = becomes
    return json.dumps(value).encode()


def _places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in list(items):
        yield value, key
        if isinstance(one, dict | list):
            yield from _places(one)


def damaged_words(words, random, first=None):
    """A command line after one or two edits; which the first one is can be chosen."""
    words = list(words)
    for _ in range(random.randint(1, 2)):
        at, edit = random.randint(0, len(words)), first or random.choice(WORD_EDITS)
        first = None
        if edit == "inserted":
            words.insert(at, random.choice(ODD_WORDS))
        elif at == len(words):
            continue
        elif edit == "damaged":
            words[at] = damaged(words[at].encode(), random).decode("utf-8", "ignore")
        elif edit == GONE:
            del words[at]
        else:
            words[at] = random.choice(ODD_WORDS)
    return words
