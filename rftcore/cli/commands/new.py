"""`rftcore new`: a package of one's own that works at once, for an environment, algorithm, curriculum or metric."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rftcore.cli.terminal import console

if TYPE_CHECKING:
    from rftcore.template import Package


def new(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="environment, algorithm, curriculum or metric.")],
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="What users will write, such as lights-out; rftcore-NAME is the package."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder to write; it must not be there yet. Default: rftcore-NAME."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be written, and write nothing.")] = False,
) -> None:
    """Begin a package of your own: an environment, an algorithm, a curriculum or a metric.

    It is complete and works: it installs, its tests pass, and it keeps what `rftcore check` asks for. Inside is a small
    real example; change it step by step, and let the tests tell you what broke.

        environment   two water jugs: tasks, splits, difficulties, an expert
        algorithm     a policy gradient: credit without torch, and a loss
        curriculum    most tasks from where about half of the episodes succeed
        metric        how often an agent repeats itself

    Nothing that exists is overwritten.

    Examples:

        rftcore new environment lights-out
        rftcore new algorithm my-pg --dry-run
        rftcore new metric detours --out ~/code/detours
    """
    from rftcore.template import Package, require_absent, write

    package = Package(kind, name)
    folder = Path(package.dist) if out is None else out.expanduser()
    if dry_run:
        require_absent(folder)
        for path, text in package.files().items():
            console().print(f"{text.count(chr(10)):>5} lines  {folder / path}")
        console().print("Nothing was written.")
        return
    write(package, folder)
    _tell(package, folder)


def _tell(package: Package, folder: Path) -> None:
    """Print what was made, and the commands that come next."""
    look = {"environment": f"rftcore play {package.name} --oracle"}.get(package.kind, f"rftcore info {package.name}")
    lines = [
        f"{package.dist} is in {folder}: the {package.kind} {package.name!r}, {len(package.files())} files.",
        "",
        "Next:",
        f"  cd {folder}",
        '  pip install -e ".[test]"',
        "  pytest -q",
        f"  {look}",
        f"  {package.check}",
        "",
        f"Then make it yours: {package.package}/{package.kind}.py, and what it imports.",
    ]
    console().print("\n".join(lines))
