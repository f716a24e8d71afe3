#!/usr/bin/env python3
"""Compiles every header alone: fails on one that needs another included before it."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

LAYERS = ["core", "models", "hw", "scenarios", "profiler", "cli", "gui"]
QT = next(iter(sorted(pathlib.Path("/usr/include").glob("*/qt6"))), None)
QT_FLAGS = ["-fPIC", "-DQT_NO_KEYWORDS", "-isystem", str(QT),
            *(flag for module in ["Core", "Gui", "Widgets", "Svg", "Charts", "Test"]
              for flag in ["-isystem", f"{QT}/Qt{module}"])] if QT else []


def check(root: pathlib.Path, header: pathlib.Path, compiler: str) -> str:
    command = [compiler, "-std=c++20", "-fsyntax-only", "-x", "c++", "-I", str(root), "-isystem", "/usr/include/eigen3",
               *(QT_FLAGS if "gui" in header.relative_to(root).parts else []), str(header)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else f"{header.relative_to(root)}:\n{result.stderr}"


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    compiler = os.environ.get("CXX", "c++")
    # Headers of the device half need the CUDA Toolkit; nvcc compiles them with their sources.
    headers = [h for layer in LAYERS for h in sorted((root / layer).rglob("*.h")) if "device" not in h.parts]
    if not QT:
        headers = [h for h in headers if "gui" not in h.relative_to(root).parts or "geometry" in h.parts]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        failures = [f for f in pool.map(lambda h: check(root, h, compiler), headers) if f]
    print("\n".join(failures) if failures else f"{len(headers)} headers compile alone")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
