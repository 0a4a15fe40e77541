"""A checkpoint is whole or it is not there, and training goes on from it to the very bit."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from rftcore.checkpoint import beside, put_back, read_state, verify
from rftcore.errors import RunError
from rftcore.train import checkpoint
from rftcore.train.checkpoint import load_model, optimizer_state, restore_optimizer, save_checkpoint
from rftcore.train.rows import Row
from rftcore.train.tiny import build_tokenizer

Make = Callable[..., Any]
TOKENIZER = build_tokenizer(["go on"])
ROWS = [Row([4, 9, 8, 0], [2, 3], [-3.0, -3.0], [1.0, -0.5]), Row([4, 7, 0], [2], [-3.0], [-1.0])]


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("kind", ["qwen2", "llama", "gpt_neox"])
def test_weights_and_state_come_back_as_they_were(kind: str, tmp_path: Path, make_model: Make) -> None:
    model = make_model(kind)
    save_checkpoint(tmp_path / "a" / "last", model, TOKENIZER, {"update": 3, "seen": [1.5, None]})
    assert read_state(tmp_path / "a" / "last") == {"update": 3, "seen": [1.5, None]}
    assert equal(weights(load_model(tmp_path / "a" / "last")), weights(model))
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["last"]


def test_a_checkpoint_keeps_the_card_of_the_model_it_came_from(tmp_path: Path, make_model: Make) -> None:
    files = {"card.json": b'{"environments": ["maze"]}', "absent": None}
    save_checkpoint(tmp_path / "last", make_model("qwen2"), TOKENIZER, {}, files=files)
    assert not (tmp_path / "last" / "absent").exists()
    assert (tmp_path / "last" / "card.json").read_bytes() == b'{"environments": ["maze"]}'
    verify(tmp_path / "last")
    (tmp_path / "last" / "card.json").write_bytes(b'{"environments": []}      ')
    with pytest.raises(RunError, match=r"the content of card.json has changed"):
        verify(tmp_path / "last")


def test_a_checkpoint_replaces_the_one_before_it(tmp_path: Path, make_model: Make) -> None:
    save_checkpoint(tmp_path / "last", make_model("qwen2"), TOKENIZER, {"update": 1})
    save_checkpoint(tmp_path / "last", make_model("qwen2", seed=1), TOKENIZER, {"update": 2})
    assert read_state(tmp_path / "last") == {"update": 2}
    assert equal(weights(load_model(tmp_path / "last")), weights(make_model("qwen2", seed=1)))
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


@pytest.mark.parametrize("lora", [None, {"rank": 4}])
def test_training_goes_on_from_a_checkpoint_to_the_very_bit(
    lora: Any, tmp_path: Path, make_model: Make, make_learner: Make
) -> None:
    make_model("llama").save_pretrained(tmp_path / "base")
    straight = make_learner(load_model(tmp_path / "base"), learning_rate=1e-2, lora=lora)
    for _ in range(2):
        straight.step(ROWS)
    save_checkpoint(
        tmp_path / "last", straight.model, TOKENIZER, {}, optimizer_state(straight.model, straight.optimizer)
    )
    resumed = make_learner(load_model(tmp_path / "last"), learning_rate=1e-2, lora=lora)
    assert equal(weights(resumed.model), weights(straight.model))
    restore_optimizer(tmp_path / "last", resumed.model, resumed.optimizer)
    fresh = make_learner(load_model(tmp_path / "last"), learning_rate=1e-2, lora=lora)
    for learner in (straight, resumed, fresh):
        learner.step(ROWS)
    assert equal(weights(resumed.model), weights(straight.model))
    assert not equal(weights(fresh.model), weights(straight.model))


@pytest.fixture
def saved(tmp_path: Path, make_model: Make) -> Path:
    """A sound checkpoint."""
    save_checkpoint(tmp_path / "last", make_model("qwen2"), TOKENIZER, {"update": 1})
    return tmp_path / "last"


def test_a_missing_file_is_named(saved: Path) -> None:
    (saved / "model.safetensors").unlink()
    for read in (verify, read_state, load_model):
        with pytest.raises(
            RunError, match=r"last' is damaged: model\.safetensors is missing\. To have it made again, delete"
        ):
            read(saved)


def test_a_truncated_file_is_named_with_its_sizes(saved: Path) -> None:
    size = (saved / "model.safetensors").stat().st_size
    os.truncate(saved / "model.safetensors", 100)
    with pytest.raises(
        RunError, match=rf"model\.safetensors has 100 bytes, {size} expected\. To have it made again, delete"
    ):
        load_model(saved)


def test_a_changed_byte_is_found(saved: Path) -> None:
    data = bytearray((saved / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (saved / "model.safetensors").write_bytes(data)
    with pytest.raises(RunError, match=r"the content of model\.safetensors has changed"):
        load_model(saved)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": {}}', json.dumps({"files": 3, "state": {}})])
def test_an_index_that_cannot_be_read_is_named(text: str, saved: Path) -> None:
    (saved / "checkpoint.json").write_text(text)
    with pytest.raises(RunError, match=r"damaged: checkpoint\.json cannot be read"):
        read_state(saved)


def test_where_there_is_no_checkpoint_there_is_no_state(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no checkpoint in"):
        read_state(tmp_path)


def test_a_folder_without_weights_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no model could be loaded from"):
        load_model(tmp_path)


@pytest.fixture
def between(tmp_path: Path, make_model: Make) -> Path:
    """A place whose writer was killed between its two renames: after the first, of update 3, and before the second."""
    writing, old = beside(tmp_path / "last")
    save_checkpoint(old, make_model("qwen2"), TOKENIZER, {"update": 3})
    save_checkpoint(writing, make_model("qwen2", seed=1), TOKENIZER, {"update": 4})
    return tmp_path / "last"


@pytest.mark.parametrize(("damage", "seen", "update"), [(False, 4, 4), (True, 4, 3), (False, 3, 3), (True, 2, None)])
def test_a_place_gets_the_newest_checkpoint_that_is_whole_and_has_seen_no_more_than_is_known(
    damage: bool, seen: int, update: int | None, between: Path
) -> None:
    if damage:
        os.truncate(beside(between)[0] / "model.safetensors", 100)
    put_back(between, lambda state: state["update"] <= seen)
    if update is None:
        assert {path.name for path in between.parent.iterdir()} == {".last.writing", ".last.old"}
    else:
        assert read_state(between) == {"update": update}
        assert [path.name for path in between.parent.iterdir()] == ["last"]


def test_a_checkpoint_in_its_place_is_not_replaced_by_what_lies_beside_it(between: Path, make_model: Make) -> None:
    beside(between)[1].rename(between)
    put_back(between, lambda state: True)
    assert read_state(between) == {"update": 3}


def test_what_cannot_be_read_beside_a_place_is_an_error_because_it_may_be_whole(
    between: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, **options: Any) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(RunError, match=r"checkpoint\.json cannot be read"):
        put_back(between, lambda state: True)
    assert all(path.is_dir() for path in beside(between))


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("place", "error"),
    [("save_file", FULL), ("save_file", SafetensorError("I/O error: No space left on device")), ("_sync", FULL)],
)
def test_a_full_disk_is_said_plainly_and_leaves_the_old_checkpoint(
    place: str, error: Exception, saved: Path, make_model: Make, make_learner: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise error

    monkeypatch.setattr(checkpoint, place, full)
    learner = make_learner(make_model("qwen2", seed=1))
    learner.step(ROWS)
    with pytest.raises(RunError, match=r"last' cannot be written: .*No space left on device.* make room"):
        save_checkpoint(
            saved, learner.model, TOKENIZER, {"update": 2}, optimizer_state(learner.model, learner.optimizer)
        )
    assert read_state(saved) == {"update": 1}
    assert equal(weights(load_model(saved)), weights(make_model("qwen2")))
    assert [path.name for path in saved.parent.iterdir()] == ["last"]


def test_a_full_disk_while_the_weights_are_written_is_said_too(saved: Path, make_model: Make) -> None:
    model = make_model("qwen2", seed=1)

    def full(folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(b"half")
        raise FULL

    model.save_pretrained = full
    with pytest.raises(RunError, match="No space left on device"):
        save_checkpoint(saved, model, TOKENIZER, {"update": 2})
    assert read_state(saved) == {"update": 1}
    assert [path.name for path in saved.parent.iterdir()] == ["last"]
