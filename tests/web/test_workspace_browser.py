"""From the worst errors to a rule in the file, in a real browser and by keyboard alone."""

import pytest

from wsal.inspection.preview_file import nodes_in
from wsal.sockets import listening_socket
from wsal.web.app import make_app
from wsal.web.server import running
from wsal.web.site import Site

pytestmark = pytest.mark.slow


def test_from_the_worst_errors_to_a_rule_in_the_file(run, browser):
    folder = run / "runs" / "w"
    listening = listening_socket("127.0.0.1", 0, "--port")
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with running(make_app(Site(folder, {"token": ""})), listening):
        tab = browser.new_page()
        faults = []
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.goto(f"{address}/workspace?token=token")
        tab.wait_for_selector("#groups button")
        tab.keyboard.press("j")
        worst = tab.inner_text("#groups [aria-current] strong")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#texts li")
        assert tab.inner_text("#name") == worst
        tab.keyboard.press("e")
        tab.wait_for_selector("#write:enabled")
        tab.click("text=blank")
        tab.fill("#rule-name", "from_errors")
        tab.fill("#rule-words", "<b>bold</b>, nothing-has-this")
        tab.wait_for_selector("pre .plus:has-text('nothing-has-this')")
        assert tab.locator("#preview b:has-text('bold')").count() == 0  # text, never markup
        word = tab.inner_text("#texts p").split()[0].lower()
        tab.fill("#rule-words", word)
        tab.wait_for_selector(f"#texts mark >> text=/{word}/i")
        tab.wait_for_selector(f"pre .plus:has-text('{word}')")
        axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)
            found = axe.run(tab).response["violations"]
            assert not [v["id"] for v in found if v["impact"] in ("serious", "critical")]
        tab.click("#name")  # out of the form
        tab.keyboard.press("w")
        tab.wait_for_selector("#preview h2")
        file = folder / "workspace" / "rules" / "edited.yaml"
        rule = nodes_in(file.read_text(), file)["from_errors"]
        assert word in [w.lower() for w in rule["words"]]
        label_a_group(tab)
        assert not faults


def label_a_group(tab):
    """All of a group has to be on the screen before it can be labelled."""
    tab.keyboard.press("2")
    tab.wait_for_selector("#groups button")
    tab.set_viewport_size({"width": 900, "height": 500})
    tab.keyboard.press("j")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#texts li")
    tab.keyboard.press("l")
    tab.wait_for_selector("#unseen >> text=not shown yet")
    assert tab.is_disabled("#give")
    for line in tab.locator("#texts li").all():
        line.scroll_into_view_if_needed()
        tab.wait_for_selector(f"#texts li[data-id='{line.get_attribute('data-id')}']:not(.unseen)")
    tab.wait_for_selector("#give:enabled")
    tab.click("#give")
    tab.wait_for_selector("#unseen >> text=labelled")
