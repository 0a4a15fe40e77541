"""The memory of a table: does again what was done in recorded trajectories.

With it a recorded cell is played through the environment once more: to check that the environment still answers the
same, or to see what a model did without the model. It repeats the actions and not the whole texts, because a policy
speaks to the environment without a prompt format between them. It refuses to guess: a task or sample that is not in the
file, or that has changed since, is an error and never another action.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ValidationError

from rftcore.environment import Episode
from rftcore.errors import ConfigError
from rftcore.policy import Policy
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Trajectory
from rftcore.sealing import unsealed


class Replay(Policy):
    """Repeats the recorded actions of the same task and sample; gives up after the last one.

    An answer in which the prompt format found no action was recorded, and is repeated, as the empty action.

    Raises ConfigError at construction when the file cannot be read as trajectories, and in `act` when the task's
    recording is missing or was made of a task with other content.
    """

    class Config(Frozen):
        """Options of the policy."""

        file: str
        """JSON Lines, one `Trajectory` a line, such as the trajectories of a report's cell."""

    name: ClassVar[str] = "replay"

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Read the whole file; only the actions are kept."""
        super().__init__(config, **options)
        self._recorded: dict[tuple[str, str, int], tuple[str, tuple[str, ...]]] = {}
        for number, trajectory in recorded(self.config.file, "policy replay"):
            key = (trajectory.task.environment, trajectory.task.id, trajectory.sample)
            if key in self._recorded:
                raise ConfigError(
                    f"policy replay: {self.config.file}, line {number}: task {key[1]!r}, sample {key[2]}, is recorded "
                    "a second time; expected one recording of each, so split the file by checkpoint"
                )
            self._recorded[key] = (trajectory.task.digest, tuple(turn.action for turn in trajectory.turns))

    async def act(self, task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str | None:
        """Return the recorded action of this turn, or None after the last recorded turn."""
        recorded = self._recorded.get((task.environment, task.id, sample))
        if recorded is None:
            raise ConfigError(f"policy replay: {self._missing(task, sample)}")
        digest, actions = recorded
        if digest != task.digest:
            raise ConfigError(
                f"policy replay: task {task.id!r} of {task.environment!r} has changed since {self.config.file} was "
                "recorded; record it again, or install the versions that the recording names"
            )
        return actions[turn] if turn < len(actions) else None

    def _missing(self, task: Task, sample: int) -> str:
        samples = sorted(key[2] for key in self._recorded if key[:2] == (task.environment, task.id))
        if samples:
            return (
                f"{self.config.file} holds sample {', '.join(map(str, samples))} of task {task.id!r}, not sample "
                f"{sample}; ask for at most {len(samples)} samples of each task"
            )
        environments = sorted({key[0] for key in self._recorded})
        return (
            f"task {task.id!r} of {task.environment!r} is not in {self.config.file}, which holds {len(self._recorded)} "
            f"trajectories of {', '.join(environments) or 'nothing'}; name a file that recorded this environment, "
            "difficulty and split"
        )


def recorded(file: Path | str, where: str) -> Iterator[tuple[int, Trajectory]]:
    """Yield each line's number, from 1, and its trajectory.

    Raises ConfigError, which begins with `where`, when the file cannot be read as trajectories.
    """
    number = 0
    try:
        with Path(file).open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                yield number, Trajectory.model_validate_json(unsealed(line))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{where}: cannot read file {str(file)!r} ({error}); expected JSON Lines with one trajectory a line"
        ) from error
    except ValidationError as error:  # a ValueError too
        first = error.errors(include_url=False)[0]
        at = ".".join(map(str, first["loc"])) or "the line"
        raise ConfigError(
            f"{where}: {file}, line {number}: not a trajectory ({at}: {first['msg']}; {error.error_count()} "
            "problem(s)); expected one JSON object of the Trajectory schema a line"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{where}: {file}, line {number}: {error}; take a copy that is whole") from error
