"""Pages in a real browser: nothing loaded, nothing on the console, readable on any screen, with keyboard and screen reader.

A browser is needed: `apt-get install chromium`, or `playwright install chromium`. Without one these tests are skipped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, sync_playwright

from regsweep.view.courses import course_of
from regsweep.view.html import page_html
from regsweep.view.run import RunView, run_page
from regsweep.view.sweep import RunTexts, SweepView, sweep_page
from unit.report.builders import breast_cancer
from unit.view.test_pages import LOSSES, with_courses

SCREENS = {"phone": (390, 844), "laptop": (1280, 800)}
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        try:
            found = playwright.chromium.launch(
                executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else []
            )
        except Error as error:
            pytest.skip(f"no browser: install chromium ({str(error).splitlines()[0]})")
        yield found
        found.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    report = breast_cancer()
    texts = [RunTexts("l2=0.01", "epoch 1\n" * 40, {"train.py": "import keras\n"})]
    course = {"average_loss": course_of("average_loss", LOSSES)}
    run = RunView(
        "mine-1", "l2=0.1", "completed", "", [["accuracy", "0.9", "0.8", "", ""]], [("optimizer", "adam")], course
    )
    found = {
        "sweep": page_html(sweep_page(SweepView(report, runs=texts, **with_courses(report)))),  # type: ignore[arg-type]
        "run": page_html(run_page(run)),
    }
    for name, text in found.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in found}


def opened(browser: Browser, file: Path, screen: str, scheme: str) -> tuple[Page, list[str]]:
    """The page, and what it wrote to the console or wanted from the network."""
    width, height = SCREENS[screen]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(file.as_uri())
    return page, said


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", list(SCREENS))
@pytest.mark.parametrize("name", ["sweep", "run"])
def test_a_page_is_quiet_fits_the_screen_and_suits_a_screen_reader(
    browser: Browser, pages: dict[str, Path], name: str, screen: str, scheme: str
) -> None:
    page, said = opened(browser, pages[name], screen, scheme)
    for summary in page.locator("summary").all():
        summary.click()
    violations = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in violations] == []
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= SCREENS[screen][0]
    page.context.close()


def test_colours_follow_the_readers_choice(browser: Browser, pages: dict[str, Path]) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        page, _ = opened(browser, pages["sweep"], "laptop", scheme)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        ink = page.evaluate("getComputedStyle(document.querySelector('svg text')).fill")
        assert ground != ink
        grounds.add(ground)
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.evaluate("document.documentElement.scrollWidth") <= SCREENS["laptop"][0]
        page.context.close()
    assert len(grounds) == 2


def test_everything_is_reached_by_the_keyboard(browser: Browser, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["sweep"], "laptop", "light")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#answer"
    wanted = page.locator("summary, .scroll, nav a").count()
    seen = set()
    for _ in range(wanted + 10):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.outerHTML.slice(0, 200)"))
    assert sum("<summary" in each for each in seen) > 3
    assert sum('class="scroll"' in each for each in seen) > 3
    page.locator("summary").last.focus()
    page.keyboard.press("Enter")
    assert page.locator("details").last.get_attribute("open") is not None
    page.context.close()


def test_a_page_that_tries_to_run_a_script_cannot(browser: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    """Were anything not escaped, the page's own policy still forbids it."""
    broken = tmp_path / "broken.html"
    broken.write_text(pages["run"].read_text().replace("</body>", "<script>document.title='run'</script></body>"))
    page, said = opened(browser, broken, "laptop", "light")
    assert page.title() == "Run mine-1"
    assert any("Content Security Policy" in each for each in said)
    page.context.close()
