"""The section of docs/benchmarks.md on large catalogues, from benchmarks/results/large.json."""

from typing import Any

__all__ = ["large_section"]


def large_section(told: dict[str, Any]) -> str:
    machine = told["machine"]
    logs = "\n".join(_log(int(events), found) for events, found in told["logs"].items() if found)
    return f"""
## Large catalogues

Models without a square of the catalogue, on logs of the same kind: fitted on training data, NDCG@20 of 10,000 users,
differences user by user with 95 % intervals. Parameters are defaults, or those that `cuvee init` writes for smaller
catalogues; only the weights of a blend were found on validation. `content_ease` reads the ready vectors, `item_knn` and
`graph_filter` do not. Memory is the peak of the fit, data included. One thread,
{told["date"]}, {machine["cores"]} cores of {machine["cpu"]}, Python {machine["python"]}.

{logs}
For more than 15,000 items `cuvee init` writes `graph_filter` beside `item_knn`, `content` and `popular` because of the
first table: {_why(told)}.
"""


def _log(events: int, found: dict[str, Any]) -> str:
    first = next(iter(found))
    one = found[first]
    rows = "".join(
        f"| {name} | {a['cpu_s']:.1f} | {a['peak_mb']:,} | {a['answer_cpu_s']:.1f} "
        f"| {a['valid']:.4f} | {a['test']:.4f} | {_gain(a, 'valid')} | {_gain(a, 'test')} |\n"
        for name, a in found.items()
    )
    return (
        f"### {events:,} events, {one['users']:,} users, {one['items']:,} items\n\n"
        f"| model | fit, CPU s | peak MB | to answer {2 * one['asked']:,}, CPU s | validation | test "
        f"| over {first}, validation | test |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n{rows}"
    )


def _gain(answer: dict[str, Any], held: str) -> str:
    if "gain" not in answer:
        return ""
    gain = answer["gain"][held]
    return f"{gain['difference']:+.4f} ({gain['low']:+.4f} .. {gain['high']:+.4f})"


def _why(told: dict[str, Any]) -> str:
    """Say what the suggested view is worth there, whichever way it went."""
    without, with_ = list(next(iter(told["logs"].values())).values())[:2]
    gain = with_["gain"]["valid"]
    sure = "for sure" if gain["low"] > 0 else "though not for sure" if gain["difference"] > 0 else "not at all"
    cost = f"{with_['cpu_s'] - without['cpu_s']:+.1f} CPU s and {with_['peak_mb'] - without['peak_mb']:+,} MB"
    return f"better on validation {sure} ({gain['difference']:+.4f}), for {cost} of the fit"
