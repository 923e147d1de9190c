"""The page in a real browser: draws, folds, searches, shows details, and a hostile name stays text."""

from __future__ import annotations

import shutil

import fake_graphs
import pytest

from kerascope.api.plot import Look, Plot

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.table, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as engine:
        made = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Opens a graph's page; whatever it complains about or asks the network for fails the test."""
    troubles, pages = [], []

    def open_page(graph, javascript=True, **look):
        file = tmp_path / "page.html"
        file.write_text(Plot(graph, Look(**look)).to_html(), encoding="utf-8")
        context = browser.new_context(java_script_enabled=javascript, viewport={"width": 1000, "height": 800})
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: (troubles.append("dialog"), dialog.dismiss()))
        page.on(
            "request",
            lambda request: None if request.url.startswith("file:") else troubles.append(request.url),
        )
        page.goto(file.as_uri())
        pages.append(context)
        return page

    yield open_page
    for context in pages:
        context.close()
    assert troubles == []


def count(page):
    return page.locator("#canvas .box").count()


def test_fold_unfold_and_repeats(visit):
    page = visit(fake_graphs.blocks(5))
    assert count(page) == 5
    page.click("#fold")
    assert count(page) == 3
    page.locator('.box[data-id="1"] .fold').click()
    assert count(page) == 5
    page.click("#repeats")
    assert count(page) == 9  # the other four blocks, folded
    page.click("#unfold")
    assert count(page) == 17


def test_search_and_details(visit):
    page = visit(fake_graphs.blocks(5))
    page.fill("#search", "out")
    assert page.locator(".box.found").count() == 1
    page.press("#search", "Enter")
    assert page.inner_text("#result") == "1 of 1"
    assert page.inner_text("#side h2") == "out"
    page.locator('.box[data-id="2"]').click()
    text = page.inner_text("#side")
    assert "block0/d" in text and "(8, 8)" in text and "mean ± std" in text
    page.press("#search", "Escape")
    assert page.locator(".box.found").count() == 0
    page.fill("#search", "block0/d")
    page.click("#fold")
    assert page.locator(".box.found").count() == 1  # the block around what is folded away


def test_pan_and_zoom(visit):
    page = visit(fake_graphs.blocks(1))
    before = page.locator("#canvas svg > g").get_attribute("transform")
    page.mouse.move(150, 400)
    page.mouse.down()
    page.mouse.move(250, 450)
    page.mouse.up()
    moved = page.locator("#canvas svg > g").get_attribute("transform")
    page.mouse.wheel(0, -300)
    page.wait_for_function(
        f"document.querySelector('#canvas svg > g').getAttribute('transform') !== '{moved}'"
    )
    assert before != moved
    page.click("#fit")
    box = page.locator('.box[data-id="0"]').bounding_box()
    assert box["x"] > 0 and box["y"] > 0


def test_it_reads_without_javascript(visit):
    page = visit(fake_graphs.blocks(2), javascript=False)
    assert page.locator("main.plain").is_visible()
    assert not page.locator("#app").is_visible()
    assert page.locator("main.plain table tbody tr").count() == 8


def test_a_hostile_name_stays_text(visit):
    page = visit(fake_graphs.hostile())
    page.click("#unfold")
    for box in page.locator("#canvas .box").all():
        box.dispatch_event("click")
        assert "alert(1)" in page.inner_text("#side")
    page.fill("#search", "</script>")
    assert page.locator(".box.found").count() >= 2
    assert page.locator("#app b, #app x").count() == 0


def test_boxes_do_not_overlap(visit):
    page = visit(fake_graphs.flat(60))
    boxes = page.evaluate(
        """[...document.querySelectorAll('#canvas .box > rect')]
            .map(r => ['x', 'y', 'width', 'height'].map(k => +r.getAttribute(k)))"""
    )
    assert len(boxes) == 60
    for i, (x, y, w, h) in enumerate(boxes):
        for a, b, c, d in boxes[i + 1 :]:
            assert x + w <= a or a + c <= x or y + h <= b or b + d <= y


def test_a_thousand_operations_stay_fluent(visit):
    page = visit(fake_graphs.flat(1000))
    assert count(page) == 1000
    frames = page.evaluate(
        """async () => {
          const canvas = document.getElementById('canvas'), times = [];
          for (let i = 0; i < 30; i++) {
            const start = performance.now();
            const turn = {deltaY: i % 2 ? 60 : -60, clientX: 400, clientY: 400, cancelable: true};
            canvas.dispatchEvent(new WheelEvent('wheel', turn));
            await new Promise(requestAnimationFrame);
            times.push(performance.now() - start);
          }
          return times.sort((a, b) => a - b)[15];
        }"""
    )
    assert frames < 100  # milliseconds, the median of 30; generous, for a machine with other work
    layout = page.evaluate(
        """() => {
          const start = performance.now();
          document.getElementById('unfold').click();
          return performance.now() - start;
        }"""
    )
    assert layout < 2000
