"""`make resources [CACHED=1]`: area of the v80 configuration, part by part: v80.json here, docs/resources.md.

Parts whose figures are in build/synth-cache are not synthesised again, so an interrupted run goes on where it was.
CACHED=1 synthesises nothing: parts without figures are named as such.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from verif.lib import synth
from verif.lib.paths import RESULTS, ROOT
from verif.resources import plan
from verif.resources.instances import elaborate
from verif.resources.measure import FIGURES, measure, parts_of, row
from verif.resources.page import SUMMED, measured, page, totals

COMMITTED = Path(__file__).with_name("v80.json")
PAGE = ROOT / "docs" / "resources.md"


def run(cached_only: bool) -> dict:
    """Measure all parts; what is in the JSON file."""
    parts = parts_of(elaborate(plan.CONFIGURATION), frozenset(plan.PARTS))
    rows = [row(part, measure(part, cached_only)) for part in track(parts, description="Yosys", transient=True)]
    return {"configuration": plan.CONFIGURATION, "tool": synth.TOOL, "parts": rows}


def show(rows: list[dict]) -> None:
    """The table on the console."""
    table = Table(title=f"{plan.CONFIGURATION}: {synth.TOOL}")
    for column in ("part", "instances", "DSPFP32", *FIGURES):
        table.add_column(column.replace("_", " "), justify="left" if column == "part" else "right")
    for part in rows:
        figures = [f"{part[name]:g}" if name in part else "-" for name in FIGURES]
        table.add_row(part["module"], str(len(part["paths"])), str(part["dsps_fp32"]), *figures)
    sums = totals(rows)
    figures = [f"{sums[name]:g}" if name in SUMMED else "" for name in FIGURES]
    table.add_row("all", "", f"{sums['dsps_fp32']:g}", *figures, style="bold")
    Console().print(table)


def main() -> int:
    data = run(bool(os.environ.get("CACHED")))
    text = json.dumps(data, indent=1) + "\n"
    RESULTS.mkdir(parents=True, exist_ok=True)
    for path in (RESULTS / f"resources-{plan.CONFIGURATION}.json", COMMITTED):
        path.write_text(text)
    PAGE.write_text(page(data))
    rows, sums = data["parts"], totals(data["parts"])
    show(rows)
    if len(measured(rows)) < len(rows):
        print(f"{len(rows) - len(measured(rows))} parts are not measured yet", file=sys.stderr)
    above = [name for name, most in plan.TARGETS.items() if sums[name] > most]
    for name in above:
        print(f"error: {name}: found {sums[name]:g}, allowed {plan.TARGETS[name]}", file=sys.stderr)
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
