"""docs/resources.md from the figures of a run: the text, nothing else."""

from __future__ import annotations

from pathlib import Path

import jinja2

from verif.lib.corefiles import cores
from verif.resources import plan

TEMPLATE = Path(__file__).with_name("resources.md.j2")
SUMMED = ("luts", "ffs", "dsps", "brams", "urams")


def measured(rows: list[dict]) -> list[dict]:
    """The rows that have figures."""
    return [row for row in rows if "luts" in row]


def totals(rows: list[dict]) -> dict[str, float]:
    """Sums over all instances of the parts that are measured; DSPFP32 of those that are not are added to the DSPs."""
    sums = {name: sum(row[name] * len(row["paths"]) for row in measured(rows)) for name in SUMMED}
    sums["dsps_fp32"] = sum(row["dsps_fp32"] * len(row["paths"]) for row in rows)
    sums["dsps"] += sum(row["dsps_fp32"] * len(row["paths"]) for row in rows if "luts" not in row)
    return sums


def per_slr(rows: list[dict]) -> dict[str, dict[str, float]]:
    """Sums of what the floorplan puts into an SLR, and of what it leaves to Vivado ("free")."""
    places = [str(slr) for slr in range(plan.SLRS)] + ["free"]
    sums = {place: dict.fromkeys(SUMMED, 0.0) for place in places}
    for row in measured(rows):
        for path in row["paths"]:
            slr = plan.slr_of(path)
            for name in SUMMED:
                sums["free" if slr is None else str(slr)][name] += row[name]
    return sums


def core_of(module: str) -> str | None:
    """The core with a page that a module belongs to."""
    known = [core for core in cores() if module == core or module.startswith(f"{core}_")]
    if (module.startswith("accel_") and not known) or module.startswith("frame"):
        return "qwen3_accel"
    if module.startswith("axi_read"):
        return "common"
    return max(known, key=len, default=None)


def page(data: dict) -> str:
    """The page of `data`, as generate.py writes it."""
    order = {module: n for n, module in enumerate(plan.PARTS)}
    rows = sorted(data["parts"], key=lambda row: (order.get(row["module"], len(order)), row["module"]))
    sums = totals(rows)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True)
    environment.filters["n"] = lambda value: f"{value:,.1f}".removesuffix(".0")
    missing = [row["module"] for row in rows if "luts" not in row]
    return environment.from_string(TEMPLATE.read_text()).render(
        data=data,
        rows=[row | {"core": core_of(row["module"]), "count": len(row["paths"])} for row in rows],
        missing=missing,
        sums=sums,
        share={name: f"{100 * sums[name] / plan.DEVICE[name]:.0f} %" for name in plan.DEVICE},
        slrs=per_slr(rows),
        third={name: value / plan.SLRS for name, value in plan.DEVICE.items()},
        energy=plan.energy(sums),
        plan=plan,
    )
