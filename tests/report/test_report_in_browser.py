"""The page in a real browser, opened from disk."""

import pytest
from test_report import EVIL, NAMES, on_dev  # noqa: F401  a fixture

from wsal.inspection.run_view import RunView
from wsal.report.page import make_report

pytestmark = pytest.mark.slow
CORNER = {"x": 4, "y": 4}  # of a cell, beside its number; the last cells are without errors
DRAWN = "() => [...document.querySelectorAll('.chart')].every((c) => c.querySelector('svg'))"


def opened(browser, path, **context):
    tab = browser.new_context(**context).new_page()
    tab.set_default_timeout(120_000)
    tab.faults = []
    tab.on("pageerror", lambda error: tab.faults.append(str(error)))
    tab.on("console", lambda line: tab.faults.append(line.text))
    local = ("file:", "data:")
    tab.on("request", lambda r: r.url.startswith(local) or tab.faults.append(r.url))
    tab.goto(path.as_uri())
    tab.wait_for_function(DRAWN)
    return tab


def test_from_disk_in_light_and_dark_without_a_network(on_dev, browser, tmp_path):  # noqa: F811
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    path = make_report(RunView(on_dev)).save(tmp_path / "report.html")
    tab = opened(browser, path, color_scheme="light", viewport={"width": 1300, "height": 900})
    assert "owned" not in tab.title()
    tab.locator("#confusion [data-cell]").first.click()  # in the list
    count = int(tab.locator("#confusion [data-cell] .n").first.inner_text())
    assert tab.locator("#confusion-texts li").count() == min(count, 30)
    before = tab.inner_text("#confusion-texts h3")
    tab.locator("#confusion .chart svg .layer_0_marks path").last.click(position=CORNER)
    after = tab.inner_text("#confusion-texts h3")
    assert after != before
    assert "correctly predicted" in after
    evil = tab.locator(f"#confusion [data-cell^='{NAMES.index(EVIL)},']").first
    evil.click()
    assert "<script>" in tab.inner_text("#confusion-texts h3")
    assert tab.locator("main script, main img").count() == 0
    recall = tab.locator("#classes th:has(button)").nth(3)
    recall.locator("button").click()
    assert recall.get_attribute("aria-sort") == "ascending"
    cells = tab.locator("#classes tbody td:nth-child(4)").all()
    values = [float(cell.get_attribute("data-value")) for cell in cells]
    assert values == sorted(values)
    narrow = {"width": 390, "height": 800}
    dark = opened(browser, path, color_scheme="dark", viewport=narrow)
    assert dark.locator(".chart").first.get_attribute("data-theme") == "dark"
    assert dark.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    for page in (tab, dark):
        bad = [
            (violation["id"], [node["html"] for node in violation["nodes"]])
            for violation in axe.run(page).response["violations"]
            if violation["impact"] in ("serious", "critical", "moderate")
        ]
        assert not bad
        assert not page.faults
