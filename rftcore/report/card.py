"""`card.md`: all that it takes to get the numbers of a report again, to be published beside them.

It says what `report.json` says and nothing else, and ends with the configuration as a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rftcore.records import write_text
from rftcore.report.accounts import account_summary
from rftcore.report.figures import count, duration, moment
from rftcore.schemas.report import Report

FILE = "card.md"
LISTED = {
    "Task lists (sha256)": "manifests",
    "Recordings that were learned from (sha256)": "recordings",
    "Behaviour versions of plugins": "specs",
}


def write_card(folder: Path, report: Report) -> Path:
    """Write `folder/card.md` in one step, and return its path. Raises RunError when it cannot be written."""
    target = folder / FILE
    write_text(target, card(report))
    return target


def card(report: Report) -> str:
    """Return the card as Markdown."""
    from yaml import safe_dump

    study, origin = report.study, report.provenance
    parts = [f"# Reproducibility card: {study.get('name')}", *_head(report)]
    if "command" in origin:
        parts += ["## The same again", *_again(report)]
    for title, key in (("Policy", "model"), ("Arithmetic", "arithmetic"), ("Hardware", "hardware")):
        if key in origin:
            parts += [f"## {title}", _pairs(origin[key])]
    if "effort" in origin:
        parts += ["## What it took", _effort(report)]
    if "sessions" in origin:
        parts += ["## Sessions", *_sessions(origin["sessions"])]
    parts += ["## Samples lost to the machine", account_summary(report.accounts)]
    for title, key in LISTED.items():
        if origin.get(key):
            parts += [f"## {title}", _pairs(origin[key])]
    settings = safe_dump(dict(_mapping(study.get("config"))), sort_keys=False, allow_unicode=True)
    parts += ["## Configuration", f"```yaml\n{settings}```"]
    return "\n\n".join(parts) + "\n"


def _head(report: Report) -> Iterator[str]:
    seeds = _mapping(report.provenance.get("seeds"))
    lines = [
        f"- run `{report.study.get('id')}`",
        f"- seeds: {', '.join(f'{name} {seed}' for name, seed in seeds.items()) or 'not recorded'}",
        f"- finished {moment(report.finished_at)}, after {duration(report.study_seconds)} of work",
    ]
    yield "\n".join(lines)


def _again(report: Report) -> Iterator[str]:
    versions = _mapping(report.provenance.get("versions"))
    commits = _commits(report)
    pins = [f"{name}=={version}" for name, version in versions.items()]
    yield "```sh\n" + "\n".join([f"pip install {' '.join(pins)}", str(report.provenance["command"])]) + "\n```"
    if commits:
        told = ", ".join(f"{name} {commit}" for name, commit in commits.items())
        yield f"Installed from working trees, whose commits the versions do not tell: {told}."
    yield (
        "The configuration stands at the end. The run has the same id, and on the same kind of machine the same "
        "report, but for times and hardware. `rftcore verify RUN` says whether a run folder is what was written, and "
        "its report what it gives."
    )


def _commits(report: Report) -> Mapping[str, Any]:
    """Return the commits of the last session: what was changed since the first is among its changes."""
    sessions: Any = report.provenance.get("sessions") or [{}]
    commits = dict(_mapping(sessions[0].get("commits")))
    for session in sessions[1:]:
        for key, (_, now) in _mapping(session.get("changed")).items():
            if key.startswith("commits."):
                commits[key.removeprefix("commits.")] = now
    return {name: commit for name, commit in commits.items() if commit}


def _effort(report: Report) -> str:
    effort = _mapping(report.provenance["effort"])
    rows = []
    for phase in ("training", "evaluation"):
        if not effort.get(f"{phase}_episodes"):
            continue
        tokens = [f"{effort[f'{phase}_tokens_sampled']:,} tokens sampled"]
        if phase == "training":
            tokens.append(f"{effort['training_tokens_learned']:,} trained on")
        episodes = count(effort[f"{phase}_episodes"], "episode")
        rows.append(f"- {phase}: {episodes}, {', '.join(tokens)}, {duration(effort[f'{phase}_seconds'])}")
    if "cpu_seconds" in effort:
        rows.append(f"- CPU time of the processes in which jobs ended: {duration(effort['cpu_seconds'])}")
    return "\n".join([*rows, "- energy was not measured"])


def _sessions(sessions: Any) -> Iterator[str]:
    rows = []
    for number, session in enumerate(sessions, start=1):
        end = "to the report" if session["ended"] == "report" else "stopped, and gone on with"
        worked = "" if session["worked_seconds"] is None else f", {duration(session['worked_seconds'])} of work"
        changes = [f"{key}: {was} -> {now}" for key, (was, now) in _mapping(session.get("changed")).items()]
        told = f"; changed: {', '.join(changes)}" if changes else ""
        rows.append(f"{number}. {moment(session['began_at'])}{worked}, {end}{told}")
    yield "\n".join(rows)


def _pairs(values: Any) -> str:
    return "\n".join(f"- {name}: {_text(value)}" for name, value in _mapping(values).items())


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_text(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return str(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
