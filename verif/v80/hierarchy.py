"""Ports, cells and cell pins of the wrapped accelerator as Verilator elaborates it: two seconds for 64 slices."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lutloom.v80.wrapper import Port
from verif.lib.corefiles import core_files
from verif.lib.paths import tool_environment

DIRECTIONS = ("INPUT", "OUTPUT", "INOUT")  # of variables that are ports


@dataclass(frozen=True)
class Module:
    """A module that a block design can refer to. Names of cells and pins as in Vivado: a dot after a generate block."""

    name: str
    ports: tuple[Port, ...]
    cells: tuple[str, ...]
    pins: tuple[str, ...]


CROSSING = ("async_fifo", "synchroniser")  # modules whose registers constraints name


def _registers(types: dict[str, dict], row: dict) -> list[str]:
    """Cells that Vivado makes of a variable: `x_reg`, of a packed array `x_reg[1][0]` for every bit."""
    kind, spans = types[row["dtypep"]], []
    while kind["type"] == "REFDTYPE":
        kind = types[kind["refDTypep"]]
    while kind["type"] == "PACKARRAYDTYPE":
        spans.append(kind["declRange"].strip("[]"))
        kind = types[kind["refDTypep"]]
    if kind.get("range"):
        spans.append(kind["range"])
    names = [f"{row['name']}_reg"]
    for left, right in (map(int, span.split(":")) for span in spans):
        names = [f"{name}[{n}]" for name in names for n in range(min(left, right), max(left, right) + 1)]
    return names


def elaborate(name: str, ports: tuple[Port, ...], text: str) -> Module:
    """The module `name` whose Verilog is `text`, over the sources of qwen3_accel. ports: what it is said to have.

    Raises RuntimeError if Verilator cannot elaborate it.
    """
    files = core_files("qwen3_accel")
    with tempfile.TemporaryDirectory() as folder:
        top, out = Path(folder, f"{name}.v"), Path(folder, "tree.json")
        top.write_text(text)
        sources = [str(path) for path in [*files.waivers, *files.sources, top]]
        options = [
            "--json-only",
            "--json-only-output",
            str(out),
            "--Mdir",
            folder,
            "-Wno-fatal",
            "-Wno-lint",
            "-fno-inline",
        ]
        done = subprocess.run(
            ["verilator", *options, "-DSYNTHESIS", "--top-module", name, *sources],
            env={**os.environ, **tool_environment()},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        tree = json.loads(out.read_text())
    modules = {module["addr"]: module for module in tree["modulesp"]}
    types = {row["addr"]: row for table in tree["miscsp"] for row in table.get("typesp", [])}
    cells: list[str] = []
    pins: list[str] = []

    def walk(nodes: list[dict], path: str) -> None:
        for node in nodes:
            if node["type"] == "CELL":
                module, cell = modules[node["modp"]], path + node["name"]
                cells.append(cell)
                pins.extend(f"{cell}/{row['name']}" for row in module["stmtsp"] if row.get("direction") in DIRECTIONS)
                if module["origName"] in CROSSING:
                    rows = [
                        row for row in module["stmtsp"] if row["type"] == "VAR" and row["name"].endswith(("_q", "mem"))
                    ]
                    flops = [f"{cell}/{name}" for row in rows for name in _registers(types, row)]
                    cells.extend(flops)
                    pins.extend(f"{flop}/C" for flop in flops)
                walk(module["stmtsp"], f"{cell}/")
            elif node["type"] == "GENBLOCK":
                walk(node.get("itemsp", []), f"{path}{node['name']}." if node["name"] else path)

    root = next(module for module in modules.values() if module["origName"] == name)
    declared = [row["name"] for row in root["stmtsp"] if row.get("direction") in DIRECTIONS]
    if declared != [port.name for port in ports]:
        raise RuntimeError(f"{name}: its ports are not those that it is said to have")
    walk(root["stmtsp"], "")
    return Module(name, ports, tuple(cells), tuple(pins))
