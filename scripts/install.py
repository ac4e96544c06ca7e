"""Set up a virtual environment from the locks. Run by the Makefile, with nothing installed yet.

torch comes first and by itself: for Linux the default index serves a CUDA build of some 3 GB, so PyTorch's own CPU
index is asked by a short probe, and the default is taken where it does not answer. Everything else follows by uv.
"""

import argparse
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

UV = "uv==0.13.9"
PROBE_SECONDS = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, required=True)
    parser.add_argument("--torch", required=True, help="requirement, e.g. torch==2.13.0")
    parser.add_argument("--torch-index", default="", help="index with CPU builds; empty: the default index")
    parser.add_argument("locks", type=Path, nargs="+")
    args = parser.parse_args()
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        sys.exit(f"Cuvee needs Python 3.11, 3.12 or 3.13, this is {sys.version.split()[0]}; try make PYTHON=python3.12")
    python = args.venv / "bin" / "python"
    if not python.is_file():
        say(f"making {args.venv}")
        run([sys.executable, "-m", "venv", str(args.venv)])
    if not installed(python, args.torch):
        install_torch(python, args.torch, args.torch_index)
    run([str(python), "-m", "pip", "install", "--quiet", UV])
    uv = [str(args.venv / "bin" / "uv"), "pip", "install", "--python", str(python)]
    say(f"installing {', '.join(map(str, args.locks))}")
    run([*uv, "--no-deps", *(part for lock in args.locks for part in ("-r", str(lock)))])
    run([*uv, "--no-deps", "--quiet", "--editable", "."])


def installed(python: Path, requirement: str) -> bool:
    name, _, version = requirement.partition("==")
    code = f"from importlib.metadata import version; print(version({name!r}).partition('+')[0])"
    found = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    return found.returncode == 0 and found.stdout.strip() == version


def install_torch(python: Path, requirement: str, index: str) -> None:
    pip = [str(python), "-m", "pip", "install", "--progress-bar", "on"]
    if index and answers(index):
        say(f"installing {requirement} from {index}")
        if subprocess.run([*pip, "--index-url", index, requirement], check=False).returncode == 0:
            return
    say(f"installing {requirement} from the default index")
    run([*pip, requirement])


def answers(index: str) -> bool:
    """Whether the index serves a page for torch within a few seconds."""
    try:
        with urllib.request.urlopen(f"{index.rstrip('/')}/torch/", timeout=PROBE_SECONDS) as page:
            return bool(page.status == 200)
    except (urllib.error.URLError, TimeoutError, OSError, ValueError):
        return False


def run(command: list[str]) -> None:
    started = time.monotonic()
    done = subprocess.run(command, check=False)
    if done.returncode != 0:
        sys.exit(f"failed ({done.returncode}) after {time.monotonic() - started:.0f} s: {' '.join(command)}")


def say(text: str) -> None:
    print(f"-- {text}", flush=True)


if __name__ == "__main__":
    main()
