"""The same levels with AgentGym's behaviour, defects included, for parity with published numbers.

Recorded episodes of the original replay without a difference. Use it for nothing else: a success can go unseen, an
order of instructions is hidden, and a score can exceed 1.
"""

from __future__ import annotations

from dataclasses import replace

from rftcore.environment import Step
from rftcore_babyai.episode import BabyAIEpisode
from rftcore_babyai.scene import COMPLETED, UNCHANGED, UNKNOWN, Macro


class AgentGymEpisode(BabyAIEpisode):
    """An episode under AgentGym's rules. Its score is the sum of the rewards."""

    mended = False
    score = 0.0
    _last_reward = 0.0
    _shown: list[int] | None = None
    """The view that the next one is compared with; None: differs from every other."""

    def step(self, action: str) -> Step:
        if self._end is not None:
            return self._end
        name = action.lower().strip()
        if "check" in name:
            return self._answer("You can take the following actions: " + ", ".join(self.scene.actions))
        if not name:
            return self._answer(UNCHANGED, valid=False)
        macro = self.scene.actions.get(name)
        if macro is None:
            return self._answer(self.scene.refusals.get(name, UNKNOWN), valid=False)
        return self._carry_out(macro)

    def _carry_out(self, macro: Macro) -> Step:
        """Walk to the end whatever happens on the way, unless what is seen stays the same."""
        primitives = self.primitives(macro)
        if not primitives:
            return self._answer(UNCHANGED)
        reward, terminated, view = 0.0, False, self.world.view()
        for primitive in primitives:
            reward, terminated, _, _ = self.world.act(primitive)
            view = self.world.view()
            if view == self._shown:
                break
            self._shown = view
        self.scene = self._look(view)
        self._last_reward = reward
        step = self._answer(self.scene.description + (COMPLETED if terminated else ""))
        if terminated and reward > 0.5:
            step = self._end = replace(step, terminated=True, success=True)
        return step

    def _answer(self, text: str, valid: bool = True) -> Step:
        """Answer with the last reward, again, and add it to the score."""
        self.score += self._last_reward
        self.observation = self._listed(text)
        return Step(self.observation, self._last_reward, terminated=False, valid=valid)

    def _first_view(self) -> list[int]:
        if not self.world.carried:
            self._shown = self.world.view()
        return self.world.first_view()

    def _goal(self) -> str:
        return self.world.mission.replace("then", "and").replace("after you", "and")
