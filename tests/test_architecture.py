"""Imports point down, siblings of a kind do not know one another, files and functions stay small."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "cuvee"

LAYERS = (
    "errors",
    "types torch_runtime memo ranges",
    "checkpoints efficientnet_lite0 films pictures tables media used_modalities generation",
    "protocols truth statistics plain_yaml lexical projection weights sql roles columns looked_up watched circles"
    " ordering",
    "registry rank queries conditions foreign frames ridge item_weights content_space cache train alignment"
    " modality_networks neighbour_graphs sparse_ridge inductive llm_ranking"
    " nearest",
    "text_networks",
    "logs streams llms executors holdouts layout matrices text_cells reviewing",
    "examples",
    "readers splits encoders metrics indexes filters stages slices trackers demo tuning",
    "selection blending arrivals fusion_weights foretold history_batches imputation reuse wording enrichment retrieval",
    "scored_once",
    "fusion models explainers testing event_weights",
    "ranking",
    "rankers",
    "recipe store features privacy suggest text_contrast",
    "growing searching",
    "bundle evaluate verdict inspection new_items judged",
    "report",
    "pipeline",
    "tune dialogue model_verdict client",
    "serve",
    "cli studio",
)
"""A unit may import units of layers above its own line here, never of its own line or below."""

PACKAGES = (
    "cli", "demo", "dialogue", "generation", "inspection", "privacy", "protocols", "ranking", "report", "reviewing",
    "serve", "sql", "studio", "text_networks", "tune", "wording",
)  # fmt: skip
"""Folders whose files make one unit; the others hold components that do not know one another."""

LEVEL = {unit: level for level, units in enumerate(LAYERS) for unit in units.split()}
FILES = sorted(SOURCE.rglob("*.py"))
HISTORY = SOURCE / "sql" / "migrations" / "versions"
"""What is written once and never edited may be long."""


def unit_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def run_time_imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield imports, those for type checkers only left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        yield from run_time_imports(node)


def imported(path: Path) -> set[str]:
    """Return the modules of Cuvee a file imports, as dotted names below `cuvee`."""
    found: set[str] = set()
    for node in run_time_imports(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {name.removeprefix("cuvee.") for name in names if name.startswith("cuvee.")}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    unit = unit_of(path)
    if unit in ("__init__", "__main__"):
        return
    assert unit in LEVEL, f"say in LAYERS where {unit!r} belongs"
    kind = path.parent != SOURCE
    for name in imported(path):
        target = name.split(".")[0]
        if target == "__version__":
            continue
        if target == unit:
            own = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
            package = unit in PACKAGES
            assert kind, f"{path}: imports itself"
            assert package or name.startswith(own), f"{path}: sideways import of {name}"
            continue
        assert LEVEL[target] < LEVEL[unit], f"{path}: {unit} must not import {target}, which is not below it"


@pytest.mark.parametrize("path", [p for p in FILES if p.parent != HISTORY], ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_and_functions_are_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400, f"{path} has more than 400 lines"
    assert text.startswith('"""'), f"{path} has no module docstring"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 50, f"{path}:{node.lineno} {node.name} has {length} lines, at most 50"
        if isinstance(node, ast.ClassDef):
            public = [f for f in node.body if isinstance(f, ast.FunctionDef) and not f.name.startswith("_")]
            assert len(public) <= 10, f"{path}:{node.lineno} {node.name} has {len(public)} public methods, at most 10"


def test_names_that_say_nothing_are_not_used() -> None:
    for path in FILES:
        words = path.stem.split("_")
        assert not {"utils", "util", "base", "common", "core", "helpers", "misc", "v2", "old", "legacy"} & set(words), (
            path
        )


def test_no_pickle_no_eval() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not {"pickle", "joblib", "dill", "cloudpickle"} & {a.name for a in node.names}, path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec"}, f"{path}:{node.lineno}"
            if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name):
                at_edge = unit_of(path) in ("cli", "serve")
                assert node.type.id not in {"Exception", "BaseException"} or at_edge, f"{path}:{node.lineno}"
