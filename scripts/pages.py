"""Pages of the documentation that nobody writes twice: one for each plugin, from its README, and the API reference.

A hook of MkDocs (`hooks` in mkdocs.yml). Nothing is copied into `docs/`: the pages are made while the site is built,
and links between READMEs and pages lead to pages.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PLUGINS = [file.parent.name for file in sorted(ROOT.glob("plugins/*/README.md"))]
REFERENCE = {
    "Run": ("study", "schemas.config", "judging", "comparison", "export", "transcripts", "records"),
    "Values": (
        "schemas.frozen",
        "schemas.task",
        "schemas.trajectory",
        "schemas.report",
        "schemas.comparison",
        "schemas.events",
        "schemas.calibration",
    ),
    "Contracts": (
        "environment",
        "action_template",
        "splits",
        "algorithm",
        "credit",
        "curriculum",
        "metric",
        "rubric",
        "policy",
        "sampler",
        "executor",
        "protocol",
        "tracker",
        "formats",
    ),
    "Plugins": ("specs", "hookspecs", "registry", "options", "testing", "errors"),
    "Torch": ("train.losses",),
}
"""Modules of core that others import, by what for."""

_LINK = re.compile(r"\]\((?P<target>[^):#\s]+)(?P<anchor>#[^)\s]*)?\)")
_CODE = re.compile(r"^```.*?^```[ ]*$", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages to the navigation, before results and decisions."""
    plugins = {"Plugins": [{name: f"plugins/{name}.md"} for name in PLUGINS]}
    modules = [
        {part: [{f"rftcore.{name}": f"reference/{name}.md"} for name in names]} for part, names in REFERENCE.items()
    ]
    assert config.nav is not None
    place = next(number for number, item in enumerate(config.nav) if "Results" in item)
    config.nav[place:place] = [plugins, {"Reference": modules}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each plugin and for each module of the reference."""
    for name in PLUGINS:
        readme = (ROOT / "plugins" / name / "README.md").read_text(encoding="utf-8")
        files.append(File.generated(config, f"plugins/{name}.md", content=_moved(readme, f"plugins/{name}")))
    for names in REFERENCE.values():
        for name in names:
            page = f"# rftcore.{name}\n\n::: rftcore.{name}\n"
            files.append(File.generated(config, f"reference/{name}.md", content=page))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links of a written page lead to the pages of plugins."""
    uri = page.file.src_uri
    return (
        markdown if uri.startswith(("plugins/", "reference/")) else _moved(markdown, f"docs/{posixpath.dirname(uri)}")
    )


def _moved(markdown: str, folder: str) -> str:
    """Return a text of the repository's `folder` with links as the site has them; code stays as it is."""
    parts, end = [], 0
    for code in _CODE.finditer(markdown):
        parts += [_relinked(markdown[end : code.start()], folder), code[0]]
        end = code.end()
    return "".join([*parts, _relinked(markdown[end:], folder)])


def _relinked(text: str, folder: str) -> str:
    here = "plugins" if folder.startswith("plugins/") else folder.removeprefix("docs").strip("/")

    def link(found: re.Match[str]) -> str:
        place = posixpath.normpath(posixpath.join(folder, found["target"]))
        plugin = re.fullmatch(r"plugins/([\w-]+)/README\.md", place)
        target = f"plugins/{plugin[1]}.md" if plugin else place.removeprefix("docs/")
        if not plugin and not place.startswith("docs/"):
            return found[0]
        return f"]({posixpath.relpath(target, here or '.')}{found['anchor'] or ''})"

    return _LINK.sub(link, text)
