"""After new weights: does a replica give the learner's logprobs? A difference would be learned from."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from rftcore.errors import RunError
from rftcore.train.logprobs import row_logprobs
from rftcore.train.rows import Row
from rftcore_vllm.protocol import Answer, Question
from rftcore_vllm.replica import Replica

PROMPT, ANSWER = 24, 8
"""Tokens of a probe's prompt and of its answer."""

SAMPLED = 0.7
"""Temperature of one of the two questions: a server that tells raw logprobs shows it there. The other is greedy."""

SINGLE, HALF = 1e-3, 0.5
"""Tolerated differences of logprobs in float32, and in 16 bits."""


class Probe:
    """Two questions, and what the learner says of a right answer to the greedy one."""

    def __init__(self, model: Any, tolerance: float | None = None) -> None:
        """`tolerance` None: by the dtype of `model`."""
        rng = random.Random(0)
        prompt = [rng.randrange(model.config.vocab_size) for _ in range(PROMPT)]
        greedy = Question(prompt, 0.0, ANSWER, (), 0)
        self.questions = (greedy, replace(greedy, temperature=SAMPLED))
        half = next(model.parameters()).element_size() < 4
        self._tolerance = tolerance or (HALF if half else SINGLE)
        self._known: list[tuple[int, float]] = []

    async def ask(self, replica: Replica, *, timeout: float) -> list[Answer]:
        """Return a replica's answers to both questions."""
        return [await replica.ask(question, timeout=timeout) for question in self.questions]

    def compare(self, model: Any, url: str, answers: list[Answer]) -> float:
        """Return the largest difference between the logprobs of these answers and those of `model`.

        Raises RunError when it is more than is tolerated.
        """
        gap, known = 0.0, list[tuple[int, float]]()
        for question, answer in zip(self.questions, answers, strict=True):
            positions = list(range(PROMPT, PROMPT + len(answer.token_ids)))
            row = Row([*answer.prompt, *answer.token_ids], positions)
            own = row_logprobs(model, [row], temperature=question.temperature or 1.0, tokens=PROMPT + ANSWER)[0]
            gap = max(gap, *(abs(a - b) for a, b in zip(own, answer.logprobs, strict=True)))
            if question.temperature == 0.0:
                known = list(zip(answer.token_ids, own, strict=True))
        self._judge(url, gap)
        self._known = known
        return gap

    def forget(self) -> None:
        """The weights are others now: nothing is known of them."""
        self._known = []

    async def again(self, replica: Replica, *, timeout: float) -> None:
        """Compare a replica that came back with what the learner said of these weights; raises as `compare`."""
        answer = await replica.ask(self.questions[0], timeout=timeout)
        gap = 0.0
        for token, logprob, (known, own) in zip(answer.token_ids, answer.logprobs, self._known, strict=False):
            gap = max(gap, abs(logprob - own))
            if token != known:  # what follows has another context
                break
        self._judge(replica.url, gap)

    def _judge(self, url: str, gap: float) -> None:
        if not gap <= self._tolerance:
            raise RunError(
                f"after new weights the logprobs of {url} and of the learner differ by {gap:.2g}, and "
                f"{self._tolerance:g} is tolerated: the server does not use these weights (one with a tied lm_head on "
                "a CPU needs --worker-extension-cls rftcore_vllm.worker.Extension), or tells other logprobs (it needs "
                "--logprobs-mode processed_logprobs), or computes in another dtype (sampler.tolerance says how much is "
                "well)"
            )
