"""`make lint`: ruff over the Python; Verilator -Wall and an elaboration by slang (in Yosys) over every core.

Waivers lie beside the core they concern (rtl/<core>/<core>.vlt), each with its reason.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rich.progress import track

from verif.lib.corefiles import core_files, cores
from verif.lib.paths import ROOT, tool_environment


def tops(core: str) -> list[str]:
    """Modules of the core to lint as toplevels: all of `common`'s, the toplevel of the others."""
    files = core_files(core)
    return [path.stem for path in files.own_sources] if core == "common" else [files.toplevel]


def verilator_lint(core: str) -> list[str]:
    files = core_files(core)
    sources = [str(path) for path in [*files.waivers, *files.sources]]
    found = []
    for top in tops(core):
        done = subprocess.run(
            ["verilator", "--lint-only", "-Wall", "--assert", "--timescale", "1ns/1ps", "--top-module", top, *sources],
            env={**os.environ, **tool_environment()},
            capture_output=True,
            text=True,
        )
        if done.returncode or done.stderr:
            found.append(f"{core}: Verilator -Wall, toplevel {top}:\n{done.stderr}")
    return found


def slang_elaborate(core: str) -> list[str]:
    files = core_files(core)
    sources = " ".join(str(path) for path in files.sources)
    found = []
    for top in tops(core):
        script = (
            "from pyosys import libyosys as y; d = y.Design(); "
            f"y.run_pass('read_slang --top {top} --ignore-assertions -DSYNTHESIS {sources}', d)"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        if done.returncode or "warning:" in done.stdout + done.stderr:
            found.append(f"{core}: slang, toplevel {top}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return found


def ruff() -> list[str]:
    tool = str(Path(sys.executable).parent / "ruff")
    found = []
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run([tool, *command, "--quiet", "."], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            found.append(f"ruff {' '.join(command)}:\n{done.stdout}{done.stderr}")
    return found


def main() -> int:
    found = ruff()
    for core in track(cores(), description="lint", transient=True):
        found += verilator_lint(core) + slang_elaborate(core)
    print("\n".join(found) if found else f"lint: {len(cores())} cores and the Python sources are clean")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
