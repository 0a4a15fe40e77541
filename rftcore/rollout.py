"""Rollouts: the only place that calls `Episode.step`.

`collect` plays k episodes of each task and returns groups. Episodes run concurrently with no barrier between turns or
between episodes: `lanes` of them are live, and a finished one is replaced at once, in the order of the tasks. A failed
machine is not a failed agent: the episode is tried again afresh, and then masked and counted. It is tried again from
the same random stream: another sample in its place would be one of those that do not fail. Nothing here imports torch.
"""

from __future__ import annotations

import asyncio
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rftcore import eventloop
from rftcore.attempts import ATTEMPTS, closed, described, fails_episode, status_of
from rftcore.conversation import Conversation, Encoder, History
from rftcore.environment import Environment, Episode, Step
from rftcore.errors import EpisodeError, RftError, RunError
from rftcore.faults import Breaker
from rftcore.formats import PromptFormat
from rftcore.policy import BudgetSpent, Policy, Spending
from rftcore.sampler import ContextFull, Request, Sampler
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Status, Trajectory, Turn
from rftcore.shots import Examples


@dataclass(frozen=True, slots=True)
class Answer:
    """What an actor says at one turn; the token fields stay empty for policies without tokens."""

    text: str
    action: str | None
    """None when the text does not have the prompt format's form."""
    keep: int = 0
    prompt_ids: tuple[int, ...] = ()
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    checksum: int = 0
    version: int = 0
    versions: tuple[int, ...] = ()


class Voice(ABC):
    """An actor in one episode."""

    @abstractmethod
    async def answer(self, episode: Episode, turn: int) -> Answer | None:
        """Answer the episode's present observation; None gives up."""

    def close(self) -> None:
        """Free what the episode held."""


class Actor(ABC):
    """Whoever plays: a policy without tokens, or a model behind a sampler."""

    lanes: int
    """Episodes that are worth running at once."""
    reminder: str = ""
    """What the environment's side says to an answer without an action."""

    @abstractmethod
    def begin(self, environment: Environment, task: Task, episode: Episode, sample: int, rng: random.Random) -> Voice:
        """Start to play one episode."""

    @property
    def spending(self) -> Spending | None:
        """Return what its answers have cost so far; None where they cost nothing."""
        return None

    async def close(self) -> None:
        """Let go of what belongs to the running event loop; called at the end of each `collect`."""

    def stop(self) -> None:
        """Stop what was started for playing; called at the end of a job. Safe to call twice."""


class PolicyActor(Actor):
    """Lets a `Policy` play."""

    lanes = 1

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def begin(self, environment: Environment, task: Task, episode: Episode, sample: int, rng: random.Random) -> Voice:
        return _PolicyVoice(self._policy, task, sample, rng)


class _PolicyVoice(Voice):
    def __init__(self, policy: Policy, task: Task, sample: int, rng: random.Random) -> None:
        self._policy, self._task, self._sample, self._rng = policy, task, sample, rng

    async def answer(self, episode: Episode, turn: int) -> Answer | None:
        text = await self._policy.act(self._task, episode, turn, self._sample, self._rng)
        return None if text is None else Answer(text, text)


class ModelActor(Actor):
    """Lets a model play: observations become tokens, sampled tokens become actions."""

    def __init__(
        self,
        sampler: Sampler,
        encoder: Encoder,
        form: PromptFormat,
        *,
        lanes: int,
        history: History | None = None,
        shots: int = 0,
        temperature: float = 1.0,
        max_new_tokens: int = 32,
    ) -> None:
        self.sampler, self.encoder, self.form = sampler, encoder, form
        self._history = history or History()
        self._examples = Examples(shots, form)
        self._temperature, self.max_new_tokens = temperature, max_new_tokens
        self._conversations = iter(range(1 << 62))
        self.lanes = lanes
        self.reminder = form.reminder

    def begin(self, environment: Environment, task: Task, episode: Episode, sample: int, rng: random.Random) -> Voice:
        return _ModelVoice(self, environment, task, next(self._conversations), rng)

    def stop(self) -> None:
        eventloop.run(self.sampler.close())

    def conversation(self, environment: Environment, task: Task) -> Conversation:
        """Return the context of an episode of `task` before its first observation."""
        examples = self._examples(environment, task)
        return Conversation(self.encoder, self._history, self.form.system(environment.instructions), examples)


class _ModelVoice(Voice):
    def __init__(
        self, actor: ModelActor, environment: Environment, task: Task, number: int, rng: random.Random
    ) -> None:
        self._actor, self._number, self._rng = actor, number, rng
        self._share = task.digest
        self._conversation = actor.conversation(environment, task)

    async def answer(self, episode: Episode, turn: int) -> Answer | None:
        actor = self._actor
        keep, ids = self._conversation.prompt(episode.observation)
        completion = await actor.sampler.sample(
            Request(
                conversation=self._number,
                keep=keep,
                ids=tuple(ids),
                rng=self._rng,
                temperature=actor._temperature,
                max_new_tokens=actor.max_new_tokens,
                stop_ids=actor.encoder.stop_ids,
                share=self._share if turn == 0 else None,
            )
        )
        text = self._conversation.answer(list(completion.token_ids))
        return Answer(
            text,
            actor.form.parse(text),
            keep,
            tuple(ids),
            completion.token_ids,
            completion.logprobs,
            completion.checksum,
            completion.version,
            completion.versions,
        )

    def close(self) -> None:
        self._actor.sampler.release(self._number)


async def collect(
    environments: Mapping[str, Environment],
    actor: Actor,
    tasks: Sequence[Task],
    samples: int | Sequence[int],
    *,
    seed: int,
    turn_limit: int | None = None,
    on_episode: Callable[[Trajectory], None] = lambda trajectory: None,
    breaker: Breaker | None = None,
) -> list[Group]:
    """Play `samples` episodes of each of `tasks`, or as many as each has there; return one group a task, in order.

    The random stream of an episode follows from `seed`, its task and its sample number, so a result depends neither on
    which episodes run beside it nor on how often it was tried. `turn_limit` lowers the environments' own limits.

    Raises RunError when every single episode failed for a reason that is not the agent's, unless that is a budget, when
    `breaker` says that too many did, and when one was not played at all.
    """
    counts = [samples] * len(tasks) if isinstance(samples, int) else list(samples)
    results: list[list[Trajectory | None]] = [[None] * count for count in counts]
    queue: Iterator[tuple[int, int]] = ((t, s) for t, count in enumerate(counts) for s in range(count))
    watch = breaker or Breaker()
    watch.expects(tasks, counts)

    async def lane() -> None:
        for number, sample in queue:
            task = tasks[number]
            environment = environments[task.environment]
            limit = min(turn_limit or environment.max_turns, environment.max_turns)
            trajectory = await _play(environment, actor, task, sample, seed, limit, watch.faults.episode_seconds)
            on_episode(trajectory)
            watch.told(trajectory)
            results[number][sample] = trajectory

    try:
        async with asyncio.TaskGroup() as lanes:
            for _ in range(max(1, min(actor.lanes, sum(counts)))):
                lanes.create_task(lane())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        await actor.close()
    _check_played(results)
    groups = [
        Group.model_construct(task=task, trajectories=tuple(t for t in row if t is not None))
        for task, row in zip(tasks, results, strict=True)
    ]
    if groups and all(t.masked and t.status != "budget" for group in groups for t in group.trajectories):
        first = groups[0].trajectories[0]
        raise RunError(
            f"all {sum(counts)} episodes failed before the agent could, so there is nothing to learn or "
            f"measure; the first, {first.task.id}, ended with {first.status}: {first.error}"
        )
    return groups


def _check_played(results: Sequence[Sequence[Trajectory | None]]) -> None:
    """Raise RunError when a lane ended without a word, as one does that something cancels from within."""
    missing = sum(row.count(None) for row in results)
    if missing:
        raise RunError(
            f"{missing} of {sum(map(len, results))} episodes were not played: something that an episode is told to "
            "cancelled their task. What is left is no fair sample, so the run stops. Resume it; should it stop here "
            "again, look for a CancelledError in what hears of episodes, such as a plugin's hook"
        )


async def _play(
    environment: Environment, actor: Actor, task: Task, sample: int, seed: int, limit: int, seconds: float | None
) -> Trajectory:
    for attempt in range(1, ATTEMPTS + 1):
        rng = random.Random(f"{seed}/{task.digest}/{sample}/1")  # stored runs drew from it by the attempt's number
        trajectory = await _attempt(environment, actor, task, sample, rng, limit, attempt, seconds)
        if not trajectory.masked or trajectory.status == "budget":
            break
    return trajectory


class _Yielding(Voice):
    """Lets a deadline act before each answer, also where whoever answers never waits for anything."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    async def answer(self, episode: Episode, turn: int) -> Answer | None:
        await asyncio.sleep(0)
        return await self._voice.answer(episode, turn)


@dataclass(slots=True)
class _Course:
    """What has happened in an episode so far."""

    turns: list[Turn] = field(default_factory=list)
    observation: str = ""
    status: Status = "truncated"
    success: bool = False
    error: str | None = None


async def _attempt(
    environment: Environment,
    actor: Actor,
    task: Task,
    sample: int,
    rng: random.Random,
    limit: int,
    attempt: int,
    seconds: float | None,
) -> Trajectory:
    course, episode, voice = _Course(), None, None
    try:
        episode = environment.start(task)
        course.observation = episode.observation
        voice = actor.begin(environment, task, episode, sample, rng)
        await _converse_within(seconds, voice, episode, limit, actor.reminder, course)
    except BaseException as failure:
        if not fails_episode(failure):
            raise
        course.status, course.error = status_of(failure, "environment_error"), described(failure)
    finally:
        unclosed = closed(*(held.close for held in (voice, episode) if held is not None))
    return Trajectory.model_construct(
        schema_version=1,
        task=task,
        sample=sample,
        turns=tuple(course.turns),
        final_observation=course.observation,
        status=course.status,
        ret=episode_return(environment, [turn.reward for turn in course.turns]),
        success=course.success,
        attempts=attempt,
        error=course.error,
        unclosed=unclosed,
    )


async def _converse_within(
    seconds: float | None, voice: Voice, episode: Episode, limit: int, reminder: str, course: _Course
) -> None:
    """Do as `_converse` does, but for no longer than `seconds`. Raises TimeoutError."""
    if seconds is None:
        return await _converse(voice, episode, limit, reminder, course)
    try:
        async with asyncio.timeout(seconds) as clock:
            await _converse(_Yielding(voice), episode, limit, reminder, course)
    except TimeoutError as error:
        if not clock.expired():
            raise
        raise TimeoutError(f"the episode took longer than {seconds:g} s (faults.episode_seconds)") from error


async def _converse(voice: Voice, episode: Episode, limit: int, reminder: str, course: _Course) -> None:
    """Let the voice answer turn by turn, until the episode ends or it cannot go on."""
    while len(course.turns) < limit:
        try:
            answer = await voice.answer(episode, len(course.turns))
        except ContextFull:
            course.status = "context_overflow"
            return
        except BudgetSpent as spent:
            course.status, course.error = "budget", str(spent)
            return
        except RftError:
            raise
        except BaseException as failure:
            if not fails_episode(failure):
                raise
            course.status, course.error = status_of(failure, "sampler_error"), described(failure)
            return
        if answer is None or _ends(episode, answer, reminder, course):
            return


def _ends(episode: Episode, answer: Answer, reminder: str, course: _Course) -> bool:
    """Give the answer's action to the episode, add the turn that it makes, and return whether the episode ended."""
    seen = course.observation
    if answer.action is None:
        reward, valid, ended = 0.0, False, False
        course.observation = episode.observation = reminder
    else:
        step = _sound(episode.step(answer.action))
        reward, valid, ended = step.reward, step.valid, step.terminated or step.truncated
        course.success = course.success or step.success
        course.observation = step.observation
        course.status = "completed" if step.terminated else course.status
    course.turns.append(
        Turn.model_construct(
            observation=seen,
            text=answer.text,
            action=answer.action or "",
            reward=reward,
            valid=valid,
            keep=answer.keep,
            prompt_ids=answer.prompt_ids,
            token_ids=answer.token_ids,
            logprobs=answer.logprobs,
            checksum=answer.checksum,
            version=answer.version,
            versions=answer.versions,
        )
    )
    return ended


def _sound(step: Step) -> Step:
    """Raise EpisodeError for a reward that no algorithm can learn from: it would spoil its whole update."""
    if not math.isfinite(step.reward):
        raise EpisodeError(f"the environment gave the reward {step.reward}, expected a finite number")
    return step


def episode_return(environment: Environment, rewards: Sequence[float]) -> float:
    """Fold an episode's rewards into its return, as the environment declares: last, sum or max; 0.0 without any."""
    if not rewards:
        return 0.0
    return {"last": rewards[-1], "sum": sum(rewards), "max": max(rewards)}[environment.returns]
