"""Take a picture of a report: `python docs/screenshot.py runs/demo/report.html docs/report.png`.

Needs the `playwright` package and an installed Chromium or Chrome; downloads nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def find_browser() -> str:
    """Return the browser to drive: `RFTCORE_BROWSER`, or the first of the usual names that is installed.

    Raises FileNotFoundError that says how to install one.
    """
    named = os.environ.get("RFTCORE_BROWSER")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise FileNotFoundError(
            f"found no browser ({f'RFTCORE_BROWSER is {named}' if named else 'looked for ' + ', '.join(NAMES)}); "
            "expected Chromium or Chrome. Install one (Debian and Ubuntu: `apt-get install chromium`; macOS: "
            "`brew install --cask chromium`), or set RFTCORE_BROWSER to the path of one you have"
        )
    return found


def take(report: Path, picture: Path, *, width: int, height: int, at: str = "", dark: bool, whole: bool) -> None:
    """Write `picture`, a PNG at two pixels a CSS pixel: a window of width x height at the section `at`, or all."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(ARGUMENTS))
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            device_scale_factor=2,
        )
        page.goto(report.resolve().as_uri() + (f"#{at}" if at else ""))
        page.screenshot(path=picture, full_page=whole)
        browser.close()


def main() -> None:
    """Read the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1280, help="of the window, in CSS pixels")
    parser.add_argument("--height", type=int, default=1000, help="of the window, in CSS pixels")
    parser.add_argument("--at", default="", help="scroll to this section: findings, difficulty, transfer, sequence")
    parser.add_argument("--dark", action="store_true", help="the dark colour scheme")
    parser.add_argument("--whole", action="store_true", help="the whole page instead of one window")
    given = parser.parse_args()
    size = {"width": given.width, "height": given.height}
    take(given.report, given.picture, **size, at=given.at, dark=given.dark, whole=given.whole)


if __name__ == "__main__":
    main()
