"""The command `perf`: where every cycle of a generated token went, measured on the RTL in the simulator."""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from lutloom import models
from lutloom.checkpoint import write_file
from lutloom.errors import UserError
from lutloom.generate import cached_image, find_quantized
from lutloom.hardware import CONFIGURATIONS, configuration
from lutloom.image import Image
from lutloom.machine import Machine
from lutloom.rtl import simulation
from lutloom.traffic import traffic

CONTROL = "control"  # the cycles between two operations
COLOURS = {
    "embedding": "#cccccc", "norm": "#f4a261", "rope": "#e9c46a", "attention": "#e76f51", "linear": "#2a6f97",
    "swiglu": "#8ab17d", "head": "#264653", "sample": "#b5838d", CONTROL: "#999999",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("perf")(perf_command)


def perf_command(
    model: Annotated[str, typer.Option(help=f"Float model: {' or '.join(models.SHORT_NAMES)}, a folder or a .gguf.")],
    quantized: Annotated[Path | None, typer.Option(help="Quantised model; default by name of the model.")] = None,
    hardware: Annotated[str, typer.Option(help=f"Configuration: {', '.join(CONFIGURATIONS)}.")] = "tiny",
    context: Annotated[int, typer.Option(min=1, help="Positions that the measured token attends to.")] = 8,
    out: Annotated[Path | None, typer.Option(help="Results; default build/results/perf-<model>.json")] = None,
) -> None:
    """Measure one generated token on the RTL: cycles by unit and by operation, bytes by port class, a timeline."""
    source = models.resolve(model)
    image = Image.open(cached_image(quantized or find_quantized(source), configuration(hardware), source))
    out = out or Path("build/results") / f"perf-{source.name}.json"
    report = measure(image, context)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_file(out, (json.dumps({"model": source.name, **report}, indent=1) + "\n").encode())
    show(report, Console(highlight=False))
    draw(report, f"{source.name}, {hardware}", out.with_suffix(".png"))
    typer.echo(f"wrote {out} and {out.with_suffix('.png')}")


def measure(image: Image, context: int) -> dict:
    """The token at position `context` - 1, after random ones: operation by operation from the run's timeline.

    Every cycle from the start of the token's pass to its end belongs to one operation, or to the control between two.
    moving: cycles in which a line of activations moved; memory: in which it waited for constants from memory; what is
    left are pipelines, weights and their queues. UserError for more context than the image has.
    """
    if context > image.config["max_context"]:
        raise UserError(f"--context: found {context}, allowed 1..{image.config['max_context']}")
    machine, module = Machine(image), simulation(image)
    prompt = np.random.default_rng(0).integers(0, machine.vocab, context).tolist()
    run = module.Run(image, prompt, 1, stop=False, trace=True, name="perf")
    with Console(stderr=True).status("running the RTL"):
        list(run.tokens())
    operations = run.operations()
    return {
        "context": context,
        "slices": machine.hardware.slices,
        "beat_bytes": machine.hardware.beat_bytes,
        "cycles": sum(operation["cycles"] for operation in operations),
        "bytes": traffic(machine.program, image.config, context),
        "operations": operations,
        "run": run.counters,
    }


def kind_of(stage: str) -> str:
    """The group of a stage in tables and colours."""
    last = stage.rpartition(".")[2]
    if stage in ("lm_head", "sample", CONTROL):
        return {"lm_head": "head"}.get(stage, stage)
    if "norm" in last:
        return "norm"
    return {"embed_tokens": "embedding", "rope": "rope", "attention": "attention", "swiglu": "swiglu"}.get(
        last, "linear"
    )


def show(report: dict, console: Console) -> None:
    """Cycles by kind of operation, and the bound of the weight ports."""
    table = Table(title=f"one token at context {report['context']}, {report['slices']} slices", title_justify="left")
    for column in ("operations", "cycles", "share", "lines moving", "waiting for constants"):
        table.add_column(column, justify="left" if column == "operations" else "right")
    keys, kinds = ("cycles", "moving", "memory"), {kind: [0, 0, 0] for kind in COLOURS}
    for operation in report["operations"]:
        sums = kinds[kind_of(operation["stage"])]
        sums[:] = [total + operation[key] for total, key in zip(sums, keys, strict=True)]
    for kind, (cycles, moving, memory) in sorted(kinds.items(), key=lambda item: -item[1][0]):
        table.add_row(kind, f"{cycles:,}", f"{100 * cycles / report['cycles']:.1f} %", f"{moving:,}", f"{memory:,}")
    table.add_row(
        "all", f"{report['cycles']:,}", "100.0 %", *(f"{sum(k[i] for k in kinds.values()):,}" for i in (1, 2))
    )
    console.print(table)
    streams, ports = report["bytes"]["streams"], report["slices"]
    if streams:
        bound = streams // (report["beat_bytes"] * ports)
        console.print(
            f"{streams:,} bytes of weights through {ports} ports: {bound:,} cycles at least; "
            f"port use {100 * bound / report['cycles']:.0f} %"
        )


def draw(report: dict, title: str, path: Path) -> None:
    """A timeline of the token, a row for every kind of operation."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(11, 3.4), layout="constrained")
    kinds = list(COLOURS)
    for operation in report["operations"]:
        kind = kind_of(operation["stage"])
        span = [(operation["first"], operation["cycles"])]
        axis.broken_barh(span, (kinds.index(kind) - 0.4, 0.8), facecolors=COLOURS[kind])
    axis.set_yticks(range(len(kinds)), kinds)
    axis.invert_yaxis()
    axis.set_xlabel("cycles")
    axis.set_title(f"one token of {title}: {report['cycles']:,} cycles at context {report['context']}")
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)
