"""Simulates the paper's whole study on 1 to 128 GPUs; writes docs/results/simulated_cluster.md and its two plots.

    python benchmarks/simulate_cluster.py [--measure] [--check]

The plan is that of examples/studies/paper_2603_12011.yaml. What a turn costs and how long its texts are was measured by
playing the environments (`--measure` does so again), and is kept in docs/results/simulated_cluster/inputs.json with how
many turns an episode takes. `--check` writes nothing and fails where the page is not what the inputs give.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workload.cluster import (
    Episode,
    Machine,
    Model,
    Turn,
    Work,
    learn_seconds,
    schedule,
    spread,
    sync_seconds,
)
from workload.cluster_inputs import measured

from rftcore.report.charts import Point, Series, line_chart
from rftcore.report.markup import Markup, tag

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
NAME = "simulated_cluster"
INPUTS = RESULTS / NAME / "inputs.json"

MODELS = {
    "7B": Model(parameters=7.62e9, cache_bytes=28 * 4 * 128 * 2 * 2),
    "3B": Model(parameters=3.09e9, cache_bytes=36 * 2 * 128 * 2 * 2),
}
GPU = Machine(
    flops=989e12,
    bandwidth=3.35e12,
    used_flops=0.4,
    used_bandwidth=0.6,
    near=450e9,
    far=50e9,
    node=8,
    disk=2e9,
    turn=0.0,
)
START = 30.0
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
SHOWN = (1, 8, 64)
GROUPS = (1, 2, 4, 8, 16)
"""GPUs that one job may take."""
SAMPLED = (0.25, 0.75)
"""Where in a stage an update is simulated; the others take as long as these do on average."""

TOKENS_A_TURN = {"base": 624.58 / 10.76, "trained": 160.60 / 4.19}
PASSES = 4
"""Forward, backward (twice as much), and the forward pass of the reference."""

SOURCES = (
    ("stages, cells, updates, groups, samples", "`examples/studies/paper_2603_12011.yaml`; the paper tells no budget"),
    ("turns of an episode, base and trained", "`docs/results/five_environments`, mean of its seeds: embedded policy"),
    ("tokens of an answer: 58 falling to 38", "the paper: BabyAI 624.58 in 10.76 turns, then 160.60 in 4.19"),
    ("tokens of instructions and observations, seconds a turn", "measured here: random play, 4 characters a token"),
    ("7.62e9, 3.09e9 parameters; 28, 36 layers, 4, 2 heads of keys and values of 128", "Qwen2.5: model cards"),
    ("989 TFLOP/s in bfloat16, 3.35 TB/s, 450 GB/s to a neighbour each way", "NVIDIA's data sheet of the H100 SXM"),
    ("50 GB/s between nodes of 8 GPUs", "InfiniBand NDR, a card a GPU"),
    ("40 % of the peak arithmetic, 60 % of the bandwidth", "**assumed**; the table above says what they decide"),
    ("2 GB/s to write a checkpoint, 30 s to start a job", "**assumed**"),
    ("turns of one episode: 1 to twice the mean, at most `max_turns`; an answer: half to one and a half of the mean",
     "**assumed**; uniform, seed 0"),
)  # fmt: skip

STYLE = """
svg { color-scheme: light; font: 11px system-ui, sans-serif; } rect { fill: #fff; } text { fill: #555b63; }
.end { text-anchor: end; } .middle { text-anchor: middle; } .title { font-weight: 600; fill: #22262b; }
.grid { stroke: #e3e5e8; } .axis { stroke: #8d939b; } .line { fill: none; stroke: currentColor; stroke-width: 2; }
circle { fill: currentColor; } text.name { fill: currentColor; }
.series-0 { color: #0a67ad; } .series-1 { color: #c2500a; }
"""


@dataclass(frozen=True)
class Update:
    """Mean seconds of an update's parts."""

    rollout: float
    learning: float
    rest: float
    """Exchange of weights, and checkpoints."""

    @property
    def seconds(self) -> float:
        return self.rollout + self.learning + self.rest


class Simulation:
    """The study of `inputs` with one model on one kind of GPU."""

    def __init__(self, inputs: Mapping[str, Any], model: Model, machine: Machine) -> None:
        self._inputs, self._model, self._machine = inputs, model, machine
        self.update = cache(self._update)  # many stages draw from the same environments
        self.cell = cache(self._cell)
        self._jobs = cache(self._made)

    def study(self, gpus: int, group: int) -> tuple[float, float]:
        """Return the hours of the study on `gpus` of which each job takes `group`, and the share of time they work."""
        seconds, share = schedule(self._jobs(group), gpus // group)
        return seconds / 3600, share

    def best(self, gpus: int) -> tuple[int, float, float]:
        """Return the size of the groups with which the study ends first, its hours, and the share of time they work."""
        return min(((size, *self.study(gpus, size)) for size in GROUPS if size <= gpus), key=lambda found: found[1])

    def longest(self, group: int) -> float:
        """Return the hours of the study on as many GPUs as it can use: its longest chain."""
        return schedule(self._jobs(group), 10**6)[0] / 3600

    def _made(self, group: int) -> dict[str, Work]:
        jobs = {}
        for stage in self._inputs["stages"]:
            update = self.update(tuple(stage["environments"]), group)
            jobs[stage["key"]] = Work(self._start() + stage["updates"] * update.seconds, stage["parent"])
        for cell in self._inputs["cells"]:
            seconds = self._start() + self.cell(cell["environment"], cell["trained"], cell["tasks"], group)
            jobs[cell["key"]] = Work(seconds, cell["checkpoint"])
        return jobs

    def _start(self) -> float:
        return START + self._model.size / self._machine.disk

    def _update(self, environments: tuple[str, ...], group: int) -> Update:
        rollouts = learning = 0.0
        for progress in SAMPLED:
            episodes = self._episodes(environments, self._inputs["groups"] * self._inputs["samples"], progress)
            rollouts += spread(self._model, self._waiting(environments), episodes, group, self._inputs["slots"])
            tokens = sum(turn.read + turn.written for episode in episodes for turn in episode)
            learning += learn_seconds(self._model, self._machine, tokens, PASSES, group)
        written = 3 * self._model.size / self._machine.disk / self._inputs["checkpoint_every"]
        rest = sync_seconds(self._model, self._machine, group) + written
        return Update(rollouts / len(SAMPLED), learning / len(SAMPLED), rest)

    def _cell(self, environment: str, trained: bool, tasks: int, group: int) -> float:
        count = tasks * self._inputs["evaluation_samples"]
        episodes = self._episodes((environment,), count, float(trained))
        return spread(self._model, self._waiting((environment,)), episodes, group, self._inputs["slots"])

    def _waiting(self, environments: Sequence[str]) -> Machine:
        slowest = max(self._inputs["environments"][name]["turn_seconds"] for name in environments)
        return Machine(**{**vars(self._machine), "turn": slowest})

    def _episodes(self, environments: Sequence[str], count: int, progress: float) -> list[Episode]:
        """Return episodes as they are after `progress`, 0 to 1, of a stage; the same for the same arguments."""
        rng, found = random.Random(f"0 {environments} {count} {progress}"), []
        answer = TOKENS_A_TURN["base"] + progress * (TOKENS_A_TURN["trained"] - TOKENS_A_TURN["base"])
        for number in range(count):
            own = self._inputs["environments"][environments[number % len(environments)]]
            mean = own["turns"]["base"] + progress * (own["turns"]["trained"] - own["turns"]["base"])
            turns = min(own["max_turns"], round(rng.uniform(1, 2 * mean - 1)))
            found.append(
                [
                    Turn(own["observation"] + (0 if turn else own["opening"]), round(rng.uniform(0.5, 1.5) * answer))
                    for turn in range(max(1, turns))
                ]
            )
        return found


def page(inputs: Mapping[str, Any], simulations: Mapping[str, Simulation]) -> str:
    """Return the page."""
    stages, cells = inputs["stages"], inputs["cells"]
    lines = [
        "# The paper's study on 1, 8 and 64 GPUs, simulated",
        "",
        f"`examples/studies/paper_2603_12011.yaml` has {len(stages)} stages and {len(cells)} cells that a model plays. "
        "Nothing here ran on a GPU: it is a simulation of discrete events, from the inputs below. An episode's turns "
        "are decoded on replicas that batch continuously, as vLLM's do; its environment is waited for; an update "
        "learns when its last episode has ended (on-policy); and the study's graph of jobs is run on groups of GPUs, "
        "of which each works on one stage or cell. The size of the groups is the one with which the study ends first.",
        "",
        "`python benchmarks/simulate_cluster.py` makes this page and its plots from "
        "`docs/results/simulated_cluster/inputs.json`; `--measure` measures the inputs again.",
        "",
        "| model | GPUs | GPUs a job | hours | GPU-hours | jobs hold the GPUs | beside one GPU |",
        "|---|---|---|---|---|---|---|",
        *(_row(name, simulation, gpus) for name, simulation in simulations.items() for gpus in SHOWN),
        "",
        "\u201cJobs hold the GPUs\u201d is the share of the time in which a GPU has a job; \u201cbeside one GPU\u201d "
        "is the speed-up over one GPU, divided by the number of GPUs.",
        "",
        "![Efficiency of the study against the number of GPUs](simulated_cluster_study.svg)",
        "",
        "## Where it saturates",
        "",
        *_saturation(simulations),
        "",
        "![Efficiency of one update against the GPUs of its job](simulated_cluster_update.svg)",
        "",
        "| model | GPUs a job | rollout s | learning s | weights and checkpoints s | update s |",
        "|---|---|---|---|---|---|",
        *(_update_row(name, simulation, group) for name, simulation in simulations.items() for group in SHOWN),
        "",
        "An update of `textcraft`: "
        f"{inputs['groups']} groups of {inputs['samples']}. Its rollout ends with its longest episode, whose tokens "
        "come one after the other however many GPUs there are; learning divides, until its exchange leaves the node.",
        "",
        "## What the assumptions decide",
        "",
        "| 7B, hours on | 1 GPU | 8 GPUs | 64 GPUs |",
        "|---|---|---|---|",
        *_assumptions(inputs),
        "",
        *_inputs(inputs),
    ]
    return "\n".join(lines) + "\n"


def _inputs(inputs: Mapping[str, Any]) -> list[str]:
    return [
        "## Inputs",
        "",
        "| input | source |",
        "|---|---|",
        *(f"| {what} | {source} |" for what, source in SOURCES),
        "",
        "| environment | turns, base | trained | tokens of the instructions | of an observation | ms a turn |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {own['turns']['base']:.1f} | {own['turns']['trained']:.1f} | {own['opening']:,} | "
            f"{own['observation']:,} | {1000 * own['turn_seconds']:.2f} |"
            for name, own in inputs["environments"].items()
        ),
        "",
        "What is left out: evaluation during training (the preset has none), failures, other users of the network, "
        "what a driver adds to a turn on a GPU, and the memory's limits. On one GPU, the 7B model's weights, gradients "
        "and averages in bfloat16 take 61 of its 80 GB. The embedded policy's episodes are short: it answers in a few "
        "tokens and was measured with smaller tasks, so that the hours are more likely too few than too many. Ratios "
        "between the columns depend on it less.",
    ]


def _row(name: str, simulation: Simulation, gpus: int) -> str:
    group, hours, share = simulation.best(gpus)
    alone = simulation.best(1)[1]
    return (
        f"| {name} | {gpus} | {group} | {hours:,.1f} | {hours * gpus:,.0f} | {share:.0%} | {alone / hours / gpus:.0%} |"
    )


def _update_row(name: str, simulation: Simulation, group: int) -> str:
    one = simulation.update(("textcraft",), group)
    return f"| {name} | {group} | {one.rollout:.1f} | {one.learning:.1f} | {one.rest:.1f} | {one.seconds:.1f} |"


def _saturation(simulations: Mapping[str, Simulation]) -> list[str]:
    told = []
    for name, simulation in simulations.items():
        half = next((gpus for gpus in SIZES if _efficiency(simulation, gpus) < 0.5), None)
        group, hours, _ = simulation.best(SIZES[-1])
        chain = min(simulation.longest(size) for size in GROUPS)
        told.append(
            f"{name}: efficiency falls below a half at {half or f'more than {SIZES[-1]}'} GPUs. {SIZES[-1]} GPUs take "
            f"{hours:.1f} hours with {group} a job; the longest chain of stages takes {chain:.1f} hours at the best "
            "size of groups, so no number of GPUs is faster than that."
        )
    return ["\n\n".join(told)]


def _assumptions(inputs: Mapping[str, Any]) -> list[str]:
    rows = []
    for words, changes in (
        ("as above", {}),
        ("30 % of the arithmetic", {"used_flops": 0.3}),
        ("50 % of the arithmetic", {"used_flops": 0.5}),
        ("40 % of the bandwidth", {"used_bandwidth": 0.4}),
        ("80 % of the bandwidth", {"used_bandwidth": 0.8}),
        ("nodes joined by 10 GB/s", {"far": 10e9}),
    ):
        simulation = Simulation(inputs, MODELS["7B"], Machine(**{**vars(GPU), **changes}))
        rows.append(f"| {words} | {' | '.join(f'{simulation.best(gpus)[1]:,.1f}' for gpus in SHOWN)} |")
    return rows


def _efficiency(simulation: Simulation, gpus: int) -> float:
    return simulation.best(1)[1] / simulation.best(gpus)[1] / gpus


def plots(simulations: Mapping[str, Simulation]) -> dict[str, str]:
    """Return the two plots by the name of their file."""
    whole, update = [], []
    for colour, (name, simulation) in enumerate(simulations.items()):
        one = simulation.update(("textcraft",), 1).seconds
        places = list(enumerate(SIZES))
        whole.append(Series(name, [Point(x, _efficiency(simulation, gpus)) for x, gpus in places], colour))
        parts = [Point(x, one / simulation.update(("textcraft",), gpus).seconds / gpus) for x, gpus in places]
        update.append(Series(name, parts, colour))
    return {
        f"{NAME}_study.svg": _svg("Speed-up of the study over one GPU, divided by the GPUs", whole),
        f"{NAME}_update.svg": _svg("Speed-up of one update over one GPU, divided by the GPUs of its job", update),
    }


def _svg(title: str, series: Sequence[Series]) -> str:
    text = "; ".join(f"{one.name} {one.points[0].y:.0%} to {one.points[-1].y:.0%}" for one in series)
    marks = [(float(x), str(gpus)) for x, gpus in enumerate(SIZES)]
    chart = line_chart(title, text, series, marks, width=520, height=260)
    heading = tag("text", title, x=260, y=16, class_="title middle")
    inner = Markup(f"{heading}{tag('svg', chart, y=24, width=520, height=260)}")
    background = tag("rect", width=520, height=284)
    style = f"<style>{STYLE}</style>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 520 284">{style}{background}{inner}</svg>\n'


def main() -> int:
    """Write the page and the plots, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="play the environments, and keep what was measured")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where files would change")
    options = parser.parse_args()
    if options.measure:
        INPUTS.parent.mkdir(exist_ok=True)
        INPUTS.write_text(json.dumps(measured(), indent=1) + "\n", encoding="utf-8")
    inputs = json.loads(INPUTS.read_text(encoding="utf-8"))
    simulations = {name: Simulation(inputs, model, GPU) for name, model in MODELS.items()}
    files = {f"{NAME}.md": page(inputs, simulations), **plots(simulations)}
    changed = [name for name, text in files.items() if not _holds(RESULTS / name, text)]
    if not options.check:
        for name in changed:
            (RESULTS / name).write_text(files[name], encoding="utf-8")
    print("\n".join(line for line in files[f"{NAME}.md"].splitlines() if line.startswith("| ")))
    return int(options.check and bool(changed))


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
