"""Messages and documentation name only options that the command line has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import typer.main

from rftcore.cli.app import app

ROOT = Path(__file__).parents[1]
OPTION = re.compile(r"(?<![\w\[-])--[a-z][a-z-]+")
CALL = re.compile(r"(?:rftcore|--module rftcore\.cli|-m rftcore\.cli) (?P<command>[a-z]+)(?P<rest>[^`\n]*)")

OPTIONS = {
    name: {"--help", *(option for each in command.params for option in (*each.opts, *each.secondary_opts))}
    for name, command in typer.main.get_group(app).commands.items()
}

OTHERS = {"--api-key", "--weight-transfer-config"}
"""Of `vllm serve`, which a person starts."""


def packages() -> Iterator[dict[Path, ast.Module]]:
    """Yield the sources of core, and of each plugin, without tests."""
    for package in (ROOT / "rftcore", *sorted(ROOT.glob("plugins/rftcore-*/rftcore_*"))):
        yield {file: ast.parse(file.read_text(encoding="utf-8")) for file in sorted(package.rglob("*.py"))}


def texts(node: ast.AST) -> Iterator[str]:
    """Yield the literal texts in a piece of source."""
    yield from (part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str))


def test_an_error_names_no_option_that_does_not_exist() -> None:
    known = OTHERS.union(*OPTIONS.values())
    wrong, seen = [], 0
    for modules in packages():
        # Some modules are commands of their own, or start another program: its options are texts by themselves.
        every = {text.partition("=")[0] for tree in modules.values() for text in texts(tree)}
        own = {text for text in every if OPTION.fullmatch(text)}
        for file, tree in modules.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.Raise):
                    named = {option for text in texts(node) for option in OPTION.findall(text)}
                    seen += len(named)
                    wrong += [f"{file.relative_to(ROOT)}: {option}" for option in named - known - own]
    assert wrong == []
    assert seen > 20


def test_a_page_gives_a_command_only_options_that_it_has() -> None:
    wrong, seen = [], 0
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("plugins/*/README.md"))]
    for page in pages:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for call in CALL.finditer(text):
            named = set(OPTION.findall(call["rest"]))
            if call["command"] in OPTIONS:
                seen += len(named)
                wrong += [f"{page.name}: {call[0]}" for option in named - OPTIONS[call["command"]]]
    assert wrong == []
    assert seen > 50
