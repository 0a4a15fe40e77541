"""Turns a user's mapping into a component's `Config`, and pydantic's complaints into sentences.

All wrong keys are reported at once, each with its dotted path, what was found, what was expected and, for an unknown
key, the nearest known one. Nothing is coerced here that pydantic would not coerce, and every default is the model's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic_core import to_jsonable_python

from rftcore.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], options: Mapping[str, Any] | BaseModel, where: str = "") -> Model:
    """Return `options` as a `model`.

    `where` is the path of the options in the user's configuration, such as `algorithm`. Raises ConfigError with one
    line for each wrong key: `algorithm.clipp: unknown key; did you mean 'clip'?`.
    """
    if isinstance(options, model):
        return options
    if not isinstance(options, Mapping):
        raise ConfigError(f"{where or 'options'}: found {_shown(options)}, expected a mapping of options")
    truths = dict(_truths(model, options, where))
    complaints: list[tuple[str, str]] = []
    try:
        made = model.model_validate(dict(options))
        if not truths:
            return made
    except ValidationError as error:
        complaints = [(path, text) for path, text in _complaints(model, error, where) if path not in truths]
    lines = [f"{path}: {text}" for path, text in (*complaints, *truths.items())]
    if len(lines) == 1:
        raise ConfigError(lines[0])
    raise ConfigError("\n".join([f"{len(lines)} options are wrong:", *(f"  {line}" for line in lines)]))


def _complaints(model: type[BaseModel], error: ValidationError, where: str) -> Iterator[tuple[str, str]]:
    """Yield the path of every wrong key and what is wrong with it."""
    schema = _schema(model)
    expectations: dict[str, list[str]] = {}
    found: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        unknown = detail["type"] == "extra_forbidden"
        keys, known = _locate(schema, detail["loc"], unknown)
        path = _path(where, keys) or "options"
        message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        if unknown:
            yield path, f"unknown key; {_instead(keys[-1], known)}"
        elif detail["type"] == "missing":
            examples = [example for node in _nodes(schema, detail["loc"]) for example in node.get("examples", ())]
            yield path, "missing; expected a value" + "".join(f", such as {example!r}" for example in examples[:1])
        else:
            found[path] = _shown(detail["input"])
            expectations.setdefault(path, []).append(message.removeprefix("Input should be "))
    for path, messages in expectations.items():
        yield path, f"found {found[path]}, expected {' or '.join(dict.fromkeys(messages))}"


def _truths(model: type[BaseModel], options: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    """Yield the path of every yes or no that stands for a number, and what is wrong with it: pydantic takes true for 1.

    They are looked for in what was given and not in what was made of it, which is there only if all else is right.
    """
    flags = list(_flags(options, ()))
    schema = _schema(model) if flags else {}
    for location, flag in flags:
        types = {node.get("type", "any") for node in _nodes(schema, location)}
        if types & {"integer", "number"} and not types & {"boolean", "any"}:
            yield _path(where, location), f"found {flag}, expected a number"


def _flags(given: Any, location: tuple[int | str, ...]) -> Iterator[tuple[tuple[int | str, ...], bool]]:
    if isinstance(given, bool):
        yield location, given
    elif isinstance(given, Mapping):
        for key, value in given.items():
            yield from _flags(value, (*location, str(key)))
    elif isinstance(given, (list, tuple)):
        for number, value in enumerate(given):
            yield from _flags(value, (*location, number))


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    try:
        return model.model_json_schema()
    except PydanticInvalidForJsonSchema:
        return {}


def _path(where: str, keys: Iterable[int | str]) -> str:
    return ".".join([*([where] if where else []), *map(str, keys)])


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _instead(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"expected one of {', '.join(known)}" if known else "no options are known here"


def _locate(schema: dict[str, Any], location: tuple[int | str, ...], unknown: bool) -> tuple[list[str], list[str]]:
    """Follow a pydantic location through the JSON schema.

    Returns the keys that a user wrote (pydantic also puts names of union members into a location) and the keys that
    are known where the last of them stands. `unknown` says that the last key is one that the schema does not have.
    """
    nodes = list(_members(schema, schema))
    keys: list[str] = []
    known: list[str] = []
    for depth, part in enumerate(location):
        known = sorted({name for node in nodes for name in node.get("properties", {})})
        below = [child for node in nodes for child in _children(node, part)]
        if below or not schema or (unknown and depth == len(location) - 1):
            keys.append(str(part))
            nodes = [member for child in below for member in _members(schema, child)]
    return keys, known


def _nodes(schema: dict[str, Any], location: tuple[int | str, ...]) -> list[dict[str, Any]]:
    """Return what may stand at a place in a user's configuration, as far as the schema knows."""
    nodes = list(_members(schema, schema))
    for part in location:
        nodes = [member for node in nodes for child in _children(node, part) for member in _members(schema, child)]
    return nodes


def _members(schema: dict[str, Any], node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the alternatives of a node: itself, what it refers to, or the members of a union."""
    if "$ref" in node:
        yield from _members(schema, schema["$defs"][node["$ref"].rpartition("/")[2]])
        return
    alternatives = [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
    for alternative in alternatives:
        yield from _members(schema, alternative)
    if not alternatives:
        yield node


def _children(node: dict[str, Any], part: int | str) -> Iterator[dict[str, Any]]:
    if isinstance(part, int):
        prefix = node.get("prefixItems", [])
        if part < len(prefix):
            yield prefix[part]
        elif isinstance(node.get("items"), dict):
            yield node["items"]
    elif part in node.get("properties", {}):
        yield node["properties"][part]
    elif isinstance(node.get("additionalProperties"), dict):
        yield node["additionalProperties"]


def describe(model: type[BaseModel]) -> list[dict[str, Any]]:
    """Return a row for each option of a `Config`: `name`, `type`, `default` (None when required), `required`, `doc`.

    The meaning is the field's description or the docstring below it in the source.
    """
    schema = model.model_json_schema(by_alias=False)
    docs = _docstrings(model)
    rows = []
    for name, field in model.model_fields.items():
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        rows.append(
            {
                "name": name,
                "type": " or ".join(dict.fromkeys(map(_type, _members(schema, schema["properties"][name])))),
                "default": to_jsonable_python(default, fallback=str),
                "required": field.is_required(),
                "doc": " ".join((field.description or docs.get(name, "")).split()),
            }
        )
    return rows


def _type(node: dict[str, Any]) -> str:
    if "enum" in node or "const" in node:
        return " or ".join(str(value) for value in node.get("enum", [node.get("const")]))
    kind = str(node.get("type", "any"))
    limits = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = ", ".join(f"{sign} {node[key]}" for key, sign in limits.items() if key in node)
    return f"{kind} {bounds}".strip()


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings below the fields of a class and of its parents."""
    import ast
    import inspect
    import textwrap

    docs: dict[str, str] = {}
    for parent in reversed(model.__mro__):
        if not issubclass(parent, BaseModel) or parent is BaseModel:
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(parent)))
        except (OSError, TypeError, SyntaxError):
            continue  # a class typed into an interpreter has no source
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        for pair in pairwise(body):
            match pair:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    docs[name] = text
    return docs
