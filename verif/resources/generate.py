"""`make resources [CONFIG=v80-gather] [TOKENS=4] [CACHED=1]`: area of the v80 configuration, part by part.

v80.json here and docs/resources.md are written anew; of another configuration, or more tokens a pass, only the sums get
in there. Parts whose figures are in build/synth-cache are not synthesised again, so an interrupted run goes on where it
was. CACHED=1 synthesises nothing: parts without figures are named as such.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from lutloom.errors import UserError
from lutloom.qwen3_accel import configuration
from verif.lib import synth
from verif.lib.paths import RESULTS, ROOT
from verif.resources import plan
from verif.resources.instances import elaborate
from verif.resources.measure import FIGURES, measure, parts_of, row
from verif.resources.page import SUMMED, measured, page, totals

COMMITTED = Path(__file__).with_name("v80.json")
PAGE = ROOT / "docs" / "resources.md"


def run(cached_only: bool, name: str = plan.CONFIGURATION, **others: int) -> list[dict]:
    """Measure all parts; a row for each."""
    parts = parts_of(elaborate(name, **others), frozenset(plan.PARTS))
    return [row(part, measure(part, cached_only)) for part in track(parts, description="Yosys", transient=True)]


def show(rows: list[dict], title: str) -> None:
    """The table on the console."""
    table = Table(title=f"{title}: {synth.TOOL}")
    for column in ("part", "instances", "DSPFP32", *FIGURES):
        table.add_column(column.replace("_", " "), justify="left" if column == "part" else "right")
    for part in rows:
        figures = [f"{part[name]:g}" if name in part else "-" for name in FIGURES]
        table.add_row(part["module"], str(len(part["paths"])), str(part["dsps_fp32"]), *figures)
    sums = totals(rows)
    figures = [f"{sums[name]:g}" if name in SUMMED else "" for name in FIGURES]
    table.add_row("all", "", f"{sums['dsps_fp32']:g}", *figures, style="bold")
    Console().print(table)


def arguments() -> tuple[str, dict[str, int]]:
    """Configuration and further parameters that the environment asks for. UserError: not there."""
    name, tokens = os.environ.get("CONFIG") or plan.CONFIGURATION, os.environ.get("TOKENS")
    own = configuration(name).tokens
    if tokens and tokens not in ("1", "2", "4", "8"):
        raise UserError(f"TOKENS: found {tokens}, allowed 1, 2, 4, 8")
    return name, {"Tokens": int(tokens)} if tokens and int(tokens) != own else {}


def main() -> int:
    try:
        name, others = arguments()
    except UserError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    rows = run(bool(os.environ.get("CACHED")), name, **others)
    missing, sums = len(rows) - len(measured(rows)), totals(rows)
    title = ", ".join([name, *(f"{key} = {value}" for key, value in others.items())])
    data = json.loads(COMMITTED.read_text())
    ours = title == plan.CONFIGURATION
    if ours:
        data |= {"configuration": name, "tool": synth.TOOL, "parts": rows}
    else:
        data["others"][title] = sums
    if not missing:
        COMMITTED.write_text(json.dumps(data, indent=1) + "\n")
        PAGE.write_text(page(data))
    RESULTS.mkdir(parents=True, exist_ok=True)
    stem = "-".join([name, *(f"{key}{value}" for key, value in others.items())])
    (RESULTS / f"resources-{stem}.json").write_text(
        json.dumps({"configuration": title, "parts": rows}, indent=1) + "\n"
    )
    show(rows, title)
    if missing:
        print(f"{missing} parts are not measured yet", file=sys.stderr)
    above = [name for name, most in plan.TARGETS.items() if ours and sums[name] > most]
    for name in above:
        print(f"error: {name}: found {sums[name]:g}, allowed {plan.TARGETS[name]}", file=sys.stderr)
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
