"""Every block of code in the documentation is run, or checked as far as it can be without a network.

What a block's language means here:

    console  typed into a shell, all blocks of a page in one session: a command after each `$ `, and below it just what
             it prints, where `...` stands for anything; a command that fails has to be shown with what it says
    python   run, all blocks of a page in one namespace; one that begins with `# FILE` is saved as FILE instead
    bash     each line is run: `rftcore` and `accelerate launch` with a budget of seconds, `pip install .` for real;
             `make` targets, names of distributions and files have to exist
    yaml     validated as a study, as an experiment, or as a part of one
    json, toml   parsed; a toml block that begins with `# FILE` is saved too
    markdown     saved as the file that its first line names: `<!-- FILE -->`
    py       an outline of signatures, compared with the code by `test_docs_contracts.py`
    text     shown, never run

Any other language, or none, is a failure.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import yaml

from rftcore import ConfigError, Experiment, PluginError, Study, plugins, registry

ROOT = Path(__file__).parents[1]
SMOKE = (ROOT / "examples/studies/smoke.overrides").read_text(encoding="utf-8").split()
BUDGET = {
    "train": SMOKE,
    "study": SMOKE,
    "evaluate": [override for override in SMOKE if override.startswith("evaluation.")],
}
"""Overrides that commands which would take long get here."""

SHELVED = ("generalization", "grpo", "sequential", "textcraft", "tiny")
"""Plugins that pages install in a session."""

BLOCK = re.compile(r"^```(?P<language>[^\n`]*)\n(?P<code>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"(?:# |<!-- )(?P<file>[\w./-]+\.(?:py|toml|md))(?: -->)?\n")
TYPED = re.compile(r"^\$ (?P<command>.*)\n(?P<printed>(?:(?!\$ ).*\n)*)", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)(?P<target>[^)#\s]+)")


class Shelf(NamedTuple):
    """Wheels of rftcore and of some plugins, and links to all packages that are not ours and installed here."""

    wheels: Path
    packages: Path

    def settings(self) -> dict[str, str]:
        """Return variables with which pip, in any virtual environment, finds these and asks no network."""
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.packages),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # a reader has none of those that are linked here
            "PIP_NO_INDEX": "1",
            "PIP_NO_COMPILE": "1",  # what is used is compiled when it is, and the rest never
            "PYTHONDONTWRITEBYTECODE": "",  # and is then kept, whatever whoever runs the tests has set
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_NO_BUILD_ISOLATION": "0",  # in pip's words: no isolation
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
        }


class Block(NamedTuple):
    """One fenced block."""

    where: str
    language: str
    code: str


def pages() -> list[Path]:
    return [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted(ROOT.glob("plugins/*/README.md")),
    ]


def blocks(text: str, name: str) -> Iterator[Block]:
    for found in BLOCK.finditer(text):
        yield Block(f"{name}:{text[: found.start()].count(chr(10)) + 1}", found["language"], found["code"])


class Reader:
    """Does what a reader of one page would do, in a folder of its own.

    `shelf` makes what packages can be had from in a session of `console` blocks, in place of an index.
    """

    def __init__(self, folder: Path, shelf: Callable[[], Shelf]) -> None:
        self.folder = folder
        self.at = folder  # where the session is
        self.shelf = shelf
        self.module = ModuleType("page")
        (folder / "examples").symlink_to(ROOT / "examples")
        (folder / "site-packages").mkdir()

    def follow(self, block: Block) -> None:
        """Run or check one block; raises whatever is wrong with it."""
        follow = {
            "console": self._console,
            "python": self._python,
            "markdown": self._markdown,
            "bash": self._bash,
            "yaml": self._yaml,
            "json": self._json,
            "toml": self._toml,
            "py": self._shown,
            "text": self._shown,
        }.get(block.language)
        assert follow is not None, f"{block.where}: the language {block.language!r} is none of those tested here"
        follow(block)

    def _console(self, block: Block) -> None:
        typed = list(TYPED.finditer(block.code))
        assert "".join(found[0] for found in typed) == block.code, f"{block.where}: begin with a command, after `$ `"
        for command, expected in (found.groups() for found in typed):
            code, printed = self._typed(command)
            anything = re.escape(expected).replace(r"\.\.\.", ".*")
            shown = re.fullmatch(anything, printed, re.DOTALL) is not None
            assert shown and (code == 0 or expected.strip(". \n")), (
                f"{block.where}: {command}\nexpected\n{expected}\nfound, with exit code {code}\n{printed}"
            )

    def _typed(self, command: str) -> tuple[int, str]:
        """Run a command where the last one ended, and return its exit code and all that it printed."""
        variables, place = self.folder / ".variables", self.folder / ".place"
        before = f". {variables}" if variables.exists() else ""
        after = f"code=$?; export -p > {variables}; pwd > {place}; exit $code"
        done = subprocess.run(
            ["bash", "-c", f"{before}\n{command}\n{after}"],
            cwd=self.at,
            env={**os.environ, **self.shelf().settings()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        self.at = Path(place.read_text(encoding="utf-8").strip())
        return done.returncode, done.stdout

    def _python(self, block: Block) -> None:
        if self._saved(block):
            compile(block.code, block.where, "exec")
        else:
            exec(compile(block.code, block.where, "exec"), vars(self.module))

    def _saved(self, block: Block) -> bool:
        named = FILE.match(block.code)
        if named is None:
            return False
        file = self.at / named["file"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.code, encoding="utf-8")
        return True

    def _bash(self, block: Block) -> None:
        for line in block.code.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                self._command(words, block.where)

    def _command(self, words: list[str], where: str) -> None:
        match words:
            case ["make", target, *settings]:
                assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"{where}: no {target}"
                assert all(re.fullmatch(r"[A-Z]+=\S+", setting) for setting in settings), where
            case ["pip", "install", ("." | "-e"), *_]:
                self._run("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target",
                          "site-packages", ".")  # fmt: skip
            case ["pip", "install", *names]:
                assert not {re.sub(r"\[.*", "", name) for name in names} - distributions(), where
            case ["rftcore", command, *rest]:
                self._run("-c", "from rftcore.cli import main; main()", command, *rest, *BUDGET.get(command, []))
            case ["accelerate", "launch", *rest]:
                command = "evaluate" if "evaluate" in rest else "train"
                self._run("-m", "accelerate.commands.accelerate_cli", "launch", *rest, *BUDGET[command])
            case ["python", "-m", module, *_]:
                assert any(ROOT.glob(f"plugins/*/{module.replace('.', '/')}.py")), where
            case ["python", file, *_]:
                assert (ROOT / file).is_file(), where
            case _:
                raise AssertionError(f"{where}: {shlex.join(words)} is nothing that this test can run")

    def _run(self, *arguments: str) -> None:
        path = os.pathsep.join([str(self.folder / "site-packages"), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, f"{shlex.join(arguments)}\n{done.stdout}\n{done.stderr}"

    def _yaml(self, block: Block) -> None:
        found = yaml.safe_load(block.code)
        assert isinstance(found, dict), block.where
        if "axes" in found:
            Study(found)
        else:
            Experiment({"train": "textcraft:easy", **found})

    def _json(self, block: Block) -> None:
        json.loads(block.code)

    def _markdown(self, block: Block) -> None:
        assert self._saved(block), f"{block.where}: name the file in the first line, as <!-- FILE -->"

    def _toml(self, block: Block) -> None:
        tomllib.loads(block.code)
        self._saved(block)

    def _shown(self, block: Block) -> None:
        assert block.code.strip(), f"{block.where} is empty"


def distributions() -> set[str]:
    """Return the names of the distributions that this repository builds."""
    projects = [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
    return {tomllib.loads(project.read_text(encoding="utf-8"))["project"]["name"] for project in projects}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Shelf]:
    """Makes the shelf when a page first needs it."""

    @cache
    def made() -> Shelf:
        shelf = Shelf(tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("packages"))
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(shelf.wheels)]
        for folder in (".", *(f"plugins/rftcore-{name}" for name in SHELVED)):
            subprocess.run(build, cwd=ROOT / folder, capture_output=True, check=True)
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if not re.match(r"rftcore|_editable|__pycache__|pip", entry.name) and entry.suffix != ".pth":
                (shelf.packages / entry.name).symlink_to(entry)
        return shelf

    return made


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shelf: Callable[[], Shelf]) -> Reader:
    """A reader with an empty folder, in a process that has not been asked for plugins yet."""
    reader = Reader(tmp_path, shelf)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    monkeypatch.setitem(sys.modules, "page", reader.module)
    monkeypatch.setattr(plugins, "_found", None)
    monkeypatch.setattr(registry, "_added", {})
    return reader


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_code_works(page: Path, reader: Reader) -> None:
    text = page.read_text(encoding="utf-8")
    found = list(blocks(text, str(page.relative_to(ROOT))))
    assert len(re.findall(r"^\s*```", text, re.MULTILINE)) == 2 * len(found), "a fence is indented or not closed"
    for block in found:
        reader.follow(block)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    targets = LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("", "anything"),
        ("ruby", "puts 1"),
        ("python", "from rftcore import Nonsense"),
        ("bash", "rftcore info no-such-thing"),
        ("bash", "make no-such-target"),
        ("bash", "pip install rftcore-no-such-plugin"),
        ("bash", "curl somewhere"),
        ("yaml", "training: {updatess: 3}"),
        ("yaml", "axes: {dificulty: [textcraft]}"),
        ("json", "{"),
        ("text", " "),
        ("console", "echo without a prompt\n"),
        ("console", "$ echo one\ntwo\n"),
        ("console", "$ false\n"),
        ("console", "$ false\n...\n"),
        ("markdown", "# A file without a name\n"),
    ],
)
def test_a_block_that_does_not_work_fails(language: str, code: str, reader: Reader) -> None:
    wrong: tuple[Any, ...] = (AssertionError, ImportError, ConfigError, PluginError, json.JSONDecodeError)
    with pytest.raises(wrong):
        reader.follow(Block("here:1", language, code))
