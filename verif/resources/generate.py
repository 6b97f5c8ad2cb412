"""`make resources`: area of the v80 configuration part by part, verif/resources/v80.json and docs/resources.md."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from verif.lib import synth
from verif.lib.paths import RESULTS, ROOT
from verif.resources import plan
from verif.resources.instances import elaborate
from verif.resources.measure import FIGURES, measure_all, parts_of
from verif.resources.page import SUMMED, page, totals

COMMITTED = Path(__file__).with_name("v80.json")
PAGE = ROOT / "docs" / "resources.md"


def run() -> dict:
    """Measure all parts; what is in the JSON file."""
    names = frozenset(plan.PARTS)
    rows = measure_all(parts_of(elaborate(plan.CONFIGURATION), names))
    return {"configuration": plan.CONFIGURATION, "tool": synth.TOOL, "parts": rows}


def main() -> int:
    data = run()
    text = json.dumps(data, indent=1) + "\n"
    RESULTS.mkdir(parents=True, exist_ok=True)
    for path in (RESULTS / f"resources-{plan.CONFIGURATION}.json", COMMITTED):
        path.write_text(text)
    PAGE.write_text(page(data))
    table = Table(title=f"{plan.CONFIGURATION}: {synth.TOOL}")
    for column in ("part", "instances", *FIGURES):
        table.add_column(column.replace("_", " "), justify="left" if column == "part" else "right")
    for row in data["parts"]:
        table.add_row(row["module"], str(len(row["paths"])), *(f"{row[name]:g}" for name in FIGURES))
    sums = totals(data["parts"])
    table.add_row("all", "", *(f"{sums[name]:g}" if name in SUMMED else "" for name in FIGURES), style="bold")
    Console().print(table)
    above = [name for name, most in plan.TARGETS.items() if sums[name] > most]
    for name in above:
        print(f"error: {name}: found {sums[name]:g}, allowed {plan.TARGETS[name]}", file=sys.stderr)
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
