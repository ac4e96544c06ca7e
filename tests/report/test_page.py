"""The page of a run, read back as HTML."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from cuvee.models.blend import Blend
from cuvee.models.ease import Ease
from cuvee.models.popular import Popular
from cuvee.pipeline import Run
from cuvee.plain_yaml import load
from cuvee.recipe import read_recipe
from cuvee.report.page import write_report
from cuvee.report.phrases import number, spread, title
from cuvee.statistics import Paired
from tests.runs import small_run

VOID = {"meta", "img", "br", "hr", "input", "link"}
HURT = Paired(-0.03, -0.05, -0.01, 0.01, 37)
PLANTED = "<script>alert('1')</script> & \"more\""


@dataclass
class Page(HTMLParser):
    """The elements of a page with their text; complains of tags that do not match."""

    tags: list[tuple[str, Mapping[str, str | None]]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    """(path of open tags, text without line breaks)."""
    raw: list[tuple[str, str]] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.raw.append(("/".join(self.stack), data))
        if data.strip():
            self.texts.append(("/".join(self.stack), " ".join(data.split())))

    def all(self, tag: str) -> list[Mapping[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self, inside: str = "") -> str:
        return " ".join(text for path, text in self.texts if f"/{inside}" in f"/{path}/" or not inside)

    def classed(self, name: str) -> int:
        return sum(name in (attributes.get("class") or "").split() for _, attributes in self.tags)


def read(done: Run, folder: Path) -> Page:
    write_report(done, folder / "report.html")
    page = Page()
    page.feed((folder / "report.html").read_text(encoding="utf-8"))
    assert page.stack == []
    return page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def done(folder: Path) -> Run:
    """Every title is hostile or Chinese, so that whatever is shown shows one of them."""
    return small_run(folder, titles={i: f"{PLANTED} {i}" if i % 2 else f"复古台灯 {i}" for i in range(23)}, loss=HURT)


@pytest.fixture(scope="module")
def page(done: Run, folder: Path) -> Page:
    return read(done, folder)


def test_first_line_tells_the_gain(done: Run, folder: Path) -> None:
    """Claim, both means, difference, interval and number of users, from the run's own figures."""
    run = replace(done, gain={"test": Paired(0.117, 0.104, 0.13, 0.0, 37)})
    ours, theirs = run.tests["test"].summary["ndcg@5"].mean, run.popular["test"].summary["ndcg@5"].mean
    figures = f"NDCG@5 {number(ours)} against {number(theirs)}; +0.117, 95 % interval 0.104 to 0.130, 37 users."
    found = read(run, folder).text("h1")
    assert found.startswith("Recommendations are ")
    assert found.endswith(figures)


@pytest.mark.parametrize(("low", "high"), [(-0.01, 0.05), (0.0, 0.0)])
def test_first_line_is_honest(done: Run, folder: Path, low: float, high: float) -> None:
    run = replace(done, gain={"test": Paired(0.02, low, high, 0.2, 37)})
    assert "are no better than a popularity list, as far as these 37 users can tell" in read(run, folder).text("h1")


def test_each_test_set_has_its_line(folder: Path) -> None:
    run = small_run(folder, tests=("test_warm", "test_cold_among_cold"), loss=HURT)
    gain = {"test_warm": Paired(0.1, 0.05, 0.15, 0.0, 37), "test_cold_among_cold": Paired(-0.1, -0.2, -0.05, 0.0, 37)}
    found = read(replace(run, gain=gain), folder)
    assert "Measured on test warm." in found.text("h1")
    assert "Test cold among cold: Recommendations are worse than a popularity list" in found.text("header")
    assert found.text("main").count("text hurts here") == 2


def test_escapes(page: Page) -> None:
    """Names stand there as they are written, and none becomes an element."""
    assert PLANTED in page.text("main")
    assert "复古台灯" in page.text("main")
    assert any(PLANTED in (image["alt"] or "") for image in page.all("img"))
    assert page.all("script") == []


def test_asks_the_network_for_nothing(page: Page, folder: Path) -> None:
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            value = attributes.get(name) or ""
            assert not value or value.startswith(("data:image/", "#")), (tag, value)
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|url\(", text)
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_same_run_same_bytes(done: Run, folder: Path) -> None:
    write_report(done, folder / "a.html")
    write_report(done, folder / "b.html")
    assert (folder / "a.html").read_bytes() == (folder / "b.html").read_bytes()


def test_all_figures(done: Run, page: Page) -> None:
    """Every metric of every list stands in a table, with its interval; so does every group of every slice."""
    cells = [text for path, text in page.texts if path.endswith(("/td", "/td/i", "/th"))]
    for summary in (done.tests["test"].summary, done.popular["test"].summary, done.valid.summary):
        for label, e in summary.items():
            assert title(label) in cells
            assert number(e.mean) in cells
            assert spread(e) in cells or e.low is None
    for groups in done.tests["test"].slices.values():
        for group, found in groups.items():
            assert group in cells
            assert all(number(e.mean) in cells for e in found.values())


def test_what_each_part_is_worth(page: Page) -> None:
    text = page.text("main")
    assert "Without text, NDCG@5 rises by 0.030 (0.010 to 0.050): text hurts here." in text
    assert "text weight 33 %" in text
    weights = [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg" and "aria-label" in attributes]
    assert {"ease: 67 %", "content (text): 33 %", "popular: 0 %"} <= set(weights)


def test_charts_and_pictures_have_words(page: Page) -> None:
    """Every drawing is named or hidden, every picture has its size and an alternative."""
    hidden = 0
    for svg in page.all("svg"):
        hidden += "aria-label" not in svg
        assert "aria-label" not in svg or (svg["role"] == "img" and svg["aria-label"])
    assert hidden < len(page.all("svg")) / 4  # axes and colour keys
    for image in page.all("img"):
        assert image["alt"]
        assert image["width"]
        assert image["height"]
    assert page.text("details").count("As a table") == 2
    anchors = {a.get("href", "") for a in page.all("a")}
    assert anchors == {f"#{s['id']}" for s in page.all("section")}


def test_people(page: Page) -> None:
    """Six users; every hit is marked, and what has no picture has a place in its stead."""
    shown = re.findall(r"found (\d+) of \d+ in the first (\d+)", page.text("article"))
    assert len(shown) == 6
    assert page.text("article").count("✓ chosen") == sum(int(hits) for hits, _ in shown) > 0
    assert page.classed("picture") == len(page.all("img")) + page.classed("blank")
    assert page.classed("blank") > 0
    assert "because of" in page.text("article")


def test_how_it_was_made(done: Run, page: Page) -> None:
    """The recipe on the page reads back as the one that ran; seconds and seed are told."""
    recipe = next(text for path, text in page.raw if path.endswith("/pre"))
    assert read_recipe(load(recipe), Path()) == done.recipe
    assert "Seconds 0.2 1.5 1.8" in page.text("main")
    assert "Share of popularity" not in page.text("main")  # this blend was given none
    assert "seed 0" in page.text("footer")


def test_a_blend_that_leans_on_popularity(folder: Path) -> None:
    """Its shares are told, and popularity is the grey part of every score."""
    blend = Blend((Ease(l2=1.0),), weights=(1.0,), shares=(1.0, 0.5, 0.25, 0.5, 0.75))
    found = read(small_run(folder, model=blend), folder)
    assert "Share of popularity 100 % 50 % 25 % 50 % 75 %" in found.text("main")
    parts = [text for path, text in found.texts if path.endswith("/section/ul/li")]
    assert sorted(parts) == ["chosen by people with this taste", "popular"]
    assert found.classed("part-1") > 10
    assert found.classed("part-0") > 10


def test_a_plain_run(folder: Path) -> None:
    """No blend, no modality, no slice, no reasons: what there is to tell is told."""
    run = small_run(folder, model=Popular())
    bare = replace(run, tests={"test": replace(run.tests["test"], slices={})})
    found = read(bare, folder)
    assert "No modality was left out" in found.text("main")
    assert "Weights of the views" not in found.text()
    assert "because of" not in found.text()
    assert {a.get("href") for a in found.all("a")} == {"#quality", "#worth", "#people", "#making"}


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_contrast() -> None:
    """WCAG AA in both schemes: 4.5 for text, 3 for what a chart is drawn with."""
    style = (files("cuvee.report") / "templates" / "report.css").read_text(encoding="utf-8")
    schemes = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, re.S)
    ]
    assert len(schemes) == 2
    for scheme in schemes:
        for text in ("ink", "muted", "wine"):
            for ground in ("paper", "card", "even-tint"):
                assert contrast(scheme[text], scheme[ground]) >= 4.5, (text, ground)
        assert contrast(scheme["good"], scheme["good-tint"]) >= 4.5
        assert contrast(scheme["bad"], scheme["bad-tint"]) >= 4.5
        for mark in ("ours", "base", "whisker", *(f"part-{n}" for n in range(1, 7))):
            assert contrast(scheme[mark], scheme["card"]) >= 3, mark
