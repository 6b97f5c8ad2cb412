"""`make sim CORE=<core> [PARAMS="Name=value ..."] [SEED=n]`: run one core's tests and show what they measured.

Without PARAMS: everything in verif/<core>, and build/results/sim-<core>.json is written. With PARAMS: the core's
testbench once, on a build with these parameters.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from rich.console import Console
from rich.table import Table

from verif.lib.corefiles import UnknownCore, require_core
from verif.lib.params import BadParameter, parse_parameters
from verif.lib.paths import ROOT
from verif.lib.results import SimResults, collect
from verif.lib.runner import PARTS, ElaborationRefused, SimulationFailed, base_seed, simulate


def show(results: SimResults, console: Console) -> None:
    """Print what one core's runs gave."""
    table = Table(title=f"{results.core}: measured against the header's promise", title_justify="left")
    for column in ("what", "parameters", "measured", "promised", "unit"):
        table.add_column(column, justify="right" if column in ("measured", "promised") else "left")
    for row in results.measures:
        promised = f"{'>= ' if row['at_least'] else ''}{row['promised']:g}"
        table.add_row(row["what"], row["parameters"], f"{row['measured']:g}", promised, row["unit"])
    if results.measures:  # the accelerator promises no fixed cycles
        console.print(table)
    console.print(
        f"{results.core}: {results.tests} tests in {results.runs} runs, {results.failures} failed; functional coverage "
        f"{results.bins_hit}/{results.bins} bins ({results.coverage:.0f} %); {results.assertions} assertions active; "
        f"seeds {', '.join(map(str, results.seeds))}"
    )


def sweep_point(core: str, items: list[str]) -> int:
    parameters = parse_parameters(core, items, "sim")
    try:
        outcome = simulate(core, f"verif.{core}.tb", name="params", target="sim", parameters=parameters)
    except ElaborationRefused as refused:
        raise BadParameter(str(refused)) from None
    show(collect(core, [outcome.__dict__]), Console())
    return 0


def main(argv: list[str]) -> int:
    try:
        core, seed = require_core(argv[0] if argv else ""), base_seed()
        if len(argv) > 1:
            return sweep_point(core, argv[1:])
    except (UnknownCore, BadParameter) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    except SimulationFailed as failed:
        print(failed, file=sys.stderr)
        return 1
    shutil.rmtree(PARTS / core, ignore_errors=True)
    environment = {**os.environ, "LUTLOOM_SEED": str(seed)}
    command = [sys.executable, "-m", "pytest", "-n", "2", f"verif/{core}"]
    status = subprocess.run(command, cwd=ROOT, env=environment).returncode
    results = collect(core)
    results.write(failed=status != 0)
    show(results, Console())
    if results.missed:
        print(f"error: {core}: coverage bins never hit: {', '.join(results.missed)}", file=sys.stderr)
    return 1 if status or results.missed or not results.tests else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
