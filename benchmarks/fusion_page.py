"""Writes docs/fusion.md and its plots from the figures of benchmarks/fusion.py."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_COLOURS = ("#90868b", "#a93a62", "#2a7f86", "#b9770f", "#4a6fb5")
_WIDTH, _HEIGHT, _LEFT, _TOP = 300, 190, 46, 28

_HEAD = """# Which fusion?

Made by `python benchmarks/fusion.py`; do not edit. NDCG@20 on the test set, mean over users of their mean over {seeds}
seeds. Everything was chosen on validation, the best single modality of each column too; differences are to it, paired
user by user, with 95 % bootstrap intervals. Seconds are CPU seconds of one fit, choices included.

- **Frozen**: the fused vectors inside the closed form `content_ease`, its weight of content tried at 10, 30 and 100.
- **Jointly trained**: `two_tower` with the fusion's network.
- **Score level**: both single-modality models of the column, z-scored and blended with weights from validation.
"""


def write_page(results: Mapping[str, Any], path: Path) -> None:
    """Write the page, and a plot a data set beside it."""
    parts = [_HEAD.format(seeds=min(figures["seeds"] for figures in results.values())), _short(results)]
    for name, figures in results.items():
        parts.append(f"## {name}\n")
        for column, title in (("frozen", "Frozen"), ("joint", "Jointly trained")):
            parts.append(_table(figures[column], title))
        if "robust" in figures:
            picture = path.parent / "images" / f"fusion-{name}.svg"
            picture.parent.mkdir(exist_ok=True)
            picture.write_text(_plots(figures["robust"]), encoding="utf-8")
            parts.append(
                "What happens when one modality is missing, or holds other items' vectors, at a share of the items "
                "(frozen, seed 0; grey is that modality alone):\n\n"
                f"![NDCG@20 of {name} by the share of items hit](images/{picture.name})\n"
            )
            parts.append(_robust_table(figures["robust"]))
        if "imputed" in figures:
            parts.append(_imputed(figures["imputed"]))
        machine, versions = figures["machine"], figures["machine"]["versions"]
        told = ", ".join(f"{k} {v}" for k, v in versions.items())
        parts.append(
            f"Measured on {figures['date']}, {machine['cpu']}, {machine['cores']} cores, threads: "
            f"{machine['threads']}, Python {machine['python']}, {told}.\n"
        )
    path.write_text("\n".join(parts), encoding="utf-8")


def _short(results: Mapping[str, Any]) -> str:
    """Say for each set and column what is ahead of the best single modality for sure, and what is behind."""
    rows = ["## In short\n"]
    for name, figures in results.items():
        for column, title in (("frozen", "frozen"), ("joint", "jointly trained")):
            best, forms = figures[column]["best"], figures[column]["forms"]
            gains = {form: f["over_best"] for form, f in forms.items() if form != best}
            share = {form: f"{form} {100 * g['difference'] / forms[best]['test']:+.1f} %" for form, g in gains.items()}
            told = [form for form in gains if not share[form].endswith("0.0 %")]
            ahead = [share[form] for form in told if gains[form]["low"] > 0]
            behind = [share[form] for form in told if gains[form]["high"] < 0]
            said = f"ahead of {best} for sure: {', '.join(ahead) or 'none'}"
            rows.append(f"- **{name}, {title}**: {said}" + (f"; behind: {', '.join(behind)}." if behind else "."))
    return "\n".join(rows) + "\n"


def _table(column: Mapping[str, Any], title: str) -> str:
    rows = [f"| {title} | validation | test | over {column['best']} | 95 % interval | CPU s |", "|" + " --- |" * 6]
    for form, f in column["forms"].items():
        gain = f["over_best"]
        own = form == column["best"]
        ratio = "" if own else f"{gain['difference']:+.4f}"
        interval = "" if own else f"{gain['low']:+.4f} to {gain['high']:+.4f}"
        rows.append(f"| {form} | {f['valid']:.4f} | {f['test']:.4f} | {ratio} | {interval} | {f['seconds']:.1f} |")
    return "\n".join(rows) + "\n"


def _robust_table(robust: Mapping[str, Any]) -> str:
    shares = robust["shares"]
    rows = [
        "| hit | form | " + " | ".join(f"{100 * s:.0f} %" for s in shares) + " |",
        "|" + " --- |" * (2 + len(shares)),
    ]
    for how in ("missing", "wrong"):
        for modality, curves in robust[how].items():
            for form, values in curves.items():
                rows.append(f"| {modality} {how} | {form} | " + " | ".join(f"{v:.4f}" for v in values) + " |")
    return "\n".join(rows) + "\n"


def _imputed(imputed: Mapping[str, Any]) -> str:
    rows = [
        "Half of the items miss the modality; what is put there (`impute` in a recipe), `content_ease` on it alone:\n"
    ]
    rows += ["| modality | left missing | mean | neighbours |", "| --- | --- | --- | --- |"]
    rows += [f"| {m} | {f['zero']:.4f} | {f['mean']:.4f} | {f['neighbours']:.4f} |" for m, f in imputed.items()]
    return "\n".join(rows) + "\n"


def _plots(robust: Mapping[str, Any]) -> str:
    """Return one SVG: a row for missing, a row for wrong, a panel a modality."""
    cases = [(how, m, curves) for how in ("missing", "wrong") for m, curves in robust[how].items()]
    columns = len(robust["missing"])
    values = [v for _, _, curves in cases for line in curves.values() for v in line]
    low, high = min(values), max(values)
    pad = 0.08 * (high - low or 1)
    width, height = columns * (_WIDTH + _LEFT + 90), 2 * (_HEIGHT + _TOP + 40)
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fffefd"/>'
    ]
    for n, (how, modality, curves) in enumerate(cases):
        at = (n % columns * (_WIDTH + _LEFT + 90) + _LEFT, n // columns * (_HEIGHT + _TOP + 40) + _TOP)
        body.append(_panel(at, f"{modality} {how}", robust["shares"], curves, (low - pad, high + pad)))
    return "\n".join([*body, "</svg>\n"])


def _panel(
    at: tuple[int, int], title: str, shares: list[float], curves: Mapping[str, list[float]], axis: tuple[float, float]
) -> str:
    left, top = at
    low, high = axis

    def place(share: float, value: float) -> tuple[float, float]:
        return left + share * _WIDTH, top + _HEIGHT * (high - value) / (high - low)

    found = [f'<text x="{left}" y="{top - 10}" font-weight="600" font-size="13" fill="#221b1e">{title}</text>']
    for step in range(5):
        value = low + (high - low) * step / 4
        x, y = place(0, value)
        found.append(f'<line x1="{x}" x2="{x + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ece5e0"/>')
        found.append(f'<text x="{x - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#665c61">{value:.3f}</text>')
    for share in shares:
        x, y = place(share, low)
        found.append(f'<text x="{x}" y="{y + 16}" text-anchor="middle" fill="#665c61">{100 * share:.0f} %</text>')
    ends = _apart([(place(shares[-1], line[-1])[1], form) for form, line in curves.items()])
    for (form, line), colour in zip(curves.items(), _COLOURS, strict=False):
        points = " ".join("{:.1f},{:.1f}".format(*place(s, v)) for s, v in zip(shares, line, strict=True))
        found.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x = place(shares[-1], 0)[0] + 8
        found.append(f'<text x="{x:.1f}" y="{ends[form] + 4:.1f}" fill="{colour}">{form}</text>')
    return "\n".join(found)


def _apart(ends: list[tuple[float, str]]) -> dict[str, float]:
    """Return heights for the labels at the ends of lines, at least 13 apart."""
    found: dict[str, float] = {}
    last = float("-inf")
    for height, form in sorted(ends):
        last = max(height, last + 13)
        found[form] = last
    return found
