"""The command `perf`: where every cycle of a generated token went, measured on the RTL in the simulator."""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, track

from lutloom import models, perf_report
from lutloom.errors import UserError
from lutloom.files import check_output, write_file
from lutloom.generate import IMAGES, cached_image, find_quantized
from lutloom.hardware import CONFIGURATIONS, configuration
from lutloom.image import Image
from lutloom.machine import Machine
from lutloom.program import Attention
from lutloom.rtl import simulation
from lutloom.synthetic import BITS, SCHEMES, SHAPES, Synthetic, synthetic_image
from lutloom.traffic import traffic

CLOCKS = (250, 300, 400)  # MHz that times are told for
MEMORIES = ("hbm", "fixed")
ROOM = 4096  # positions of the KV cache of a synthetic model, unless more are measured
RESULTS = Path("build/results")
HARDWARE_OF = {"wvq": "v80", "covq": "v80-gather"}  # configuration by the scheme of random weights


def _listed(values) -> str:
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("perf")(perf_command)


def perf_command(
    model: Annotated[
        str,
        typer.Option(
            help=f"{', '.join(SHAPES)}: random weights; {' or '.join(models.SHORT_NAMES)}, a folder, a .gguf."
        ),
    ],
    quantized: Annotated[Path | None, typer.Option(help="Quantised model; default by name of the model.")] = None,
    scheme: Annotated[
        str | None,
        typer.Option(help=f"Of the linears of random weights: {', '.join(SCHEMES)}; default {Synthetic.scheme}."),
    ] = None,
    hardware: Annotated[
        str | None,
        typer.Option(help=f"Configuration: {', '.join(CONFIGURATIONS)}; default by the scheme, v80 for wvq."),
    ] = None,
    context: Annotated[int, typer.Option(min=1, help="Positions that the measured token attends to.")] = 256,
    bits: Annotated[
        float | None,
        typer.Option(help=f"Random weights, index bits a weight: {_listed(BITS)}; default {Synthetic.bits:g}."),
    ] = None,
    head_bits: Annotated[float | None, typer.Option(help="The same of the head; default as --bits.")] = None,
    layers: Annotated[int | None, typer.Option(min=1, help="Random weights: fewer layers than the shape has.")] = None,
    clock: Annotated[
        int, typer.Option(min=100, max=500, help="MHz of the accelerator; the HBM has its own time.")
    ] = 250,
    memory: Annotated[str, typer.Option(help="hbm: timing of HBM2e; fixed: 75 cycles for every read.")] = "hbm",
    prefill: Annotated[
        int | None, typer.Option(min=2, help="Measure a prompt of so many tokens instead, up to the first new one.")
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option(
            help="Of the prompt, that share a reading of the weights: 1, 2, 4, 8; default the configuration's."
        ),
    ] = None,
    batches: Annotated[
        int | None, typer.Option(help="Batches of so many tokens a pass: 1, 2; default the configuration's.")
    ] = None,
    position: Annotated[
        int, typer.Option(min=0, help="Of the prompt's first token; before it random keys and values.")
    ] = 0,
    check: Annotated[bool, typer.Option(help="Compare every value with the golden machine's.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="Of random weights, cache and token.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Results; default build/results/perf-<model>[-covq].json")] = None,
) -> None:
    """Measure one generated token on the RTL: cycles by operation, bytes, what the ports did; report and pictures.

    The KV cache is filled with random keys and values up to the token's position; nothing of a prompt is run. Or, with
    --prefill, a prompt of random tokens from --position on.
    """
    if tokens not in (None, 1, 2, 4, 8):
        raise UserError(f"--tokens: found {tokens}, allowed 1, 2, 4, 8")
    if batches not in (None, 1, 2):
        raise UserError(f"--batches: found {batches}, allowed 1, 2")
    for option, value in {"--tokens": tokens, "--batches": batches, "--position": position}.items():
        if value and not prefill:
            raise UserError(f"{option}: found without --prefill, allowed with it")
    if memory not in MEMORIES:
        raise UserError(f"--memory: found {memory}, allowed {_listed(MEMORIES)}")
    source = None if model in SHAPES else models.resolve(model, SHAPES)
    of_random = {"--scheme": scheme, "--bits": bits, "--head-bits": head_bits, "--layers": layers}
    for option, value in ({"--quantized": quantized} if source is None else of_random).items():
        if value is not None:
            allowed = "all but" if source is None else "random weights:"
            raise UserError(f"{option}: found with --model {model}, allowed with {allowed} {_listed(SHAPES)}")
    scheme = scheme or Synthetic.scheme
    if scheme not in SCHEMES:
        raise UserError(f"--scheme: found {scheme}, allowed {_listed(SCHEMES)}")
    synthetic, name, hardware = None, source.name if source else model, hardware or HARDWARE_OF[scheme]
    if source is None:
        bits = Synthetic.bits if bits is None else bits
        head = bits if head_bits is None else head_bits
        synthetic = Synthetic(model, bits, head, seed, layers=layers, scheme=scheme)
    of_scheme = "-covq" if synthetic and scheme == "covq" else ""
    out = check_output(out or RESULTS / f"perf-{name}{of_scheme}{'-prefill' if prefill else ''}.json")
    if synthetic:
        image = Image.open(_synthetic_image(synthetic, hardware, context))
    else:
        image = Image.open(cached_image(quantized or find_quantized(source), configuration(hardware), source))
    report = {"model": name, "hardware": hardware, "synthetic": asdict(synthetic) if synthetic else None}
    if prefill:
        prompt = Prompt(prefill, position, tokens, batches)
        report |= measure_prefill(image, prompt, clock, memory, seed, check)
        write_file(out, (json.dumps(report, indent=1) + "\n").encode())
        typer.echo(prefill_text(report["prefill"], clock) + f"\nwrote {out}")
        return
    found, compare = measure(image, context, clock, memory, seed)
    report |= found
    paths = save(report, out)
    if check:  # takes long; what was measured is safe by now
        report["check"] = compare()
        paths = save(report, out)
    perf_report.show(report, Console(highlight=False))
    for path in paths:
        typer.echo(f"wrote {path}")
    if check and (report["check"]["bits_different"] or not report["check"]["tokens_equal"]):
        raise UserError(f"{name}: the RTL differs from the golden machine, first in {report['check']['first']}")


def save(report: dict, out: Path) -> list[Path]:
    """Results, page, pictures: their paths."""
    write_file(out, (json.dumps(report, indent=1) + "\n").encode())
    return [out, *perf_report.write(report, out.with_suffix(".md"))]


def _synthetic_image(synthetic: Synthetic, hardware: str, context: int) -> Path:
    console = Console(stderr=True)
    room = max(min(ROOM, synthetic.cfg.max_position_embeddings), context)
    return synthetic_image(
        synthetic, configuration(hardware), room, IMAGES,
        lambda steps, name: track(steps, f"{name} {synthetic.name}", console=console, transient=True),
    )  # fmt: skip


def _hbm(memory: str, slices: int, clock: int) -> dict:
    """Parameters of the HBM2e; none: a memory of fixed latency."""
    return {"map": 1, "streams": slices, "clock": clock} if memory == "hbm" else {}


def measure(image: Image, context: int, clock: int, memory: str, seed: int) -> tuple[dict, Callable[[], dict]]:
    """Run the token at position `context` - 1 after random keys and values.

    Returns what the timeline tells, and what compares every value with the golden machine's.
    """
    if context > image.config["max_context"]:
        raise UserError(f"--context: found {context}, allowed 1..{image.config['max_context']}")
    machine = Machine(image)
    slices = machine.hardware.slices
    hbm = _hbm(memory, slices, clock)
    module = simulation(image, hbm=bool(hbm), fast=True)
    token = int(np.random.default_rng(seed).integers(0, machine.vocab))
    text = {"positions": context - 1, "seed": seed} if context > 1 else {}
    run = module.Run(
        image, [token], 1, stop=False, trace=True, hbm=hbm, random_text=text, fast=True, name=f"perf-{image.path.stem}"
    )
    with Progress(
        TextColumn("running the RTL"), BarColumn(), TextColumn("operation {task.completed} of {task.total}, cycle "
        "{task.fields[cycle]:,}"), TimeElapsedColumn(), console=Console(stderr=True), transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task("", total=len(machine.program) - 1, cycle=0)
        run.report = lambda done, cycle: progress.update(task, completed=done, cycle=cycle)
        tokens = list(run.tokens())
    result = {
        "clock": clock,
        "memory": memory,
        "image_bytes": image.bytes,
        "slices": slices,
        "beat_bytes": machine.hardware.beat_bytes,
        "decode": decode(run.timeline(), module, machine, context, run.counters),
        "hbm": run.memory,
        "counters": run.counters,
    }

    def compare() -> dict:
        with Console(stderr=True).status("comparing with the golden machine"):
            compared = module.compare(run)
        return {
            "values": compared.values,
            "bits_different": compared.bits_different,
            "first": compared.first,
            "tokens_equal": tokens == compared.tokens,
        }

    return result, compare


@dataclass(frozen=True)
class Prompt:
    """Random tokens from `position` on. width: tokens of a batch, batches: of a pass; None: the configuration's."""

    count: int
    position: int = 0
    width: int | None = None
    batches: int | None = None


def measure_prefill(image: Image, prompt: Prompt, clock: int, memory: str, seed: int, check: bool = True) -> dict:
    """Run a prompt up to the first new token.

    Raises UserError if a value or the token is not golden's.
    """
    room, count, position = image.config["max_context"], prompt.count, prompt.position
    if position + count > room:
        raise UserError(f"--position and --prefill: found {position} and {count}, allowed {room} positions")
    machine = Machine(image)
    hbm = _hbm(memory, machine.hardware.slices, clock)
    module = simulation(image, hbm=bool(hbm), fast=True, tokens=prompt.width, batches=prompt.batches)
    own = module.configuration_of(image)
    run = module.Run(
        image, np.random.default_rng(seed).integers(0, machine.vocab, count).tolist(), 1, stop=False, trace=check,
        timeline_only=not check, hbm=hbm, fast=True, width=prompt.width, batches=prompt.batches,
        random_text={"positions": position, "seed": seed} if position else {}, name=f"perf-prefill-{image.path.stem}",
    )  # fmt: skip
    width, batches = prompt.width or own.tokens, prompt.batches or own.batches
    attentions = sum(isinstance(d, Attention) for d in machine.program)  # begin for every token, all others for a batch
    operations = -(-count // width) * (len(machine.program) - 1 - attentions) + count * attentions
    with Progress(
        TextColumn("running the RTL"), BarColumn(), TextColumn("cycle {task.fields[cycle]:,}"), TimeElapsedColumn(),
        console=Console(stderr=True), transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task("", total=operations, cycle=0)
        run.report = lambda done, cycle: progress.update(task, completed=done, cycle=cycle)
        tokens = list(run.tokens())
    found = {"tokens": count, "position": position, "tokens_a_batch": width, "batches_a_pass": batches}
    found |= {"cycles": run.cycles[0], "cycles_a_token": run.cycles[0] / count, "passes": run.passes()}
    if check:
        with Console(stderr=True).status("comparing with the golden machine"):
            compared = module.compare(run, 1)
        found["check"] = {"values": compared.values, "bits_different": compared.bits_different}
        if compared.bits_different or tokens != compared.tokens:
            raise UserError(f"{image.path}: the RTL differs from the golden machine, first in {compared.first}")
    return {"clock": clock, "memory": memory, "prefill": found, "hbm": run.memory, "counters": run.counters}


def prefill_text(found: dict, clock: int) -> str:
    """A measured prompt in a few lines."""
    lines = [
        f"prompt of {found['tokens']} tokens from position {found['position']} on, {found['batches_a_pass']} x "
        f"{found['tokens_a_batch']} a pass, up to the first new token: "
        f"{found['cycles']:,} cycles, {found['cycles'] / clock / 1000:.2f} ms at {clock} MHz",
        f"cycles a token of the prompt: {found['cycles_a_token']:,.0f}; of each pass: "
        + ", ".join(f"{cycles:,}" for cycles in found["passes"]),
    ]
    if "check" in found:
        lines.append(f"values compared with golden, bits different: {found['check']['values']:,}, 0")
    return "\n".join(lines)


def decode(timeline, module, machine: Machine, context: int, counters: dict) -> dict:
    """Of a measured token: cycles, bytes, and what ports and operations did, interval by interval.

    Where several operations are under way, the cycles of an interval count for the oldest, for which the others wait.
    """
    slices, beat = machine.hardware.slices, machine.hardware.beat_bytes
    stages = {operation.number: operation.stage for operation in timeline.operations}
    groups: dict[str, dict] = defaultdict(lambda: dict.fromkeys(("cycles", "moving", "constants"), 0) | {"ports": 0})
    total = sum(interval.ports for interval in timeline.intervals)
    for interval in timeline.intervals:
        name = operation_of(stages[interval.active[0]]) if interval.active else module.CONTROL
        group = groups[name]
        group["cycles"] += interval.last - interval.first
        group["moving"] += interval.moving
        group["constants"] += interval.constants
        group["ports"] = group["ports"] + interval.ports[:slices].sum(0)
    for group in groups.values():
        group["ports"] = port_shares(group["ports"], module.PORT_COUNTS, group["cycles"] * slices)
    moved = sum(counters["bytes"].values())
    return {
        "context": context,
        "cycles": timeline.cycles,
        "ms": {str(clock): timeline.cycles / clock / 1000 for clock in CLOCKS},
        "port_utilisation": moved / (slices * beat * timeline.cycles),
        "bytes": counters["bytes"],
        "bytes_total": moved,
        "bound_cycles": -(-moved // (slices * beat)),
        "expected_bytes": traffic(machine.program, machine.image.config, context),
        "operations": [asdict(operation) | {"kind": kind_of(operation.stage)} for operation in timeline.operations],
        "groups": dict(sorted(groups.items(), key=lambda item: -item[1]["cycles"])),
        "streams": port_shares(total[:slices].sum(0), module.PORT_COUNTS, timeline.cycles * slices),
        "ports": [port_shares(counts, module.PORT_COUNTS, timeline.cycles) for counts in total],
    }


def port_shares(counts: np.ndarray, names: tuple[str, ...], cycles: int) -> dict[str, int]:
    """Port cycles by what went on; idle: no beat, none asked for, no command that wants one."""
    found = {name: int(count) for name, count in zip(names, counts, strict=True)}
    return found | {"idle": cycles - sum(count for name, count in found.items() if name != "written")}


def operation_of(stage: str) -> str:
    """A stage without its layer: "self_attn.o_proj" for that of every layer."""
    parts = stage.split(".")
    return ".".join(parts[3:]) if parts[:2] == ["model", "layers"] else stage


def kind_of(stage: str) -> str:
    """The group of a stage in tables and colours."""
    last = stage.rpartition(".")[2]
    if stage in ("lm_head", "sample", perf_report.CONTROL):
        return {"lm_head": "head"}.get(stage, stage)
    if "norm" in last:
        return "norm"
    return {"embed_tokens": "embedding", "rope": "rope", "attention": "attention", "swiglu": "swiglu"}.get(
        last, "linear"
    )
