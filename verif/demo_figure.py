"""The demo's picture: where each linear's cycles went."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

KINDS = {
    "lookup": ("index beats looked up", "#2a6f97"),
    "row_write": ("writing rows", "#61a5c2"),
    "result": ("results going out", "#a9d6e5"),
    "row_wait": ("waiting for rows (search, row port)", "#f4a261"),
    "index_wait": ("waiting for indices", "#e76f51"),
    "other": ("windows, pipeline", "#999999"),
}


def draw(rows: list[dict], path: Path) -> Path:
    """Write a stacked bar per linear, decode and prefill side by side, as a PNG at `path`."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for axis, mode in zip(axes, ("decode", "prefill"), strict=True):
        part = [row for row in rows if row["mode"] == mode]
        names = [row["linear"].removesuffix("_proj") for row in part]
        left = [0] * len(part)
        for kind, (label, colour) in KINDS.items():
            width = [row["breakdown"][kind] for row in part]
            axis.barh(names, width, left=left, color=colour, label=label)
            left = [a + b for a, b in zip(left, width, strict=True)]
        axis.invert_yaxis()
        axis.set_xlabel("cycles")
        axis.set_title(f"{mode}, {part[0]['tokens']} token{'s' * (part[0]['tokens'] > 1)}" if part else mode)
        axis.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, dpi=130)
    plt.close(figure)
    return path
