"""Ask the database of known weaknesses about every locked package; say so where it cannot be asked.

Ends with 1 where a package has a known weakness or pip-audit itself fails, with 0 where none has, and with 0 and a
warning where the database cannot be reached.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence

AWAY = (
    "connect", "timed out", "timeout", "resolve", "unreachable", "dns error", "proxy", "503", "403", "failed to fetch",
)  # fmt: skip
"""What pip-audit, or uv that fetches it, says of a network that is not there."""


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock", help="requirements with pinned versions")
    parser.add_argument("--command", nargs="+", required=True, help="pip-audit, or what runs it")
    given = parser.parse_args(words)
    options = ["--requirement", given.lock, "--no-deps", "--disable-pip"]
    options += ["--format", "json", "--progress-spinner", "off"]
    done = subprocess.run([*given.command, *options], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return _not_asked(done.stderr)
    weak = [(p["name"], p["version"], v["id"], v["fix_versions"]) for p in packages for v in p.get("vulns", ())]
    for name, version, weakness, fixed in weak:
        print(f"{name} {version}: {weakness}, mended in {', '.join(fixed) or 'no version yet'}")
    skipped = [p["name"] for p in packages if "skip_reason" in p]
    if packages and len(skipped) == len(packages):
        print("warning: NOTHING WAS CHECKED, the database asked knows none of the packages", file=sys.stderr)
        return 0
    if skipped:
        print(f"warning: not checked, for the database does not know them: {', '.join(skipped)}", file=sys.stderr)
    print(f"{len(packages) - len(skipped)} packages checked, {len(weak)} known weaknesses")
    return 1 if weak else 0


def _not_asked(told: str) -> int:
    last = "\n".join(told.strip().splitlines()[-3:])
    if any(word in told.lower() for word in AWAY):
        print(f"warning: NOTHING WAS CHECKED, the database of weaknesses cannot be reached:\n{last}", file=sys.stderr)
        return 0
    print(f"pip-audit failed:\n{last}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
