"""`make test`: lint, every test under verif/ and golden/, the coverage of every core; quiet unless something fails.

Tests run on all processors. At the end sim-<core>.json of every core is written; a bin that no run hit, a core without
tests or without a testbench that was shown to catch a broken core is an error.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

from verif.lib import lint
from verif.lib.corefiles import cores
from verif.lib.params import BadParameter
from verif.lib.paths import RESULTS, ROOT
from verif.lib.results import collect
from verif.lib.runner import PARTS, base_seed


def missing_parts(core: str) -> list[str]:
    """Parts that every core has to have and this one has not."""
    wanted = {
        "testbench": f"verif/{core}/tb.py",
        "tests": f"verif/{core}/test_{core}.py",
        "golden model": f"golden/{core}.py",
        "docs page": f"docs/cores/{core}.md",
    }
    found = [f"{what} ({path})" for what, path in wanted.items() if not (ROOT / path).exists()]
    tests = ROOT / wanted["tests"]
    if tests.exists() and "mutation=" not in tests.read_text():
        found.append("a deliberately broken core that its testbench catches")
    return found


def main(argv: list[str]) -> int:
    try:
        base_seed()
    except BadParameter as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    began = time.monotonic()
    problems = []
    if lint.main():
        problems.append("lint")
    shutil.rmtree(PARTS, ignore_errors=True)
    workers = str(min(os.cpu_count() or 1, 8))
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # the workers fill the cores; more threads only wait
        os.environ.setdefault(variable, "1")
    command = [sys.executable, "-m", "pytest", "-n", workers, "--dist", "worksteal", "--durations=8", *argv]
    if subprocess.run(command, cwd=ROOT).returncode:
        problems.append("pytest")
    console = Console()
    table = Table(title="cores", title_justify="left")
    for column in ("core", "runs", "tests", "failures", "coverage", "assertions"):
        table.add_column(column, justify="left" if column == "core" else "right")
    for core in cores():
        results = collect(core)
        results.write(failed=False)
        coverage = f"{results.coverage:.0f} % of {results.bins} bins"
        counts = (results.runs, results.tests, results.failures, coverage, results.assertions)
        table.add_row(core, *map(str, counts))
        lacking = missing_parts(core) + [f"coverage bin {name}" for name in results.missed]
        if not results.tests:
            lacking.append("any test that ran")
        problems += [f"{core} lacks: {what}" for what in lacking]
    console.print(table)
    seconds = time.monotonic() - began
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "test.json").write_text(json.dumps({"seconds": round(seconds), "problems": problems}, indent=1) + "\n")
    for problem in problems:
        print(f"failed: {problem}", file=sys.stderr)
    print(f"regression {'FAILED' if problems else 'passed'} in {seconds / 60:.1f} minutes")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
