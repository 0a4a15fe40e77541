"""Everything with weights behind one door: `experiment` reaches torch through this class and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from rftcore import launch, registry
from rftcore.algorithm import TokenFloats
from rftcore.checkpoint import AHEAD, read_state
from rftcore.errors import ConfigError
from rftcore.formats import prompt_format
from rftcore.models import CARD, find_model
from rftcore.options import validate
from rftcore.recording import Recording
from rftcore.rollout import Actor, ModelActor
from rftcore.schemas.config import Settings
from rftcore.schemas.trajectory import Credit, Group
from rftcore.train.adapters import as_start_policy, is_adapter
from rftcore.train.chat import ChatEncoder, load_tokenizer
from rftcore.train.checkpoint import (
    load_model,
    optimizer_state,
    restore_critic,
    restore_optimizer,
    save_checkpoint,
)
from rftcore.train.critic import Critic, make_critic
from rftcore.train.demonstration import Demonstrator, expert, repeated
from rftcore.train.learner import Learner
from rftcore.train.logprobs import row_logprobs
from rftcore.train.peers import Peers
from rftcore.train.rows import Row, build_rows, staleness
from rftcore.train.shards import check_splitting, is_split


class Engine:
    """A model that plays, and with `algorithm` also learns."""

    def __init__(self, settings: Settings, start: Path | str, algorithm: Any = None, *, updates: int = 1) -> None:
        """Load the model at `start`, a checkpoint folder or a model's name, for a stage of that many updates.

        Raises ConfigError for an impossible device, RunError when files are missing or damaged.
        """
        torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)  # new adapter weights are drawn from it
        device, dtype = find_device(settings.device), getattr(torch, settings.dtype)
        check_splitting()
        source = find_model(str(start))
        card = Path(source) / CARD
        self._card = card.read_bytes() if card.is_file() else None
        self._tokenizer = load_tokenizer(source)
        self.encoder = ChatEncoder(self._tokenizer)
        model = load_model(source, device=device, dtype=dtype)
        self._learner = None
        self._shown = algorithm.demonstrations() if algorithm is not None else None
        self._credit_reference = None
        if algorithm is not None:
            reference = critic = None
            if algorithm.reference_weight() > 0:
                reference = _start_policy(settings, model, source, device=device, dtype=dtype)
            spec: Any = registry.spec("algorithm", algorithm.name)
            if spec.needs_values:
                critic = make_critic(algorithm.critic(), model, self._tokenizer, source, device=device, dtype=dtype)
            in_credit = algorithm.reference_in_credit
            self._learner = _make_learner(
                settings, algorithm, model, None if in_credit else reference, critic, updates=updates
            )
            if in_credit:
                self._credit_reference = self._learner.whole if reference is model else reference
            model = self._learner.whole
        self._model = model
        sampler = registry.resolve("sampler", settings.sampler.name)
        options = validate(sampler.Config, settings.sampler.options, "sampler")
        self._sampler = sampler(options, model=model)
        self.version = 0
        """Of the learner's weights: how many updates of this stage have changed them."""
        self._max_staleness = settings.training.max_staleness
        self._temperature, self._micro_tokens = settings.sampling.temperature, settings.learner.micro_tokens
        if algorithm is not None and self._temperature == 0.0:
            raise ConfigError("sampling.temperature is 0.0: all samples of a task would be equal and teach nothing")
        self.actor = ModelActor(
            self._sampler,
            self.encoder,
            prompt_format(settings.format),
            lanes=self._sampler.lanes,
            history=settings.history,
            shots=settings.shots,
            temperature=self._temperature,
            max_new_tokens=settings.sampling.max_new_tokens,
        )

    def teacher(self, recording: Recording | None) -> Actor:
        """Return who plays what is learned from: the model itself, an expert, or whoever made the `recording`."""
        if self._shown is None:
            return self.actor
        form = self.actor.form
        show = expert(form, self._shown.noise) if recording is None else repeated(form, recording)
        return Demonstrator(show, self.actor)

    def expert(self) -> Actor:
        """Return the environments' experts, who speak with the model's tokens."""
        return Demonstrator(expert(self.actor.form, 0.0), self.actor)

    def reference(self, groups: Sequence[Group]) -> list[list[list[list[float]]]] | None:
        """Return the start policy's logprob of each sampled token, [group][usable trajectory][turn][token].

        None unless the algorithm's credit pulls to the start policy.
        """
        if self._credit_reference is None:
            return None
        rows = _uncredited(groups)
        with as_start_policy(self._credit_reference, self._model):
            own = row_logprobs(
                self._credit_reference, launch.share(rows), temperature=self._temperature, tokens=self._micro_tokens
            )
        return _by_turn(own, groups)

    def values(self, groups: Sequence[Group]) -> list[list[list[list[float]]]] | None:
        """Return what the critic expects before each sampled token, [group][usable trajectory][turn][token].

        None unless the algorithm has a critic.
        """
        if self._learner is None or self._learner.critic is None:
            return None
        rows = launch.share(_uncredited(groups))
        return _by_turn(self._learner.critic.row_values(self._model, rows, tokens=self._micro_tokens), groups)

    def update(
        self,
        groups: Sequence[Group],
        credits: Sequence[Sequence[Credit | None]],
        values: TokenFloats | None = None,
        *,
        update: int = 0,
    ) -> dict[str, float]:
        """Learn from credited trajectories and give the sampler the new weights; return figures of the update.

        `values` are what the method of that name returned for these groups. `update` is its number in the stage, from
        0: the learning rate may depend on it.

        Those of sampled tokens that older weights than the learner's made are counted as `stale_tokens`, if there are
        any. With `training.max_staleness` the count is always there, and `staleness`, the mean over all sampled tokens
        of how many versions they are behind. Without any credit nothing is learned, and of the learner's figures only
        `rows`, `drift` and `learned_tokens`, all 0, are returned. Raises RunError when a token is too stale.
        """
        assert self._learner is not None
        rows, drift = [], 0
        played = [] if self._shown is not None else [own for group in groups for own in group.usable]
        version = self.version if self._max_staleness and self._shown is None else None
        for number, (group, earned) in enumerate(zip(groups, credits, strict=True)):
            for index, (trajectory, credit) in enumerate(zip(group.usable, earned, strict=True)):
                if credit is not None:
                    expected = None if values is None else values[number][index]
                    made, doubt = build_rows(trajectory, credit, expected, version=version)
                    rows += made
                    drift += doubt
        learned = sum(len(row.positions) for row in rows)
        figures: dict[str, float] = {"rows": len(rows), "drift": drift, "learned_tokens": learned}
        figures |= staleness(played, self.version, self._max_staleness)
        if rows:
            figures |= self._learner.step(rows, temperature=self._temperature, update=update)
            if self._shown is not None or all(distance for row in rows for distance in row.behind or (0,)):
                del figures["sampler_gap"]  # no sampler had a part in it, or none with these weights
            self.version += 1
            self._sampler.sync(self._model, self.version)
        return figures

    def follow(self, folder: Path) -> None:
        """Play with the weights of a checkpoint, which say their version."""
        self.version = read_state(folder)["version"]
        self._sampler.sync(folder, self.version)

    def save(self, folder: Path, state: dict[str, Any], *, resumable: bool, ahead: str = "") -> None:
        """Write a checkpoint atomically; a `resumable` one holds optimizer and critic too, and what is played `ahead`.

        Of several processes one writes; where each has a part, all call this together.
        """
        learner, averages = self._learner if resumable else None, None
        if learner is not None and (not launch.rank() or is_split(learner.model)):
            averages = optimizer_state(learner.model, learner.optimizer, learner.critic)
        if launch.rank():
            return
        save_checkpoint(
            folder,
            self._model,
            self._tokenizer,
            {**state, "version": self.version},
            averages,
            critic=None if learner is None else learner.critic,
            files={CARD: self._card, AHEAD: ahead.encode("utf-8") or None},
        )

    def restore(self, folder: Path) -> dict[str, Any]:
        """Take up optimizer and critic of a resumable checkpoint, whose weights this engine was started with."""
        assert self._learner is not None
        state = read_state(folder)
        critic = self._learner.critic
        restore_optimizer(folder, self._learner.model, self._learner.optimizer, critic)
        if critic is not None:
            restore_critic(folder, critic)
        self.version = state["version"]
        self._sampler.sync(self._model, self.version)
        return state


def _start_policy(settings: Settings, model: Any, source: Path | str, *, device: torch.device, dtype: Any) -> Any:
    """Return the run's start policy, frozen, or `model` itself where that is it with its adapters off."""
    base = find_model(settings.model)
    adapted = settings.learner.lora is not None or is_adapter(source)
    if adapted and not is_adapter(base):
        return model  # no second copy is needed
    return load_model(base, device=device, dtype=dtype).requires_grad_(False)


def _make_learner(
    settings: Settings, algorithm: Any, model: Any, reference: Any, critic: Critic | None, *, updates: int
) -> Learner:
    """Return what trains `model`, and `critic` with it, with the loss that the algorithm's spec names."""
    spec: Any = registry.spec("algorithm", algorithm.name)
    module, _, function = spec.loss.partition(":")
    return Learner(
        model,
        settings.learner,
        loss=getattr(import_module(module), function),
        loss_config=algorithm.config,
        reference=reference,
        corrects_sampler=algorithm.corrects_sampler(),
        corrects_staleness=settings.training.max_staleness > 0 and algorithm.demonstrations() is None,
        entropy=algorithm.entropy_weight() > 0,
        critic=critic,
        updates=updates,
    )


def _uncredited(groups: Sequence[Group]) -> list[Row]:
    played = [trajectory for group in groups for trajectory in group.usable]
    cut = [build_rows(trajectory, Credit(turns=(0.0,) * len(trajectory.turns)))[0] for trajectory in played]
    return [row for own in cut for row in own]


def _by_turn(own: list[list[float]], groups: Sequence[Group]) -> list[list[list[list[float]]]]:
    """Cut a figure for each sampled token into groups, trajectories and turns.

    `own` are those of this process's share of what `_uncredited` returned.
    """
    found = [figures for part in Peers().gather(own) for figures in part]
    # Rows hold the sampled tokens in the order of the turns, whatever the history cut away.
    tokens = iter([figure for figures in found for figure in figures])
    return [
        [[list(islice(tokens, len(turn.token_ids))) for turn in trajectory.turns] for trajectory in group.usable]
        for group in groups
    ]


def find_device(name: str) -> torch.device:
    """Return the device of that name, after a tensor was made on it; of several processes each gets a GPU of its own.

    Raises ConfigError with the devices that are there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and launch.count() > 1:
        name = f"cuda:{launch.local_rank()}"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise ConfigError(
            f"device: {name!r} cannot be used here ({reason}); expected one of {', '.join(_devices())}"
        ) from error
    return device


def _devices() -> list[str]:
    """Return the devices of this machine as a configuration names them."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    count = 0 if accelerator is None else torch.accelerator.device_count()
    return ["auto", "cpu", *(f"{accelerator.type}:{index}" for index in range(count) if accelerator is not None)]
