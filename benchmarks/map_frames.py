"""Frames per second of the map of a report while it is moved and zoomed, in headless Chromium.

python benchmarks/map_frames.py RUN [--seconds 5]

A frame is counted when it is drawn (requestAnimationFrame). Also the milliseconds that drawing
takes within a frame, which matter where other processes keep the machine busy.
"""

import argparse
import shutil
import statistics
import tempfile
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import sync_playwright

from wsal.inspection.run_view import RunView
from wsal.report.page import Report
from wsal.report.pool_map import map_section

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
COUNT = """
() => {
  const asked = window.requestAnimationFrame.bind(window);
  window.drawn = [];
  window.requestAnimationFrame = (draw) => asked((time) => {
    const start = performance.now();
    draw(time);
    window.drawn.push([time, performance.now() - start]);
  });
}
"""
MOVE = """
(seconds) => new Promise((done) => {
  const canvas = document.getElementById("map-canvas");
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const fire = (name, x, y) => canvas.dispatchEvent(new PointerEvent(name, {
    pointerId: 1, bubbles: true, clientX: left + x, clientY: top + y }));
  canvas.setPointerCapture = () => {};
  const start = performance.now();
  window.drawn.length = 0;
  fire("pointerdown", width / 2, height / 2);
  const step = () => {
    const angle = (performance.now() - start) / 300;
    fire("pointermove", width / 2 + 90 * Math.cos(angle), height / 2 + 90 * Math.sin(angle));
    if (performance.now() - start < 1000 * seconds) return setTimeout(step, 4);
    fire("pointerup", width / 2, height / 2);
    done(window.drawn);
  };
  step();
})
"""


def main():
    """Measure the map of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    section = map_section(RunView(options.run))
    path = next(filter(None, map(shutil.which, BROWSERS)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        page = Report("map", (section,)).save(Path(folder) / "map.html")
        print(f"{section.figures['n_shown']:,} texts, page of {page.stat().st_size / 1e6:.2f} MB")
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for scale in (1, 2):
            context = browser.new_context(
                viewport={"width": 1300, "height": 900}, device_scale_factor=scale
            )
            tab = context.new_page()
            tab.set_default_timeout(200_000)
            tab.add_init_script(f"({COUNT})()")
            tab.goto(page.as_uri(), wait_until="commit")
            tab.wait_for_selector("#map-legend button")
            tab.locator("#map-canvas").scroll_into_view_if_needed()
            for zoom in (0, 3):
                for _ in range(zoom):
                    tab.click("[data-map=in]")
                drawn = tab.evaluate(MOVE, options.seconds)
                times = [time for time, _ in drawn]
                gaps = sorted(b - a for a, b in pairwise(times))
                draws = sorted(ms for _, ms in drawn)
                print(
                    f"{scale} pixels per point, zoom {1.4**zoom:.1f}: "
                    f"{(len(times) - 1) / (times[-1] - times[0]) * 1000:.0f} frames per second, "
                    f"median {statistics.median(gaps):.0f} ms, "
                    f"95% within {gaps[int(0.95 * len(gaps))]:.0f} ms; "
                    f"drawing takes {statistics.median(draws):.1f} ms, "
                    f"and {draws[len(draws) // 20]:.1f} ms where it is not interrupted",
                    flush=True,
                )
        browser.close()
    print(f"load of the machine: {Path('/proc/loadavg').read_text().strip()}")


if __name__ == "__main__":
    main()
