"""What both samplers on vLLM have in common: contexts, versions, weights on a shelf, and a loop of their own.

The engine or its connections live in the event loop of a thread of their own. Rollouts come and go with loops of
theirs, and `sync` blocks the learner while answers that are being sampled go on.
"""

from __future__ import annotations

import secrets
import weakref
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rftcore.errors import RunError
from rftcore.eventloop import LoopThread
from rftcore.sampler import Completion, Request, Sampler
from rftcore.schemas.frozen import Frozen
from rftcore.train.sampler import checksum
from rftcore_vllm.contexts import Contexts
from rftcore_vllm.protocol import Answer, Question
from rftcore_vllm.shelf import Shelf
from rftcore_vllm.weights import Weights


class Backend(Protocol):
    """Who answers: replicas, or an engine. Used from the loop of the sampler's thread."""

    gap: float
    """Largest difference between its logprobs and the learner's at the last comparison."""

    async def connect(self) -> int:
        """Make ready; return the longest context."""

    async def ask(self, conversation: int, question: Question) -> Answer:
        """Return the answer, with the tags of its weights. Raises SamplerFailure when they cannot be known."""

    def release(self, conversation: int) -> None:
        """Forget a conversation."""

    async def bring(self, weights: Weights, model: Any) -> None:
        """Bring new weights into effect, and compare with `model`, which has them."""

    async def sleep(self, level: int) -> None:
        """Free memory of the GPU."""

    async def wake(self) -> None:
        """Take it again."""

    async def close(self) -> None:
        """Let go of everything."""


class OutsideSampler(Sampler):
    """A sampler whose weights are copies of the learner's."""

    apart = True

    def __init__(self, config: Frozen | None = None, *, model: Any, **options: Any) -> None:
        """Start or find who answers, and give it the weights of `model`.

        Raises ConfigError when that cannot be, RunError when it does not give the logprobs of `model`.
        """
        super().__init__(config, **options)
        self.lanes = self.config.lanes
        limit = getattr(model.config, "max_position_embeddings", None) or self.config.max_context
        self.max_context = min(self.config.max_context, limit)
        self.version = 0
        self._contexts = Contexts()
        self._run = secrets.token_hex(4)
        self._versions: dict[str, int] = {}
        self._asleep, self._busy = False, 0
        self._held = _Held(LoopThread("rftcore-vllm"), Shelf(self.config.folder))
        self._end = weakref.finalize(self, self._held.close)
        try:
            weights, loop = self._write(model, 0), self._held.loop
            self._held.backend = self._backend(model, weights)
            self.max_context = min(self.max_context, loop.wait(self._held.backend.connect()))
            loop.wait(self._held.backend.bring(weights, model))
        except BaseException:
            self._end()
            raise

    @abstractmethod
    def _backend(self, model: Any, weights: Weights) -> Backend:
        """Return who is to answer; `weights` are those of `model`. Puts into `_held` what is to be given back."""

    @property
    def gap(self) -> float:
        """Largest difference between the logprobs of vLLM and of the learner at the last comparison."""
        return self._answering.gap

    @property
    def busy(self) -> int:
        """Answers that are being sampled."""
        return self._busy

    async def sample(self, request: Request) -> Completion:
        self._awake("sample")
        prompt = self._contexts.prompt(request, self.max_context)
        question = Question(
            prompt,
            request.temperature,
            min(request.max_new_tokens, self.max_context - len(prompt)),
            tuple(sorted(request.stop_ids)),
            request.rng.getrandbits(31),
        )
        self._busy += 1
        try:
            answer = await self._held.loop.run(self._answering.ask(request.conversation, question))
        finally:
            self._busy -= 1
        assert answer.tags is not None, "a backend tells the weights of each token, or fails"
        versions = tuple(self._versions[tag] for tag in answer.tags)
        context = answer.prompt + answer.token_ids
        self._contexts.answered(request.conversation, context)
        return Completion(
            tuple(answer.token_ids),
            tuple(answer.logprobs),
            checksum(context),
            versions[-1],
            versions if len(set(versions)) > 1 else (),
        )

    def release(self, conversation: int) -> None:
        self._contexts.release(conversation)
        if self._end.alive:
            self._held.loop.post(self._answering.release, conversation)

    def sync(self, source: Path | Any, version: int) -> None:
        self._awake("take new weights")
        if isinstance(source, (str, Path)):
            from rftcore.train.checkpoint import load_model

            source = load_model(Path(source))
        weights = self._write(source, version)
        self._held.loop.wait(self._answering.bring(weights, source))
        self._held.shelf.keep(weights)
        self.version = version

    def sleep(self, level: int = 1) -> None:
        """Let the replicas free the memory of their GPUs: 1 keeps the weights in main memory, 2 forgets them.

        Until `wake` nothing can be sampled: a server that is asked meanwhile would never answer.
        """
        self._awake("sleep")
        self._asleep = True
        self._held.loop.wait(self._answering.sleep(level))

    def wake(self) -> None:
        """Let the replicas take their memory again; after level 2 the next thing has to be a `sync`."""
        self._held.loop.wait(self._answering.wake())
        self._asleep = False

    async def close(self) -> None:
        self._end()

    @property
    def _answering(self) -> Backend:
        assert self._held.backend is not None
        return self._held.backend

    def _awake(self, what: str) -> None:
        if not self._end.alive:
            raise RunError(f"the sampler was closed and cannot {what}")
        if self._asleep:
            raise RunError(f"the sampler is asleep and cannot {what}; wake it up before: wake()")

    def _write(self, model: Any, version: int) -> Weights:
        """Write weights under a tag that no other run and no other sync has."""
        tag = f"{self._run}-{len(self._versions)}"
        self._versions[tag] = version
        return self._held.shelf.write(model, tag)


@dataclass(slots=True)
class _Held:
    """What outlives no sampler, even one that nobody closes."""

    loop: LoopThread
    shelf: Shelf
    backend: Backend | None = None
    give_back: list[Callable[[], None]] = field(default_factory=list)

    def close(self) -> None:
        if self.backend is not None:
            self.loop.wait(self.backend.close())
        self.loop.close()
        for give_back in self.give_back:
            give_back()
        self.shelf.close()
