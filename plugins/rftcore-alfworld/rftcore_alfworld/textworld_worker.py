"""TextWorld in a process of its own: JSON lines in, JSON lines out. Run as a file, by an interpreter that has it.

TextWorld's PDDL engine is not safe in threads, prints to stdout from C, leaks, and evaluates a game's grammar as code.
So it never runs inside rftcore: it gets a process, a private copy of stdout to answer on, and no grammar but the one
that the package `alfworld` ships, recognized by its hash. Only `TextWorld` in `textworld_process.py` talks to it.

The PDDL engine comes with `fast-downward-textworld`, which is GPL-3.0; nothing of it is part of this distribution.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

HASHES = {
    "alfred.pddl": "f1473041ed01da514de1f87adfd7ef0804862361f83ccf63c75e43633b0eb280",
    "alfred.twl2": "c5b22f0f73309a7fd7c8e5b71de42ad4803b60766ab4a51cc2feb34162be036b",
}
"""SHA-256 of the domain and the grammar of alfworld 0.4.2."""


def shipped(name: str) -> str:
    """Return a file of the installed package `alfworld`; raises ValueError when it is not the known one."""
    found = importlib.util.find_spec("alfworld")
    if found is None or found.origin is None:
        raise ValueError("the package alfworld is not installed; pip install 'rftcore-alfworld[textworld]'")
    text = (Path(found.origin).parent / "data" / name).read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    if digest != HASHES[name]:
        raise ValueError(f"found {name} with the hash {digest}, expected {HASHES[name]}: a grammar is run as code")
    return text


def older(domain: str, grammar: str) -> tuple[str, str]:
    """Return domain and grammar as they were up to alfworld 0.3, undoing what its own patch changed in old games."""
    for new, old in (
        ("You arrive at {r.name}.", "You arrive at {lend.name}."),
        ("move {o} to {r}", "put {o} in/on {r}"),
        ("You move the {o.name} to the {r.name}.", "You put the {o.name} in/on the {r.name}."),
    ):
        grammar = grammar.replace(new, old)
    return f"{domain.partition('(:action help')[0]})", grammar.partition("action help {")[0]


class Worker:
    """One TextWorld environment, used for one game after another, as making a new one each time leaks."""

    def __init__(self) -> None:
        # Imported by name, as neither package has types, and nobody but this process has to have them.
        textworld = importlib.import_module("textworld")
        demangler = importlib.import_module("alfworld.agents.environment.alfred_tw_env").AlfredDemangler
        self._domain, self._grammar = shipped("alfred.pddl"), shipped("alfred.twl2")
        infos = textworld.EnvInfos(won=True, admissible_commands=True)
        self._environment = demangler(importlib.import_module("textworld.envs").PddlEnv(infos), shuffle=False)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Start the game of a `problem`, `goal` and `dialect`, start it `again`, or take the step of an `action`."""
        if "problem" in request:
            goal = request["goal"]
            if not all(letter.isalnum() or letter == " " for letter in goal):
                raise ValueError(f"found the goal {goal!r}, expected words: it becomes part of a grammar")
            domain, grammar = self._domain, self._grammar.replace("UNKNOWN GOAL", goal)
            if request["dialect"] == "0.3":
                domain, grammar = older(domain, grammar)
            game = {"pddl_domain": domain, "grammar": grammar, "pddl_problem": request["problem"]}
            self._environment.load(game)
        if "action" not in request:
            state = self._environment.reset()
            return {"observation": state.feedback, "admissible": state.admissible_commands, "won": bool(state.won)}
        state, reward, done = self._environment.step(request["action"])
        return {
            "observation": state.feedback,
            "admissible": state.admissible_commands,
            "won": bool(state.won),
            "reward": reward,
            "done": bool(done),
        }


def main() -> None:
    """Answer requests until stdin ends."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        worker = None
        for line in sys.stdin:
            try:
                worker = worker or Worker()
                answer = worker.answer(json.loads(line))
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
