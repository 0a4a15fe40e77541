"""New packages from templates: a plugin that works at once, for its author to change.

Templates are files in `rftcore/templates/`, a folder for each kind and `every` for what all kinds have. `$name` and the
like stand for what `Package` says; the folder `package` gets the name of the package. Everything is made in memory
first, and the finished folder appears at once: what is there already is never touched.
"""

from __future__ import annotations

import keyword
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import distributions, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from rftcore import registry
from rftcore.errors import ConfigError

KINDS = ("environment", "algorithm", "curriculum", "metric")
"""Kinds that have a template."""

SUFFIX = ".template"
"""Ends the name of each file of a template, so that no tool takes it for code."""

LONGEST = 40
"""Characters of a name: the lines of the templates stay within 120 with it."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*\Z")
_YAML = ("false", "n", "no", "null", "off", "on", "true", "y", "yes")
"""Words that a configuration file would not read as a name."""
_FOR_EVERY_KIND = "every"


@dataclass(frozen=True, slots=True)
class Package:
    """The names of a new package. Raises ConfigError when one of them cannot be used, or is taken."""

    kind: str
    name: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            close = get_close_matches(self.kind, KINDS, n=1)
            meant = f"did you mean {close[0]!r}? " if close else ""
            raise ConfigError(f"found the kind {self.kind!r}, {meant}expected one of: {', '.join(KINDS)}")
        _check_form(self.name)
        _check_free(self.kind, self.name, self.dist)

    @property
    def dist(self) -> str:
        """The distribution, in the normal form of PEP 503."""
        return "rftcore-" + self.name.replace("_", "-")

    @property
    def package(self) -> str:
        """What is imported."""
        return self.dist.replace("-", "_")

    @property
    def class_name(self) -> str:
        """The class: its kind after another word, so it is no keyword and no name that the template imports."""
        words = re.split("[-_]", self.name)
        if len(words) == 1 or words[-1] != self.kind:
            words.append(self.kind)
        return "".join(map(str.capitalize, words))

    @property
    def check(self) -> str:
        """The command that asks whether the component keeps what its kind promises."""
        options = " --set train=textcraft" if self.kind == "curriculum" else ""
        return f"rftcore check {self.name}{options} --kind {self.kind} --level full"

    def files(self) -> dict[str, str]:
        """Return the text of every file by its path, with `/` between folders."""
        names = {
            "kind": self.kind,
            "name": self.name,
            "dist": self.dist,
            "package": self.package,
            "class_name": self.class_name,
            "check": self.check,
            "requirement": requirement(),
            "tested": requirement("train") if self.kind == "algorithm" else requirement(),
        }
        templates = files("rftcore") / "templates"
        found = {}
        for folder in (_FOR_EVERY_KIND, self.kind):
            for path, text in _texts(templates / folder):
                place = re.sub(r"^package/", f"{self.package}/", path).removesuffix(SUFFIX)
                found[place] = Template(text).substitute(names)
        return dict(sorted(found.items()))


def write(package: Package, folder: Path) -> None:
    """Write the package as `folder`, whole or not at all. Raises ConfigError when something is there already."""
    require_absent(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise ConfigError(
            f"cannot write in {folder.parent} ({error.strerror}), expected a folder for {folder.name}; "
            "choose another with --out"
        ) from error
    try:
        for path, text in package.files().items():
            file = made / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        made.chmod(0o755)  # a temporary folder is its owner's alone
        require_absent(folder)
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def require_absent(folder: Path) -> None:
    """Raise ConfigError when there is a file or folder of this name, even an empty one."""
    if folder.exists() or folder.is_symlink():
        raise ConfigError(f"found {folder} already there, expected nothing of that name; choose another with --out")


def requirement(extra: str = "") -> str:
    """Return what the package needs of this rftcore: its minor version, whose contracts it is written for."""
    major, minor = (int(part) for part in version("rftcore").split(".")[:2])
    wanted = f"rftcore[{extra}]" if extra else "rftcore"
    return f"{wanted}>={major}.{minor},<{major}.{minor + 1}"


def _texts(folder: Traversable, below: str = "") -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        path = f"{below}{entry.name}"
        if entry.is_dir():
            yield from _texts(entry, f"{path}/")
        elif path.endswith(SUFFIX):
            yield path, entry.read_text(encoding="utf-8")


def _check_form(name: str) -> None:
    """Raise ConfigError unless the name can be one everywhere: in a configuration, on a package index, in Python."""
    if name.startswith(("rftcore-", "rftcore_")):
        raise ConfigError(
            f"found the name {name!r}, expected it without 'rftcore', which the distribution gets by itself; "
            f"did you mean {name[len('rftcore-') :]!r}?"
        )
    if not _NAME.match(name):
        near = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()).strip("-0123456789")
        meant = f"; did you mean {near!r}?" if _NAME.match(near) else ""
        raise ConfigError(
            f"found the name {name!r}, expected lower-case letters and digits, a letter first, with single '-' or '_' "
            f"between words{meant}"
        )
    if len(name) > LONGEST:
        raise ConfigError(f"found a name of {len(name)} characters, expected {LONGEST} at most; shorten it")
    if keyword.iskeyword(name) or keyword.iskeyword(name.capitalize()) or name in _YAML:
        where = "YAML" if name in _YAML else "Python"
        raise ConfigError(
            f"found the name {name!r}, which means something else in {where}, expected one that is no word of the "
            f"language; did you mean 'my-{name}'?"
        )


def _check_free(kind: str, name: str, dist: str) -> None:
    """Raise ConfigError when the name, or that of the distribution, belongs to something that is known here."""
    free = f"choose another; did you mean 'my-{name}'?"
    owners = {spec.name: plugin.owner for plugin in registry.plugins() for spec in plugin.specs if spec.kind == kind}
    owners = {**registry.KNOWN.get(kind, {}), **owners}
    same = next((known for known in owners if known.replace("_", "-") == name.replace("_", "-")), None)
    if same is not None:
        raise ConfigError(f"{kind} {same!r} belongs to {owners[same]} already, expected a free name; {free}")
    known_dists = {dist for table in registry.KNOWN.values() for dist in table.values()}
    installed = {re.sub(r"[-_.]+", "-", found.name).lower() for found in distributions()}
    if dist in known_dists | installed:
        raise ConfigError(f"the distribution {dist} exists already, expected a free name; {free}")
