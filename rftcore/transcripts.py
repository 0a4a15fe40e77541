"""Stored trajectories as conversations in messages, for whoever trains or reads elsewhere: JSON Lines, or Parquet.

A conversation is what the run's models are shown: the system prompt in the run's prompt format, the examples of a
few-shot prompt, observations as user messages and answers as assistant messages. The whole episode is written, also
where the model saw a window of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rftcore.blueprint import load_record, make_environment
from rftcore.errors import ConfigError, RunError
from rftcore.formats import PromptFormat, prompt_format
from rftcore.plan import Plan
from rftcore.players import chats, players
from rftcore.records import RunFolder, line, read_groups
from rftcore.schemas.config import Settings
from rftcore.schemas.task import SPLITS, Split
from rftcore.schemas.trajectory import Trajectory
from rftcore.shots import Examples

Row = dict[str, Any]
_BATCH = 1024
"""Rows of a Parquet row group."""


def export_trajectories(
    run: RunFolder, out: Path, split: Split, *, player: str | None = None, successful: bool = False
) -> int:
    """Write the trajectories of a run to the new file `out`, one conversation a row; return how many.

    `split` is `train` for what stages learned from, where the run keeps it, or `test` for the evaluations. `player`
    chooses one checkpoint or policy, `successful` the episodes that succeeded. What the machine spoiled is left out.
    A row has `messages` (a list of `role` and `content`), `player`, `environment`, `difficulty`, `split`, `task`,
    `sample`, `turns`, `return`, `success` and `status`.

    Raises ConfigError for a name that the run does not have, a file that is there or whose ending is neither `.jsonl`
    nor `.parquet`, RunError when nothing is left to write or a file is damaged.
    """
    writers: dict[str, Callable[[Path, Iterable[Row]], int]] = {".jsonl": _write_jsonl, ".parquet": _write_parquet}
    if split not in SPLITS:
        raise ConfigError(f"--trajectories: found {split!r}, expected {' or '.join(SPLITS)}")
    if out.suffix not in writers:
        raise ConfigError(f"--out: found {str(out)!r}, expected a file that ends in {' or '.join(writers)}")
    if out.exists():
        raise ConfigError(f"--out: found {str(out)!r}, expected a file that is not there yet")
    config, plan = load_record(run)
    _check_player(run, plan, split, player)
    staging = out.with_name(f".{out.name}.writing")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        written = writers[out.suffix](staging, _rows(run, config, plan, split, player, successful))
        if not written:
            raise RunError(_nothing(run, split, player, successful))
        staging.rename(out)
    except OSError as error:
        raise RunError(f"{str(out)!r} cannot be written: {error}; choose another place, or make room") from error
    finally:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            staging.unlink()
    return written


def _rows(
    run: RunFolder, config: Settings, plan: Plan, split: Split, player: str | None, successful: bool
) -> Iterator[Row]:
    form = prompt_format(config.format)
    examples = Examples(config.shots, form)
    environments = {name: make_environment(config, name) for name in config.environments}
    bare = {policy.title for policy in players(config) if not chats(policy)}
    for name, file in _files(run, plan, split):
        if player not in (None, name):
            continue
        for trajectory in (each for group in read_groups(file) for each in group.usable):
            if trajectory.turns and (trajectory.success or not successful):
                environment = environments[trajectory.task.environment]
                opening = [("system", form.system(environment.instructions))]
                for observation, answer in examples(environment, trajectory.task):
                    opening += [("user", observation), ("assistant", answer)]
                wrote = form if split == "test" and name in bare else None
                yield _row(name, trajectory, [*opening, *_messages(trajectory, wrote)])


def _files(run: RunFolder, plan: Plan, split: Split) -> Iterator[tuple[str, Path]]:
    """Yield the files of trajectories there are, each with the checkpoint that was trained or played, or the policy."""
    if split == "test":
        cells = ((node.train, run.cell(node.key)) for node in plan.cells)
        yield from ((name, file) for name, file in cells if file.is_file())
        return
    for node in plan.stages:
        for file in sorted((run.stage(node.key) / "trajectories").glob("*.jsonl")):
            yield node.name, file


def _messages(trajectory: Trajectory, form: PromptFormat | None) -> Iterator[tuple[str, str]]:
    """Yield the turns; with `form`, answers that are bare actions are written as a demonstration would write them."""
    for turn in trajectory.turns:
        yield "user", turn.observation
        yield "assistant", turn.text if form is None else form.write(turn.text)


def _row(player: str, trajectory: Trajectory, messages: Iterable[tuple[str, str]]) -> Row:
    task = trajectory.task
    return {
        "messages": [{"role": role, "content": content} for role, content in messages],
        "player": player,
        "environment": task.environment,
        "difficulty": task.difficulty,
        "split": task.split,
        "task": task.id,
        "sample": trajectory.sample,
        "turns": len(trajectory.turns),
        "return": trajectory.ret,
        "success": trajectory.success,
        "status": trajectory.status,
    }


def _write_jsonl(path: Path, rows: Iterable[Row]) -> int:
    written = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(line(row))
            written += 1
    return written


def _write_parquet(path: Path, rows: Iterable[Row]) -> int:
    """Write batch by batch: a run may hold more than memory does. Raises ConfigError without pyarrow."""
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError as error:
        raise ConfigError(
            "Parquet is written with pyarrow, which is missing: pip install 'rftcore[parquet]'"
        ) from error
    message = pyarrow.struct([("role", pyarrow.string()), ("content", pyarrow.string())])
    texts = [(name, pyarrow.string()) for name in ("player", "environment", "difficulty", "split", "task")]
    schema = pyarrow.schema(
        [
            ("messages", pyarrow.list_(message)),
            *texts,
            ("sample", pyarrow.int64()),
            ("turns", pyarrow.int64()),
            ("return", pyarrow.float64()),
            ("success", pyarrow.bool_()),
            ("status", pyarrow.string()),
        ]
    )
    written = 0
    rest = iter(rows)
    with ParquetWriter(path, schema) as writer:
        while batch := list(islice(rest, _BATCH)):
            writer.write_table(pyarrow.Table.from_pylist(batch, schema=schema))
            written += len(batch)
    return written


def _check_player(run: RunFolder, plan: Plan, split: Split, player: str | None) -> None:
    names = [node.train for node in plan.cells] if split == "test" else [node.name for node in plan.stages]
    if player is not None and player not in names:
        known = ", ".join(dict.fromkeys(names)) or "none"
        raise ConfigError(
            f"--checkpoint: found {player!r}, but the {split} trajectories of {run.path.name} are of {known}"
        )


def _nothing(run: RunFolder, split: Split, player: str | None, successful: bool) -> str:
    kind = "successful trajectory" if successful else "trajectory"
    told = f"{run.path.name} holds no {kind}{f' of {player}' if player else ''} on its {split} tasks"
    if split == "train":
        return f"{told}; a run keeps what it trains on with training.record=true, and that changes no number"
    return f"{told}; `rftcore resume {run.path.name}` evaluates what is not evaluated yet"
