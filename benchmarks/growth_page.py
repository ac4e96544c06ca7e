"""The section of docs/benchmarks.md on growth, and its picture, from benchmarks/results/growth.json."""

from math import log10
from typing import Any

__all__ = ["growth_plot", "growth_section"]

_STEPS = ("read", "encode", "fit", "evaluate", "refit", "write")
_WIDE, _HIGH, _LEFT, _TOP = 300, 220, 60, 30
"""Of one panel in pixels, and the room for its labels."""


_LARGE, _LATER = 15_000, "graph_filter"
"""Items from which `cuvee init` writes a view that the first measurements did not have."""


def growth_section(told: dict[str, Any]) -> str:
    machine, most, slopes = told["machine"], told["most"], told["slopes"]
    last = told["sizes"][-1]
    limits = (
        ("time of the largest", f"{last['wall_s'] / 60:.1f} minutes", last["wall_s"] / 60, most["minutes"], "minutes"),
        ("memory of the largest", f"{last['peak_mb'] / 1000:.1f} GB", last["peak_mb"] / 1000, most["gb"], "GB"),
        ("slope of time", f"{slopes['time']:.2f}", slopes["time"], most["slope"], ""),
        ("slope of memory", f"{slopes['memory']:.2f}", slopes["memory"], most["slope"], ""),
    )
    met = "".join(
        f"| {what} | {shown} | {f'{limit:g} {unit}'.strip()} | {'yes' if value <= limit else '**missed**'} |\n"
        for what, shown, value, limit, unit in limits
    )
    return f"""
## Growth

`cuvee demo DIR --events N` makes a log of N events, N / 10 users and N / 50 items with ready vectors; `cuvee init`
writes the recipe, `cuvee run` does all of it: reads, encodes, chooses, evaluates, refits, writes two bundles and the
report. One thread, {told["date"]}, {machine["cores"]} cores of {machine["cpu"]}, Python {machine["python"]}. The
suggested recipe depends on the size: for a large catalogue its views are sparse, 10,000 users are asked in validation
and test, and there is no verdict.

| what | measured | at most | met |
| --- | --- | --- | --- |
{met}
Slopes are of the logarithms over all sizes, of CPU seconds and of peak memory above what the process holds after its
imports ({last["baseline_mb"]:,} MB); from the last size but one to the last they are {slopes["time_last"]:.2f} and
{slopes["memory_last"]:.2f}.

{_sizes(told)}
{_before(told)}CPU seconds, and peak memory in MB, of each step:

{_steps(told)}
![CPU seconds and memory by events](images/growth.svg)
"""


def _before(told: dict[str, Any]) -> str:
    """Return what has changed in the suggestion since a size was measured, "" where nothing has."""
    old = [s for s in told["sizes"] if s["items"] > _LARGE and _LATER not in s["views"]]
    if not old:
        return ""
    listed = " and ".join(f"{s['events']:,}" for s in old)
    return (
        f"The sizes {listed} were measured before `cuvee init` wrote `{_LATER}` for so many items;\n"
        "what it costs and gives stands under [large catalogues](#large-catalogues).\n\n"
    )


def _sizes(told: dict[str, Any]) -> str:
    head = "| events | users | items | asked | views | CPU s | wall s | peak MB | bundle MB | NDCG@20 (popularity) |\n"
    head += "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    return head + "".join(
        f"| {s['events']:,} | {s['users']:,} | {s['items']:,} | {s['asked']:,} | {', '.join(s['views'])} "
        f"| {s['cpu_s']:.1f} | {s['wall_s']:.1f} | {s['peak_mb']:,} | {s['bundle_mb']:.1f} "
        f"| {s['ndcg@20']['blend']:.3f} ({s['ndcg@20']['popular']:.3f}) |\n"
        for s in told["sizes"]
    )


def _steps(told: dict[str, Any]) -> str:
    head = "| events | " + " | ".join(_STEPS) + " |\n" + "| --- " * (len(_STEPS) + 1) + "|\n"
    rows = []
    for size in told["sizes"]:
        cells = [f"{size['steps'][s]['cpu_s']:.1f} s, {size['steps'][s]['peak_mb']:,}" for s in _STEPS]
        rows.append(f"| {size['events']:,} | " + " | ".join(cells) + " |\n")
    return head + "".join(rows)


def growth_plot(told: dict[str, Any]) -> str:
    """Return an SVG of two panels with logarithmic axes, each with a dashed line of slope 1 through the last point."""
    events = [s["events"] for s in told["sizes"]]
    panels = (
        ("CPU seconds", [s["cpu_s"] for s in told["sizes"]]),
        ("MB above the imports", [s["peak_mb"] - s["baseline_mb"] for s in told["sizes"]]),
    )
    wide = 2 * (_WIDE + _LEFT) + 20
    drawn = "".join(_panel(n, name, events, values) for n, (name, values) in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{_HIGH + _TOP + 40}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>{drawn}</svg>\n'
    )


def _panel(place: int, name: str, events: list[int], values: list[float]) -> str:
    left = _LEFT + place * (_WIDE + _LEFT)
    x0, x1 = log10(events[0]), log10(events[-1])
    y0, y1 = (round(log10(min(values)) - 0.5), round(log10(max(values)) + 0.5))

    def at(x: float, y: float) -> tuple[float, float]:
        return left + (log10(x) - x0) / (x1 - x0) * _WIDE, _TOP + (y1 - log10(y)) / (y1 - y0) * _HIGH

    points = [at(x, y) for x, y in zip(events, values, strict=True)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    start = max(events[0], events[-1] * 10**y0 / values[-1])  # where the line of slope 1 enters the panel
    ends = (at(start, values[-1] * start / events[-1]), points[-1])
    dashed = " ".join(f"{x:.1f},{y:.1f}" for x, y in ends)
    marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#06c"/>' for x, y in points)
    marks += "".join(
        f'<text x="{at(10**y, 1)[0]:.1f}" y="{_TOP + _HIGH + 16}" text-anchor="middle">10^{y}</text>'
        for y in range(round(x0), round(x1) + 1)
    )
    marks += "".join(
        f'<text x="{left - 6}" y="{at(events[0], 10.0**y)[1] + 4:.1f}" text-anchor="end">{10.0**y:g}</text>'
        for y in range(y0, y1 + 1)
    )
    return (
        f'<rect x="{left}" y="{_TOP}" width="{_WIDE}" height="{_HIGH}" fill="none" stroke="#999"/>'
        f'<text x="{left}" y="{_TOP - 10}" font-weight="bold">{name}</text>'
        f'<text x="{left + _WIDE}" y="{_TOP + _HIGH + 32}" text-anchor="end">events</text>'
        f'<polyline points="{dashed}" fill="none" stroke="#999" stroke-dasharray="4 3"/>'
        f'<polyline points="{line}" fill="none" stroke="#06c" stroke-width="2"/>{marks}'
    )
