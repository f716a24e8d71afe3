#!/usr/bin/env python3
"""Counts the instructions of a small replay, a folded step and a routing sample, and compares them with the committed
counts. Fails where one has grown by more than 3 %; with --update, writes what was counted.

    scripts/check_instructions.py build/release [--update]

callgrind counts what a program executes, so the figures do not depend on what else the machine does. They do depend on
the compiler: the file names the one they were taken with, and another one is not compared.
"""
import json
import pathlib
import re
import subprocess
import sys

LIMIT = 0.03
ROOT = pathlib.Path(__file__).resolve().parent.parent
BASELINE = ROOT / "benchmarks" / "instruction_counts.json"


def compiler() -> str:
    return subprocess.run(["c++", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()


def count(program: pathlib.Path, work: str) -> int:
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program), work],
        capture_output=True, text=True, env={"ORRERY_HOME": str(ROOT), "PATH": "/usr/bin:/bin"}, check=False)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not found:
        sys.exit(f"{work}: not counted:\n{run.stderr}")
    return int(found.group(1))


def main() -> int:
    build = pathlib.Path(sys.argv[1])
    program = build / "benchmarks" / "instruction_counts"
    counts = {work: count(program, work) for work in ("replay", "folded", "routing")}
    if "--update" in sys.argv:
        BASELINE.write_text(json.dumps({"compiler": compiler(), "counts": counts}, indent=2) + "\n")
        return 0
    baseline = json.loads(BASELINE.read_text())
    if baseline["compiler"] != compiler():
        print(f"not compared: the counts are of GCC {baseline['compiler']}, this is {compiler()}")
        return 0
    worst = 0
    for work, now in counts.items():
        change = now / baseline["counts"][work] - 1
        print(f"{work:8} {now:>15,} instructions, {100 * change:+.2f} %")
        worst = max(worst, change)
    if worst > LIMIT:
        print(f"more than {100 * LIMIT:.0f} % beyond benchmarks/instruction_counts.json; "
              "if that is meant, write it anew with --update and say why in the commit")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
