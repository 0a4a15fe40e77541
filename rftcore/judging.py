"""Asks a judge, a policy that chats, for labels of trajectories; its answers stand beside the rules, and replace none.

A judge is optional and may be wrong. What it did not answer, or not in the form that it was asked for, is unlabelled:
no label is guessed. Its answers are kept by the policy, as in an evaluation, so that nothing is paid for twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rftcore import eventloop, registry
from rftcore.blueprint import load_record
from rftcore.checks import complete_policy
from rftcore.errors import ConfigError, RftError, RunError
from rftcore.executor import Tell
from rftcore.players import chats
from rftcore.policy import BudgetSpent, ChatPolicy, Prompt, Spending
from rftcore.records import RunFolder, line, read_groups, write_text
from rftcore.rubric import Agreement, Rubric, agreement
from rftcore.sampler import ContextFull
from rftcore.schemas.config import Component, PolicyComponent
from rftcore.schemas.trajectory import Trajectory


class Judgement(NamedTuple):
    """What a judge said of one trajectory."""

    labels: frozenset[str] | None
    """None: it is unlabelled."""
    reason: str = ""
    """Why it is unlabelled."""


class Judged(NamedTuple):
    """What a judge said of many trajectories, beside what they were labelled with before."""

    agreement: list[Agreement]
    """Of the labelled ones: `held` counts the labels by hand, or those by rules, `found` those of the judge."""
    labelled: int
    unlabelled: dict[str, int]
    """Reason -> how many."""
    spending: Spending
    file: Path | None = None
    """Where the labels of a run's trajectories were written."""


def judge_examples(
    policy: PolicyComponent, rubric: Rubric, place: Path, *, report: Tell = lambda done, total, remark: None
) -> Judged:
    """Return how far a judge agrees with labels by hand. What it answered is kept in the folder `place`.

    `report` is called with the number of trajectories that were asked about, and all, whenever one was.

    Raises ConfigError for a policy that does not chat, RunError as the policy does.
    """
    examples = rubric.examples()
    judge = opened(policy, place)
    judgements = ask(judge, rubric, [example.trajectory for example in examples], report)
    by_hand = [example.labels for example in examples]
    return _judged(rubric, by_hand, judgements, judge.spending)


def judge_run(
    policy: PolicyComponent,
    rubric: Rubric,
    run: RunFolder,
    checkpoint: str | None = None,
    *,
    report: Tell = lambda done, total, remark: None,
) -> Judged:
    """Return how far a judge agrees with the rules on the evaluated trajectories of a run, of one `checkpoint` or all.

    The labels are written to `judges/TITLE.jsonl` of the run: a line for each trajectory that the rubric asks about,
    with both, and null where it is unlabelled. `report` is called as by `judge_examples`. Raises ConfigError for a
    checkpoint that the run does not have, RunError when nothing is evaluated yet, and as `judge_examples`.
    """
    nodes = load_record(run)[1].cells
    names = list(dict.fromkeys(node.train for node in nodes))
    if checkpoint is not None and checkpoint not in names:
        raise ConfigError(f"--checkpoint: found {checkpoint!r}, but {run.path.name} evaluates {', '.join(names)}")
    asked = [
        (node, trajectory)
        for node in nodes
        if checkpoint in (None, node.train) and run.cell(node.key).is_file()
        for group in read_groups(run.cell(node.key))
        for trajectory in group.trajectories
        if rubric.question(trajectory) is not None
    ]
    if not asked:
        raise RunError(f"{run.path.name} has no trajectory to judge; expected failed episodes of evaluated cells")
    places = [(node.train, node.environment, node.difficulty) for node, _ in asked]
    trajectories = [trajectory for _, trajectory in asked]
    judge = opened(policy, run.path / "judges" / policy.title)
    judgements = ask(judge, rubric, trajectories, report)
    by_rules = [rubric.by_rules(trajectory) for trajectory in trajectories]
    file = run.path / "judges" / f"{policy.title}.jsonl"
    rows = zip(places, trajectories, by_rules, judgements, strict=True)
    write_text(file, "".join(line(_row(*row)) for row in rows))
    return _judged(rubric, by_rules, judgements, judge.spending)._replace(file=file)


def rubric_of(metrics: Sequence[Component]) -> Rubric:
    """Return the rubric of the first of these metrics that has one. Raises ConfigError when none has."""
    for metric in metrics:
        found: Rubric | None = registry.create("metric", metric.name, metric.options).rubric()
        if found is not None:
            return found
    names = ", ".join(metric.name for metric in metrics)
    raise ConfigError(f"metrics: none of them ({names}) labels trajectories; expected one that does: generalization")


def opened(policy: PolicyComponent, place: Path) -> ChatPolicy:
    """Return the policy, ready to answer. Raises ConfigError for one that does not chat or could not answer here."""
    whole = complete_policy(policy, "policy")
    if not chats(whole):
        chatting = [name for name in registry.names("policy") if chats(PolicyComponent(name=name))]
        raise ConfigError(
            f"--policy: found {policy.name!r}, which answers no question, expected a policy that chats: "
            f"{', '.join(chatting) or 'none is installed; pip install ' + registry.KNOWN['policy']['openai']}"
        )
    judge: ChatPolicy = registry.create("policy", whole.name, whole.options, "policy")
    judge.check()
    judge.open(place)
    return judge


def ask(
    judge: ChatPolicy,
    rubric: Rubric,
    trajectories: Sequence[Trajectory],
    report: Tell = lambda done, total, remark: None,
) -> list[Judgement]:
    """Return a judgement of each trajectory, in order; as many are asked for at once as the judge has lanes."""
    return eventloop.run(_ask(judge, rubric, trajectories, report))


async def _ask(judge: ChatPolicy, rubric: Rubric, trajectories: Sequence[Trajectory], report: Tell) -> list[Judgement]:
    left = iter(enumerate(trajectories))
    found: dict[int, Judgement] = {}

    async def lane() -> None:
        for number, trajectory in left:
            found[number] = await _judgement(judge, rubric, trajectory)
            report(len(found), len(trajectories), "")

    lanes = [asyncio.create_task(lane()) for _ in range(min(judge.lanes, len(trajectories)))]
    try:
        await asyncio.gather(*lanes)
    finally:
        for task in lanes:
            task.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        await judge.close()
    return [found[number] for number in range(len(trajectories))]


async def _judgement(judge: ChatPolicy, rubric: Rubric, trajectory: Trajectory) -> Judgement:
    messages = rubric.question(trajectory)
    if messages is None:
        return Judgement(frozenset())
    try:
        answer = await judge.reply(Prompt(messages, trajectory.task.digest, trajectory.sample, turn=0))
    except BudgetSpent:
        return Judgement(None, "the budget is spent")
    except ContextFull:
        return Judgement(None, "too long for the judge")
    except RftError:
        raise
    except Exception:
        return Judgement(None, "no answer")
    labels = rubric.read(answer)
    return Judgement(labels) if labels is not None else Judgement(None, "an answer of another form")


def _judged(
    rubric: Rubric, before: Sequence[frozenset[str]], judgements: Sequence[Judgement], spending: Spending
) -> Judged:
    pairs = [(held, found.labels) for held, found in zip(before, judgements, strict=True) if found.labels is not None]
    reasons = [found.reason for found in judgements if found.labels is None]
    return Judged(
        agreement(rubric.labels, pairs),
        labelled=len(pairs),
        unlabelled={reason: reasons.count(reason) for reason in sorted(set(reasons))},
        spending=spending,
    )


def _row(
    place: tuple[str, str, str], trajectory: Trajectory, by_rules: frozenset[str], found: Judgement
) -> dict[str, Any]:
    train, environment, difficulty = place
    return {
        "train": train,
        "environment": environment,
        "difficulty": difficulty,
        "task": trajectory.task.id,
        "sample": trajectory.sample,
        "by_rules": sorted(by_rules),
        "by_judge": None if found.labels is None else sorted(found.labels),
    }
