"""Pictures of an estimate: sweeps, what pays (pareto), tokens a second against bytes (roofline)."""

from pathlib import Path

BLUE, RED = "#2a6f97", "#e76f51"
NAMES = {"slices": "slices", "context": "context", "clock": "MHz", "bits": "bits a weight",
         "stream_beats": "beats of run-ahead", "model": "model"}  # fmt: skip


def write(report: dict, out: Path) -> list[Path]:
    """The pictures that the report's sweeps allow, beside it; their paths."""
    points = [point | {"sweep": name} for name, found in report["sweeps"].items() for point in found]
    if not points:
        return []
    paths = [out.with_name(f"{out.stem}-{name}.png") for name in ("sweeps", "pareto", "roofline")]
    draw_sweeps(report, paths[0])
    draw_pareto(report, points, paths[1])
    draw_roofline(report, points, paths[2])
    return paths


def _plt():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def _title(report: dict) -> str:
    decode = report["decode"]
    return f"{report['model']} on {report['hardware']}, context {decode['context']}, {report['clock']} MHz: estimated"


def draw_sweeps(report: dict, path: Path) -> None:
    """Tokens a second and use of the ports over the values of every sweep."""
    plt = _plt()
    sweeps = report["sweeps"]
    figure, axes = plt.subplots(
        -(-len(sweeps) // 3), min(3, len(sweeps)), figsize=(4.2 * min(3, len(sweeps)), 3.2 * -(-len(sweeps) // 3)),
        layout="constrained", squeeze=False,
    )  # fmt: skip
    for axis, (name, points) in zip(axes.flat, sweeps.items(), strict=False):
        values = [point["value"] for point in points]
        axis.plot(values, [point["tokens_a_second"] for point in points], "o-", color=BLUE)
        axis.set_xlabel(NAMES[name])
        axis.set_ylabel("tokens a second", color=BLUE)
        axis.set_ylim(0, 1.1 * max(point["tokens_a_second"] for point in points))
        axis.tick_params(axis="x", rotation=30)
        use = axis.twinx()
        use.plot(values, [100 * point["port_utilisation"] for point in points], "s--", color=RED)
        use.set_ylim(0, 105)
        use.set_ylabel("ports in use, %", color=RED)
    for axis in axes.flat[len(sweeps) :]:
        axis.set_visible(False)
    figure.suptitle(_title(report))
    figure.savefig(path, dpi=130)
    plt.close(figure)


def front(points: list[dict]) -> list[dict]:
    """Those that no other one beats in both: fewer slices and more tokens a second."""
    found: list[dict] = []
    for point in sorted(points, key=lambda p: (p["slices"], -p["tokens_a_second"])):
        if not found or point["tokens_a_second"] > found[-1]["tokens_a_second"]:
            found.append(point)
    return found


def draw_pareto(report: dict, points: list[dict], path: Path) -> None:
    """Slices, which are what the hardware costs, against tokens a second of this model."""
    plt = _plt()
    own = [point for point in points if point["model"] == report["model"]]
    figure, axis = plt.subplots(figsize=(7, 4.4), layout="constrained")
    for name in dict.fromkeys(point["sweep"] for point in own):
        found = [point for point in own if point["sweep"] == name]
        axis.plot([p["slices"] for p in found], [p["tokens_a_second"] for p in found], "o", label=f"by {NAMES[name]}")
    line = front(own)
    axis.plot([p["slices"] for p in line], [p["tokens_a_second"] for p in line], "k-", linewidth=0.8, label="front")
    axis.set_xscale("log", base=2)
    axis.set_xlabel("slices")
    axis.set_ylabel("tokens a second")
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(_title(report))
    figure.savefig(path, dpi=130)
    plt.close(figure)


def draw_roofline(report: dict, points: list[dict], path: Path) -> None:
    """Tokens a second against bytes a token; the lines are what the ports can at most."""
    plt = _plt()
    figure, axis = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
    reach = [min(p["bytes_total"] for p in points) / 2, max(p["bytes_total"] for p in points) * 2]
    for clock in sorted({point["clock"] for point in points}):
        peak = report["slices"] * report["beat_bytes"] * clock * 1e6
        axis.plot([b / 1e6 for b in reach], [peak / b for b in reach], linewidth=0.8,
                  label=f"{peak / 1e9:.0f} GB/s, {report['slices']} ports at {clock:g} MHz")  # fmt: skip
    for point in points:
        axis.plot(point["bytes_total"] / 1e6, point["tokens_a_second"], "o", color=BLUE, markersize=4)
        if point["sweep"] == "model":
            axis.annotate(point["model"], (point["bytes_total"] / 1e6, point["tokens_a_second"]), fontsize=8)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("MB a token")
    axis.set_ylabel("tokens a second")
    axis.legend(frameon=False, fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(_title(report))
    figure.savefig(path, dpi=130)
    plt.close(figure)
