"""The documentation says what the code says: signatures, options and keys of the report are compared, not trusted.

A block in the language `py` is an outline: its first line names a source file, and every class or function in it must
have exactly the public members and the signatures of that file, docstrings and bodies left out.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from rftcore import records
from rftcore.cli.app import app
from rftcore.schemas.calibration import Calibration
from rftcore.schemas.config import (
    Component,
    EvaluationConfig,
    ExperimentConfig,
    HFSamplerConfig,
    StageSettings,
    StudyConfig,
)
from rftcore.schemas.report import Account, Axes, Cell, Report, StageReport

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
OUTLINE = re.compile(r"^```py\n# (?P<file>\S+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `(?P<key>[^`]+)` \|(?P<rest>.*)\|$", re.MULTILINE)

Outline = dict[str, list[str]]
"""Name of a class or function -> its signature and, of a class, its members as source."""


def outline(code: str) -> Outline:
    """Return the public classes and functions of some source, without docstrings, bodies and comments."""
    found: Outline = {}
    for node in ast.parse(code).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            found[node.name] = [_head(node), *sorted(_members(node))]
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            found[node.name] = [_head(node)]
    return found


def _members(node: ast.ClassDef) -> Iterator[str]:
    for member in node.body:
        if isinstance(member, ast.AnnAssign | ast.Assign):
            target = member.target if isinstance(member, ast.AnnAssign) else member.targets[0]
            if not ast.unparse(target).startswith(("_", "model_config")):
                yield ast.unparse(member)
        elif isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and (
            not member.name.startswith("_") or member.name == "__init__"
        ):
            yield _head(member)


def _head(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    bare = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(bare, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    bare.body = [ast.Expr(ast.Constant(...))]
    return ast.unparse(bare)


def pages() -> Iterator[Path]:
    yield from (ROOT / "README.md", ROOT / "CONTRIBUTING.md")
    yield from sorted(DOCS.rglob("*.md"))


def outlines() -> Iterator[Any]:
    for page in pages():
        for number, block in enumerate(OUTLINE.finditer(page.read_text(encoding="utf-8"))):
            yield pytest.param(block["file"], block["code"], id=f"{page.relative_to(ROOT)}-{number}")


@pytest.mark.parametrize(("file", "code"), list(outlines()))
def test_an_outline_has_exactly_the_signatures_of_the_code(file: str, code: str) -> None:
    actual = outline((ROOT / file).read_text(encoding="utf-8"))
    for name, members in outline(code).items():
        assert members == actual.get(name), f"{name} of {file}"


CONTRACTS = {
    "environments.md": ["environment", "schemas/task", "splits"],
    "algorithms.md": ["algorithm", "credit"],
    "curricula.md": ["curriculum"],
    "metrics.md": ["metric"],
    "policies.md": ["policy"],
    "samplers.md": ["sampler"],
    "executors.md": ["executor"],
    "serving.md": ["protocol"],
    "trackers.md": ["tracker"],
    "hooks.md": ["hookspecs", "specs", "schemas/events"],
    "prompts.md": ["formats"],
    "records.md": ["schemas/trajectory"],
}


@pytest.mark.parametrize(("page", "module"), [(page, module) for page, all_ in CONTRACTS.items() for module in all_])
def test_the_page_of_an_extension_point_shows_everything_public_in_its_contract(page: str, module: str) -> None:
    file = f"rftcore/{module}.py"
    shown = [
        name
        for block in OUTLINE.finditer((DOCS / page).read_text(encoding="utf-8"))
        if block["file"] == file
        for name in outline(block["code"])
    ]
    assert sorted(shown) == sorted(outline((ROOT / file).read_text(encoding="utf-8")))


def rows(page: str, heading: str | None = None) -> dict[str, str]:
    """Return the table rows of a page, or of one section of it: what stands in the first cell -> the rest."""
    text = (DOCS / page).read_text(encoding="utf-8")
    if heading is not None:
        _, found, text = text.partition(f"\n## {heading}\n")
        assert found, f"{page} has no section {heading!r}"
        text = text.partition("\n## ")[0]
    return {match["key"]: match["rest"] for match in ROW.finditer(text)}


def options(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each dotted key of a configuration with its default as JSON; a section that is a model is entered."""
    for name, field in model.model_fields.items():
        section = next((part for part in _types(field.annotation) if _is_section(part)), None)
        if section is not None:
            yield from options(section, f"{prefix}{name}.")
        if section is None or field.default is None:
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            plain = to_jsonable_python(default)
            if isinstance(plain, dict) and set(plain) == {"name", "options"}:
                plain = plain["name"]
            if isinstance(plain, list):
                plain = [item["name"] if isinstance(item, dict) else item for item in plain]
            yield f"{prefix}{name}", "required" if field.is_required() else json.dumps(plain)


def _types(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *getattr(annotation, "__args__", ()))


def _is_section(annotation: Any) -> bool:
    """Whether a key has keys of its own here: those of a component are its plugin's, a stage's stand under others."""
    elsewhere = (Component, StageSettings)
    return isinstance(annotation, type) and issubclass(annotation, BaseModel) and not issubclass(annotation, elsewhere)


def test_the_configuration_reference_lists_every_option_with_its_default_and_no_other() -> None:
    kinds = (StudyConfig, ExperimentConfig, EvaluationConfig)
    expected = {key: default for kind in kinds for key, default in options(kind)}
    stated = {key: rest.split("|")[0].strip().strip("`") for key, rest in rows("configuration.md").items()}
    assert stated == expected


def test_the_readme_lists_every_command_and_no_other() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [line for line in readme.splitlines() if line.startswith("| `rftcore ")]
    stated = [name for line in lines for name in re.findall(r"`rftcore ([a-z]+)", line)]
    assert sorted(stated) == sorted(str(command.callback.__name__) for command in app.registered_commands)


def test_the_picture_of_a_report_is_small_enough_for_a_readme() -> None:
    assert (DOCS / "report.png").stat().st_size < 300_000


def test_the_page_of_runs_shows_the_files_as_the_code_does() -> None:
    listing = textwrap.dedent(str(records.__doc__).split("\n\n")[1])
    assert listing.strip() in (DOCS / "runs.md").read_text(encoding="utf-8")


def test_the_page_of_samplers_lists_the_options_of_core_s_own() -> None:
    stated = {key: rest.split("|")[0].strip().strip("`") for key, rest in rows("samplers.md", "The sampler hf").items()}
    assert stated == dict(options(HFSamplerConfig))


@pytest.mark.parametrize(
    ("heading", "model"),
    [("The report", Report), ("axes", Axes), ("A cell", Cell), ("A stage", StageReport), ("accounts", Account)],
)
def test_the_report_page_explains_every_key_and_no_other(heading: str, model: type[BaseModel]) -> None:
    assert set(rows("report.md", heading)) == set(model.model_fields)


def test_the_page_of_calibration_explains_every_key_of_the_file_and_no_other() -> None:
    assert set(rows("calibration.md", "The file")) == set(Calibration.model_fields)


def test_no_part_of_the_report_is_left_out_of_the_page() -> None:
    schemas = import_module("rftcore.schemas.report")
    models = {value for value in vars(schemas).values() if getattr(value, "__module__", "") == schemas.__name__}
    assert models <= {Account, Report, Axes, Cell, StageReport}
