"""What happened in one episode, with the exact tokens that the policy saw and produced.

The context of turn t is never stored twice: a turn keeps the first `keep` tokens of the context before it (prompt and
completion of the previous turn) and appends `prompt_ids`. With the full history `keep` is the whole previous context;
a windowed history keeps less. The same two values feed the sampler's KV cache and the learner's rows, so what is
trained is what was sampled.

    turn 0   keep 0   prompt_ids [1 5 9]   token_ids [7 2]     context 1 5 9 7 2
    turn 1   keep 5   prompt_ids [8 9]     token_ids [4 2]     context 1 5 9 7 2 8 9 4 2
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from rftcore.schemas.frozen import Frozen, without_unused
from rftcore.schemas.task import Task

Status = Literal[
    "completed", "truncated", "context_overflow", "timeout", "environment_error", "sampler_error", "budget"
]

MASKED: frozenset[str] = frozenset({"timeout", "environment_error", "sampler_error", "budget"})
"""Not the agent's doing: left out of training and of every score, and counted. All but a spent budget were retried."""


class Turn(Frozen):
    """One observation and the policy's answer to it."""

    observation: str
    text: str
    """The policy's whole answer."""
    action: str
    """The part of the answer that the environment received."""
    reward: float
    valid: bool
    """False when the environment (or the prompt format) did not understand the action."""
    keep: int = 0
    """Number of tokens of the previous context that this turn's context begins with."""
    prompt_ids: tuple[int, ...] = ()
    """Tokens appended after them before sampling. Empty for policies without tokens."""
    token_ids: tuple[int, ...] = ()
    """Sampled or demonstrated tokens, the end-of-turn token included."""
    logprobs: tuple[float, ...] = ()
    """Natural log probability of each sampled token at the sampling temperature. Empty for demonstrated tokens."""
    checksum: int = 0
    """CRC-32 of the sampler's whole context after this turn, from its own cache: the token-provenance audit."""
    version: int = 0
    """Version of the weights that sampled this turn, or at least its last token."""
    versions: tuple[int, ...] = ()
    """That of each token, where the weights changed while it was sampled; otherwise empty, and not written down."""

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_unused(self, handler(self), ("versions",))


class Trajectory(Frozen):
    """One finished run of one task."""

    schema_version: Literal[1] = 1
    task: Task
    sample: int
    """Which of the k runs of this task, from 0."""
    turns: tuple[Turn, ...]
    final_observation: str = ""
    """What the environment said after the last action."""
    status: Status
    ret: float
    """The episode's return: last, sum or maximum of its rewards, as the environment declares."""
    success: bool
    attempts: int = 1
    """Fresh episodes that were started for it; more than 1 after a failure of the machine."""
    error: str | None = None
    """Why, when the status is a failure of the machine."""
    unclosed: str | None = None
    """What failed when the episode was closed, which costs nothing of it; where nothing did it is not written down."""

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_unused(self, handler(self), ("unclosed",))

    @property
    def masked(self) -> bool:
        """True when the machine failed: no metric counts it and no learner trains on it."""
        return self.status in MASKED


class Group(Frozen):
    """The k trajectories of one task, from one version of the policy."""

    task: Task
    trajectories: tuple[Trajectory, ...] = Field(min_length=1)

    @property
    def usable(self) -> tuple[Trajectory, ...]:
        """Those that the machine did not spoil."""
        return tuple(trajectory for trajectory in self.trajectories if not trajectory.masked)


class Credit(Frozen):
    """What one trajectory deserves: one float a turn, or one float a sampled token.

    Example: `Credit(turns=(0.7, 0.7))` gives every sampled token of both turns the advantage 0.7;
    `Credit(turns=(), tokens=((0.1, 0.2), (0.0,)))` gives each token its own.
    """

    turns: tuple[float, ...] = ()
    tokens: tuple[tuple[float, ...], ...] | None = None
    returns: tuple[tuple[float, ...], ...] | None = None
    """For an algorithm with a critic, what the critic should have said at the first tokens of each turn.

    `((0.5,), (0.8,))` is a target at the first token of both turns and none at others: the state before a turn.
    """
