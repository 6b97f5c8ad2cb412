"""What `lutloom perf` shows of a measurement: tables, a page in Markdown, pictures; all from the results' JSON."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from lutloom.files import write_file

CONTROL = "control"  # the cycles in which no operation is under way
COLOURS = {
    "embedding": "#cccccc", "norm": "#f4a261", "rope": "#e9c46a", "attention": "#e76f51", "linear": "#2a6f97",
    "swiglu": "#8ab17d", "head": "#264653", "sample": "#b5838d", CONTROL: "#999999",
}  # fmt: skip
# What a port did in a cycle: name in the results -> (heading, colour), a beat first.
PORT_WORK = {
    "read": ("a beat", "#2a6f97"),
    "waiting": ("waits for memory", "#e76f51"),
    "held": ("beat held off", "#f4a261"),
    "full": ("buffer full", "#e9c46a"),
    "idle": ("nothing to read", "#cccccc"),
}
HBM_GBPS = 819.2  # of a V80
# LUT-LLM on Qwen3-1.7B: arXiv 2511.06174 and its artifact. One block was run at a fixed KV length; times 28.
LUTLLM = {"cycles": 1_277_000, "mhz": 250, "bytes": 1_145_000_000, "gbps": 256.0}
LUTLLM_MODEL = "qwen3-1.7b"


def share(part: float, whole: float) -> str:
    """In per cent."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def rows(report: dict) -> list[tuple[str, ...]]:
    """A row for every operation, all layers together: cycles, share of the token, what the stream ports did."""
    decode = report["decode"]
    found = []
    for name, group in decode["groups"].items():
        ports = group["ports"]
        whole = sum(ports[work] for work in PORT_WORK)
        shares = (share(ports[work], whole) for work in PORT_WORK)
        found.append((name, f"{group['cycles']:,}", share(group["cycles"], decode["cycles"]), *shares))
    whole = sum(decode["streams"][work] for work in PORT_WORK)
    everything = tuple(share(decode["streams"][work], whole) for work in PORT_WORK)
    return [*found, ("all", f"{decode['cycles']:,}", "100.0 %", *everything)]


HEADINGS = ("operation", "cycles", "share", *(f"ports: {heading}" for heading, _ in PORT_WORK.values()))


def summary(report: dict) -> list[tuple[str, str]]:
    """The figures that count."""
    decode, slices = report["decode"], report["slices"]
    found = [
        ("cycles a token", f"{decode['cycles']:,}"),
        *((f"ms at {clock} MHz", f"{ms:.3f}") for clock, ms in decode["ms"].items()),
        (f"use of {slices} ports x {report['beat_bytes']} bytes", share(decode["port_utilisation"], 1)),
        ("bytes a token", f"{decode['bytes_total']:,}"),
        ("cycles that the bytes need at least", f"{decode['bound_cycles']:,}"),
    ]
    if report["hbm"]:
        channels = [c for c in report["hbm"]["channels"] if c["reads"] or c["writes"]]
        hits = sum(c["hits"] for c in channels)
        touched = sum(c["reads"] + c["writes"] for c in channels)
        found.append(("pseudo-channels: share of their time with data", share(_mean(channels, "efficiency"), 1)))
        found.append(("accesses that found their row open", share(hits, touched)))
    if "check" in report:
        check = report["check"]
        found.append(("values compared with golden, bits different", f"{check['values']:,}, {check['bits_different']}"))
        found.append(("token", "golden's" if check["tokens_equal"] else "NOT golden's"))
    return found


def _mean(items: list[dict], key: str) -> float:
    return sum(item[key] for item in items) / len(items) if items else 0.0


def title(report: dict) -> str:
    """Model, scheme, hardware, context."""
    synthetic = report["synthetic"] or {}
    scheme = f", {synthetic['bits']:g} bits a weight" if synthetic else ""
    scheme = ", covq" if synthetic.get("scheme") == "covq" else scheme
    return f"{report['model']}{scheme}: one token at context {report['decode']['context']} on {report['hardware']}"


def show(report: dict, console: Console) -> None:
    """To the terminal."""
    table = Table(title=title(report), title_justify="left")
    for column in HEADINGS:
        table.add_column(column, justify="left" if column == "operation" else "right")
    for row in rows(report):
        table.add_row(*row)
    console.print(table)
    for name, value in summary(report):
        console.print(f"{name}: {value}")


# --- page -------------------------------------------------------------------------------------------------------------


def write(report: dict, page: Path) -> list[Path]:
    """The page and its pictures, beside it; their paths."""
    pictures = {name: page.with_name(f"{page.stem}-{name}.png") for name in ("timeline", "ports", "roofline")}
    draw_timeline(report, pictures["timeline"])
    draw_ports(report, pictures["ports"])
    draw_roofline(report, pictures["roofline"])
    write_file(page, markdown(report, {name: path.name for name, path in pictures.items()}).encode())
    return [page, *pictures.values()]


def table(headings: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    """In Markdown."""
    align = ["---", *("--:" for _ in headings[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in (headings, align, *lines)) + "\n"


def markdown(report: dict, pictures: dict[str, str]) -> str:
    """The report page."""
    decode = report["decode"]
    memory = "HBM2e timing model" if report["hbm"] else "memory of fixed latency"
    parts = [
        f"# {title(report)}\n",
        f"Measured: RTL cycles in Verilator, every port behind the {memory}. Assumed: the clock of "
        f"{report['clock']} MHz at which the memory's times were counted in cycles, and the memory's timings. "
        + ("Weights, keys and values are random, of the model's shapes.\n" if report["synthetic"] else "\n"),
        table(("", "figure"), summary(report)),
        "## Operations\n",
        "Cycles of the token by operation, all layers together. Where several are under way the oldest has the cycles. "
        "Right: what the stream ports did meanwhile, in shares of their cycles.\n",
        table(HEADINGS, rows(report)),
        f"![timeline]({pictures['timeline']})\n",
        f"![what the ports did]({pictures['ports']})\n",
        "## Bytes\n",
        table(
            ("class of ports", "bytes", "share"),
            [(n.lower(), f"{b:,}", share(b, decode["bytes_total"])) for n, b in decode["bytes"].items()],
        ),
        "## Memory ports\n",
        table(("port", "read", "written", *(h for h, _ in PORT_WORK.values())), _port_rows(report)),
        f"![roofline]({pictures['roofline']})\n",
    ]
    if report["model"] == LUTLLM_MODEL:
        parts += [
            "## Beside LUT-LLM\n",
            table(
                ("", "LUT-LLM", "here"),
                beside(decode["cycles"], decode["bytes_total"], report["slices"] * report["beat_bytes"]),
            ),
            LUTLLM_NOTE,
        ]
    return "\n".join(parts)


def _port_rows(report: dict) -> list[tuple[str, ...]]:
    """Stream ports together, the others one by one; shares of the token's cycles."""
    decode, slices = report["decode"], report["slices"]

    def row(name: str, counts: dict, whole: int) -> tuple[str, ...]:
        beats = (f"{counts['read'] * report['beat_bytes']:,}", f"{counts['written'] * report['beat_bytes']:,}")
        return (name, *beats, *(share(counts[work], whole) for work in PORT_WORK))

    found = [row(f"0 .. {slices - 1}", decode["streams"], decode["cycles"] * slices)]
    return found + [row(str(p), counts, decode["cycles"]) for p, counts in enumerate(decode["ports"]) if p >= slices]


LUTLLM_NOTE = """
LUT-LLM (arXiv 2511.06174): its artifact runs one decoder block on random data at a fixed KV length and multiplies by
28; there is no embedding, final norm, LM head or choice of the token in its figure, and its results are not compared.
Here the whole token is run, from the embedding to the chosen token, and every value is compared with the golden
machine's. Its clock of 250 MHz was met in Vivado; no clock here is a measurement.
"""


def beside(cycles: int, moved: int, width: int) -> list[tuple[str, str, str]]:
    """LUT-LLM's figures and ours. moved: bytes of a token; width: bytes of all ports in a cycle."""
    mhz = LUTLLM["mhz"]
    theirs, ours = LUTLLM["cycles"] / mhz / 1000, cycles / mhz / 1000
    return [
        ("cycles a token", f"{LUTLLM['cycles']:,}", f"{cycles:,}"),
        (f"ms at {mhz} MHz", f"{theirs:.2f}", f"{ours:.2f}"),
        ("what is in it", "28 x one block", "embedding, 28 layers, final norm, LM head, argmax"),
        ("bytes a token", f"{LUTLLM['bytes']:,}", f"{moved:,}"),
        (f"GB/s of {HBM_GBPS:g} at {mhz} MHz", f"{LUTLLM['bytes'] / theirs / 1e6:.0f}", f"{moved / ours / 1e6:.0f}"),
        ("peak of the ports, GB/s", f"{LUTLLM['gbps']:.0f}", f"{width * mhz / 1e3:.0f}"),
        ("how", "HLS, one block, results not compared", "RTL, the whole token, bit-exact"),
    ]


# --- pictures ---------------------------------------------------------------------------------------------------------


def _plot(width: float, height: float):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(width, height), layout="constrained")
    axis.spines[["top", "right"]].set_visible(False)
    return plt, figure, axis


def draw_timeline(report: dict, path: Path) -> None:
    """Every operation from its beginning to its end, a row for every kind; below, the first two layers."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    operations, decode = report["decode"]["operations"], report["decode"]
    kinds = [kind for kind in COLOURS if any(o["kind"] == kind for o in operations)]
    figure, axes = plt.subplots(2, 1, figsize=(12, 6.4), layout="constrained")
    second = [o["last"] for o in operations if o["stage"].startswith("model.layers.1.")]
    for axis, until in zip(axes, (decode["cycles"], max(second, default=decode["cycles"])), strict=True):
        for operation in operations:
            if operation["first"] < until:
                span = [(operation["first"], operation["last"] - operation["first"])]
                place = (kinds.index(operation["kind"]) - 0.4, 0.8)
                axis.broken_barh(span, place, facecolors=COLOURS[operation["kind"]], edgecolor="white", linewidth=0.2)
        axis.set_yticks(range(len(kinds)), kinds)
        axis.set_xlim(0, until)
        axis.invert_yaxis()
        axis.set_xlabel("cycles")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_title(f"{title(report)}: {decode['cycles']:,} cycles")
    axes[1].set_title("embedding and the first layers")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def draw_ports(report: dict, path: Path) -> None:
    """Cycles of every operation, divided by what the stream ports did."""
    groups = list(report["decode"]["groups"].items())
    plt, figure, axis = _plot(11, 1.2 + 0.32 * len(groups))
    for row, (_, group) in enumerate(groups):
        left, whole = 0.0, sum(group["ports"][work] for work in PORT_WORK) or 1
        for work, (_, colour) in PORT_WORK.items():
            width = group["cycles"] * group["ports"][work] / whole
            axis.barh(row, width, left=left, color=colour)
            left += width
    axis.set_yticks(range(len(groups)), [name for name, _ in groups])
    axis.invert_yaxis()
    axis.set_xlabel("cycles, divided by what the stream ports did")
    axis.legend(
        [plt.Rectangle((0, 0), 1, 1, color=colour) for _, colour in PORT_WORK.values()],
        [heading for heading, _ in PORT_WORK.values()], frameon=False,
    )  # fmt: skip
    axis.set_title(title(report))
    figure.savefig(path, dpi=130)
    plt.close(figure)


def draw_roofline(report: dict, path: Path) -> None:
    """Tokens a second against bytes a token: the lines of the ports at several clocks, and where we and LUT-LLM are."""
    decode = report["decode"]
    plt, figure, axis = _plot(7.5, 4.6)
    reach = [decode["bytes_total"] / 4, decode["bytes_total"] * 6]
    for clock, ms in decode["ms"].items():
        peak = report["slices"] * report["beat_bytes"] * int(clock) * 1e6
        line = axis.plot(
            [b / 1e6 for b in reach], [peak / b for b in reach], label=f"{peak / 1e9:.0f} GB/s, {clock} MHz"
        )
        axis.plot(decode["bytes_total"] / 1e6, 1000 / ms, "o", color=line[0].get_color())
    if report["model"] == LUTLLM_MODEL:
        per_second = LUTLLM["mhz"] * 1e6 / LUTLLM["cycles"]
        axis.plot(LUTLLM["bytes"] / 1e6, per_second, "k^", label="LUT-LLM, layers only, 250 MHz")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("MB a token")
    axis.set_ylabel("tokens a second")
    axis.legend(frameon=False)
    axis.set_title(title(report))
    figure.savefig(path, dpi=130)
    plt.close(figure)
