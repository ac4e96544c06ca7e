"""Hits and misses are told as they are."""

from typing import Any
from xml.etree import ElementTree

import pytest
from growth import slopes
from growth_page import growth_plot, growth_section
from large_page import large_section
from peers_page import peers_section


def comparison(low: float, high: float, graph: float, *, cut: bool) -> str:
    def answer(cpu: float, **more: bool) -> dict[str, Any]:
        figures = {"recall@20": 0.4, "ndcg@20": 0.2}
        return {"test": figures, "valid": figures, "cpu_s": cpu, "grid_cpu_s": cpu, **more}

    gain = {"blend": {"difference": (low + high) / 2, "low": low, "high": high}}
    answers = {"closed": answer(2.0), "blend": answer(20.0), "pyg_lightgcn": answer(graph, cut=cut)}
    found = {"test": "test", "users": 9, "answers": answers, "strongest": "pyg_lightgcn", "gain": gain}
    machine = {"cores": 2, "cpu": "x", "python": "3"}
    told = {"date": "d", "machine": machine, "versions": {}, "budget_cpu_s": {}, "sets": {"ml-latest-small": found}}
    return peers_section(told)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.001, 0.02, "leaves out 0"),
        (-0.001, 0.02, "**missed: the interval holds 0"),
        (0.0, 0.02, "**missed: the interval holds 0"),
        (-0.02, -0.001, "**missed: PyTorch Geometric: LightGCN is better**"),
    ],
)
def test_whether_the_strongest_is_beaten(low: float, high: float, said: str) -> None:
    assert said in comparison(low, high, 40, cut=False)


@pytest.mark.parametrize(
    ("graph", "cut", "said"),
    [
        (40.0, False, ["40.0 | 1/20.0 | 1/20 | yes", "40.0 | 1/2.0 | 1/2 | yes"]),
        (39.0, False, ["39.0 | 1/19.5 | 1/20 | **missed**", "39.0 | 1/1.9 | 1/2 | **missed**"]),
        (39.0, True, ["at least 39.0 | 1/19.5 | 1/20 | not shown: LightGCN was cut"]),
        (44.0, True, ["at least 44.0 | 1/22.0 | 1/20 | yes"]),
    ],
)
def test_time_beside_lightgcn(graph: float, cut: bool, said: list[str]) -> None:
    page = comparison(0, 1, graph, cut=cut)
    assert all(line in page for line in said)


def sizes(exponent: float) -> list[dict[str, Any]]:
    """Return sizes whose time and memory above 300 MB grow with a power of the events."""
    steps = ("read", "encode", "fit", "evaluate", "refit", "write")
    return [
        {
            **{"events": n, "users": n // 10, "items": n // 50, "asked": 9, "views": ["ease"], "bundle_mb": 1.0},
            **{"cpu_s": 1e-4 * n**exponent, "wall_s": 1e-4 * n**exponent, "baseline_mb": 300},
            **{"peak_mb": 300 + 1e-3 * n**exponent, "ndcg@20": {"blend": 0.2, "popular": 0.1}},
            "steps": {step: {"cpu_s": 1.0, "peak_mb": 400} for step in steps},
        }
        for n in (10_000, 100_000, 1_000_000, 10_000_000)
    ]


@pytest.mark.parametrize("exponent", [0.7, 1.0, 1.3])
def test_slopes_of_a_power(exponent: float) -> None:
    found = slopes(sizes(exponent))
    assert found == pytest.approx(dict.fromkeys(("time", "time_last", "memory", "memory_last"), exponent), abs=2e-3)
    assert slopes(sizes(1.0)[:1]) == {}


def test_growth_says_what_was_missed() -> None:
    machine = {"cores": 2, "cpu": "x", "python": "3"}
    most = {"minutes": 15, "gb": 12, "slope": 1.1}
    told = {"date": "d", "machine": machine, "most": most, "sizes": sizes(1.0), "slopes": slopes(sizes(1.0))}
    page = growth_section(told)
    assert "| time of the largest | 16.7 minutes | 15 minutes | **missed** |" in page
    assert "| memory of the largest | 10.3 GB | 12 GB | yes |" in page
    assert "| slope of time | 1.00 | 1.1 | yes |" in page
    ElementTree.fromstring(growth_plot(told))
    assert "1,000,000 and 10,000,000 were measured before `cuvee init` wrote `graph_filter`" in page
    again = [{**s, "views": ["graph_filter"]} for s in sizes(1.0)]
    assert "measured before" not in growth_section({**told, "sizes": again})


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.03, "better on validation for sure (+0.0200)"),
        (-0.01, 0.03, "better on validation though not for sure (+0.0100)"),
        (-0.03, -0.01, "better on validation not at all (-0.0200)"),
    ],
)
def test_large_catalogues_say_why_a_view_is_suggested(low: float, high: float, said: str) -> None:
    def answer(cpu: float, peak: int, **more: Any) -> dict[str, Any]:
        size = {"users": 10_000, "items": 2_000, "asked": 1_000, "answer_cpu_s": 3.0}
        return {**size, "cpu_s": cpu, "peak_mb": peak, "valid": 0.1, "test": 0.2, **more}

    gain = {"difference": (low + high) / 2, "low": low, "high": high}
    found = {"without": answer(2.0, 500), "with": answer(3.5, 620, gain={"valid": gain, "test": gain})}
    machine = {"cores": 2, "cpu": "x", "python": "3"}
    page = large_section({"date": "d", "machine": machine, "logs": {"100000": found, "200000": {}}})
    assert said in page
    assert "for +1.5 CPU s and +120 MB of the fit" in page
    assert "### 100,000 events, 10,000 users, 2,000 items" in page
    assert "200,000" not in page
