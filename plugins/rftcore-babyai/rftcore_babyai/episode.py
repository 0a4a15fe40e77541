"""One run of one level, in text.

An action is a whole walk: `go to red ball 1`, `pickup grey key 2`, `toggle and go through blue closed door 1`. It ends
early when the world ends or when a low-level step changes nothing. The end of an episode is final.
"""

from __future__ import annotations

from rftcore.environment import ActionList, Episode, Step, with_actions
from rftcore_babyai.expert import Expert
from rftcore_babyai.scene import CHECK, COMPLETED, FAILED, TIME_UP, UNCHANGED, UNKNOWN, Macro, Scene, compose
from rftcore_babyai.world import World


class BabyAIEpisode(Episode):
    """An episode under the mended rules."""

    mended = True

    def __init__(self, world: World, action_list: ActionList) -> None:
        self.world = world
        self.seen: set[tuple[int, int]] = set()
        """Cells that some observation has shown."""
        self._action_list = action_list
        self._end: Step | None = None
        self._expert = Expert(self)
        self.scene = self._look(self._first_view())
        goal = f"Your goal: {self._goal()}\n"
        self.observation = goal + self._listed(self.scene.description, first=True)

    def step(self, action: str) -> Step:
        if self._end is not None:
            return self._end
        name = " ".join(action.lower().split())
        if name.startswith("pick up "):
            name = "pickup " + name.removeprefix("pick up ")
        macro = self.scene.actions.get(name)
        if macro is None:
            return self._answer(self.scene.refusals.get(name, UNKNOWN), valid=False)
        if name == CHECK:
            if self._action_list == "never":
                return self._answer(UNKNOWN, valid=False)
            return self._answer("You can take the following actions: " + ", ".join(self.scene.actions))
        return self._carry_out(macro)

    def available_actions(self) -> tuple[str, ...]:
        """Return the actions that are possible now, whether or not observations list them."""
        if self._action_list == "never":
            return tuple(name for name in self.scene.actions if name != CHECK)
        return tuple(self.scene.actions)

    def expert_action(self) -> str | None:
        """Return what minigrid's bot would do next, as the longest action that does it; None when it gives up."""
        return None if self._end is not None else self._expert.advise()

    def primitives(self, macro: Macro) -> list[int]:
        """Return the low-level actions that `macro` stands for."""
        way = [] if macro.target is None else self.scene.window.way(macro.target, macro.enter)
        return [*way, *macro.then]

    def _carry_out(self, macro: Macro) -> Step:
        primitives = self.primitives(macro)
        if not primitives:
            return self._answer(UNCHANGED)
        reward, terminated, truncated = 0.0, False, False
        for primitive in primitives:
            reward, terminated, truncated, changed = self.world.act(primitive)
            if terminated or truncated or not changed:
                break
        success = terminated and reward > 0
        self.scene = self._look(self.world.view())
        end = COMPLETED if success else FAILED if terminated else TIME_UP if truncated else ""
        self.observation = self._listed(self.scene.description + end)
        step = Step(self.observation, reward, terminated, truncated and not terminated, success)
        if terminated or truncated:
            self._end = step
        return step

    def _answer(self, text: str, valid: bool = True) -> Step:
        self.observation = self._listed(text)
        return Step(self.observation, 0.0, terminated=False, valid=valid)

    def _first_view(self) -> list[int]:
        return self.world.view()

    def _look(self, view: list[int]) -> Scene:
        self.seen.update(self.world.visible(view))
        return compose(view, self.world.direction, self.mended)

    def _goal(self) -> str:
        return self.world.mission

    def _listed(self, text: str, first: bool = False) -> str:
        if self._action_list == "every" or (first and self._action_list == "first"):
            return with_actions(text, self.scene.actions)
        return text
