"""The page in a real browser, by keyboard alone, over the real command."""

import contextlib
import json
import os
import zlib

import polars as pl
import pytest
from page_fixtures import GATE, open_tab

from wsal.annotation.journal import JOURNAL_FILE, Journal

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.slow


def opened(browser, url, **context):
    tab = open_tab(browser, url, **context)
    tab.wait_for_selector("#classes button")
    return tab


def wait_until_saved(tab):
    """Wait until everything that was pressed is on the server's disk."""
    tab.wait_for_function(
        "() => JSON.parse(localStorage.getItem('wsal unsent') || '[]').length === 0"
    )


def on_screen(tab, other_than=""):
    """The text that is shown, once it is another one."""
    tab.wait_for_function(
        "(old) => (({ dataset, textContent }) => dataset.shown && textContent !== old)"
        "(document.getElementById('text'))",
        arg=other_than,
    )
    return tab.inner_text("#text")


def next_id(tab, served, answered):
    """The id of the next text to be answered; None once the command has ended."""
    while not served.has_ended():
        with contextlib.suppress(sync_api.TimeoutError):  # slow, or at its end
            tab.wait_for_function(
                "(ids) => { const { shown } = document.getElementById('text').dataset;"
                " return shown && !ids.includes(shown); }",
                arg=list(answered), timeout=500,
            )  # fmt: skip
            return tab.get_attribute("#text", "data-shown")
    return None


def text_becomes(tab, selector, text):
    """Wait until an element has this text."""
    tab.wait_for_function(
        "([selector, text]) => document.querySelector(selector).textContent === text",
        arg=[selector, text],
    )


def key_of(text):
    return str(1 + zlib.crc32(text.encode()) % 9)


def change_the_answer_before_last(tab, expected, labels):
    """Keep it at first, then change it; the text that was on the screen comes back both times."""
    text, changed = tab.inner_text("#text"), list(expected)[-2]
    tab.keyboard.press("B")
    text_becomes(tab, "#text", changed)
    assert f"You answered: {expected[changed]}." in tab.inner_text("#message")
    tab.keyboard.press("Escape")
    text_becomes(tab, "#text", text)
    tab.keyboard.press("B")
    other = (labels.index(expected[changed]) + 1) % 9
    tab.keyboard.press(str(1 + other))
    text_becomes(tab, "#text", text)
    expected[changed] = labels[other]
    assert tab.locator("#recent .what").first.inner_text() == changed  # the newest one now


def test_a_round_of_50_by_keyboard_over_a_kill_with_the_page_left_open(
    run, page, browser, answers_of
):
    served = page(run)
    tab = opened(browser, served.urls[0])
    facts = json.loads((run / "runs" / "w" / "pool" / "manifest.json").read_text())["facts"]
    labels = facts["labels"]
    expected, shown, number = {}, "", 0
    while True:
        text = shown or on_screen(tab)
        number += 1
        if tab.locator("#duplicates li").count():
            tab.keyboard.press("d")  # each on its own, here
        if number == 5:  # a slip, taken back
            tab.keyboard.press("1")
            on_screen(tab, text)
            tab.keyboard.press("u")
            text_becomes(tab, "#text", text)
        if number == 20:
            served.kill()  # no goodbye; the page stays open, and what is pressed now is kept
        if number == 12:  # a slip that is seen two texts later
            change_the_answer_before_last(tab, expected, labels)
        if number == 7:
            tab.keyboard.press("s")
            expected[text] = None
        elif number == 9:  # type-ahead
            tab.keyboard.press("/")
            tab.keyboard.type("vacuum cl")
            tab.keyboard.press("Enter")
            expected[text] = "Vacuum Cleaners"
        else:
            key = key_of(text)
            tab.keyboard.press(key)
            expected[text] = labels[int(key) - 1]
        if number == 20:
            assert tab.evaluate("JSON.parse(localStorage.getItem('wsal unsent')).length") >= 1
            served.start()
            wait_until_saved(tab)
        if len(expected) == 50:
            break
        shown = on_screen(tab, text)
    wait_until_saved(tab)
    served.wait()
    assert not tab.faults
    texts = pl.read_parquet(run / "runs" / "w" / "pool" / "pool.parquet")
    by_id = dict(texts.select("id", "text").iter_rows())
    assert {by_id[one]: label for one, label in answers_of(run).items()} == expected


def test_two_tabs_of_one_person(run, page, browser):
    served = page(run)
    one = opened(browser, served.urls[0])
    other = one.context.new_page()
    other.goto(served.urls[0])
    other.wait_for_selector("#classes button")
    for tab in (one, other, one, other):
        before = on_screen(tab)
        tab.keyboard.press("2")
        on_screen(tab, before)
    wait_until_saved(one)
    state = one.evaluate("fetch('/api/state').then((one) => one.json())")
    assert 50 - state["open"] >= 2
    assert state["people"]["people"][0]["answers"] == 50 - state["open"]


def test_the_page_goes_on_while_a_round_is_trained_and_keeps_the_text_that_is_read(
    run, page, browser
):
    os.mkfifo(run / "gate")
    served = page(run, "active.rounds=2", name="run", before=GATE)
    tab = opened(browser, served.urls[0])
    early = on_screen(tab)
    while not tab.inner_text("#early"):
        tab.keyboard.press("1")
        early = on_screen(tab, early)
    with (run / "gate").open("w"):  # when this is open, the command waits to train
        note = "Round 1 is training; your answers count for round 2."
        text_becomes(tab, "#early", note)
        tab.keyboard.press("2")
        read = on_screen(tab, early)
        assert tab.inner_text("#early") == note
    tab.wait_for_function("() => !document.getElementById('bar').hidden")
    assert tab.inner_text("#text") == read
    assert tab.inner_text("#early") == "Round 2 begins with the next text."
    tab.keyboard.press("3")
    on_screen(tab, read)
    wait_until_saved(tab)
    assert tab.inner_text("#early") == ""
    text_becomes(tab, "#count", "1 of 50")
    journal = Journal(run / "runs/w" / JOURNAL_FILE)
    answers = {e.text: (e.label, e.shown) for _, e in journal.events() if e.kind == "answer"}
    assert answers[read] == ("Laptop Bags & Docks", "early")
    tab.hover("[data-label=Coffee]")  # what was answered in the first round
    tab.wait_for_selector("#about li")
    examples = tab.locator("#about li").all_inner_texts()
    assert len(examples) == 3
    assert {answers[text] for text in examples} == {("Coffee", "")}
    assert not tab.faults


def test_a_title_with_a_script_is_a_text(run, page, browser):
    evil = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    for name in ("rounds/001/query/query.parquet", "pool/pool.parquet"):
        path = run / "runs" / "w" / name
        table = pl.read_parquet(path).with_columns(text=pl.lit(evil) + pl.col("text"))
        table.write_parquet(path)
    served = page(run)
    tab = opened(browser, served.urls[0])
    assert on_screen(tab).startswith("<script>document.title='owned'</script><img")
    tab.keyboard.press("v")
    assert tab.title() == "wsal: annotate"
    assert tab.locator("#text img, #text script").count() == 0


def violations(axe, tab):
    return [
        (each["id"], [node["html"] for node in each["nodes"]])
        for each in axe.run(tab).response["violations"]
        if each["impact"] in ("serious", "critical", "moderate")
    ]


def test_accessible_by_axe_in_light_dark_large_wide_and_narrow(run, page, browser):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    served = page(run)
    for context in (
        {"color_scheme": "light", "viewport": {"width": 800, "height": 900}},
        {"color_scheme": "dark", "viewport": {"width": 1440, "height": 900}},
        {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True},
    ):
        tab = opened(browser, served.urls[0], **context)
        before = on_screen(tab)
        tab.keyboard.press("1")
        on_screen(tab, before)
        tab.keyboard.press("A")  # back to change it
        text_becomes(tab, "#text", before)
        tab.keyboard.press("v")
        assert not violations(axe, tab)
        tab.keyboard.press("+")
        tab.reload()
        tab.wait_for_selector("html.large #classes button")  # it is remembered
        on_screen(tab)
        assert not violations(axe, tab)
        tab.keyboard.press("Tab")
        focus = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert focus == "solid"
        width = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert width <= 0  # nothing to scroll sideways
    heights = "(all) => all.map((one) => one.offsetHeight).filter((height) => height > 0)"
    assert min(tab.eval_on_selector_all("button, input, .to-answers", heights)) >= 44  # a fingertip
    before = on_screen(tab)
    tab.tap("[data-label=Coffee]")
    on_screen(tab, before)
    wait_until_saved(tab)


def test_the_next_text_is_there_at_once(run, page, browser):
    """It was fetched before the key was pressed: the page shows it without asking the server."""
    served = page(run)
    tab = opened(browser, served.urls[0])
    before = on_screen(tab)  # and four more are in the page by now
    tab.context.set_offline(True)
    tab.keyboard.press("1")
    assert tab.inner_text("#text") != before
    tab.context.set_offline(False)
    wait_until_saved(tab)


def test_from_a_pool_without_gold_to_an_exported_model_by_the_page_alone(tmp_path, page, browser):
    from wsal.data.catalog import Catalog

    rows = Catalog(n=500).read()
    rows.select("id", "title", "brand").write_csv(tmp_path / "products.csv")
    gold = dict(rows.select("id", "category").iter_rows())
    labels = sorted(set(gold.values()))
    served = page(
        tmp_path, "rules=catalog", "data=csv", "data.path=products.csv", "data.layout.text=[title]",
        "data.layout.keep=[brand]", "data.layout.id=id", "export=hf",
        f"data.layout.labels={json.dumps(labels)}", "active.query_size=12", "active.wait=true",
        name="run", base=("experiment=smoke", "name=w"),
    )  # fmt: skip
    tab = opened(browser, served.urls[0])
    answered = []
    while text_id := next_id(tab, served, answered):
        tab.keyboard.press("/")
        tab.keyboard.type(gold[text_id])
        tab.keyboard.press("Enter")
        answered.append(text_id)
    served.wait()
    rounds = (tmp_path / "runs" / "w").glob("rounds/*/annotations/annotations.parquet")
    taken = dict(pl.concat(pl.read_parquet(path) for path in rounds).select("id", "label").rows())
    assert len(taken) == 24  # near-duplicates of those answered, too
    assert {text_id: taken[text_id] for text_id in answered} == {
        text_id: gold[text_id] for text_id in answered
    }
    exported = tmp_path / "runs" / "w" / "exported"
    assert (exported / "model.safetensors").exists()
    assert not tab.faults
