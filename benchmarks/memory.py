"""The memory that a run is estimated to take, against the peak of a process that does it.

Each case is a whole experiment of two updates and an evaluation in a process of its own, which tells the largest
resident set that the system saw of it. The estimate is `rftcore.memory`'s, with episodes as `--dry-run`
plays them. The large model is made on the spot, with random weights: memory does not depend on them. The
last line printed is one JSON object: by case the low and the high end, and the peak, in bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rftcore import Experiment
from rftcore.estimate import Lengths
from rftcore.executors.inline import Inline
from rftcore.models import find_model
from rftcore.records import RunFolder
from rftcore.room import claims

RUN = """
import json, resource, sys
from rftcore import Experiment
Experiment(json.loads(sys.argv[1])).run(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""

BARE = """
import resource
import rftcore.train.engine, rftcore.study, peft, transformers.models.llama.modeling_llama
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""

LARGE = {
    "vocab_size": 32000,
    "hidden_size": 768,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
"""A Llama of 100 million weights."""

SMALL: dict[str, Any] = {
    "name": "memory",
    "train": "textcraft:easy",
    "environments": {"textcraft": {"max_turns": 4}},
    "algorithm": "reinforce_pp",  # learns also where all episodes of a task end alike
    "training": {"updates": 2, "groups": 4, "samples": 4, "checkpoint_every": 1},
    "sampling": {"max_new_tokens": 16},
    "evaluation": {"tasks": 2, "samples": 1},
    "references": [],
}


def cases(large: Path) -> dict[str, dict[str, Any]]:
    """Return the experiments by their names."""
    many = {**SMALL["training"], "groups": 16, "samples": 8}
    return {
        "1 M weights": SMALL,
        "1 M weights, 128 episodes an update": {**SMALL, "training": many},
        "1 M weights, a critic of its own": {
            **SMALL,
            "algorithm": {"name": "ppo", "critic": {"model": "start"}},
        },
        "100 M weights": {**SMALL, "model": str(large)},
    }


def make_large(folder: Path) -> None:
    """Write the large model with the tokenizer of the small one."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(find_model("rftcore/tiny"))
    config = LlamaConfig(**LARGE, bos_token_id=None, eos_token_id=0, pad_token_id=0)
    model = LlamaForCausalLM(config)
    with torch.no_grad():  # tokens that the tokenizer lacks are never drawn
        model.model.embed_tokens.weight[len(tokenizer) :] = 0.0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def estimated(config: dict[str, Any]) -> tuple[float, float]:
    """Return the ends of what a run's processes take."""
    planned = Experiment(config)
    blueprint = planned.blueprint
    lengths = Lengths(planned.config, blueprint.environments)
    found = claims(
        planned.config, blueprint.plan, RunFolder(Path("none")), set(), Inline(), blueprint.environments, lengths
    )
    need = next(claim.need for claim in found if claim.what == "memory")
    return need.low, need.high


def peak(code: str, *arguments: str) -> int:
    """Return the largest resident set of a process that runs `code`."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return int(done.stdout.split()[-1])


def main() -> None:
    chosen = sys.argv[1:]
    found: dict[str, dict[str, float]] = {}
    print(f"{'Python and torch':40} {peak(BARE) / 1e9:.2f} GB")
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large"
        make_large(large)
        for name, config in cases(large).items():
            if chosen and name not in chosen:
                continue
            low, high = estimated(config)
            seen = peak(RUN, json.dumps(config), str(Path(folder) / name.replace(" ", "-")))
            found[name] = {"low": low, "high": high, "peak": seen}
            fits = "" if low <= seen <= high else "  OUTSIDE"
            print(f"{name:40} {low / 1e9:.2f} to {high / 1e9:.2f} GB, {seen / 1e9:.2f} GB measured{fits}", flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
