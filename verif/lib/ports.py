"""Ports and parameters of a toplevel as elaborated by Verilator, which sees its packages and no module below it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lutloom.v80.wrapper import Port
from verif.lib.corefiles import core_files
from verif.lib.params import BadParameter
from verif.lib.paths import tool_environment

MISSING = ["-Wno-fatal", "-Wno-lint", "-Wno-MODMISSING", "-Werror-USERERROR"]  # the modules below stay black boxes


def ports_of(core: str, parameters: Mapping[str, str] | None = None) -> tuple[list[Port], dict[str, str]]:
    """(ports in order, {parameter: value as a Verilog literal}) of the toplevel of `core` with `parameters`.

    Raises:
        UnknownCore: no such core.
        BadParameter: the elaboration refused a parameter; the RTL's own message.
    """
    files = core_files(core)
    sources = [str(path) for path in files.sources if path.stem.endswith("_pkg") or path.stem == files.toplevel]
    generics = [f"-G{name}={value}" for name, value in (parameters or {}).items()]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "tree.json")
        options = ["--json-only", "--json-only-output", str(out), "--Mdir", folder, *MISSING]
        done = subprocess.run(
            ["verilator", *options, "--top-module", files.toplevel, *generics, *sources],
            env={**os.environ, **tool_environment()},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            refused = re.search(r"USERERROR: \S+ (?:%m: )?(.*)", done.stderr)
            raise BadParameter(refused[1] if refused else done.stderr)
        tree = json.loads(out.read_text())
    types = {row["addr"]: row for table in tree["miscsp"] for row in table.get("typesp", [])}
    top = next(module for module in tree["modulesp"] if module["origName"] == files.toplevel)
    ports, values = [], {}
    for row in top["stmtsp"]:
        if row.get("isGParam"):
            values[row["name"]] = row["valuep"][0]["name"]
        elif row.get("varType") == "PORT":
            direction = {"INPUT": "in", "OUTPUT": "out"}[row["direction"]]
            ports.append(Port(row["name"], direction, _width(types, row["dtypep"])))
    return ports, values


def _width(types: dict[str, dict], address: str) -> int:
    """Bits of a type."""
    kind = types[address]
    match kind["type"]:
        case "BASICDTYPE":
            return _span(kind["range"]) if kind.get("range") else {"integer": 32, "int": 32}.get(kind["keyword"], 1)
        case "PACKARRAYDTYPE":
            return _span(kind["declRange"].strip("[]")) * _width(types, kind["refDTypep"])
        case "STRUCTDTYPE":
            return sum(_width(types, member["dtypep"]) for member in kind["membersp"])
        case "REFDTYPE" | "ENUMDTYPE":
            return _width(types, kind["refDTypep"])
    raise NotImplementedError(f"port of type {kind['type']}")


def _span(text: str) -> int:
    left, right = map(int, text.split(":"))
    return abs(left - right) + 1
