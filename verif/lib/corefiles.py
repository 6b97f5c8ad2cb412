"""File lists from the .core files, the only place that has them, by way of FuseSoC's EDAM."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml
from filelock import FileLock

from verif.lib.paths import BUILD, ROOT, tool_environment

FUSESOC = ROOT / "fusesoc"


class UnknownCore(Exception):
    """CORE names no .core file."""


@dataclass(frozen=True)
class CoreFiles:
    """What FuseSoC resolved for one target of one core: absolute paths in compile order."""

    core: str
    toplevel: str
    sources: tuple[Path, ...]  # SystemVerilog, and C++ of testbenches
    waivers: tuple[Path, ...]  # Verilator control files
    own_sources: tuple[Path, ...]  # the sources that this core itself lists, without its dependencies
    run_options: tuple[str, ...]  # plusargs of the simulation


def cores() -> list[str]:
    """Names of all cores of the library, sorted."""
    return sorted(path.stem for path in FUSESOC.glob("*.core"))


def require_core(core: str) -> str:
    if core not in cores():
        raise UnknownCore(f"CORE={core} is not a core of this library; allowed: {', '.join(cores())}")
    return core


def _fingerprint(core: str, target: str) -> str:
    text = b"".join(path.read_bytes() for path in sorted(FUSESOC.glob("*.core")))
    return hashlib.sha256(text + f"{core}/{target}".encode()).hexdigest()[:12]


@functools.cache
def core_files(core: str, target: str = "lint", flags: tuple[str, ...] = ()) -> CoreFiles:
    """Resolve `core` with FuseSoC and its flags (`versal`: fp32 units in DSPFP32 blocks).

    Raises:
        UnknownCore: no such core.
        RuntimeError: FuseSoC could not resolve it; its output is in the message.
    """
    require_core(core)
    name = "-".join([target, *flags])
    work = BUILD / "edam" / f"{core}-{name}-{_fingerprint(core, name)}"
    work.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{work}.lock"):
        if not list(work.glob("*.eda.yml")):
            fusesoc = str(Path(sys.executable).parent / "fusesoc")
            options = ["--no-export", "--setup", f"--target={target}", "--work-root", str(work)]
            options += [f"--flag={flag}" for flag in flags]
            run = subprocess.run(
                [fusesoc, "--cores-root", str(FUSESOC), "run", *options, f"lutloom:ip:{core}"],
                cwd=ROOT,
                env={**os.environ, **tool_environment()},
                capture_output=True,
                text=True,
            )
            if run.returncode:
                raise RuntimeError(f"FuseSoC cannot resolve {core}, target {target}:\n{run.stdout}{run.stderr}")
    edam = yaml.safe_load(next(work.glob("*.eda.yml")).read_text())
    sources, waivers, own = [], [], []
    for entry in edam["files"]:
        path = (work / entry["name"]).resolve()
        if entry["file_type"].startswith("systemVerilogSource"):
            sources.append(path)
            if entry["core"].split(":")[2] == core:
                own.append(path)
        elif entry["file_type"] == "cppSource":
            sources.append(path)
        elif entry["file_type"] == "vlt":
            waivers.append(path)
    run_options = tuple(edam["flow_options"].get("run_options", ()))
    return CoreFiles(core, edam["toplevel"], tuple(sources), tuple(waivers), tuple(own), run_options)
