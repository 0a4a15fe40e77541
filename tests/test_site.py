"""The documentation builds strictly, with a page for each plugin and a reference from docstrings that nobody copied."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pages import REFERENCE

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(file.parent.name for file in ROOT.glob("plugins/*/README.md"))


class Read(HTMLParser):
    """The text of a page, and where its links lead."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self._parts: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self._parts).split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attributes if tag == "a" and name == "href" and value]

    def handle_data(self, data: str) -> None:
        self._parts.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning of any kind, such as a link that leads nowhere, is a failure."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_each_plugin_has_a_page_that_is_its_readme(site: Path) -> None:
    assert sorted(page.stem for page in (site / "plugins").glob("*.html")) == PLUGINS
    navigation = Read(site / "index.html").links
    for name in PLUGINS:
        readme = (ROOT / "plugins" / name / "README.md").read_text(encoding="utf-8")
        assert readme.splitlines()[0].removeprefix("# ") in Read(site / "plugins" / f"{name}.html").text
        assert f"plugins/{name}.html" in navigation


def test_no_link_of_the_site_leads_into_the_repository(site: Path) -> None:
    """READMEs link to files beside them and pages link to READMEs; on the site all of them lead to pages."""
    found = {
        (page.name, link)
        for page in site.rglob("*.html")
        if page.name != "404.html"
        for link in Read(page).links
        if not link.startswith(("http:", "https:", "#", "mailto:"))
        if not (page.parent / link.partition("#")[0]).exists()
    }
    assert found == set()


def test_the_reference_says_what_docstrings_say(site: Path) -> None:
    """The story of each module, and the contract of each public class and function in it."""
    for name in (name for names in REFERENCE.values() for name in names):
        text = Read(site / "reference" / f"{name}.html").text
        for told in docstrings(name):
            assert told in text, name


def docstrings(module: str) -> list[str]:
    """The first words of what a module and its public members say of themselves, as far as they are plain text."""
    place = ROOT / "rftcore" / module.replace(".", "/")
    source = (place / "__init__.py" if place.is_dir() else place.with_suffix(".py")).read_text(encoding="utf-8")
    tree = ast.parse(source)
    defined = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name[0] != "_"]
    told = (ast.get_docstring(node) or "" for node in (tree, *defined))
    return [" ".join(re.split(r"[`*<&\"']", text)[0].split()) for text in told]
