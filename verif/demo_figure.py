"""The demo's picture: where the cycles of a run went."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLOURS = ("#2a6f97", "#61a5c2", "#a9d6e5", "#f4a261", "#e76f51", "#8ab17d", "#b5838d", "#6d6875", "#999999", "#cccccc")


def draw(report: dict, path: Path) -> Path:
    """Write one stacked bar of the run's cycles by unit, and one of the bytes by class, as a PNG at `path`."""
    counters = report["counters"]
    figure, axes = plt.subplots(2, 1, figsize=(10, 3.6), layout="constrained")
    for axis, parts, label in ((axes[0], counters["busy"], "cycles"), (axes[1], counters["bytes"], "bytes")):
        left = 0
        for colour, (name, value) in zip(COLOURS, parts.items(), strict=False):
            if value:
                axis.barh([""], [value], left=[left], color=colour, label=name.replace("_", " "))
                left += value
        axis.set_xlabel(f"{label}, {report['prompt_tokens']} tokens of prompt and {report['new_tokens']} new ones")
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(left=False)
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)
    figure.savefig(path, dpi=130)
    plt.close(figure)
    return path
