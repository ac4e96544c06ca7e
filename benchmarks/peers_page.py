"""The section of docs/benchmarks.md on peers, from benchmarks/results/peers.json."""

from typing import Any

__all__ = ["peers_section"]

NAMES = {
    "blend": "**Cuvee, the recipe's blend**",
    "closed": "Cuvee, its closed-form views",
    "implicit_knn": "implicit: item neighbours (cosine, BM25)",
    "implicit_als": "implicit: ALS",
    "implicit_bpr": "implicit: BPR",
    "rectools_ease": "RecTools: EASE",
    "sklearn_ridge": "scikit-learn: ridge on content",
    "cornac_vbpr": "Cornac: VBPR",
    "pyg_lightgcn": "PyTorch Geometric: LightGCN",
}
GRAPH = "pyg_lightgcn"
BARS = {"ml-latest-small": (20, 2), "hm-lastweek": (20, 10), "tiktok": (20,), "mmrec-baby": (20,)}
"""Set -> how many times as long as the closed-form views, and as the whole blend, LightGCN is to take at least."""


def peers_section(told: dict[str, Any]) -> str:
    machine, versions = told["machine"], told["versions"]
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    budgets = ", ".join(f"{name} {seconds:.0f}" for name, seconds in told["budget_cpu_s"].items())
    return f"""
## Peers

Other libraries in this run, on the very same split, features after encoding, and one thread each:
{packages}.
{told["date"]}, {machine["cores"]} cores of {machine["cpu"]}, Python {machine["python"]}. Each chooses from a small grid
on validation (`benchmarks/peers/`); what learns by epochs stops after ten looks at validation without a better one, or
when the CPU seconds for its whole grid are used up
({budgets}).
Their lists of 20 are judged by Cuvee's metrics; a list with an item from training is refused. The strongest peer is the
one that is best on the test itself, which favours peers. Seconds are CPU seconds of the fit with the setting
chosen, to the best epoch where there are epochs and without the looks at validation; ours include the choice of weights
on validation. Wall seconds are in `benchmarks/results/peers.json`: other work on the machine stretches them.

{"".join(_set(name, found) for name, found in told["sets"].items())}
{_times(told)}"""


def _set(name: str, found: dict[str, Any]) -> str:
    rows = "".join(
        f"| {NAMES[who]} | {a['test']['recall@20']:.3f} / {_loud(a['test']['ndcg@20'], who)} "
        f"| {a['valid']['ndcg@20']:.3f} | {_seconds(a)} | {a['grid_cpu_s']:.0f} |\n"
        for who, a in found["answers"].items()
    )
    head = f"### {name}, {found['test']}, {found['users']:,} users\n\n"
    head += "| who | Recall@20 / NDCG@20 | validation NDCG@20 | CPU s | whole grid |\n| --- | --- | --- | --- | --- |\n"
    return head + rows + "\n" + _gain(found) + "\n\n"


def _loud(value: float, who: str) -> str:
    return f"**{value:.3f}**" if who == "blend" else f"{value:.3f}"


def _seconds(answer: dict[str, Any]) -> str:
    """Return the seconds; what was cut might have found a better epoch later."""
    least = "at least " if answer.get("cut") else ""
    return f"{least}{answer['cpu_s']:.1f}"


def _gain(found: dict[str, Any]) -> str:
    """Return the difference to the strongest peer, and whether its interval leaves out 0."""
    if "blend" not in found["gain"]:
        return "Nobody else could answer here."
    gain, strongest = found["gain"]["blend"], NAMES[found["strongest"]]
    spread = f"{gain['difference']:+.4f} ({gain['low']:+.4f} .. {gain['high']:+.4f})"
    if gain["low"] > 0:
        judged = "the interval leaves out 0"
    elif gain["high"] < 0:
        judged = f"**missed: {strongest} is better**"
    else:
        judged = "**missed: the interval holds 0, so the two are not proven apart**"
    return f"The blend minus the strongest on the test ({strongest}), paired: {spread} NDCG@20; {judged}."


def _times(told: dict[str, Any]) -> str:
    rows = []
    for name, bars in BARS.items():
        answers = told["sets"].get(name, {}).get("answers", {})
        if not {GRAPH, "closed", "blend"} <= answers.keys():
            continue
        graph = answers[GRAPH]
        for who, bar in zip(("closed", "blend"), bars, strict=False):
            times = graph["cpu_s"] / answers[who]["cpu_s"]
            met = "yes" if times >= bar else "not shown: LightGCN was cut" if graph.get("cut") else "**missed**"
            ours = f"{answers[who]['cpu_s']:.1f}"
            rows.append(
                f"| {name} | {NAMES[who].strip('*')} | {ours} | {_seconds(graph)} | 1/{times:.1f} | 1/{bar} | {met} |"
            )
    head = "| set | ours | CPU s | LightGCN to its best epoch | ours : LightGCN | at most | met |\n"
    return (
        "### Time beside LightGCN\n\n" + head + "| --- | --- | --- | --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"
    )
