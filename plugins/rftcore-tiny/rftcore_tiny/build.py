"""Makes the embedded policy: `python -m rftcore_tiny.build [--out FOLDER] [--steps N]`.

A small Qwen2 with a tokenizer of the environments' own words learns to copy what its context holds, then imitates the
experts of the environments in `PARTS`, random mistakes included. It stops while it is mediocre on purpose: it has the
skill but acts unevenly, which is where reinforcement fine-tuning begins. Prints the sha256 of the weights; the same
machine gives the same weights.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from rftcore import registry
from rftcore.environment import Environment
from rftcore.formats import Plain
from rftcore.models import sha256
from rftcore.train.chat import ChatEncoder
from rftcore.train.imitation import demonstrate, imitate, repetition
from rftcore.train.rows import Row
from rftcore.train.tiny import TinyConfig, build_model, build_tokenizer, phrases

OPTIONS: dict[str, dict[str, object]] = {
    "alfworld": {"max_turns": 20, "expert": "explorer"},
    "babyai": {"max_turns": 6, "action_list": "first"},
    "textcraft": {"max_turns": 12, "distractors": 2},
    "webshop": {"max_turns": 8},
}
"""Short horizons keep the context, and so the cost of learning on a CPU, small. Other environments: their defaults.

Whoever imitates an expert that knows what it has not seen learns to guess: in ALFWorld it explores.
"""

PARTS: dict[str, tuple[str, ...]] = {
    "alfworld": ("easy",),
    "babyai": ("easy",),
    "searchqa": ("easy", "easy"),
    "textcraft": ("easy", "hard"),
    "webshop": ("easy",),
}
"""What is imitated, in equal parts: the environments that the policy is for, and their difficulties."""

NOISE: dict[str, float] = {"alfworld": 0.2, "babyai": 0.5, "searchqa": 0.2, "textcraft": 0.3, "webshop": 0.2}
"""Share of turns that are a random action. Where chance does well, more of it."""

SEED = 0
PRACTICE = 0.85
"""Share of invented tasks where an environment offers them: they teach the skill, not the recipes."""
DEMONSTRATIONS = 8000
"""Demonstrations of each environment, drawn from again and again."""
BATCH = 32
LONGEST = 1000
"""Tokens of the longest demonstration."""
COPYING = 1200
"""Batches of repetitions before the first demonstration. Copying comes of a sudden, after 600 to 900 of them."""
REPETITIONS = 64
"""Rows of such a batch."""
LEARNING_RATE = 6e-3


def main() -> None:
    """Build the model and write it."""
    parser = argparse.ArgumentParser(prog="python -m rftcore_tiny.build", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "model", help="folder to write")
    parser.add_argument("--steps", type=int, default=1800, help="batches of imitation")
    given = parser.parse_args()
    torch.set_num_threads(1)
    console = Console()
    environments = {name: registry.create("environment", name, OPTIONS.get(name, {})) for name in PARTS}
    console.print(f"imitating the experts of {', '.join(environments)}")
    tokenizer = _tokenizer(environments)
    model = build_model(len(tokenizer), TinyConfig(), SEED)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    console.print(f"{len(tokenizer)} tokens, {parameters:,} parameters")
    with Progress(console=console) as bars:
        bank = _demonstrations(environments, ChatEncoder(tokenizer), bars)
        words = sorted(set(range(len(tokenizer))) - set(tokenizer.all_special_ids))
        imitate(
            model,
            lambda stream: repetition(words, stream),
            steps=COPYING,
            rows=REPETITIONS,
            learning_rate=LEARNING_RATE,
            context_weight=0.0,
            seed=SEED,
            on_step=_teller(bars, "copying", COPYING),
        )
        names = [name for name in bank for _ in PARTS[name]]
        imitate(
            model,
            lambda stream: stream.choice(bank[stream.choice(names)]),
            steps=given.steps,
            rows=BATCH,
            learning_rate=LEARNING_RATE,
            context_weight=0.1,
            seed=SEED,
            on_step=_teller(bars, "imitation", given.steps),
        )
    model.half().save_pretrained(given.out)
    tokenizer.save_pretrained(given.out)
    digest = sha256(given.out / "model.safetensors")
    card = {"environments": list(environments), "steps": given.steps, "noise": NOISE, "sha256": digest}
    (given.out / "card.json").write_text(json.dumps(card, indent=1))
    console.print(f"wrote {given.out}, sha256 {digest}")


def _tokenizer(environments: dict[str, Environment]) -> Any:
    """Return a tokenizer of the environments' words and of the phrases that their observations repeat."""
    seen = {name: _texts(environment) for name, environment in environments.items()}
    words = [text for name, environment in environments.items() for text in (*environment.vocabulary(), *seen[name])]
    return build_tokenizer(words, [phrase for texts in seen.values() for phrase in phrases(texts)])


def _demonstrations(environments: dict[str, Environment], encoder: ChatEncoder, bars: Progress) -> dict[str, list[Row]]:
    rng, form = random.Random(SEED), Plain()
    bank: dict[str, list[Row]] = {name: [] for name in environments}
    for name, environment in environments.items():
        row = bars.add_task(f"demonstrations of {name}", total=DEMONSTRATIONS)
        while len(bank[name]) < DEMONSTRATIONS:
            made = _demonstration(environment, encoder, form, rng)
            if made is not None and len(made.ids) <= LONGEST:
                bank[name].append(made)
                bars.advance(row)
    return bank


def _teller(bars: Progress, doing: str, steps: int) -> Callable[[int, float], None]:
    """Return what shows a step and its loss, and prints every fiftieth."""
    bar = bars.add_task(doing, total=steps)
    began = time.monotonic()

    def step(number: int, loss: float) -> None:
        bars.update(bar, completed=number, description=f"{doing}, loss {loss:.2f}")
        if number % 50 == 0:
            bars.console.print(f"{doing} {number}: loss {loss:.3f}, {time.monotonic() - began:.0f} s")

    return step


def _demonstration(environment: Environment, encoder: ChatEncoder, form: Plain, rng: random.Random) -> Row | None:
    difficulty = rng.choice(PARTS[environment.name])
    invent = getattr(environment, "practice_task", None)
    if invent is not None and rng.random() < PRACTICE:
        task = invent(rng, difficulty)
    else:
        task = rng.choice(environment.tasks("train", difficulty))
    noise = NOISE[environment.name]
    return demonstrate(environment, task, encoder, form, noise=noise, rng=rng, turns=environment.max_turns)


def _texts(environment: Environment) -> list[str]:
    """Return the observations of some random episodes."""
    rng = random.Random(SEED)
    texts: list[str] = []
    for difficulty in environment.difficulties:
        for task in environment.tasks("train", difficulty)[:150]:
            episode = environment.start(task)
            texts.append(episode.observation)
            for _ in range(4):
                step = episode.step(episode.random_action(rng))
                texts.append(step.observation)
                if step.terminated:
                    break
            episode.close()
    return texts


if __name__ == "__main__":
    main()
