"""`make lint`: ruff over the Python; Verilator -Wall and an elaboration by slang (in Yosys) over every core.

The accelerator is elaborated in each of its named configurations; of many equal slices and engines a few are enough.

Waivers lie beside the core they concern (rtl/<core>/<core>.vlt), each with its reason.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.progress import track

from lutloom.qwen3_accel import CONFIGURATIONS
from verif.lib.corefiles import core_files, cores
from verif.lib.paths import ROOT, tool_environment

FEWER = {name: {"Slices": 8, "KvEngines": 1} for name in ("v80", "v80-gather")}  # by configuration


def tops(core: str) -> list[str]:
    """Modules of the core to lint as toplevels: all of `common`'s, the toplevel of the others."""
    files = core_files(core)
    return [path.stem for path in files.own_sources] if core == "common" else [files.toplevel]


def elaborations(core: str) -> list[tuple[str, dict]]:
    """(toplevel, parameters) to lint."""
    variants = [c.parameters() | FEWER.get(n, {}) for n, c in CONFIGURATIONS.items()] if core == "qwen3_accel" else [{}]
    return [(top, parameters) for top in tops(core) for parameters in variants]


def verilator_lint(core: str, top: str, parameters: dict) -> list[str]:
    files = core_files(core)
    sources = [str(path) for path in [*files.waivers, *files.sources]]
    options = ["-Wall", "--assert", "--timescale", "1ns/1ps", *(f"-G{k}={v}" for k, v in parameters.items())]
    done = subprocess.run(
        ["verilator", "--lint-only", *options, "--top-module", top, *sources],
        env={**os.environ, **tool_environment()},
        capture_output=True,
        text=True,
    )
    what = f"{core}: Verilator -Wall, toplevel {top} {parameters or ''}"
    return [f"{what}:\n{done.stderr}"] if done.returncode or done.stderr else []


def slang_elaborate(core: str, top: str, parameters: dict) -> list[str]:
    sources = " ".join(str(path) for path in core_files(core).sources)
    values = " ".join(f"-G {k}={v}" for k, v in parameters.items())
    command = f"read_slang --top {top} {values} --ignore-assertions -DSYNTHESIS {sources}"
    script = f"from pyosys import libyosys as y; d = y.Design(); y.run_pass({command!r}, d)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    output = done.stdout + done.stderr
    what = f"{core}: slang, toplevel {top} {parameters or ''}"
    return [f"{what}:\n{output[-6000:]}"] if done.returncode or "warning:" in output else []


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
    jobs = [
        (tool, core, *e) for core in cores() for e in elaborations(core) for tool in (slang_elaborate, verilator_lint)
    ]
    jobs.sort(key=lambda job: job[1] != "qwen3_accel")  # the longest first
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda job: job[0](*job[1:]), jobs)
        for result in track(results, total=len(jobs), description="lint", transient=True):
            found += result
    print("\n".join(found) if found else f"lint: {len(cores())} cores and the Python sources are clean")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
