#!/usr/bin/env python3
"""Holds every JSON file of tests/golden against its schema in docs/schemas (tests/golden/commands.txt says which), and the schemas
against draft 2020-12. Exits 77 where python3-jsonschema is not installed."""
import json
import pathlib
import sys

try:
    from jsonschema import Draft202012Validator, RefResolver
except ImportError:
    print("check_schemas: needs the package python3-jsonschema")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCHEMAS = ROOT / "docs/schemas"


def read(path: pathlib.Path):
    return json.loads(path.read_text(encoding="utf-8"))


def main() -> int:
    schemas = {path.name: read(path) for path in sorted(SCHEMAS.glob("*.schema.json"))}
    bad = []
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    used = set()
    for line in (ROOT / "tests/golden/commands.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        file, _, name = line.split(maxsplit=3)[:3]
        if name == "-":
            if file.endswith(".json"):
                bad.append(f"tests/golden/{file}: has no schema")
            continue
        used.add(f"{name}.schema.json")
        schema = schemas[f"{name}.schema.json"]
        validator = Draft202012Validator(schema, resolver=RefResolver(f"{name}.schema.json", schema, store=schemas))
        for error in list(validator.iter_errors(read(ROOT / "tests/golden" / file)))[:10]:
            bad.append(f"tests/golden/{file}: {error.json_path}: {error.message[:200]}")
    bad += [f"docs/schemas/{name}: no golden file is held against it" for name in sorted(set(schemas) - used)]
    print("\n".join(bad) if bad else f"golden files follow {len(schemas)} schemas")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
