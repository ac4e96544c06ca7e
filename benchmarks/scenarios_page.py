"""Writes the tables and plots of docs/scenarios from the figures of benchmarks/scenarios.py."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGES = {
    "e-commerce": ("e-commerce-hm", "e-commerce-hm-next-day", "e-commerce-reviews", "e-commerce-demo"),
    "social": ("social-lastfm", "social-ciaodvd"),
    "video": ("video-movielens", "video-ml-100k", "video-ml-100k-last"),
}
"""Page -> the recipes it tells of."""

_BEGIN, _END = "<!-- figures: {name} -->\n", "<!-- end of figures -->"
_LEFT, _WIDTH, _ROW, _TOP = 130, 380, 22, 34
_APART = 40.0
"""Pixels below which two numbers on the axis would touch."""
_HELPS, _OPEN, _HURTS = "#2a7f86", "#90868b", "#a93a62"


def write_pages(results: Mapping[str, Any], folder: Path) -> None:
    """Put the figures of each recipe between its marks in the page, and a plot beside it.

    Raises:
        ValueError: a page has no marks for one of its recipes.
    """
    for page, names in PAGES.items():
        path = folder / f"{page}.md"
        text = path.read_text(encoding="utf-8")
        for name in (name for name in names if name in results):
            begin = _BEGIN.format(name=name)
            if begin not in text:
                raise ValueError(f"{path} has no line {begin.strip()!r}")
            before, rest = text.split(begin, 1)
            text = before + begin + figures(name, results[name]) + _END + rest.split(_END, 1)[1]
            picture = folder.parent / "images" / f"scenario-{name}.svg"
            picture.write_text(plot(results[name]["tests"]), encoding="utf-8")
        if page == "video" and "microlens-samples" in results:
            begin = _BEGIN.format(name="microlens-samples")
            before, rest = text.split(begin, 1)
            text = before + begin + clips(results["microlens-samples"]) + _END + rest.split(_END, 1)[1]
        path.write_text(text, encoding="utf-8")


def clips(found: Mapping[str, Any]) -> str:
    """Return the table of what was encoded of the micro-videos."""
    rows = ["| read | clips with a vector | width | CPU s for all |", "|" + " --- |" * 4]
    rows += [
        f"| {name} | {part['clips']} of {found['files']} | {part['dim']} | {part['encode_seconds']:.1f} |"
        for name, part in found["encoded"].items()
    ]
    return "\n".join(rows) + f"\n\nMeasured on {found['date']}, {found['machine']['cpu']}.\n"


def figures(name: str, found: Mapping[str, Any]) -> str:
    """Return the tables of one recipe."""
    rows = ["| asked | people | popularity | interactions alone | all sources |", "|" + " --- |" * 5]
    for test, told in found["tests"].items():
        whole = told["whole"]
        rows.append(
            f"| {asked(test)} | {whole['n']:,} | {told['popular']:.3f} | {told['without']['all']['left']:.3f} "
            f"| **{whole['difference']:.3f}** ({whole['low']:.3f} .. {whole['high']:.3f}) |"
        )
    rows += ["", _sure(found["tests"]), "", f"![What each source adds to {name}](../images/scenario-{name}.svg)", ""]
    rows += ["| asked | without | NDCG@20 lost | 95 % interval |", "|" + " --- |" * 4]
    for test, told in found["tests"].items():
        for source, lost in told["without"].items():
            gone = "all of them" if source == "all" else source
            interval = f"{lost['low']:+.4f} .. {lost['high']:+.4f}"
            rows.append(f"| {asked(test)} | {gone} | {lost['difference']:+.4f} | {interval} |")
    slices = [_slice(asked(t), s, g) for t, told in found["tests"].items() for s, g in told["slices"].items()]
    if slices:
        rows += ["", "| asked | NDCG@20 by group |", "| --- | --- |", *slices]
    machine = found["machine"]
    rows += [
        "",
        f"Measured on {found['date']}, {machine['cpu']}, {machine['cores']} cores, {found['seconds']:.0f} CPU seconds "
        "for all variants together, vectors from the cache.",
    ]
    return "\n".join(rows) + "\n"


def _sure(tests: Mapping[str, Any]) -> str:
    """Say what each group of people would lose for sure, by intervals above zero."""
    told = []
    for test, found in tests.items():
        gains = {source: lost for source, lost in found["without"].items() if source != "all" and lost["low"] > 0}
        order = sorted(gains, key=lambda source: -gains[source]["difference"])
        told.append(f"{asked(test)}: {', '.join(order) or 'none'}")
    return f"Sources whose gain is above chance: {'; '.join(told)}."


_SLICES = {"HistoryLength": "items in the history", "Siblings": "same product in another colour"}


def asked(test: str) -> str:
    return {"test": "test", "test_warm": "people with a history"}.get(test, test)


def _slice(test: str, name: str, groups: Mapping[str, Any]) -> str:
    told = [
        f"{group}: {e['mean']:.3f} ({e['low']:.3f} .. {e['high']:.3f}, n {e['n']:,})" for group, e in groups.items()
    ]
    return f"| {test}, {_SLICES.get(name, name)} | {'; '.join(told)} |"


def plot(tests: Mapping[str, Any]) -> str:
    """Return one SVG: for each test what is lost without each source, with its interval."""
    rows = sum(len(told["without"]) for told in tests.values())
    height = rows * _ROW + len(tests) * _TOP + 40
    lows = [lost["low"] for told in tests.values() for lost in told["without"].values()]
    highs = [lost["high"] for told in tests.values() for lost in told["without"].values()]
    low, high = min(0.0, *lows), max(0.0, *highs)
    pad = 0.05 * (high - low or 1)
    axis = (low - pad, high + pad)
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 20} {height}" '
        f'width="{_LEFT + _WIDTH + 20}" height="{height}" font-family="system-ui, sans-serif" font-size="11">'
        '<rect width="100%" height="100%" fill="#fffefd"/>'
    ]
    top = 0
    for test, told in tests.items():
        body.append(
            f'<text x="10" y="{top + 20}" font-weight="600" font-size="13" fill="#221b1e">NDCG@20 lost without, '
            f"{asked(test)}</text>"
        )
        top += _TOP
        for source, lost in told["without"].items():
            body.append(_bar(top, "all of them" if source == "all" else source, lost, axis))
            top += _ROW
    x = _place(0.0, axis)
    body.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{top}" stroke="#b9b0ab" stroke-dasharray="3 3"/>')
    for value in (axis[0] + pad, 0.0, axis[1] - pad):
        place = f'x="{_place(value, axis):.1f}" y="{top + 18}"'
        if value == 0 or abs(_place(value, axis) - x) > _APART:
            shown = "0" if value == 0 else f"{value:+.4f}"
            body.append(f'<text {place} text-anchor="middle" fill="#665c61">{shown}</text>')
    return "\n".join([*body, "</svg>\n"])


def _bar(top: int, source: str, lost: Mapping[str, float], axis: tuple[float, float]) -> str:
    colour = _HELPS if lost["low"] > 0 else _HURTS if lost["high"] < 0 else _OPEN
    left, middle, right = (_place(lost[key], axis) for key in ("low", "difference", "high"))
    y = top + _ROW / 2
    return (
        f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end" fill="#221b1e">{source}</text>'
        f'<line x1="{left:.1f}" x2="{right:.1f}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"/>'
        f'<circle cx="{middle:.1f}" cy="{y}" r="4" fill="{colour}"/>'
    )


def _place(value: float, axis: tuple[float, float]) -> float:
    return _LEFT + _WIDTH * (value - axis[0]) / (axis[1] - axis[0])
