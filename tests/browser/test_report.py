"""The page of a run in a real browser: it shows, it fits, and it asks nobody for anything."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cuvee.model_verdict import Worth
from cuvee.new_items import Finding
from cuvee.report.page import write_report
from cuvee.report.verdict_page import write_verdict
from cuvee.statistics import Paired
from tests.runs import small_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)

_CONTRASTS = """() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const over = ([r, g, b, a = 1], under) => [r, g, b].map((v, n) => a * v + (1 - a) * under[n]);
  const light = rgb => rgb.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [.2126, .7152, .0722][n], 0);
  const grounds = e => {
    if (!e) return [[255, 255, 255]];
    const style = getComputedStyle(e);
    const stops = style.backgroundImage.match(/rgba?\\([^)]*\\)/g);
    if (stops) return stops.map(parse).map(s => over(s, [255, 255, 255]));
    const own = parse(style.backgroundColor);
    return own.length === 3 ? [own] : grounds(e.parentElement).map(under => over(own, under));
  };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const text = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join('');
    if (!text || !e.getClientRects().length) continue;
    const style = getComputedStyle(e), colour = parse(e instanceof SVGElement ? style.fill : style.color);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    for (const ground of grounds(e)) {
      const [low, high] = [light(over(colour, ground)), light(ground)].sort((a, b) => a - b);
      const ratio = (high + .05) / (low + .05);
      if (ratio < (large ? 3 : 4.5)) found.push([text, ratio]);
    }
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed; on Debian: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=_FLAGS.split())
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    titles = {4: "一个很长的名字" * 9, 5: "Unbreakable" * 12, 6: "<b>bold</b>"}
    tests = ("test_warm", "test_cold_among_cold")
    done = small_run(folder, titles=titles, tests=tests, loss=Paired(0.03, 0.01, 0.05, 0.01, 37))
    write_report(done, folder / "report.html")
    return folder / "report.html"


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[1280, 390])
def page(request: pytest.FixtureRequest, browser: "Browser", report: Path, scheme: str) -> "Iterator[Page]":
    """The page, opened in a window of that width; what it asks for and complains of is checked at the end."""
    context = browser.new_context(
        viewport={"width": request.param, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    opened = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda sent: asked.append(sent.url))
    opened.goto(report.as_uri())
    yield opened
    assert complaints == []
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    context.close()


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of verdicts: one that helps, one that hurts, one with a long name that does nothing; a pair."""
    path = tmp_path_factory.mktemp("verdict") / "verdict.html"
    sure, none, bad = (
        Paired(0.02, 0.01, 0.03, 0.001, 900),
        Paired(0, -0.01, 0.01, 0.9, 900),
        Paired(-0.02, -0.03, -0.01, 0, 900),
    )
    worths = [
        Worth(name, "test_cold_among_cold", group, 0.4, 0.2, gain, gain, sure, p, (gain.difference or 0,) * 3)
        for group in ("everybody", "short histories")
        for name, gain, p in (
            ("text", sure, 0.01),
            ("a very long name of one modality", none, 1.0),
            ("image", bad, 0.01),
        )
    ]
    told = [Finding(("text",), sure, 0.01, (0.02,)), Finding(("text", "image"), none, 1.0, (0.0,))]
    write_verdict(path, "<shop>", "ndcg@20", worths, told)
    return path


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_of_a_verdict(browser: "Browser", verdict: Path, scheme: str, width: int) -> None:
    """No complaint, no request, nothing sticks out, every text has contrast, dots stand where their values are."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    opened, complaints = context.new_page(), []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda sent: complaints.append(sent.url) if sent.url != verdict.as_uri() else None)
    opened.goto(verdict.as_uri())
    opened.eval_on_selector_all("details", "found => found.forEach(d => d.open = true)")
    assert complaints == []
    assert opened.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert opened.evaluate(_CONTRASTS) == []
    assert opened.inner_text("h1").startswith("Text earns its keep")
    tags = opened.eval_on_selector_all("#model .verdicts .tag", "found => found.map(t => t.textContent)")
    assert tags == ["helps", "no effect seen", "hurts"] * 2
    places = opened.eval_on_selector_all(
        "#model .card circle", "found => found.slice(0, 9).map(c => c.getBoundingClientRect().x)"
    )
    assert places[6] < places[3] < places[0], "what hurts stands left of nothing, what helps right of it"
    context.close()


def test_pictures_decode(page: "Page") -> None:
    sizes = page.eval_on_selector_all("img", "found => found.map(i => [i.complete, i.naturalWidth, i.clientWidth])")
    assert len(sizes) > 30
    assert all(complete and natural > 0 and drawn > 0 for complete, natural, drawn in sizes)


def test_fits_the_window(page: "Page") -> None:
    """Nothing sticks out sideways, tables and recipe opened; wide tables scroll in their own box."""
    page.eval_on_selector_all("details", "found => found.forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("document.querySelectorAll('details[open] table').length") > 3


def test_contrast(page: "Page") -> None:
    """WCAG AA of every visible text on what it stands on."""
    page.eval_on_selector_all("details", "found => found.forEach(d => d.open = true)")
    assert page.evaluate(_CONTRASTS) == []


def test_bars_are_drawn_to_scale(page: "Page") -> None:
    """The two bars of a panel are as long as their values, in pixels of this window."""
    panels = page.eval_on_selector_all(
        "#quality .card",
        """found => found.map(card => [...card.querySelectorAll('.bar')].map(bar =>
             [bar.lastElementChild.textContent, bar.querySelector('rect').getBoundingClientRect().width]))""",
    )
    assert len(panels) == 10
    for (ours, long), (theirs, short) in panels:
        assert long / short == pytest.approx(float(ours) / float(theirs), rel=0.05)


def test_follows_the_colour_scheme(page: "Page", scheme: str) -> None:
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(int(v) for v in ground[4:-1].split(",")) < 60) == (scheme == "dark")
