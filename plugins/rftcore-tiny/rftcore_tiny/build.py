"""Makes the embedded policy: `python -m rftcore_tiny.build [--out FOLDER] [--steps N]`.

A small Qwen2 with a tokenizer of the environments' own words imitates the experts of the environments in `PARTS`,
random mistakes included. It stops while it is mediocre on purpose: it has the skill but acts unevenly, which is where
reinforcement fine-tuning begins. Prints the sha256 of the weights; the same machine gives the same weights.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from rftcore import registry
from rftcore.environment import Environment
from rftcore.formats import Plain
from rftcore.models import sha256
from rftcore.train.chat import ChatEncoder
from rftcore.train.imitation import demonstrate, imitate
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
    "searchqa": ("easy",),
    "textcraft": ("easy", "easy", "hard", "hard"),
    "webshop": ("easy",),
}
"""What is imitated, in equal parts: the environments that the policy is for, and their difficulties."""

NOISE: dict[str, float] = {"alfworld": 0.2, "babyai": 0.5, "searchqa": 0.2, "textcraft": 0.2, "webshop": 0.2}
"""Share of turns that are a random action. Where chance does well, more of it."""

SEED = 0
PRACTICE = 0.85
"""Share of invented tasks where an environment offers them: they teach the skill, not the recipes."""
DEMONSTRATIONS = 8000
BATCH = 32
LONGEST = 1000
"""Tokens of the longest demonstration."""


def main() -> None:
    """Build the model and write it."""
    parser = argparse.ArgumentParser(prog="python -m rftcore_tiny.build", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "model", help="folder to write")
    parser.add_argument("--steps", type=int, default=2200, help="batches of imitation")
    given = parser.parse_args()
    torch.set_num_threads(1)
    console = Console()
    environments = {name: registry.create("environment", name, OPTIONS.get(name, {})) for name in PARTS}
    console.print(f"imitating the experts of {', '.join(environments)}")
    seen = {name: _texts(environment) for name, environment in environments.items()}
    words = [text for name, environment in environments.items() for text in (*environment.vocabulary(), *seen[name])]
    tokenizer = build_tokenizer(words, [phrase for texts in seen.values() for phrase in phrases(texts)])
    encoder, form = ChatEncoder(tokenizer), Plain()
    model = build_model(len(tokenizer), TinyConfig(), SEED)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    console.print(f"{len(tokenizer)} tokens, {parameters:,} parameters")
    rng = random.Random(SEED)
    with Progress(console=console) as bars:
        bank: dict[str, list[Row]] = {name: [] for name in environments}
        for name, environment in environments.items():
            row = bars.add_task(f"demonstrations of {name}", total=DEMONSTRATIONS)
            while len(bank[name]) < DEMONSTRATIONS:
                made = _demonstration(environment, encoder, form, rng)
                if made is not None and len(made.ids) <= LONGEST:
                    bank[name].append(made)
                    bars.advance(row)
        bar = bars.add_task("imitation", total=given.steps)
        began = time.monotonic()

        def step(number: int, loss: float) -> None:
            bars.update(bar, completed=number, description=f"imitation, loss {loss:.2f}")
            if number % 50 == 0:
                console.print(f"step {number}: loss {loss:.3f}, {time.monotonic() - began:.0f} s")

        names = [name for name in bank for _ in PARTS[name]]
        imitate(
            model,
            lambda stream: stream.choice(bank[stream.choice(names)]),
            steps=given.steps,
            rows=BATCH,
            learning_rate=6e-3,
            context_weight=0.1,
            seed=SEED,
            on_step=step,
        )
    model.half().save_pretrained(given.out)
    tokenizer.save_pretrained(given.out)
    digest = sha256(given.out / "model.safetensors")
    card = {"environments": list(environments), "steps": given.steps, "noise": NOISE, "sha256": digest}
    (given.out / "card.json").write_text(json.dumps(card, indent=1))
    console.print(f"wrote {given.out}, sha256 {digest}")


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
