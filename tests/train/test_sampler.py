"""What is trained is what was sampled: the learner finds the sampler's logprobs, whatever shared a batch with what."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers

from rftcore.conversation import History
from rftcore.errors import ConfigError, RunError
from rftcore.formats import Plain
from rftcore.rollout import ModelActor, collect
from rftcore.sampler import Completion, ContextFull, Request
from rftcore.schemas.trajectory import Credit, Group, Trajectory
from rftcore.train.decoder import FusedDecoder, GenericDecoder
from rftcore.train.rows import Row, build_rows
from rftcore.train.sampler import HFSampler

Make = Callable[..., Any]


def play(
    sampler: HFSampler, encoder: Any, environment: Any, *, lanes: int = 8, samples: int = 3, **options: Any
) -> list[Group]:
    actor = ModelActor(sampler, encoder, Plain(), lanes=lanes, max_new_tokens=9, **options)
    tasks = environment.tasks("train", "easy")
    return asyncio.run(collect({"talk": environment}, actor, tasks, samples, seed=1))


def trajectories(groups: list[Group]) -> list[Trajectory]:
    return [trajectory for group in groups for trajectory in group.trajectories]


def tokens(groups: list[Group]) -> list[list[tuple[int, ...]]]:
    return [[turn.token_ids for turn in trajectory.turns] for trajectory in trajectories(groups)]


def rows_of(groups: list[Group]) -> tuple[list[Row], int]:
    built = [build_rows(t, Credit(turns=(1.0,) * len(t.turns))) for t in trajectories(groups)]
    return [row for rows, _ in built for row in rows], sum(drift for _, drift in built)


def gap(learner: Any, rows: list[Row], temperature: float = 1.0) -> float:
    found = learner.logprobs(rows, temperature=temperature)
    return max(
        abs(one - other)
        for row, values in zip(rows, found, strict=True)
        for one, other in zip(row.old_logprobs, values, strict=True)
    )


@pytest.mark.parametrize(
    ("kind", "decoder"),
    [
        ("qwen2", FusedDecoder),
        ("llama", FusedDecoder),
        ("qwen3", GenericDecoder),
        ("gpt_neox", GenericDecoder),
        ("gemma", GenericDecoder),
    ],
)
def test_the_learner_finds_the_logprobs_that_the_sampler_reported(
    kind: str, decoder: type, make_model: Make, make_sampler: Make, make_learner: Make, letters: Any, talk: Any
) -> None:
    model = make_model(kind)
    sampler = make_sampler(model)
    assert type(sampler._decoder) is decoder
    groups = play(sampler, letters, talk)
    lengths = {len(answer) for answers in tokens(groups) for answer in answers}
    assert {len(t.turns) for t in trajectories(groups)} >= {1, 2, 3, 4}
    assert len(lengths) > 4
    rows, drift = rows_of(groups)
    assert drift == 0
    assert len(rows) == len(trajectories(groups))
    assert gap(make_learner(model), rows) < 1e-4


@pytest.mark.parametrize("kind", ["qwen2", "llama"])
def test_both_decoders_draw_the_same_tokens(
    kind: str, make_model: Make, make_sampler: Make, letters: Any, talk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused = play(make_sampler(make_model(kind)), letters, talk)
    monkeypatch.setattr("rftcore.train.sampler.make_decoder", GenericDecoder)
    assert tokens(play(make_sampler(make_model(kind)), letters, talk)) == tokens(fused)


def test_at_another_temperature_the_learner_agrees_too(
    make_model: Make, make_sampler: Make, make_learner: Make, letters: Any, talk: Any
) -> None:
    model = make_model("llama")
    rows, _ = rows_of(play(make_sampler(model), letters, talk, temperature=0.7))
    assert gap(make_learner(model), rows, 0.7) < 1e-4
    assert gap(make_learner(model), rows, 1.0) > 1e-2


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_a_windowed_history_forks_rows_and_still_agrees(
    kind: str, make_model: Make, make_sampler: Make, make_learner: Make, letters: Any, talk: Any
) -> None:
    model = make_model(kind)
    groups = play(make_sampler(model), letters, talk, history=History(name="window", turns=2))
    rows, drift = rows_of(groups)
    assert drift == 0
    assert len(rows) > len(trajectories(groups))
    sampled = [len(answer) for answers in tokens(groups) for answer in answers]
    assert sum(len(row.positions) for row in rows) == sum(sampled)
    assert gap(make_learner(model), rows) < 1e-4


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
def test_what_shares_a_batch_changes_no_token(
    kind: str, make_model: Make, make_sampler: Make, letters: Any, talk: Any
) -> None:
    alone = play(make_sampler(make_model(kind), slots=1), letters, talk, lanes=1)
    together = play(make_sampler(make_model(kind), slots=8), letters, talk, lanes=8)
    assert tokens(together) == tokens(alone)
    assert len({str(answers) for answers in tokens(alone)}) > 10


def test_a_model_whose_layers_see_only_chunks_is_refused(make_sampler: Make) -> None:
    """Its cache would be right in a short rehearsal, and wrong as soon as a context passes a chunk."""
    torch.manual_seed(0)
    config = transformers.Llama4TextConfig(
        vocab_size=32,
        hidden_size=32,
        intermediate_size=48,
        intermediate_size_mlp=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        num_local_experts=2,
        attention_chunk_size=20,
        pad_token_id=0,
    )
    with pytest.raises(ConfigError, match=r"type 'llama4_text' across turns.*: its layers are of chunked_attention"):
        make_sampler(transformers.Llama4ForCausalLM(config).eval())


def test_at_temperature_zero_every_sample_takes_the_most_likely_tokens(
    make_model: Make, make_sampler: Make, make_learner: Make, letters: Any, talk: Any
) -> None:
    model = make_model("qwen2")
    groups = play(make_sampler(model), letters, talk, temperature=0.0)
    for group in groups:
        assert len({str([turn.token_ids for turn in t.turns]) for t in group.trajectories}) == 1
    rows, _ = rows_of(groups)
    assert gap(make_learner(model), rows) < 1e-4
    for row in rows:
        best = model(torch.tensor([row.ids])).logits[0].argmax(-1).tolist()
        assert [best[position - 1] for position in row.positions] == [row.ids[position] for position in row.positions]


def request(conversation: int, ids: list[int], **changes: Any) -> Request:
    options: dict[str, Any] = {
        "keep": 0,
        "rng": random.Random(conversation),
        "temperature": 1.0,
        "max_new_tokens": 5,
        "stop_ids": frozenset({0}),
    }
    return Request(conversation=conversation, ids=tuple(ids), **options | changes)


def ask(sampler: HFSampler, *requests: Request) -> list[Completion]:
    async def run() -> list[Completion]:
        return list(await asyncio.gather(*(sampler.sample(each) for each in requests)))

    return asyncio.run(run())


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_a_prompt_computed_once_for_a_group_gives_what_each_would_compute(
    kind: str, make_model: Make, make_sampler: Make
) -> None:
    prompt = [4, *range(5, 25)]
    shared = ask(make_sampler(make_model(kind)), *(request(n, prompt, share="task") for n in range(6)))
    each = ask(make_sampler(make_model(kind)), *(request(n, prompt) for n in range(6)))
    assert [answer.token_ids for answer in shared] == [answer.token_ids for answer in each]
    assert [answer.checksum for answer in shared] == [answer.checksum for answer in each]
    for one, other in zip(shared, each, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)


def test_a_share_key_with_unequal_prompts_shares_nothing(make_model: Make, make_sampler: Make) -> None:
    prompts = [[4, 9, 9, 9], [4, 8, 8, 8, 8, 8]]
    shared = ask(make_sampler(make_model("qwen2")), *(request(n, p, share="task") for n, p in enumerate(prompts)))
    each = ask(make_sampler(make_model("qwen2")), *(request(n, p) for n, p in enumerate(prompts)))
    assert [answer.token_ids for answer in shared] == [answer.token_ids for answer in each]


def test_answers_end_at_a_stop_token_or_at_their_limit_or_at_the_end_of_the_context(
    make_model: Make, make_sampler: Make
) -> None:
    sampler = make_sampler(make_model("qwen2"), max_context=16)
    (cut,) = ask(sampler, request(1, [4] * 5, stop_ids=frozenset()))
    assert len(cut.token_ids) == 5
    (stopped,) = ask(sampler, request(1, [4] * 5, stop_ids=frozenset(cut.token_ids[2:3])))
    assert stopped.token_ids == cut.token_ids[: cut.token_ids.index(cut.token_ids[2]) + 1]
    (full,) = ask(sampler, request(2, [4] * 14, stop_ids=frozenset()))
    assert len(full.token_ids) == 2


def test_a_prompt_that_leaves_no_room_is_refused(make_model: Make, make_sampler: Make) -> None:
    sampler = make_sampler(make_model("qwen2"), max_context=16)
    assert len(ask(sampler, request(1, [4] * 15))[0].token_ids) == 1
    with pytest.raises(ContextFull, match="needs 17 tokens, 16 fit"):
        ask(sampler, request(2, [4] * 16))


def test_a_context_that_overflows_ends_the_episode_and_masks_nothing(
    make_model: Make, make_sampler: Make, make_learner: Make, letters: Any, talk: Any
) -> None:
    model = make_model("llama")
    groups = play(make_sampler(model, max_context=40), letters, talk)
    overflown = [t for t in trajectories(groups) if t.status == "context_overflow"]
    assert overflown
    assert not any(t.masked for t in trajectories(groups))
    rows, drift = rows_of(groups)
    assert drift == 0
    assert max(len(row.ids) for row in rows) <= 40
    assert gap(make_learner(model), rows) < 1e-4


def test_a_failing_engine_is_told_to_everyone_who_waits(make_model: Make, make_sampler: Make) -> None:
    model = make_model("qwen3")
    sampler = make_sampler(model, slots=2)
    model.forward = _failing

    async def run() -> list[Any]:
        asked = (sampler.sample(request(n, [4, 5, 6])) for n in range(5))
        return list(await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10))

    assert [str(error) for error in asyncio.run(run())] == ["out of memory"] * 5


def test_when_the_engine_always_fails_the_run_ends_with_its_words(
    make_model: Make, make_sampler: Make, letters: Any, talk: Any
) -> None:
    model = make_model("qwen3")
    sampler = make_sampler(model)
    model.forward = _failing
    with pytest.raises(RunError, match=r"10 samples were lost to the machine(.|\n)*RuntimeError: out of memory"):
        play(sampler, letters, talk)


def test_an_engine_that_fails_once_costs_an_attempt_and_no_episode(
    make_model: Make, make_sampler: Make, make_learner: Make, letters: Any, talk: Any
) -> None:
    model = make_model("qwen3")
    sampler, forward, calls = make_sampler(model), model.forward, []

    def first_fails(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return _failing() if len(calls) == 1 else forward(*args, **kwargs)

    model.forward = first_fails
    groups = play(sampler, letters, talk)
    model.forward = forward
    assert [t.attempts for t in trajectories(groups)] == [2] * 8 + [1] * 10
    rows, drift = rows_of(groups)
    assert drift == 0
    assert gap(make_learner(model), rows) < 1e-4


def _failing(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("out of memory")


def test_released_slots_are_used_again_and_held_ones_are_missed(make_model: Make, make_sampler: Make) -> None:
    sampler = make_sampler(make_model("qwen2"), slots=1)
    (first,) = ask(sampler, request(1, [4, 9, 9]))
    with pytest.raises(RunError, match="all 1 slots are taken"):
        ask(sampler, request(2, [4, 8]))
    sampler.release(1)
    sampler.release(1)
    ask(sampler, request(2, [4, 8, 8, 8, 8]))
    sampler.release(2)
    (again,) = ask(sampler, request(1, [4, 9, 9]))
    assert again.token_ids == first.token_ids


def test_new_weights_are_used_at_once_and_old_contexts_forgotten(
    make_model: Make, make_sampler: Make, make_learner: Make, letters: Any, talk: Any
) -> None:
    sampler, other = make_sampler(make_model("llama")), make_model("llama", seed=5)
    ask(sampler, request(1, [4, 5, 6], share="task"))
    sampler.sync(other, 7)
    (answer,) = ask(sampler, request(2, [4, 5, 6], share="task"))
    assert answer.version == 7
    rows, drift = rows_of(play(sampler, letters, talk, lanes=7))
    assert drift == 0
    assert gap(make_learner(other), rows) < 1e-4


def test_a_sampler_that_is_closed_leaves_nobody_waiting(make_model: Make, make_sampler: Make) -> None:
    sampler = make_sampler(make_model("qwen2"))

    async def run() -> None:
        waiting = asyncio.create_task(sampler.sample(request(1, [4], max_new_tokens=200, stop_ids=frozenset())))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await sampler.close()
        with pytest.raises(RunError, match="stopped"):
            await asyncio.wait_for(waiting, 10)
        await sampler.close()

    asyncio.run(run())
