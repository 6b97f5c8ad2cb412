"""What the accelerator is made of in one of its configurations: every instance, as Verilator elaborates it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from lutloom.qwen3_accel import configuration
from verif.lib.corefiles import core_files
from verif.lib.paths import tool_environment
from verif.lib.synth import BLOCK

CORE = "qwen3_accel"
FLAGS = ("versal",)


@dataclass(frozen=True)
class Instance:
    """An instance and all below it. Paths as in Vivado: a dot after a generate block, slashes between instances."""

    path: str
    module: str
    parameters: tuple[tuple[str, str], ...]  # as Verilog literals in decimal
    children: tuple[Instance, ...] = field(repr=False)

    def walk(self):
        """This instance and all below, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


def _literal(text: str) -> str:
    """64'hff -> 64'd255, 32'sh10 -> 16."""
    width, _, digits = text.partition("'")
    number = int(digits.lstrip("s")[1:], 16)
    return str(number) if number < 1 << 31 else f"{width}'d{number}"


def elaborate(name: str, **others: int) -> Instance:
    """The accelerator in configuration `name`, with `others` of its parameters. RuntimeError: Verilator refuses it."""
    files = core_files(CORE, flags=FLAGS)
    generics = [f"-G{key}={value}" for key, value in (configuration(name).parameters() | others).items()]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "tree.json")
        options = ["--json-only", "--json-only-output", str(out), "--Mdir", folder, "-Wno-fatal", "-Wno-lint"]
        sources = [str(path) for path in [*files.waivers, *files.sources, BLOCK]]
        done = subprocess.run(
            ["verilator", *options, "-fno-inline", "-DSYNTHESIS", "--top-module", CORE, *generics, *sources],
            env={**os.environ, **tool_environment()},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        tree = json.loads(out.read_text())
    modules = {module["addr"]: module for module in tree["modulesp"]}

    def parameters(module: dict) -> tuple[tuple[str, str], ...]:
        rows = [row for row in module["stmtsp"] if row.get("isGParam")]
        return tuple((row["name"], _literal(row["valuep"][0]["name"])) for row in rows)

    def below(nodes: list[dict], path: str):
        for node in nodes:
            if node["type"] == "CELL":
                module, cell = modules[node["modp"]], path + node["name"]
                inside = tuple(below(module["stmtsp"], f"{cell}/"))
                yield Instance(cell, module["origName"], parameters(module), inside)
            elif node["type"] == "GENBLOCK":
                yield from below(node.get("itemsp", []), f"{path}{node['name']}." if node["name"] else path)

    root = next(module for module in modules.values() if module["origName"] == CORE)
    return Instance("", CORE, parameters(root), tuple(below(root["stmtsp"], "")))
