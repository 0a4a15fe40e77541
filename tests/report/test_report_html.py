"""The page holds every figure, nothing untrusted, and refers to nothing outside itself."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rftcore.errors import RunError
from rftcore.report.figures import percent
from rftcore.report.html import render, write_html
from rftcore.schemas.report import Axes, Report, StageReport

ATTACK = "</script><img src=x onerror=alert(1)>\u2028<!--"


class Page(HTMLParser):
    """The elements of a page, and the text of its scripts and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag if tag in self.raw else ""
        if self.inside:
            self.raw[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.raw[self.inside][-1] += data

    def all(self, name: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            attributes
            for tag, attributes in self.elements
            if tag == name and all(attributes.get(key) == value for key, value in wanted.items())
        ]


@pytest.fixture(scope="module")
def page(study: tuple[Path, Report]) -> str:
    return write_html(*study).read_text(encoding="utf-8")


def test_every_cell_of_every_axis_is_a_button_with_its_score(study: tuple[Path, Report], page: str) -> None:
    report = study[1]
    shown = sum(len(cells) for cells in (report.axes.difficulty, report.axes.transfer, report.axes.sequence))
    buttons = [element for element in Page(page).all("button") if "data-cell" in element]
    assert len(buttons) == shown + 3 * len(report.references)
    labels = [button["aria-label"] or "" for button in buttons]
    for cell in report.axes.transfer:
        start = f"{cell.train} on {cell.environment} {cell.difficulty}: {percent(cell.avg_at_k)} % success"
        assert any(label.startswith(start) for label in labels)


def test_every_button_has_evidence_and_equal_cells_share_it(study: tuple[Path, Report], page: str) -> None:
    parsed = Page(page)
    evidence: dict[str, Any] = json.loads(parsed.raw["script"][0])
    anchors = {button["data-cell"] for button in parsed.all("button") if "data-cell" in button}
    assert anchors == set(evidence["cells"])
    assert len(anchors) == 9 * 6 + 2 * 6
    first = evidence["cells"]["cell-1"]
    assert first["said"].startswith("6 of 64 trajectories shown")
    assert {len(found) for found in evidence["files"].values()} == {6}


def test_the_policy_admits_this_style_and_script_and_no_network(page: str) -> None:
    parsed = Page(page)
    (policy,) = (meta["content"] or "" for meta in parsed.all("meta") if "http-equiv" in meta)
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (parsed.raw["style"][0], parsed.raw["script"][1])
    ]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_the_page_refers_to_nothing_outside_itself(page: str) -> None:
    parsed = Page(page)
    names = {tag for tag, _ in parsed.elements}
    assert not names & {"link", "img", "iframe", "object", "embed", "base", "form"}
    assert all("src" not in attributes and "style" not in attributes for _, attributes in parsed.elements)
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in parsed.elements)
    assert not re.search(r"https?://|@import|url\(", page)


def test_what_agents_and_authors_write_stays_text(tmp_path: Path, small: Callable[..., Report]) -> None:
    turn = {"observation": ATTACK, "text": ATTACK, "action": ATTACK, "reward": 0.0, "valid": True}
    task = {"environment": ATTACK, "id": ATTACK, "split": "test", "difficulty": "easy", "seed": 0}
    line = {
        "task": task,
        "sample": 0,
        "turns": [turn],
        "status": "timeout",
        "ret": 0.0,
        "success": False,
        "error": ATTACK,
    }
    (tmp_path / "maze.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    report = small(train=ATTACK, environment=ATTACK, difficulty=ATTACK).model_copy(
        update={
            "study": {"name": ATTACK, "id": ATTACK, "config": {ATTACK: ATTACK}},
            "provenance": {ATTACK: ATTACK, "versions": {ATTACK: ATTACK}, "model": ATTACK},
            "facts": {ATTACK: {ATTACK: ATTACK}},
            "notes": [ATTACK],
            "summary": [{"train": ATTACK, "held_in": 0.1, "held_in_delta": 0.1}],
            "stages": [
                StageReport(
                    name=ATTACK, parent=ATTACK, pools=[ATTACK], budget={ATTACK: 1}, backward=0.0,
                    forward=None, largest_drop=None,
                    curve=[{"update": 1, "success": 0.5}], warnings=[ATTACK],
                )
            ],
        }
    )  # fmt: skip
    page = write_html(tmp_path, report).read_text(encoding="utf-8")
    parsed = Page(page)
    assert "<img" not in page
    assert parsed.all("img") == []
    assert len(parsed.raw["script"]) == 2
    assert not any(key.startswith("on") for _, attributes in parsed.elements for key in attributes)
    assert json.loads(parsed.raw["script"][0])["texts"].count(ATTACK) == 1


def test_private_answers_do_not_leave_the_file(study: tuple[Path, Report], page: str) -> None:
    folder, report = study
    assert "PRIVATE-ANSWER" in (folder / report.axes.transfer[0].trajectories).read_text(encoding="utf-8")
    assert "PRIVATE-ANSWER" not in page


def test_the_page_of_a_study_of_66_cells_is_below_a_megabyte(page: str) -> None:
    assert len(page.encode()) < 1_000_000


def test_equal_reports_give_equal_pages(study: tuple[Path, Report], page: str) -> None:
    assert write_html(*study).read_text(encoding="utf-8") == page


def test_plots_findings_and_limits_stand_in_the_page(page: str) -> None:
    parsed = Page(page)
    assert len(parsed.all("svg")) == 8 + 1 + 3 * 6 + 1 + 2 + 8  # means and scale, scores, chains, learning curves
    sections = {part.split('"', 2)[1]: part for part in page.split("<section id=")[1:]}
    assert list(sections) == ["findings", "difficulty", "transfer", "sequence", "training", "accounts", "run"]
    for place, text in sections.items():
        assert parsed.all("a", href=f"#{place}")
        assert ("Minimum detectable difference" in text) is (place not in ("training", "accounts", "run"))


def test_a_loss_is_orange_and_a_gain_blue_and_small_changes_have_no_colour(small: Callable[..., Report]) -> None:
    def classes(change: float) -> str:
        return (Page(render(small(delta_vs_base=change), {})).all("td")[1]["class"] or "").removeprefix("own").strip()

    assert [classes(change) for change in (0.26, -0.26, 0.024, -0.9)] == ["gain s5", "loss s5", "", "loss s10"]


def test_a_ring_is_solid_where_a_checkpoint_was_trained_and_dashed_on_another_difficulty(page: str) -> None:
    section = page.split('<section id="difficulty"')[1].split("</section>")[0]
    kinds = [(cell.get("class") or "").split(" ")[0] for cell in Page(section).all("td") if cell.get("class")]
    # textcraft:easy and textcraft:hard have one of each, and easy-then-hard two solid ones
    assert (kinds.count("own"), kinds.count("near")) == (4, 2)


def test_headline_figures_are_significant_or_say_that_nothing_is(small: Callable[..., Report]) -> None:
    def tiles(report: Report) -> str:
        return re.sub(r"<[^>]+>", " ", render(report, {}).split('class="tiles"')[1].split('class="notes"')[0])

    assert "+20.0" in tiles(small(delta_vs_floor=0.1, p_vs_floor_adjusted=0.5))
    assert "+10.0 from random play" in tiles(small(delta_vs_floor=0.1, p_vs_floor_adjusted=0.5))
    assert "+20.0" not in tiles(small(p_adjusted=0.2)).split("detectable")[0]


def test_floor_and_ceiling_have_no_colour_and_no_change(study: tuple[Path, Report], page: str) -> None:
    assert all(cell.delta_vs_base is not None for cell in study[1].references)
    transfer = page.split('<section id="transfer"')[1]
    references = Page(transfer.split('<tbody class="references">')[1].split("</tbody>")[0])
    cells = references.all("td")
    assert len(cells) == 3 * 6
    assert not any("gain" in (cell.get("class") or "") or "loss" in (cell.get("class") or "") for cell in cells)
    assert references.all("span", **{"class": "change"}) == []


def test_means_show_success_and_change_and_do_not_mistake_one_for_the_other(small: Callable[..., Report]) -> None:
    row = {"train": "maze", "held_in": 0.61, "held_in_delta": 0.2, "held_in_delta_ci_low": 0.1,
           "held_in_delta_ci_high": 0.3, "held_out": None, "held_out_delta": None}  # fmt: skip
    page = render(small().model_copy(update={"summary": [row]}), {})
    body = re.sub(r"<[^>]+>", " ", page.split('<table class="means"')[1].split("<tbody>")[1].split("</tbody>")[0])
    assert body.split() == ["maze", "61.0", "+20.0", "+10", "to", "+30", "\u2013", "\u2013"]


def test_missing_trajectories_are_said_to_be_missing(tmp_path: Path, small: Callable[..., Report]) -> None:
    page = write_html(tmp_path, small()).read_text(encoding="utf-8")
    cells = json.loads(Page(page).raw["script"][0])["cells"]
    assert cells["cell-2"]["said"] == "The file with this cell's trajectories is not in the run folder."


def test_a_report_with_nothing_in_it_is_still_a_page(tmp_path: Path, small: Callable[..., Report]) -> None:
    empty = small().model_copy(update={"axes": Axes(), "minimum_detectable": None})
    page = write_html(tmp_path, empty).read_text(encoding="utf-8")
    assert page.count("This study has no checkpoint on this axis.") == 3
    assert "No stage was trained." in page


def test_a_cell_whose_samples_were_all_lost_has_dashes_and_no_zero(
    tmp_path: Path, small: Callable[..., Report]
) -> None:
    lost = dict.fromkeys(
        ("avg_at_k", "ci_low", "ci_high", "pass_at_k", "delta_vs_base", "delta_ci_low", "delta_ci_high", "p_value",
         "p_adjusted", "minimum_detectable", "turns", "generated_tokens", "invalid_rate")
    )  # fmt: skip
    page = write_html(tmp_path, small(**lost, masked=20)).read_text(encoding="utf-8")
    label = next(b["aria-label"] or "" for b in Page(page).all("button") if b.get("data-cell") == "cell-2")
    assert "20 samples masked" in label
    assert "0.0" not in label


def test_a_folder_that_cannot_be_written_is_an_error_with_advice_and_keeps_the_old_page(
    tmp_path: Path, small: Callable[..., Report]
) -> None:
    blocked = tmp_path / "report.html"
    blocked.mkdir()
    with pytest.raises(RunError, match="cannot be written"):
        write_html(tmp_path, small())
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert stat.S_ISDIR(blocked.stat().st_mode)
