"""One question: search, read, search again, answer."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rftcore.environment import ActionList, Episode, Step, with_actions
from rftcore_searchqa.protocol import LISTED, Sentences, first_block, information, title_and_text
from rftcore_searchqa.questions import Question
from rftcore_searchqa.retriever import Retriever
from rftcore_searchqa.scoring import exact_match, guarded_match, last_answer

LONGEST_QUERY = 1_000
"""Characters of a query that `fixed` still searches for."""

_NAME = re.compile(r"[A-Z]\w*(?: [A-Z]\w*)*")


@dataclass(frozen=True)
class Rules:
    """How an episode is played."""

    sentences: Sentences
    lenient: bool
    """As AgentGym does: the last answer of a text is scored, whichever block decided; an empty answer may match, and an
    empty query is searched for."""
    retries: bool
    topk: int
    action_list: ActionList


class SearchEpisode(Episode):
    """Answer `question` with the help of `retriever`. Reward 1 and the end for a right answer."""

    def __init__(self, question: Question, retriever: Retriever, rules: Rules) -> None:
        self._question, self._retriever, self._rules = question, retriever, rules
        self._asked: set[str] = set()
        self._titles: dict[str, None] = {}
        self._end: Step | None = None
        self.observation = rules.sentences.prompt + question.text.strip()
        if rules.action_list != "never":
            self.observation = with_actions(self.observation, LISTED)

    def step(self, action: str) -> Step:
        """Search or answer, as the first complete block of `action` says. Raises EpisodeError when searching fails."""
        if self._end is not None:
            return self._end
        said = self._rules.sentences
        block = first_block(action)
        if block is None:
            return self._told(Step(said.invalid, 0.0, terminated=False, valid=False))
        if block.kind == "search":
            if not self._rules.lenient and not 0 < len(block.content) <= LONGEST_QUERY:
                return self._told(Step(said.invalid, 0.0, terminated=False, valid=False))
            return self._told(self._search(block.content))
        if self._correct(action, block.content):
            self._end = Step(said.right, 1.0, terminated=True, success=True)
        elif not self._rules.retries:
            self._end = Step(said.wrong, 0.0, terminated=True)
        return self._told(self._end or Step(said.again, 0.0, terminated=False))

    def _correct(self, action: str, content: str) -> bool:
        if self._rules.lenient:
            return exact_match(last_answer(action) or "", self._question.golds)
        return guarded_match(content, self._question.golds)

    def _search(self, query: str) -> Step:
        found = [passage.contents for passage in self._retriever.search(query, self._rules.topk)]
        self._asked.add(query)
        self._titles.update(dict.fromkeys(title_and_text(contents)[0].strip(' "') for contents in found))
        return Step(information(found), 0.0, terminated=False)

    def _told(self, step: Step) -> Step:
        if self._rules.action_list == "every" and not step.terminated:
            step = Step(
                with_actions(step.observation, LISTED), step.reward, terminated=False, success=False, valid=step.valid
            )
        self.observation = step.observation
        return step

    def random_action(self, rng: random.Random) -> str:
        """Search for a name that was seen, or answer with one: of the question, or a title."""
        seen = [*_NAME.findall(self._question.text), *self._titles]
        text = rng.choice(seen) if seen else "nothing"
        return f"<search>{text}</search>" if rng.random() < 0.5 else f"<answer>{text}</answer>"

    def expert_action(self) -> str | None:
        """Search for the first passage of the path that was not shown yet; answer when all were."""
        if self._end is not None:
            return None
        for query, title in self._path():
            if title not in self._titles and query not in self._asked:
                return f"<search>{query}</search>"
        return f"<answer>{self._question.golds[0]}</answer>"

    def _path(self) -> Sequence[tuple[str, str | None]]:
        """Return query and title of each passage that the answer follows from; without a path, the question itself."""
        return self._question.hops or ((self._question.text, None),)
