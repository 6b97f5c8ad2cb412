"""The picture and the tables of docs/hbm2e.md, from what Figures in tb.py left in figures.json.

`figures`: "parameters" {name: [value, unit, source]}; "locality" and "offset" {series: {bytes: efficiency}};
"streams" {traffic: efficiency}; "far" {MHz: beats a cycle}.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PEAK = 25.6  # GB/s of a pseudo-channel
COLOURS = ("#2a6f97", "#f4a261", "#8ab17d")


def draw(figures: dict, path: Path) -> None:
    """Efficiency against locality and against the distance of two streams, as a PNG at `path`."""
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained", sharey=True)
    for axis, kind, label in (
        (axes[0], "locality", "bytes in a row, from random places"),
        (axes[1], "offset", "second stream is ahead by (KiB, modulo 16)"),
    ):
        for colour, (series, points) in zip(COLOURS, figures[kind].items(), strict=False):
            x = [int(at) if kind == "locality" else int(at) / 1024 for at in points]
            axis.plot(x, [100 * share for share in points.values()], "o-", color=colour, label=series)
        axis.set_xlabel(label)
        axis.legend(frameon=False, fontsize=8)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_xscale("log", base=2)
    sizes = [int(size) for size in next(iter(figures["locality"].values()))]
    axes[0].set_xticks(sizes, sizes)
    axes[0].set_ylabel("% of 25.6 GB/s")
    axes[0].set_ylim(0, 100)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def tables(figures: dict) -> list[str]:
    """Markdown: the parameters; the efficiencies."""
    rows = ["| name | value | source |", "|---|--:|---|"]
    for name, (value, unit, source) in figures["parameters"].items():
        shown = f"{value / 1000:g} ns" if unit == "ps" else f"{value} {unit}".strip()
        rows.append(f"| `{name}` | {shown} | {source} |")
    found = ["| bytes in a row | " + " | ".join(figures["locality"]) + " |"]
    found.append("|--:|" + "--:|" * len(figures["locality"]))
    for size in next(iter(figures["locality"].values())):
        shares = " | ".join(f"{100 * series[size]:.0f} %" for series in figures["locality"].values())
        found.append(f"| {size} | {shares} |")
    streams = ["| two sequential streams | share of 25.6 GB/s | GB/s |", "|---|--:|--:|"]
    for name, share in figures["streams"].items():
        streams.append(f"| {name} | {100 * share:.0f} % | {PEAK * share:.1f} |")
    far = ["| ports at | beats a cycle | GB/s |", "|--:|--:|--:|"]
    far += [f"| {mhz} MHz | {rate:.2f} | {0.032 * int(mhz) * rate:.1f} |" for mhz, rate in figures["far"].items()]
    return ["\n".join(table) for table in (rows, found, streams, far)]
