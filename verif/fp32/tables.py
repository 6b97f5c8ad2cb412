"""The tables and constants of the fp32 functions as a SystemVerilog package, from lutloom.fp32.

python -m verif.fp32.tables        # writes rtl/fp32/fp32_tables_pkg.sv
"""

import numpy as np

from lutloom import fp32
from verif.lib.paths import ROOT

PACKAGE = ROOT / "rtl" / "fp32" / "fp32_tables_pkg.sv"
TABLES = {
    "ExpTable": (fp32.EXP_TABLE, "2^(i/128)"),
    "ReciprocalTable": (fp32.RECIPROCAL_TABLE, "1 / (1 + (i + 0.5)/256)"),
    "RsqrtTable": (fp32.RSQRT_TABLE, "(f * (1 + (i mod 128 + 0.5)/128))^-0.5; f = 2 for the first half, then 1"),
    "LogTable": (fp32.LOG_TABLE, "ln c, c = 1 + i/128; from i = 53 on ln(c/2)"),
    "LogInverse": (fp32.LOG_INVERSE, "1 / c"),
}
CONSTANTS = {
    "ExpScale": (fp32.EXP_SCALE, "128 / ln 2"),
    "ExpHigh": (fp32.EXP_HIGH, "ln 2 / 128, its upper nine bits"),
    "ExpLow": (fp32.EXP_LOW, "and the rest"),
    "ExpLowest": (fp32.EXP_CLAMP[0], "arguments below it count as it"),
    "ExpHighest": (fp32.EXP_CLAMP[1], "and above this one"),
    "Ln2": (fp32.LN2, "ln 2"),
    "Third": (fp32.THIRD, "1 / 3"),
}
PER_LINE = 8


def word(value: np.float32) -> str:
    bits = int(np.float32(value).view(np.uint32))
    return f"32'h{bits >> 16:04x}_{bits & 0xFFFF:04x}"


def package() -> str:
    """The text of fp32_tables_pkg.sv."""
    lines = [
        "// fp32_tables_pkg: tables and constants of the functions, binary32 bit patterns.",
        "// Written by `python -m verif.fp32.tables` from golden/fp32.py; not to be edited.",
        "package fp32_tables_pkg;",
    ]
    for name, (value, meaning) in CONSTANTS.items():
        lines.append(f"  localparam logic [31:0] {name} = {word(value)};  // {meaning}")
    for name, (values, meaning) in TABLES.items():
        words = [word(value) for value in values]
        rows = [", ".join(words[i : i + PER_LINE]) for i in range(0, len(words), PER_LINE)]
        lines += ["", f"  // {meaning}", f"  localparam logic [31:0] {name}[{len(words)}] = '{{"]
        lines += [f"    {row}," for row in rows[:-1]] + [f"    {rows[-1]}", "  };"]
    return "\n".join([*lines, "endpackage", ""])


if __name__ == "__main__":
    PACKAGE.write_text(package())
