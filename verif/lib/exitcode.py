"""Makes the simulator's exit code tell the truth: imported by every testbench.

edalize's sim flow neither reads results.xml nor runs the core's post_run hooks, so a failing regression would end with
exit code 0. When the simulator's embedded Python shuts down, this reads the results and ends the process with 1 if a
test failed or none ran.
"""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path
from xml.etree import ElementTree


def verdict(results: Path) -> str | None:
    """None if all is well, otherwise what is wrong with this results.xml."""
    if not results.exists():
        return f"{results} was not written: the simulation ended early"
    cases = list(ElementTree.parse(results).getroot().iter("testcase"))
    failed = [case.get("name") for case in cases if case.find("failure") is not None or case.find("error") is not None]
    if not cases:
        return f"{results}: no test ran"
    return f"failed: {', '.join(map(str, failed))}" if failed else None


def _at_exit() -> None:
    problem = verdict(Path(os.environ.get("COCOTB_RESULTS_FILE", "results.xml")))
    if problem:
        print(f"error: {problem}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(1)


if "COCOTB_TEST_MODULES" in os.environ:  # inside a simulator only
    atexit.register(_at_exit)
