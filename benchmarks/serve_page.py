"""docs/serving-figures.md from benchmarks/results/serve.json: goals beside figures, misses said as such."""

from typing import Any

__all__ = ["serving_page"]

_NAMES = {
    "plain, cached": ("without reasons", 25),
    "plain, own": ("without reasons, every request a filter of its own", 25),
    "reasons, cached": ("with reasons", 40),
    "reasons, own": ("with reasons, every request a filter of its own", 40),
}
"""Measurement -> how it is told, and at most how many ms its p99 may be."""
_MOST = 300


def serving_page(told: dict[str, Any]) -> str:
    machine, (size, *others) = told["machine"], told["sizes"]
    versions = ", ".join(f"{name} {number}" for name, number in told["versions"].items())
    return f"""# The service under load

`make bench-serve` measures a real `cuvee serve` on made-up numbers: items with a vector of 64 numbers, title, price and
category, {told["users"]:,} people with 4 events in the bundle and 6 that came since, in SQLite. Every request asks for
10 items for somebody drawn anew, through a filter on price and category, `unseen`, a blend of `item_knn`, `content` and
`popular` over the whole catalogue, and `diversity`. The load comes from a process beside the service on the same
machine, open-loop: requests are sent when they are due, Poisson, and milliseconds count from then. Keys are checked,
answers are written down.

{told["date"]}, {machine["cores"]} cores of {_short(machine["cpu"])} for service and load together,
Python {machine["python"]}, {versions};
{told["seconds"]:g} seconds a row, a fifth of that for other sizes.

## Recommendations, {int(size):,} items

{_answers(told["sizes"][size])}
A filter that was asked for before is not evaluated again, whoever asks; nothing else of an answer is kept for another.

## Other sizes, also at 100 requests a second

{_others({items: told["sizes"][items] for items in others})}
## Events, while 50 recommendations a second go on

{_events(told)}
## Memory

{_memory(told["memory"])}"""


def _short(cpu: str) -> str:
    return "an AMD EPYC" if "EPYC" in cpu else cpu


def _reached(hit: bool) -> str:
    return "yes" if hit else "**missed**"


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |\n"


def _header(*cells: str) -> str:
    return _row(*cells) + _row(*["---"] * len(cells))


def _failed(found: dict[str, Any], fine: str = "200") -> int:
    return sum(number for status, number in found["statuses"].items() if status != fine)


def _answers(by_workers: dict[str, Any]) -> str:
    rows = _header(
        "100 requests a second", "processes", "p50 ms", "p95", "p99", "most", "failed", "p99 goal", "reached"
    )
    for workers, found in by_workers.items():
        for key, (name, goal) in _NAMES.items():
            f = found[key]
            hit = f["p99"] <= goal and not _failed(f)
            rows += _row(name, workers, f["p50"], f["p95"], f["p99"], f["max"], _failed(f), goal, _reached(hit))
    rows += "\n" + _header("as many as can be had", "processes", "requests a second", "failed", "goal", "reached")
    for workers, found in by_workers.items():
        f, r = found["most"], found["most, reasons"]
        hit = f["rate"] >= _MOST and not _failed(f)
        rows += _row("without reasons", workers, f["rate"], _failed(f), _MOST, _reached(hit))
        rows += _row("with reasons", workers, r["rate"], _failed(r), "", "")
    return rows


def _others(sizes: dict[str, Any]) -> str:
    rows = _header("items", "processes", "p50 ms", "p99 ms", "with reasons: p50", "p99", "requests a second at most")
    for items, by_workers in sizes.items():
        for workers, found in by_workers.items():
            plain, why = found["plain, cached"], found["reasons, cached"]
            cells = (plain["p50"], plain["p99"], why["p50"], why["p99"], found["most"]["rate"])
            rows += _row(f"{int(items):,}", workers, *cells)
    return rows


def _events(told: dict[str, Any]) -> str:
    rows = _header("events", "stored a second", "goal", "reached", "p99 ms", "failed", "recommendations: p50 ms", "p99")
    for way, goal in (("batches", 5_000), ("singly", 1_000)):
        f = told["events"][way]
        failed, other = _failed(f["events"], "201"), f["recommendations"]
        hit = f["rate"] >= goal and not failed
        name = "in batches of 100" if way == "batches" else way
        rows += _row(name, f["rate"], goal, _reached(hit), f["events"]["p99"], failed, other["p50"], other["p99"])
    fresh = told["fresh"]
    seen = f"{fresh['gone']} of {fresh['asked']}"
    said = "" if fresh["gone"] == fresh["asked"] else " (**missed**)"
    return rows + f"\nAn item that was touched was gone from the very next answer {seen} times{said}.\n"


def _memory(found: dict[str, Any]) -> str:
    share = 100 * found["requests"] / 720_000
    start, most = found["mb"][3], max(found["mb"][3:])
    return (
        f"{found['requests']:,} requests at full speed, half of them with reasons: {share:.1f} % of two hours at 100 a "
        f"second.\nTogether the processes held {start:,.0f} MB of their own after the first {found['warm_up']:,} and "
        f"at most {most:,.0f} MB later: {100 * found['growth']:+.1f} %,\ngoal at most 5 %: "
        f"{_reached(found['growth'] <= 0.05 and not found['failed'])}; {found['failed']} failed.\n"
    )
