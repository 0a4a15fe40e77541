"""The page in a real browser: it opens offline, shows what it holds, and can be used by mouse and by keyboard."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from rftcore.report.html import write_html
from rftcore.schemas.report import Report

SCREENSHOT = Path(__file__).parents[2] / "docs" / "screenshot.py"
CONTRAST = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (color) => {
    context.clearRect(0, 0, 1, 1); context.fillStyle = color; context.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((x) => x / 255)
      .map((x) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return [...Array(21).keys()].map((index) => {
    const cell = document.createElement("td");
    cell.className = index < 10 ? `gain s${index + 1}` : index < 20 ? `loss s${index - 9}` : "";
    document.querySelector(".heat tbody tr").append(cell);
    const style = getComputedStyle(cell);
    const [a, b] = [light(style.color), light(style.backgroundColor)].sort((x, y) => y - x);
    cell.remove();
    return [cell.className, (a + 0.05) / (b + 0.05)];
  });
}"""


def load_screenshot() -> ModuleType:
    spec = importlib.util.spec_from_file_location("screenshot", SCREENSHOT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Opened:
    """A page, and everything that went wrong in it or left it."""

    page: Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    screenshot = load_screenshot()
    try:
        path = screenshot.find_browser()
    except FileNotFoundError as error:
        pytest.fail(str(error))
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(screenshot.ARGUMENTS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(study: tuple[Path, Report]) -> str:
    return write_html(*study).as_uri()


def look(browser: Browser, address: str, width: int = 1280, height: int = 900, scheme: str = "light") -> Opened:
    scheme_name = "dark" if scheme == "dark" else "light"
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme_name)  # type: ignore[arg-type]
    page.context.set_offline(True)
    page.set_default_timeout(120_000)
    opened = Opened(page)
    page.on("console", lambda message: opened.problems.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: opened.problems.append(str(error)))
    page.on("request", lambda request: opened.requests.append(request.url))
    page.goto(address)
    return opened


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Opened]:
    found = look(browser, address)
    yield found
    found.page.close()
    assert found.problems == []
    assert found.requests == [address]


def test_tables_and_plots_are_there_and_visible(opened: Opened) -> None:
    page = opened.page
    assert page.title() == "Quick study \u00b7 rftcore report"
    for place in ("difficulty", "transfer", "sequence"):
        table = page.locator(f"#{place} table.heat")
        assert table.is_visible()
        assert table.locator("tbody tr").count() >= 6
        assert page.locator(f"#{place} .panels svg").count() >= 6
    assert page.locator("#sequence .panels").first.locator("svg .line").count() == 12
    assert page.locator("#training svg").count() == 8
    for chart in page.locator("svg.chart").all():
        box = chart.bounding_box()
        assert box is not None
        assert box["width"] > 250
        assert box["height"] > 100


def test_the_transfer_section_sets_the_environments_beside_each_other(opened: Opened) -> None:
    table = opened.page.locator("#transfer table.facts")
    assert table.is_visible()
    assert table.locator("thead th").all_inner_texts() == ["environment", "textcraft", "babyai", "webshop"]
    row = table.locator("tbody tr", has_text="shared with textcraft").locator("td")
    assert row.all_inner_texts() == ["\u2013", "46.1", "\u2013"]


def test_clicking_a_cell_shows_its_trajectories_and_escape_returns_to_it(opened: Opened) -> None:
    page = opened.page
    cell = page.locator("#transfer [data-cell]", has_text="*").first
    cell.click()
    reader = page.locator("#reader")
    expect(reader).to_be_visible(timeout=30_000)
    assert reader.locator("h2").inner_text() == "textcraft on textcraft easy"
    assert reader.locator(".trajectory").count() == 6
    assert "6 of 64 trajectories shown" in reader.inner_text()
    turns = reader.locator(".trajectory[open] .turns li")
    assert turns.count() >= 2
    assert "Crafting commands:" in turns.first.locator(".observation").inner_text()
    assert turns.first.locator(".action pre").inner_text() == "get 2 oak log"
    reader.locator(".trajectory summary").nth(1).click()
    assert reader.locator(".trajectory[open]").count() == 2
    page.keyboard.press("Escape")
    expect(reader).to_be_hidden(timeout=30_000)
    assert page.evaluate("document.activeElement.dataset.cell") == cell.get_attribute("data-cell")


def test_cells_are_reached_with_arrow_keys_and_opened_with_enter(opened: Opened) -> None:
    page = opened.page
    page.locator("#transfer tbody [data-cell]").first.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    assert page.locator("#reader h2").inner_text() == "babyai on textcraft hard"
    page.locator("#reader .close").click()
    expect(page.locator("#reader")).to_be_hidden(timeout=30_000)


def test_a_link_to_a_cell_opens_it(browser: Browser, address: str) -> None:
    found = look(browser, f"{address}#cell-2")
    assert found.page.locator("#reader h2").inner_text() == "base on textcraft hard"
    assert found.problems == []
    found.page.close()


def test_hovering_a_cell_explains_it(opened: Opened) -> None:
    page = opened.page
    cell = page.locator("#transfer [data-cell]", has_text="*").first
    # A scroll hides the note, so it must be over before the pointer arrives; a busy machine draws late.
    cell.evaluate(
        "(it) => new Promise((done) => { it.scrollIntoView({block: 'center', behavior: 'instant'}); "
        "requestAnimationFrame(() => requestAnimationFrame(done)); })"
    )
    cell.hover()
    tip = page.locator(".tip")
    expect(tip).to_be_visible(timeout=30_000)
    assert "Holm-adjusted p" in tip.inner_text()
    page.mouse.move(0, 0)
    expect(tip).to_be_hidden(timeout=30_000)


def test_clicking_a_heading_sorts_and_clicking_again_reverses(opened: Opened) -> None:
    page = opened.page
    page.locator("#transfer details summary").click()
    head = page.locator("#transfer .sortable thead th").nth(7)
    changes = "[...document.querySelectorAll('#transfer .sortable tbody tr')].map((row) => row.children[7].dataset.key)"
    for direction, reverse in (("ascending", False), ("descending", True)):
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == direction
        keys = page.evaluate(changes)
        known = [float(key) for key in keys if key]
        assert known == sorted(known, reverse=reverse)
        assert keys[len(known) :] == [""] * (len(keys) - len(known)), "missing figures come last"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_shade_of_the_heat_map_can_be_read(browser: Browser, address: str, scheme: str) -> None:
    found = look(browser, address, scheme=scheme)
    background = found.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(253, 253, 251)", "dark": "rgb(21, 23, 26)"}[scheme]
    poor = [(name, round(ratio, 2)) for name, ratio in found.page.evaluate(CONTRAST) if ratio < 4.5]
    assert poor == []
    found.page.close()
    assert found.problems == []


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_the_page_never_scrolls_sideways(browser: Browser, address: str, width: int) -> None:
    found = look(browser, address, width=width)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert found.page.evaluate(wide) == 0
    found.page.evaluate("document.querySelectorAll('main details').forEach((element) => { element.open = true; })")
    assert found.page.evaluate(wide) == 0
    found.page.locator("#transfer [data-cell]").first.click()
    fits = "(element) => element.scrollWidth <= element.clientWidth"
    assert found.page.locator("#reader .content").evaluate(fits)
    found.page.close()
    assert found.problems == []


def test_hostile_text_of_an_agent_is_shown_and_not_run(browser: Browser, tmp_path: Path, small: object) -> None:
    attack = "</script><img src=x onerror=\"document.title='owned'\"><b>bold</b>"
    turn = {"observation": attack, "text": attack, "action": attack, "reward": 0.0, "valid": False}
    task = {"environment": "maze", "id": attack, "split": "test", "difficulty": "easy", "seed": 0}
    line = {"task": task, "sample": 0, "turns": [turn], "status": "completed", "ret": 0.0, "success": False}
    (tmp_path / "maze.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    found = look(browser, write_html(tmp_path, small(train=attack)).as_uri())  # type: ignore[operator]
    found.page.locator("#transfer [data-cell]").nth(1).click()
    assert found.page.locator("#reader .observation pre").first.inner_text() == attack
    assert found.page.locator("img, #reader b").count() == 0
    assert found.page.title() == "Small \u00b7 rftcore report"
    found.page.close()
    assert found.problems == []


def test_the_script_for_pictures_writes_one_at_two_pixels_a_css_pixel(
    study: tuple[Path, Report], tmp_path: Path
) -> None:
    picture = tmp_path / "page.png"
    size = ("--width", "640", "--height", "400", "--at", "transfer")
    subprocess.run([sys.executable, SCREENSHOT, write_html(*study), picture, *size], check=True, timeout=240)
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    assert (int.from_bytes(head[16:20]), int.from_bytes(head[20:24])) == (1280, 800)


def test_without_a_browser_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RFTCORE_BROWSER", "no-such-browser")
    with pytest.raises(FileNotFoundError, match=r"RFTCORE_BROWSER is no-such-browser.*apt-get install chromium"):
        load_screenshot().find_browser()
