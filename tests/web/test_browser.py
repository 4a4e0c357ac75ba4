"""The page in a real browser, by keyboard alone, over the real command."""

import json
import os
import zlib

import polars as pl
import pytest
from page_fixtures import GATE

from wsal.annotation.journal import JOURNAL_FILE, Journal

pytestmark = pytest.mark.slow


def opened(browser, url, **context):
    tab = browser.new_context(**context).new_page()
    faults = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.goto(url)
    tab.wait_for_selector("#classes button")
    tab.faults = faults
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


def key_of(text):
    return str(1 + zlib.crc32(text.encode()) % 9)


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
            tab.wait_for_function(
                "(old) => document.getElementById('text').textContent === old", arg=text
            )
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
            served.kill()  # no goodbye; the page stays open, and what is pressed now is kept
        if number == 22:
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
    shown = ""
    while not tab.inner_text("#early"):
        shown = on_screen(tab, shown)
        tab.keyboard.press("1")
    with (run / "gate").open("w"):  # when this is open, the command waits to train
        tab.wait_for_function("() => document.getElementById('bar').hidden")
        early = on_screen(tab)
        note = "Round 1 is training; your answers count for round 2."
        assert tab.inner_text("#early") == note
        tab.keyboard.press("2")
        read = on_screen(tab, early)
        assert tab.inner_text("#early") == note
    tab.wait_for_function("() => !document.getElementById('bar').hidden", timeout=60_000)
    assert tab.inner_text("#text") == read
    assert tab.inner_text("#early") == "Round 2 begins with the next text."
    tab.keyboard.press("3")
    on_screen(tab, read)
    wait_until_saved(tab)
    assert tab.inner_text("#early") == ""
    assert tab.inner_text("#count") == "1 of 50"
    journal = Journal(run / "runs/w" / JOURNAL_FILE)
    answers = {e.text: (e.label, e.shown) for _, e in journal.events() if e.kind == "answer"}
    assert answers[read] == ("Laptop Bags & Docks", "early")
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


def test_accessible_by_axe_in_light_dark_and_narrow(run, page, browser):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    served = page(run)
    for context in (
        {"color_scheme": "light"}, {"color_scheme": "dark"},
        {"viewport": {"width": 390, "height": 800}},
    ):  # fmt: skip
        tab = opened(browser, served.urls[0], **context)
        tab.keyboard.press("v")
        report = axe.run(tab)
        bad = [
            (one["id"], [node["html"] for node in one["nodes"]])
            for one in report.response["violations"]
            if one["impact"] in ("serious", "critical", "moderate")
        ]
        assert not bad
        tab.keyboard.press("Tab")
        focus = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert focus == "solid"
        width = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert width <= 0  # nothing to scroll sideways


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
    from playwright import sync_api

    from wsal.data.catalog import Catalog

    rows = Catalog(n=500).read()
    rows.select("id", "title", "brand").write_csv(tmp_path / "products.csv")
    gold = dict(rows.select("id", "category").iter_rows())
    labels = sorted(set(gold.values()))
    served = page(
        tmp_path, "rules=catalog", "data=csv", "data.path=products.csv", "data.layout.text=[title]",
        "data.layout.keep=[brand]", "data.layout.id=id", "export=hf",
        f"data.layout.labels={json.dumps(labels)}", "active.query_size=12",
        name="run", base=("experiment=smoke", "name=w"),
    )  # fmt: skip
    tab = opened(browser, served.urls[0])
    shown, n = "", 0
    while served.process.poll() is None and n < 60:
        try:
            shown = on_screen(tab, shown)
        except sync_api.Error:  # the page is over
            break
        if not (text_id := tab.get_attribute("#text", "data-shown")):
            continue  # the round, or the run, has ended in between
        tab.keyboard.press("/")
        tab.keyboard.type(gold[text_id])
        tab.keyboard.press("Enter")
        n += 1
    served.wait()
    assert n >= 20
    exported = tmp_path / "runs" / "w" / "exported"
    assert (exported / "model.safetensors").exists()
    assert not tab.faults
