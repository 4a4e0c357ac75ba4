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


def damaged(data, random):
    """The bytes after one to four edits."""
    for _ in range(random.randint(1, 4)):
        data = _edited(data, random)
    return data


def _edited(data, random):
    at, length = random.randint(0, len(data)), random.randint(1, 20)
    before, cut, after = data[:at], data[at : at + length], data[at + length :]
    lines = data.split(b"\n")
    random.shuffle(lines)
    coding = random.choice(["utf-16", "utf-16-be", "utf-8-sig", "utf-32"])
    edits = [
        before,
        before + after,
        before + cut * random.randint(2, 4) + after,
        before + bytes([random.randrange(256)]) + cut[1:] + after,
        b"\n".join(lines),
        random.choice(TOKENS) + data,
        before + random.choice(TOKENS) + cut + after,
        data.decode("ascii", "ignore").encode(coding) if data.isascii() else before,
    ]
    return random.choice(edits)


def damaged_json(data, random, part=""):
    """JSON in which one value, anywhere or in a part of it, is another one or gone."""
    value = json.loads(data)
    inside = value.get(part, value) if part else value
    places = list(_places(inside if random.random() < 0.7 else value))
    parent, key = random.choice(places)
    if random.random() < 0.4:
        del parent[key]
    else:
        parent[key] = random.choice(ODD_VALUES)
    return json.dumps(value).encode()


def _places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in list(items):
        yield value, key
        if isinstance(one, dict | list):
            yield from _places(one)


def damaged_words(words, random):
    """A command line after one or two edits."""
    words = list(words)
    for _ in range(random.randint(1, 2)):
        at = random.randint(0, len(words))
        edit = random.randrange(4)
        if edit == 0:
            words.insert(at, random.choice(ODD_WORDS))
        elif edit == 1 and at < len(words):
            words[at] = damaged(words[at].encode(), random).decode("utf-8", "ignore")
        elif edit == 2 and at < len(words):
            del words[at]
        elif at < len(words):
            words[at] = random.choice(ODD_WORDS)
    return words
