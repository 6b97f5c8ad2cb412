"""The command `estimate`: cycles, bytes and room of a model on any hardware parameters, in seconds and without weights.

The analytic twin of `lutloom perf`: `lutloom.estimate_plan` makes the program, `lutloom.estimate_machine` runs it in
time, `--check` compares with what perf has measured. docs/estimate.md says what is modelled.
"""

import json
from collections import defaultdict
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lutloom import estimate_plots, models, perf_report
from lutloom.errors import UserError
from lutloom.estimate_case import Case
from lutloom.estimate_machine import Token, cycles_by_stage, simulate
from lutloom.estimate_plan import Planned, of_image
from lutloom.files import check_output, write_file
from lutloom.generate import IMAGES, cached_image, find_quantized
from lutloom.hardware import CONFIGURATIONS as HARDWARE
from lutloom.image import Image
from lutloom.perf import CLOCKS, HARDWARE_OF, MEMORIES, RESULTS, kind_of, operation_of
from lutloom.perf_check import read_result
from lutloom.synthetic import BITS, SCHEMES, SHAPES, synthetic_path
from lutloom.traffic import traffic
from lutloom.v80.map import HBM_BYTES, PSEUDO_CHANNEL_BYTES, STREAM_BYTES

ALLOWED = 0.03  # difference to a measurement, of the token's cycles
SWEEPS = ("slices", "context", "clock", "bits", "stream_beats", "model")
POINT = (
    "context", "cycles", "bound_cycles", "ms_at_clock", "tokens_a_second", "port_utilisation", "bytes_total",
)  # fmt: skip
CONTEXTS = (1, 64, 256, 1024, 2048, 4096, 8192, 16384, 32768)
QWEN3 = tuple(name for name in SHAPES if name.startswith("qwen3-") and name != "qwen3-tiny")


def groups_of(token: Token) -> dict[str, int]:
    """Cycles by operation, all layers together, as in the results of perf."""
    found: dict[str, float] = defaultdict(float)
    for stage, cycles in cycles_by_stage(token.operations, token.cycles).items():
        found[operation_of(stage) if stage else perf_report.CONTROL] += cycles
    return dict(sorted(((name, round(cycles)) for name, cycles in found.items()), key=lambda item: -item[1]))


def estimate(case: Case, planned: Planned | None = None) -> dict:
    """Cycles, bytes and use of the ports of one token; where perf's results have the same, by the same names."""
    planned = planned or case.planned()
    machine = case.machine(planned)
    token = simulate(machine, planned.program, planned.config, case.context, planned.ends)
    moved = traffic(planned.program, planned.config, case.context)
    cycles, slices, beat = round(token.cycles), machine.hardware.slices, machine.hardware.beat_bytes
    total = sum(moved.values())
    return {
        "model": case.model,
        "hardware": case.configuration,
        "case": asdict(case),
        "parameters": machine.hardware.dict() | {"lanes_of_a_line": machine.lanes, "drain_w": machine.drain},
        "clock": case.clock,
        "slices": slices,
        "beat_bytes": beat,
        "decode": {
            "context": case.context,
            "cycles": cycles,
            "ms_at_clock": token.cycles / case.clock / 1000,
            "tokens_a_second": 1e6 * case.clock / token.cycles,
            "port_utilisation": total / (slices * beat * token.cycles),
            "bytes": moved,
            "bytes_total": total,
            "bound_cycles": -(-total // (slices * beat)),
            "operations": [
                asdict(o) | {"first": round(o.first), "last": round(o.last), "kind": kind_of(o.stage)}
                for o in token.operations
            ],
            "groups": {name: {"cycles": cycles} for name, cycles in groups_of(token).items()},
        },
    }


def capacity(case: Case, planned: Planned) -> dict:
    """Bytes that have to be somewhere, and whether they can."""
    slices = planned.config["hardware"]["slices"]
    cache_ports = min(case.rtl().hardware.kv_ports, slices)
    port = planned.stream_bytes() + planned.cache_bytes()
    whole = planned.bytes + cache_ports * planned.cache_bytes()
    half = PSEUDO_CHANNEL_BYTES // 2
    return {
        "image_bytes": planned.bytes,
        "cache_bytes": cache_ports * planned.cache_bytes(),
        "positions": planned.config["max_context"],
        "all_bytes": whole,
        "hbm_bytes": HBM_BYTES,
        "fits": whole <= HBM_BYTES,
        "port_bytes": port,
        "window_bytes": STREAM_BYTES,
        "fits_window": port <= STREAM_BYTES,
        "half_channel_bytes": half,
        "fits_half_channel": port <= half,
    }


def beyond(case: Case, planned: Planned) -> str:
    """What the configuration would refuse, in its words; empty if it takes the image."""
    try:
        case.rtl().check(planned)
    except UserError as error:
        return str(error)
    return ""


def at_clocks(case: Case, planned: Planned) -> dict[str, dict]:
    """The same token at the clocks that perf tells times for; the memory has its own time, so cycles differ."""
    found = {}
    for clock in CLOCKS:
        decode = estimate(replace(case, clock=clock), planned)["decode"]
        found[str(clock)] = {k: decode[k] for k in ("cycles", "ms_at_clock", "tokens_a_second", "port_utilisation")}
    return found


# --- sweeps -----------------------------------------------------------------------------------------------------------


def with_slices(case: Case, slices: int) -> Case:
    """Other slices; engines for keys and values as far as there are ports for them."""
    hardware = dict(case.hardware)
    wanted = case.rtl().hardware
    ways = min(wanted.kv_ways, max(1, slices // 2))
    hardware |= {"slices": slices, "kv_ways": ways, "kv_engines": max(1, min(wanted.kv_engines, slices // (2 * ways)))}
    return replace(case, hardware=hardware)


def sweep_cases(case: Case, name: str) -> dict[str, Case]:
    """Cases of a sweep by the value on its axis."""
    most = SHAPES[case.model].max_position_embeddings
    match name:
        case "slices":
            return {str(n): with_slices(case, n) for n in (2, 4, 8, 16, 32, 64)}
        case "context":
            return {str(n): replace(case, context=n) for n in CONTEXTS if n <= most}
        case "clock":
            return {str(mhz): replace(case, clock=mhz) for mhz in (150, 200, 250, 300, 350, 400)}
        case "bits":
            room = case.rtl().hardware.centroids
            return {f"{bits:g}": replace(case, bits=bits) for bits, (count, _) in BITS.items() if count <= room}
        case "stream_beats":
            return {str(n): replace(case, stream_beats=n) for n in (512, 1024, 2048, 4096, 8192)}
        case "model":
            return {model: replace(case, model=model, layers=None) for model in QWEN3}
    raise UserError(f"--sweep: found {name}, allowed all, {', '.join(SWEEPS)}")


def sweep(case: Case, name: str) -> list[dict]:
    """A line of figures for every value."""
    found = []
    for value, other in sweep_cases(case, name).items():
        planned = other.planned()
        decode, room = estimate(other, planned)["decode"], capacity(other, planned)
        point = {"value": value, "model": other.model, "bits": other.bits, "clock": other.clock}
        point |= {"slices": other.rtl().slices} | {key: decode[key] for key in POINT}
        found.append(point | {"fits": room["fits"], "beyond": beyond(other, planned)})
    return found


# --- against measurements ---------------------------------------------------------------------------------------------


def case_of(result: dict, path: Path) -> tuple[Case, Planned]:
    """What a result of perf has measured."""
    try:
        decode = result["decode"]
        case = Case(
            result["model"], result["hardware"], decode["context"], clock=result["clock"], memory=result["memory"]
        )
        synthetic = result["synthetic"]
        if synthetic:
            options = {key: synthetic[key] for key in ("bits", "head_bits", "seed", "group", "layers")}
            case = replace(case, model=synthetic["shape"], scheme=synthetic.get("scheme", "wvq"), **options)
        decode["groups"], decode["cycles"] + 0
    except (KeyError, TypeError) as error:
        raise UserError(f"{path}: found no {error}, allowed a result of lutloom perf") from None
    return case, (_synthetic if synthetic else _image)(case)


def _image(case: Case) -> Planned:
    """A model with weights: its image, which is compiled unless it is there."""
    source = models.resolve(case.model)
    return of_image(Image.open(cached_image(find_quantized(source), case.rtl().hardware, source)))


def _synthetic(case: Case) -> Planned:
    """The image that perf has made, if it is still there; else the plan."""
    planned = case.planned()
    path = synthetic_path(case.synthetic(), case.rtl().hardware, planned.config["max_context"], IMAGES)
    return of_image(Image.open(path)) if path.is_file() else planned


def compare(result: dict, path: Path) -> tuple[Table, list[str], float]:
    """A table of operations, what is too far away, and the difference of the token."""
    case, planned = case_of(result, path)
    found, measured = estimate(case, planned)["decode"], result["decode"]
    table = Table(title=f"{path}: {perf_report.title(result)}", title_justify="left")
    for column in ("operation", "predicted", "measured", "error", "of the token"):
        table.add_column(column, justify="left" if column == "operation" else "right")
    problems, whole = [], measured["cycles"]

    def row(name: str, ours: float, theirs: float) -> float:
        share = (ours - theirs) / whole
        error = f"{ours / theirs - 1:+.1%}" if theirs else "-"
        table.add_row(name, f"{ours:,}", f"{theirs:,}", error, f"{share:+.2%}")
        return share

    def cycles(decode: dict, name: str) -> int:
        return decode["groups"].get(name, {"cycles": 0})["cycles"]

    for name in sorted({*found["groups"], *measured["groups"]}, key=lambda name: -cycles(measured, name)):
        ours, theirs = cycles(found, name), cycles(measured, name)
        share = row(name, ours, theirs)
        if abs(share) > ALLOWED:
            problems.append(f"{path}: {name}: {ours:,} cycles predicted, {theirs:,} measured; allowed 3 % of the token")
    error = row("token", found["cycles"], whole)
    if abs(error) > ALLOWED:
        problems.append(f"{path}: {found['cycles']:,} cycles predicted, {whole:,} measured, {error:+.1%}; allowed 3 %")
    return table, problems, error


# --- command ----------------------------------------------------------------------------------------------------------


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("estimate")(estimate_command)


def _hardware_option(text: str):
    return typer.Option(min=1, help=text + "; default the configuration's.")


def estimate_command(
    check: Annotated[
        list[Path] | None, typer.Argument(help="With --check: results of lutloom perf to compare with.")
    ] = None,
    compare_with: Annotated[
        bool, typer.Option("--check", help="Compare with measurements; exit code 1 beyond 3 %.")
    ] = False,
    model: Annotated[str, typer.Option(help=", ".join(SHAPES))] = "qwen3-1.7b",
    scheme: Annotated[str, typer.Option(help=f"Of the linears: {', '.join(SCHEMES)}.")] = "wvq",
    hardware: Annotated[
        str | None, typer.Option(help=f"Configuration: {', '.join(HARDWARE)}; default by the scheme, v80 for wvq.")
    ] = None,
    context: Annotated[int, typer.Option(min=1, help="Positions that the token attends to.")] = 256,
    bits: Annotated[float, typer.Option(help=f"Index bits a weight: {', '.join(f'{b:g}' for b in BITS)}.")] = 2,
    head_bits: Annotated[float | None, typer.Option(help="The same of the head; default as --bits.")] = None,
    group: Annotated[int, typer.Option(min=32, help="Outputs that share codebooks.")] = 512,
    layers: Annotated[int | None, typer.Option(min=1, help="Fewer layers than the shape has.")] = None,
    clock: Annotated[
        int, typer.Option(min=50, max=1000, help="MHz of the accelerator; the HBM has its own time.")
    ] = 250,
    memory: Annotated[str, typer.Option(help="hbm, or fixed: 75 cycles for every read.")] = "hbm",
    slices: Annotated[int | None, _hardware_option("Lookup slices")] = None,
    units: Annotated[int | None, _hardware_option("Outputs that a slice looks up a cycle")] = None,
    lanes: Annotated[int | None, _hardware_option("Positions that a slice looks up a cycle")] = None,
    slots: Annotated[int | None, _hardware_option("Outputs a unit")] = None,
    centroids: Annotated[int | None, _hardware_option("Largest codebook")] = None,
    kv_engines: Annotated[int | None, _hardware_option("Attention engines")] = None,
    kv_ways: Annotated[
        int | None, _hardware_option("Ports of keys of an engine; a line has 16 values for each")
    ] = None,
    kv_bits: Annotated[int | None, _hardware_option("Bits of a number in the KV cache")] = None,
    stream_beats: Annotated[int | None, _hardware_option("Run-ahead of a weight stream")] = None,
    drain_w: Annotated[int | None, _hardware_option("Sums that a slice delivers a cycle")] = None,
    sweeps: Annotated[
        list[str] | None, typer.Option("--sweep", help=f"all, {', '.join(SWEEPS)}; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Results; default build/results/estimate-<model>.json")] = None,
) -> None:
    """Estimate a token: cycles by operation, port use, bytes, tokens a second, room in the HBM; in seconds."""
    console = Console(highlight=False)
    if compare_with != bool(check):
        raise UserError("--check: found no results to compare with, allowed files of lutloom perf behind --check")
    if check:
        _check(check, console)
        return
    if memory not in MEMORIES:
        raise UserError(f"--memory: found {memory}, allowed {', '.join(MEMORIES)}")
    parameters = {
        "slices": slices, "units": units, "lanes": lanes, "slots": slots, "centroids": centroids,
        "kv_engines": kv_engines, "kv_ways": kv_ways, "kv_bits": kv_bits,
    }  # fmt: skip
    different = {name: value for name, value in parameters.items() if value is not None}
    case = Case(
        model, hardware or HARDWARE_OF.get(scheme, "v80"), context, bits, head_bits, group, layers, 0, clock, memory,
        different, stream_beats, drain_w, scheme,
    )  # fmt: skip
    planned = case.planned()
    out = check_output(out or RESULTS / f"estimate-{model}.json")
    report = estimate(case, planned)
    report |= {"clocks": at_clocks(case, planned), "capacity": capacity(case, planned), "beyond": beyond(case, planned)}
    wanted = SWEEPS if sweeps and "all" in sweeps else tuple(sweeps or ())
    report["sweeps"] = {name: sweep(case, name) for name in wanted}
    write_file(out, (json.dumps(report, indent=1) + "\n").encode())
    show(report, console)
    for path in [out, *estimate_plots.write(report, out)]:
        typer.echo(f"wrote {path}")


def _check(paths: list[Path], console: Console) -> None:
    problems = []
    for path in paths:
        result = read_result(path)
        if isinstance(result, dict) and "prefill" in result:
            console.print(f"{path}: left out, as a prompt is not estimated", soft_wrap=True)
            continue
        table, found, _ = compare(result, path)
        console.print(table)
        problems += found
    for line in problems:
        Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"error: {line}")
    if problems:
        raise typer.Exit(1)


def show(report: dict, console: Console) -> None:
    """To the terminal."""
    decode, room = report["decode"], report["capacity"]
    table = Table("operation", "cycles", "share", title=f"{report['model']} on {report['hardware']}, estimated")
    for name, group in decode["groups"].items():
        table.add_row(name, f"{group['cycles']:,}", perf_report.share(group["cycles"], decode["cycles"]))
    console.print(table)
    moved = ", ".join(f"{name} {count / 1e6:.1f}" for name, count in decode["bytes"].items() if count)

    def fits(whether: bool) -> str:
        return "fits" if whether else "does NOT fit"

    lines = [
        f"cycles a token: {decode['cycles']:,} at {report['clock']} MHz; the bytes need {decode['bound_cycles']:,}",
        f"use of {report['slices']} ports: {decode['port_utilisation']:.1%}",
        f"MB a token: {decode['bytes_total'] / 1e6:.1f} ({moved})",
        *(
            f"{clock} MHz: {at['tokens_a_second']:.1f} tokens/s, {at['ms_at_clock']:.3f} ms, {at['cycles']:,} cycles"
            for clock, at in report["clocks"].items()
        ),
        f"HBM: {room['all_bytes'] / 1e9:.2f} GB with {room['positions']} positions, {fits(room['fits'])} "
        f"{room['hbm_bytes'] / 1e9:.1f} GB",
        f"a port: {room['port_bytes'] / 2**20:.1f} MiB, {fits(room['fits_window'])} its window of "
        f"{room['window_bytes'] >> 20} MiB, {fits(room['fits_half_channel'])} half a pseudo-channel",
    ]
    if report["beyond"]:
        lines.append(f"beyond the configuration: {report['beyond']}")
    for line in lines:
        console.print(line)
    for name, values in report["sweeps"].items():
        table = Table(name, "cycles", "tokens/s", "ports in use", "MB", "HBM")
        for v in values:
            table.add_row(v["value"], f"{v['cycles']:,}", f"{v['tokens_a_second']:.1f}", f"{v['port_utilisation']:.1%}",
                          f"{v['bytes_total'] / 1e6:.1f}", "fits" if v["fits"] else "too much")  # fmt: skip
        console.print(table)
