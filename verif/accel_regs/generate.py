"""`python -m verif.accel_regs.generate [--check]`: all that is made from rtl/accel_regs/accel_regs.rdl.

The register block in SystemVerilog and the C header by PeakRDL, the Python module and the documentation here. What it
writes is committed; with --check nothing is written, and a file that is not as it would be written is an error.
"""

import sys
import tempfile
from pathlib import Path

from peakrdl_cheader.exporter import CHeaderExporter
from peakrdl_regblock import RegblockExporter
from peakrdl_regblock.cpuif.passthrough import PassthroughCpuif
from peakrdl_regblock.udps import ALL_UDPS
from systemrdl import RDLCompiler
from systemrdl.node import AddrmapNode, RegfileNode, RegNode, SignalNode

from verif.lib.paths import ROOT

SOURCE = Path("rtl/accel_regs/accel_regs.rdl")
BLOCK = "accel_regs_csr"
RTL = [Path(f"rtl/accel_regs/{BLOCK}_pkg.sv"), Path(f"rtl/accel_regs/{BLOCK}.sv")]
HEADER = Path("rtl/accel_regs/accel_regs.h")
PYTHON = Path("golden/host/registers.py")
DOCS = Path("docs/registers.md")
# name in the RDL -> (class in Python, heading)
ENUMS = {
    "cause_e": ("Cause", "Causes of errors"),
    "unit_e": ("Unit", "Units"),
    "ended_e": ("Ended", "Why a run ended"),
    "class_e": ("PortClass", "Classes of memory ports"),
}


def compile_rdl() -> tuple[RDLCompiler, AddrmapNode]:
    """The elaborated source."""
    compiler = RDLCompiler()
    for udp in ALL_UDPS:
        compiler.register_udp(udp)
    compiler.compile_file(str(ROOT / SOURCE))
    return compiler, compiler.elaborate().top


def enums(compiler: RDLCompiler) -> dict[str, list[tuple[str, int, str]]]:
    """{name in the RDL: [(member, value, description)]}."""
    found = {}
    for name in ENUMS:
        members = compiler.namespace.lookup_type(name)
        found[name] = [(member.name, member.value, member.rdl_desc) for member in members]
    return found


def registers(top: AddrmapNode) -> list[dict]:
    """Every register as plain values; the lower and upper word of a counter are registers of their own."""
    rows = []
    for node in top.children(unroll=False):
        if isinstance(node, SignalNode):
            continue
        for reg in node.children() if isinstance(node, RegfileNode) else [node]:
            assert isinstance(reg, RegNode)
            rows.append(_register(node, reg))
    return rows


def _register(node, reg: RegNode) -> dict:
    fields = list(reg.fields())
    resets = [f.get_property("reset") for f in fields]
    half = "" if node is reg else f"_{reg.inst_name}"
    first = node.raw_address_offset + (0 if node is reg else reg.raw_address_offset)
    return {
        "name": node.inst_name + half,
        "address": first,
        "access": "rw"
        if fields[0].is_sw_readable and fields[0].is_sw_writable
        else "r"
        if fields[0].is_sw_readable
        else "w",
        "fields": {f.inst_name: (f.lsb, f.width) for f in fields},
        "reset": None if None in resets else sum(r << f.lsb for r, f in zip(resets, fields, strict=True)),
        "locked": bool(fields[0].get_property("swwel")),
        "count": node.array_dimensions[0] if node.is_array else 1,
        "stride": node.array_stride if node.is_array else 4,
        "desc": "Upper half." if half == "_HI" else node.get_property("desc") or "",
        "notes": [(f.inst_name, f.msb, f.lsb, f.get_property("desc")) for f in fields if f.get_property("desc")],
        "clears": bool(fields[0].get_property("onwrite")),
    }


def python_module(kinds: dict, rows: list[dict]) -> str:
    out = [
        f'"""Registers of the accelerator. Generated from {SOURCE} by verif/accel_regs/generate.py."""',
        "",
        "# ruff: noqa: E501",
    ]
    out += ["from enum import IntEnum", "", "from lutloom.host.fields import Register", ""]
    for name, members in kinds.items():
        out += ["", f"class {ENUMS[name][0]}(IntEnum):", f'    """{ENUMS[name][1]}."""', ""]
        out += [f"    {member} = {value}  # {desc}" for member, value, desc in members] + [""]
    out += [""]
    for name, members in kinds.items():
        kind = ENUMS[name][0]
        out += [f"{kind.upper()}_TEXT = {{"]
        out += [f'    {kind}.{member}: "{desc}",' for member, _, desc in members] + ["}"]
    out += [""]
    for row in rows:
        fields = ", ".join(f'"{name}": ({low}, {bits})' for name, (low, bits) in row["fields"].items())
        args = [f'"{row["name"]}"', f"0x{row['address']:03X}", f'"{row["access"]}"', f"{{{fields}}}"]
        args += [] if row["reset"] is None else [f"reset=0x{row['reset']:X}"]
        args += ["locked=True"] if row["locked"] else []
        args += [f"count={row['count']}", f"stride={row['stride']}"] if row["count"] > 1 else []
        out += [f"{row['name']} = Register({', '.join(args)})  # fmt: skip"]
    out += ["", "REGISTERS = (", *(f"    {row['name']}," for row in rows), ")", ""]
    return "\n".join(out)


def docs(kinds: dict, rows: list[dict]) -> str:
    out = ["# Registers", ""]
    out += [
        f"Generated from [`{SOURCE}`](../{SOURCE}) by",
        "`python -m verif.accel_regs.generate`, like the register block in RTL, the C header",
        f"[`{HEADER.name}`](../{HEADER}) and the Python module",
        f"[`{PYTHON}`](../{PYTHON}). How they are used: [host.md](host.md); the core around",
        "them: [cores/accel_regs.md](cores/accel_regs.md).",
        "",
        "AXI4-Lite, words of 32 bits. Access: r read, w write, rw both, w1c write 1 to clear; * no effect while a run",
        "is under way. A dash as reset value: hardware gives the value. Addresses of nothing and forbidden accesses",
        "answer SLVERR.",
        "",
    ]
    out += ["| address | register | access | reset | what |", "|--:|---|---|--:|---|"]
    for row in rows:
        index = f"[{row['count']}]" if row["count"] > 1 else ""
        step = f" + {row['stride']} i" if row["count"] > 1 else ""
        access = "w1c" if row["clears"] else row["access"] + "*" * row["locked"]
        reset = "-" if row["reset"] is None else f"{row['reset']:#x}" if row["reset"] > 9 else str(row["reset"])
        out += [f"| {row['address']:#05x}{step} | `{row['name']}`{index} | {access} | {reset} | {row['desc']} |"]
    out += ["", "## Fields", ""]
    out += ["Registers not named here are one number.", "", "| register | bits | field | what |", "|---|--:|---|---|"]
    for row in rows:
        for name, high, low, desc in row["notes"]:
            bits = str(high) if high == low else f"{high}:{low}"
            out += [f"| `{row['name']}` | {bits} | `{name}` | {desc} |"]
    for name, members in kinds.items():
        out += ["", f"## {ENUMS[name][1]}", "", "| number | name | what |", "|--:|---|---|"]
        out += [f"| {value} | `{member}` | {desc} |" for member, value, desc in members]
    return "\n".join([*out, ""])


def generate() -> dict[Path, str]:
    """{path in the repository: text}."""
    compiler, top = compile_rdl()
    kinds, rows = enums(compiler), registers(top)
    texts = {PYTHON: python_module(kinds, rows), DOCS: docs(kinds, rows)}
    with tempfile.TemporaryDirectory() as folder:
        RegblockExporter().export(
            top,
            folder,
            cpuif_cls=PassthroughCpuif,  # accel_regs_axil is in front of it, with a register between
            module_name=BLOCK,
            package_name=f"{BLOCK}_pkg",
            reuse_hwif_typedefs=False,  # names by place, not by a hash of the description
            retime_read_fanin=True,
            retime_read_response=True,
            default_reset_activelow=True,
            err_if_bad_addr=True,
            err_if_bad_rw=True,
        )
        CHeaderExporter().export(top, f"{folder}/{HEADER.name}", reuse_typedefs=False)
        for path in (*RTL, HEADER):
            lines = Path(folder, path.name).read_text().splitlines()
            texts[path] = "\n".join(line.rstrip() for line in lines) + "\n"
    return texts


def main(argv: list[str]) -> int:
    stale = []
    for path, text in generate().items():
        if not (ROOT / path).exists() or (ROOT / path).read_text() != text:
            stale.append(str(path))
            if "--check" not in argv:
                (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
                (ROOT / path).write_text(text)
    if "--check" in argv and stale:
        print(
            f"error: not as {SOURCE} has it: {', '.join(stale)}; run python -m verif.accel_regs.generate",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
