#!/usr/bin/env python3
"""Fails on a source that clang-format 14 would change; with --fix, changes it."""
import pathlib
import subprocess
import sys

LAYERS = ["core", "models", "hw", "scenarios", "profiler", "cli", "gui", "python", "tests", "benchmarks"]
SUFFIXES = {".h", ".cc", ".cu", ".cuh"}
VERSION = "14."  # other versions break lines differently


def main() -> int:
    arguments = [a for a in sys.argv[1:] if a != "--fix"]
    root = pathlib.Path(arguments[0] if arguments else ".").resolve()
    tool = arguments[1] if len(arguments) > 1 else "clang-format"
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    if f"version {VERSION}" not in version:
        print(f"not checked: sources are formatted by clang-format {VERSION}x, this is {version.strip()}")
        return 0
    sources = sorted(p for layer in LAYERS for p in (root / layer).rglob("*") if p.suffix in SUFFIXES)
    mode = ["-i"] if "--fix" in sys.argv else ["--dry-run", "--Werror"]
    result = subprocess.run([tool, *mode, *map(str, sources)], check=False)
    if result.returncode == 0:
        print(f"{len(sources)} sources are formatted")
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
