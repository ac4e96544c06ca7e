"""`make bench`: measure everything and write docs/benchmarks.md. Peers get an environment of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv-bench" / "bin" / "python"


def main() -> None:
    if not PEERS.is_file():
        run(sys.executable, "-m", "venv", str(PEERS.parents[1]))
        run(str(PEERS), "-m", "pip", "install", "--quiet", "torch==2.13.0")
        run(str(PEERS), "-m", "pip", "install", "--quiet", "-r", "benchmarks/requirements-peers.txt")
    run(sys.executable, "benchmarks/quality.py")
    run(sys.executable, "benchmarks/arrivals.py")
    run(sys.executable, "benchmarks/languages.py")
    run(sys.executable, "benchmarks/fusion.py", OMP_NUM_THREADS="1")
    run(sys.executable, "benchmarks/scenarios.py", OMP_NUM_THREADS="1")
    run(sys.executable, "benchmarks/sequence.py", OMP_NUM_THREADS="1")
    run(sys.executable, "benchmarks/reuse.py", OMP_NUM_THREADS="1")
    run(sys.executable, "benchmarks/tuning.py", OMP_NUM_THREADS="1")
    run(sys.executable, "benchmarks/adapt.py", OMP_NUM_THREADS="1")
    run(sys.executable, "benchmarks/ranker.py", OMP_NUM_THREADS="1")
    for name in ("evaluate", "encode"):
        out = f"benchmarks/results/{name}.json"
        run(sys.executable, f"benchmarks/{name}.py", "--peers", str(PEERS), "--out", out)
    run(sys.executable, "benchmarks/compare.py", "--peers", str(PEERS), "--again")
    run(sys.executable, "benchmarks/growth.py", "--again")
    run(sys.executable, "benchmarks/large.py", "--again")
    run(sys.executable, "benchmarks/pages.py")


def run(*command: str, **settings: str) -> None:
    print("--", *command, flush=True)
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, **settings})


if __name__ == "__main__":
    main()
