from __future__ import annotations

import gzip
import json
import random
import shutil
from pathlib import Path

import pytest
from rich.progress import Progress

from rftcore.errors import ConfigError
from rftcore_webshop import json_stream, official
from rftcore_webshop.convert import convert, main
from rftcore_webshop.environment import FOLDER as VARIABLE
from rftcore_webshop.environment import WebShop
from rftcore_webshop.generator import write
from rftcore_webshop.store import NAME, StoreShop
from rftcore_webshop.world import from_folder

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "fidelity"
NAMES = {
    "catalogue": "items_shuffle.json",
    "items-ins-v2": "items_ins_v2.json",
    "items-human-ins": "items_human_ins.json",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The recorded inputs, under the names of the official files."""
    for recorded, name in NAMES.items():
        (tmp_path / name).write_bytes(gzip.decompress((RECORDED / f"webshop-{recorded}.json.gz").read_bytes()))
    return tmp_path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three thousand generated products in the official files, and their store."""
    made = tmp_path_factory.mktemp("large")
    write(made, 3000, 2500)
    with Progress(disable=True) as progress:
        assert convert(made, progress) == made / NAME
    return made


def test_official_files_give_the_products_and_goals_that_the_original_made_of_them(folder: Path) -> None:
    with gzip.open(RECORDED / "webshop-goals.json.gz", "rt", encoding="utf-8") as file:
        recorded = json.load(file)
    for kind in ("human", "synthetic"):
        world = from_folder(folder, None, "original", kind, "test")  # type: ignore[arg-type]
        was = recorded[kind]["goals"]
        assert [(goal.asin, goal.attributes) for goal in world.goals] == [
            (goal["asin"], tuple(goal["attributes"])) for goal in was
        ]
        for ours, theirs in zip(world.goals, was, strict=True):
            options = theirs["goal_options"]
            assert [value for _, value in ours.options] == list(options.values() if kind == "synthetic" else options)
            assert (
                ours.instruction.partition(", and price")[0] == theirs["instruction_text"].partition(", and price")[0]
            )
        assert len(recorded[kind]["product_prices"]) == 296


def test_the_maintainers_split_is_by_position(large: Path) -> None:
    original = WebShop(profile="original", data=str(large))
    numbers = {
        split: [task.data["goal"] for level in ("easy", "hard") for task in original.tasks(split, level)]  # type: ignore[arg-type]
        for split in ("train", "test")
    }
    assert sorted(numbers["test"]) == list(range(500))  # type: ignore[type-var]
    assert sorted(numbers["train"]) == list(range(1500, 2500))  # type: ignore[type-var]
    validation = WebShop(profile="original", data=str(large), test_part="validation")
    listed = [task.data["goal"] for level in ("easy", "hard") for task in validation.tasks("test", level)]
    assert sorted(listed) == list(range(500, 1500))  # type: ignore[type-var]


def test_fixed_leaves_out_train_goals_about_held_out_products(folder: Path) -> None:
    world = from_folder(folder, None, "fixed", "synthetic", "test")
    # All 636 goals: the first 500 test, the rest validates, and nothing is left to train with.
    assert {key: len(numbers) > 0 for key, numbers in world.lists.items()} == {
        ("train", "easy"): False,
        ("train", "hard"): False,
        ("test", "easy"): True,
        ("test", "hard"): True,
    }


def test_agentgym_has_synthetic_goals_of_the_first_thousand_products_by_their_number(large: Path) -> None:
    shop = WebShop(profile="agentgym", data=str(large), products=1000)
    task = shop.task(11)
    assert task.data == {"goal": 11} and task.split == "test"
    assert shop.start(task).goal.instruction.startswith("Find me ")
    assert len(shop._world.shop.products) == 1000  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=r"found goal -1, expected 0 to \d+"):
        shop.task(-1)


def test_the_store_answers_as_the_files_do(large: Path) -> None:
    stored, read = WebShop(data=str(large)), WebShop(data=str(large), products=3000)
    assert isinstance(stored._world.shop, StoreShop)
    assert stored._world.goals == read._world.goals
    assert stored._world.lists == read._world.lists
    for task in (*stored.tasks("train", "easy")[:15], *stored.tasks("test", "hard")[:15]):
        left, right = stored.start(task), read.start(task)
        rng = random.Random(task.seed)
        for _ in range(12):
            action = left.expert_action() if rng.random() < 0.5 else left.random_action(rng)
            assert action is not None
            assert left.step(action) == right.step(action)
            if left.bought is not None:
                break


def test_special_queries_of_the_store_are_those_of_the_files(large: Path) -> None:
    stored, read = (WebShop(profile="original", data=str(large), products=count) for count in (None, 3000))
    for query in ("<q> green tea", "<c> garden", "<a> gluten free", "<q> nothing"):
        found = []
        for shop in (stored, read):
            episode = shop.start(shop.tasks("test", "hard")[0])
            episode.step(f"search[{query}]")
            found.append(episode.results)
        assert found[0] == found[1]
        assert bool(found[0]) == ("nothing" not in query)


def test_the_folder_can_be_named_by_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(folder))
    assert str(folder) in str(WebShop().facts()["data_source"])
    monkeypatch.delenv(VARIABLE)
    assert "generated" in str(WebShop().facts()["data_source"])


def test_a_conversion_appears_whole_or_not_at_all(folder: Path) -> None:
    catalogue = folder / "items_shuffle.json"
    whole = catalogue.read_text()
    catalogue.write_text(whole[: len(whole) // 2])
    with Progress(disable=True) as progress:
        with pytest.raises(ConfigError, match=r"the file ends early|broken or unfinished value"):
            convert(folder, progress)
        assert {path.name for path in folder.iterdir()} == set(NAMES.values())
        catalogue.write_text(whole)
        convert(folder, progress)
        assert {path.name for path in folder.iterdir()} == {*NAMES.values(), NAME}
        with pytest.raises(ConfigError, match="exists already; delete it to convert again"):
            convert(folder, progress)


def test_what_no_database_takes_is_refused_whole(folder: Path) -> None:
    catalogue, attributes = folder / "items_shuffle.json", folder / "items_ins_v2.json"
    records = json.loads(catalogue.read_text())
    catalogue.write_text(json.dumps([*records, {**records[0], "asin": "B\ud800"}]))
    with Progress(disable=True) as progress:
        with pytest.raises(ConfigError, match=r"product 299: found a record that cannot be read \(UnicodeEncodeError"):
            convert(folder, progress)
        attributes.write_text(json.dumps({"B\ud800": {}}))
        with pytest.raises(ConfigError, match=r"cannot be converted \(UnicodeEncodeError"):
            convert(folder, progress)
    assert {path.name for path in folder.iterdir()} == set(NAMES.values())


def test_the_command_says_where_the_store_is_or_what_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["convert", str(folder)])
    main()
    assert "wrote" in capsys.readouterr().err
    (folder / "items_ins_v2.json").unlink()
    shutil.rmtree(folder / NAME)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "found no items_ins_v2*.json in" in capsys.readouterr().err


def test_a_damaged_store_is_named(large: Path, tmp_path: Path) -> None:
    for spoil in ("index", "products.sqlite", "version"):
        store = tmp_path / spoil / NAME
        shutil.copytree(large / NAME, store)
        if spoil == "index":
            shutil.rmtree(store / "index")
        elif spoil == "version":
            file = store / "products.sqlite"
            content = bytearray(file.read_bytes())
            content[60:64] = (9).to_bytes(4, "big")
            file.write_bytes(content)
        else:
            (store / spoil).write_bytes(b"no database" * 1000)
        with pytest.raises(ConfigError, match=r"is no whole store .*delete it and convert again"):
            WebShop(data=str(store.parent)).tasks("test", "easy")


def test_the_store_has_no_synthetic_goals(large: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"goals: synthetic ones of the whole catalogue .*use human ones, or set products"
    ):
        WebShop(data=str(large), goals="synthetic").tasks("test", "easy")


def test_a_missing_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"found no items_shuffle\*\.json in .*expected WebShop's files"):
        WebShop(data=str(tmp_path / "nowhere")).tasks("test", "easy")


def test_more_products_than_fit_into_memory_have_to_be_converted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(official, "MOST_IN_MEMORY", 200)
    with pytest.raises(ConfigError, match=r"more than 200 products; run python -m rftcore_webshop\.convert"):
        official.catalogue(folder, None)
    assert len(official.catalogue(folder, 150)[0]) <= 150


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file ends early, expected \\["),
        (b"{}", "found '{', expected \\["),
        (b"[1", "the file ends early, expected , or \\]"),
        (b'[{"a": 1}, {"b"', "found a broken or unfinished value"),
        (b"[1 2]", "found '2', expected , or \\]"),
        (b"[" + b"1" * 5000 + b"]", "found a value that cannot be read"),
        (b"[nope]", "found a broken or unfinished value"),
        (b"[" + b"[" * 200_000, "found a value nested too deeply"),
        (b'["\xff"]', "cannot go on .*expected text in UTF-8"),
    ],
)
def test_a_broken_file_is_named_with_its_place(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"x\.json, near character \d+: .*{message}"):
        list(json_stream.elements(file))


def test_a_record_or_text_of_over_16_mb_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    for content in ('["' + "a" * (17 << 20) + '"]', "[[" + "1," * (9 << 20) + "1]]"):
        file.write_text(content)
        with pytest.raises(ConfigError, match="found a value of over 16,777,216 characters, expected smaller ones"):
            list(json_stream.elements(file))


def test_values_may_cross_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = [1234567, 'a\\u00e9"]', {"b": [1, 2.5e10, None]}, -17, [], {}, "", True]
    file = tmp_path / "x.json"
    for indent in (None, 2):
        file.write_text(json.dumps(values, indent=indent) + "\n")
        for chunk in (1, 2, 3, 7):
            monkeypatch.setattr(json_stream, "CHUNK", chunk)
            assert list(json_stream.elements(file)) == values
    file.write_text(json.dumps({"k": 12, "l": values}))
    assert dict(json_stream.pairs(file)) == {"k": 12, "l": values}
    file.write_text("{}")
    assert list(json_stream.pairs(file)) == []
