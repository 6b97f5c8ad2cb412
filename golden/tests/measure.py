"""Measured errors of the golden operations: printed, collected in build/results/golden-errors.json, and held against
the maximum errors that docs/numbers.md publishes."""

import json
import re
from pathlib import Path

import numpy as np
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "numbers.md"
RESULTS = ROOT / "build" / "results" / "golden-errors.json"


def ulp(y: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """|y - truth| in units of the last place a float32 near |truth| (float64) has; normal numbers only."""
    exponent = np.maximum(np.frexp(np.abs(truth))[1] - 1, -126)
    return np.abs(np.asarray(y, np.float64) - truth) / np.exp2(exponent - 23.0)


def published(name: str) -> tuple[float, str]:
    """(maximum error, unit) of the row `name` of the table in docs/numbers.md."""
    row = re.search(rf"^\| `{re.escape(name)}` \|[^|]*\| ([0-9.e-]+) \| ([^|]+?) \|$", DOCS.read_text(), re.MULTILINE)
    assert row, f"docs/numbers.md has no maximum error for {name}"
    return float(row[1]), row[2]


def check_published(name: str, errors: np.ndarray) -> None:
    """Print and record the largest of the errors, and require it to be at most the published one, but not below half
    of it (a bound that says nothing). Error-free functions are published as 0."""
    measured = float(np.max(errors))
    bound, unit = published(name)
    print(f"{name}: maximum error {measured:.4g} {unit}, published {bound:g}")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(str(RESULTS) + ".lock"):
        table = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        table[name] = {"measured": measured, "published": bound, "unit": unit, "values": int(np.size(errors))}
        RESULTS.write_text(json.dumps(dict(sorted(table.items())), indent=2) + "\n")
    assert bound / 2 <= measured <= bound, f"{name}: {measured} {unit}, published {bound}"
