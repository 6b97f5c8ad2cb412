"""`make synth CORE=<core> [PARAMS="Name=value ..."] [TARGET=versal]`: area and path of one core in Yosys, as a proxy.

Yosys maps to UltraScale+ (family xcup), not to the Versal part itself: LUT, FF, DSP and memory counts and abc9's delay
model are a proxy that compares versions and parameters; they are not what Vivado reports for a V80.

TARGET=versal: additions and multiplications of fp32 are DSPFP32 blocks, black boxes that count as a DSP each and have
no delay; all else is mapped to UltraScale+ as before.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from verif.lib.corefiles import UnknownCore, core_files
from verif.lib.params import BadParameter, parse_parameters
from verif.lib.paths import BUILD, RESULTS, ROOT

# LUT sites that a memory primitive occupies (a RAM32M16 is a whole slice, whatever part of it is used)
LUTS_PER_CELL = {
    **{f"LUT{n}": 1 for n in range(1, 7)},
    **{"INV": 1, "SRL16E": 1, "SRLC32E": 1, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM256X1D": 8},
    **{"RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8, "RAM64X1S": 1, "RAM32X1S": 1},
}
CARRY_BITS = {"CARRY4": 4, "CARRY8": 8}
RAM_CELL = re.compile(r"RAM\d+[XM]|SRL")
CLOCK_NS = 3.0


TARGETS = {"": (), "versal": ("versal",)}  # TARGET: flags of FuseSoC
BLOCK = ROOT / "verif" / "fp32" / "DSPFP32.sv"  # for synthesis a black box
# In a process of its own: Yosys writes to the C standard output, which cannot be kept quiet from inside. Black boxes
# lose their parameters, which abc9 would look for in the module.
SCRIPT = """
from pyosys import libyosys as yosys
design = yosys.Design()
yosys.run_pass({read!r}, design)
for module in design.modules_.values():
    for cell in module.cells_.values():
        if cell.type.str() in {boxes!r}:
            for name in list(cell.parameters):
                cell.unsetParam(name)
yosys.run_pass({synth!r}, design)
yosys.run_pass({stat!r}, design)
"""
TOOL = "Yosys synth_xilinx -family xcup -abc9 (UltraScale+ proxy)"


def synthesise(
    core: str,
    parameters: dict[str, str],
    toplevel: str | None = None,
    target: str = "",
    black_boxes: tuple[str, ...] = (),
) -> dict:
    """Synthesise and count.

    Args:
        target: of TARGETS.
        black_boxes: modules whose instances are left out.

    Returns:
        dict: luts (logic + as memory), luts_logic, luts_memory, ffs, dsps (dsps_fp32 of them DSPFP32), brams (36 kbit),
        urams, carry_bits, path_ns.

    Raises:
        BadParameter: the elaboration refused a parameter; the RTL's own message.
        RuntimeError: Yosys failed otherwise; names the log.
    """
    if target not in TARGETS:
        raise BadParameter(f"TARGET: found {target}, allowed versal or nothing")
    files = core_files(core, flags=TARGETS[target])
    toplevel = toplevel or files.toplevel
    tag = "-".join([toplevel, *([target] if target else []), *(f"{k}{v}" for k, v in parameters.items())])
    folder = BUILD / "synth" / core
    folder.mkdir(parents=True, exist_ok=True)
    tag = tag if len(tag) < 200 else f"{tag[:180]}-{hashlib.sha256(tag.encode()).hexdigest()[:12]}"
    log, stat = folder / f"{tag}.log", folder / f"{tag}.json"
    generics = " ".join(f"-G{name}={value}" for name, value in parameters.items())
    boxes = " ".join(f"--blackboxed-module {name}" for name in black_boxes)
    sources = " ".join(str(path) for path in [*files.sources, *([BLOCK] if target else [])])
    script = SCRIPT.format(
        read=f"read_slang --top {toplevel} {generics} {boxes} -DSYNTHESIS --ignore-assertions {sources}",
        boxes=[f"\\{name}" for name in (*black_boxes, *([BLOCK.stem] if target else []))],
        synth=f"synth_xilinx -family xcup -noiopad -noclkbuf -flatten -abc9 -uram -top {toplevel}",
        stat=f"tee -q -o {stat} stat -tech xilinx -json",
    )
    with log.open("w") as out:
        done = subprocess.run([sys.executable, "-c", script], stdout=out, stderr=subprocess.STDOUT)
    text = log.read_text()
    if done.returncode:
        refused = re.findall(r"(?i)error: \$error encountered: (.*)", text)
        if refused:
            raise BadParameter(refused[0])
        lines = [line for line in text.splitlines() if "rror" in line][-3:]
        raise RuntimeError(f"{core}: Yosys failed, see {log}\n" + "\n".join(lines))
    cells = json.loads(stat.read_text())["design"]["num_cells_by_type"]
    memory = sum(LUTS_PER_CELL.get(cell, 0) * n for cell, n in cells.items() if RAM_CELL.match(cell))
    logic = sum(LUTS_PER_CELL.get(cell, 0) * n for cell, n in cells.items() if not RAM_CELL.match(cell))
    unknown = [cell for cell in cells if RAM_CELL.match(cell) and cell not in LUTS_PER_CELL]
    if unknown:
        raise RuntimeError(f"{core}: no LUT count known for {', '.join(unknown)}")
    delays = re.findall(r"ABC: .*Del =\s*(\d+\.\d+)", text)
    return {
        "core": core,
        "toplevel": toplevel,
        "parameters": parameters,
        "luts": logic + memory,
        "luts_logic": logic,
        "luts_memory": memory,
        "ffs": sum(n for cell, n in cells.items() if cell.startswith("FD")),
        "dsps": sum(n for cell, n in cells.items() if cell.startswith("DSP")),
        "dsps_fp32": cells.get("DSPFP32", 0),
        "brams": sum(n * (0.5 if "18" in cell else 1) for cell, n in cells.items() if cell.startswith("RAMB")),
        "urams": sum(n for cell, n in cells.items() if cell.startswith("URAM")),
        "carry_bits": sum(CARRY_BITS.get(cell, 0) * n for cell, n in cells.items()),
        "path_ns": float(delays[-1]) / 1000 if delays else 0.0,
        "tool": TOOL + (", DSPFP32 black boxes" if target else ""),
        "log": str(Path(log)),
    }


def lookups_per_cycle(parameters: dict[str, str]) -> int:
    """Lookups that lut2d makes a cycle with these parameters (defaults as in rtl/lut2d/lut2d.sv)."""
    value = {"Lanes": 2, "Units": 32, "Tokens": 1} | {k: int(v) for k, v in parameters.items() if v.isdigit()}
    return value["Lanes"] * value["Units"] * value["Tokens"]


def main(argv: list[str]) -> int:
    try:
        core = argv[0] if argv else ""
        parameters = parse_parameters(core, argv[1:])
        target = os.environ.get("TARGET", "")
        console = Console()
        with console.status(f"Yosys: {core} ..."):
            figures = synthesise(core, parameters, target=target)
        if core == "lut2d":
            figures["luts_per_lookup"] = round(figures["luts"] / lookups_per_cycle(parameters), 2)
    except (UnknownCore, BadParameter) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    RESULTS.mkdir(parents=True, exist_ok=True)
    if not parameters and not target:  # the figures of record are those of the defaults
        (RESULTS / f"synth-{core}.json").write_text(json.dumps(figures, indent=1) + "\n")
    table = Table(title=f"{core}: {figures['tool']}")
    shown = ["luts", "luts_logic", "luts_memory", "ffs", "dsps", "brams", "urams", "path_ns", "luts_per_lookup"]
    for name in shown:
        if name in figures:
            table.add_column(name.replace("_", " "), justify="right")
    table.add_row(*(f"{figures[name]:g}" for name in shown if name in figures))
    console.print(table)
    if figures["path_ns"] > CLOCK_NS:
        print(f"error: longest path {figures['path_ns']} ns, allowed: {CLOCK_NS} ns", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
