"""SearchQA as an environment of rftcore: where questions and passages come from, and how an episode begins."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from rftcore.environment import ActionList, Environment, distinct_words, with_actions
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task
from rftcore_searchqa import dataset, encyclopaedia, recordings
from rftcore_searchqa.episode import Rules, SearchEpisode
from rftcore_searchqa.passages import passages
from rftcore_searchqa.protocol import AGENTGYM, FIXED, LISTED, Sentences, information
from rftcore_searchqa.questions import Question
from rftcore_searchqa.retriever import Retriever

DATA = "RFTCORE_SEARCHQA_DATA"
"""Environment variable that names the folder of the data when the option does not."""
_SHOWN = information(['"title"\ntext'] * 3)


class SearchQA(Environment):
    """The shared world: a corpus to search, and questions about it."""

    class Config(Frozen):
        """Options of SearchQA."""

        profile: Literal["fixed", "agentgym"] = "fixed"
        """`fixed`: Search-R1's protocol, its bugs mended. `agentgym`: AgentGym's prompt, answers and rules."""
        answer_policy: Literal["final", "retry"] = "final"
        """Whether a wrong answer ends the episode, as in Search-R1, or another may follow, as always in `agentgym`."""
        action_list: ActionList = "never"
        """Which observations list the two forms of an action."""
        max_turns: int = Field(default=5, ge=1)
        """Turns after which the rollout truncates; 5 in the published RL runs."""
        topk: int = Field(default=3, ge=1, le=100)
        """Passages that a search shows."""
        retriever: Literal["bm25", "http", "dense"] = "bm25"
        """`bm25` over the corpus, `http` for a server of Search-R1's protocol, `dense` for an index of your own."""
        data: Path | None = None
        """Folder of a corpus and questions; default: the variable RFTCORE_SEARCHQA_DATA, else what is generated."""
        url: str = "http://127.0.0.1:8000/retrieve"
        """For `http`: the address that queries are posted to."""
        timeout: float = Field(default=30.0, gt=0)
        """For `http`: seconds until a search fails."""
        encoder: str | None = None
        """For `dense`: `module:function`, from a list of texts to an array with one row each."""

    name: ClassVar[str] = "searchqa"
    difficulties: ClassVar[tuple[str, ...]] = ("easy", "hard")
    fidelity_profile: ClassVar[str] = "agentgym"
    """The profile that `replay` is meant for."""
    action_templates = ("<search>{query}</search>", "<answer>{answer}</answer>")

    instructions = (
        "Answer the question with the help of an encyclopaedia. Write one action:\n"
        "<search>query</search> shows the passages that fit best\n"
        "<answer>answer</answer> answers in as few words as possible"
    )

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.max_turns = self.config.max_turns
        folder = self.config.data or os.environ.get(DATA)
        self._folder = Path(folder).expanduser().absolute() if folder else None
        if self.config.profile == "agentgym":
            self.instructions = ""  # the first observation holds the prompt
        if self.config.retriever == "dense" and (self._folder is None or self.config.encoder is None):
            raise ConfigError(
                "retriever=dense: found no folder or no encoder, expected data=FOLDER with embeddings.npy and ids.txt, "
                "and encoder=module:function"
            )

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return the fixed list: of the encyclopaedia, or of the questions in the folder.

        Raises ConfigError when `difficulty` is unknown or the folder cannot be read.
        """
        self._check(difficulty)
        if self._folder is None:
            return encyclopaedia.task_list(self.name, split, difficulty)
        return dataset.task_list(self.name, self._folder, split, difficulty)

    def practice_task(self, rng: random.Random, difficulty: str) -> Task:
        """Draw a question about the encyclopaedia that is in no list; of a folder's questions, one to train on.

        Raises ConfigError when `difficulty` is unknown or the folder cannot be read.
        """
        self._check(difficulty)
        if self._folder is None:
            return encyclopaedia.practice_task(self.name, difficulty, rng)
        return rng.choice(self.tasks("train", difficulty))

    def start(self, task: Task) -> SearchEpisode:
        """Ask the question of `task`. Raises ConfigError when it has none."""
        return SearchEpisode(Question.of(task), self._retriever(), self._rules())

    def replay(self, record: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, Any, Any]]:
        """Compare with a recording: scored answers, an episode, or hits; told apart by their fields.

        Yields where it is, what was recorded, and what happens here. Hits need `bm25-corpus.jsonl.gz` in `folder`.
        Raises ConfigError when the record is none of the three.
        """
        return recordings.replay(record, folder, self._rules())

    def vocabulary(self) -> Sequence[str]:
        """Return what the environment says, and each word and sign of the encyclopaedia once.

        The words of a folder's data are left out: there are too many for a tokenizer of words.
        """
        said = self._sentences()
        texts = [self.instructions, said.prompt, said.invalid, said.right, said.wrong, said.again, *LISTED, _SHOWN]
        if self.config.action_list != "never":
            texts.append(with_actions("", LISTED))
        return texts if self._folder is not None else [*texts, *_words()]

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return what the transfer report prints about this environment."""
        facts: dict[str, str | int | float | bool] = {
            "lists_actions": self.config.action_list != "never",
            "feedback": "passages every turn, reward for the answer",
            "deterministic": self.config.retriever != "http",
            "thread_safe": True,
            "profile": self.config.profile,
            "answer_policy": "retry" if self._rules().retries else "final",
            "retriever": self.config.retriever,
            "data_source": "an encyclopaedia generated by rftcore-searchqa"
            if self._folder is None
            else f"the folder {self._folder.name}",
            "license": "code and generated data Apache-2.0"
            if self._folder is None
            else "code Apache-2.0; that of the data is yours to know",
            "vocabulary_words": len(distinct_words(self.vocabulary())),
        }
        for difficulty in self.difficulties:
            tasks = self.tasks("train", difficulty)
            turns = sum(max(1, len(Question.of(task).hops)) + 1 for task in tasks)
            facts[f"expert_turns_{difficulty}"] = round(turns / max(1, len(tasks)), 2)
        return facts

    def _check(self, difficulty: str) -> None:
        if difficulty not in self.difficulties:
            raise ConfigError(f"found difficulty {difficulty!r} of {self.name}, expected one of: easy, hard")

    def _sentences(self) -> Sentences:
        return AGENTGYM if self.config.profile == "agentgym" else FIXED

    def _rules(self) -> Rules:
        lenient = self.config.profile == "agentgym"
        return Rules(
            sentences=self._sentences(),
            lenient=lenient,
            retries=lenient or self.config.answer_policy == "retry",
            topk=self.config.topk,
            action_list=self.config.action_list,
        )

    def _retriever(self) -> Retriever:
        if self.config.retriever == "http":
            from rftcore_searchqa.http import HttpRetriever

            return HttpRetriever(self.config.url, self.config.timeout)
        if self.config.retriever == "dense":
            from rftcore_searchqa.dense import dense_retriever

            return dense_retriever(self._folder, self.config.encoder)
        return encyclopaedia.retriever() if self._folder is None else dataset.retriever(self._folder)


@cache
def _words() -> tuple[str, ...]:
    """Return what questions and passages of the encyclopaedia are made of, each word and sign once, in order."""
    questions = [
        str(task.data["question"])
        for difficulty in SearchQA.difficulties
        for split in encyclopaedia.SIZES
        for task in encyclopaedia.task_list(SearchQA.name, split, difficulty)
    ]
    return tuple(
        dict.fromkeys(word for text in (*questions, *passages().values()) for word in re.findall(r"\w+|[^\w\s]", text))
    )
