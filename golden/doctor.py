"""doctor: finds the first stage of an image that computes something else than it should. Command `lutloom doctor`.

Against the float model every stage is judged by its *local error*: the golden machine runs it on the float model's
activations, so errors of the stages before do not count. The *accumulated error* of an ordinary run stands beside it.
An error is the L2 norm of the difference over that of the float values; what a linear adds to the residual is compared
without the residual. A stage is off when it is not finite or when its local error exceeds the limit of `limits`.

Against a trace (an .npz of stage -> float32 values) or the RTL in the simulator everything is compared bit for bit.
"""

import io
import json
from collections import ChainMap, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from lutloom import models
from lutloom.checkpoint import tensor_shapes
from lutloom.compiler import HEAD
from lutloom.errors import UserError
from lutloom.files import check_output, write_file
from lutloom.image import Image
from lutloom.machine import Machine
from lutloom.program import UNIT, Gather, LinearSynth, Search
from lutloom.quantized_model import QuantizedModel
from lutloom.qwen3 import Qwen3
from lutloom.rtl import rtl_trace
from lutloom.trace import TOKENS, Trace, compare_bits, load_trace, save_trace

PROMPT = "ROMEO: But, soft! what light through yonder window breaks? It is the east, and Juliet is the sun."
JOINED = {"qkv_proj": ("q_proj", "k_proj", "v_proj"), "gate_up_proj": ("gate_proj", "up_proj")}
ADDING = ("o_proj", "down_proj")  # they add to the residual
# Of what is not quantised: bf16 in embedding and KV cache is off by 2^-9 at most, the rest is fp32.
FLOORS = {"embedding": 1e-2, "attention": 1e-2, "norm": 1e-3, "rope": 1e-3, "swiglu": 1e-3}
LINEAR_FLOOR = 0.05
COMPILED = 1e-6  # of a linear against the quantised model it was compiled from, which defines it bit by bit
TRAINED_NORM = 0.25  # instead of the floor, where quantisation has trained the norm gains
OUTLIER = 4.0  # times the median of its kind
ZERO_ERROR = 1.0  # the error of a stage that puts out zeros: whatever is worse carries nothing
TABLE_WIDTH = 112  # a line of the table, also where the terminal's width is unknown
FEW = 3  # linears of fewer stages (the head) are measured by all linears
ADDRESSES = ("address", "gain", "table", "pairs", "scales", "act_exp", "codebook", "packet")


@dataclass
class StageReport:
    """A stage against the float model.

    error, cosine and max_abs are of the ordinary run, local and local_max_abs on float inputs. Whatever holds NaN or
    infinity has an infinite error.
    """

    stage: str
    kind: str
    local: float
    local_max_abs: float
    error: float
    cosine: float
    max_abs: float
    limit: float = ZERO_ERROR

    @property
    def off(self) -> bool:
        return not self.local <= self.limit


class TensorsByName(Mapping):
    """The weights of a model, each read when it is asked for, so that a large model needs no room for all."""

    def __init__(self, source: models.Source):
        self.tensors = source.open()

    def __getitem__(self, name: str) -> np.ndarray:
        return self.tensors.tensor(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors.names())

    def __len__(self) -> int:
        return len(self.tensors.names())


# --- running ----------------------------------------------------------------------------------------------------------


def float_trace(source: models.Source, tokens: np.ndarray, quantized: QuantizedModel | None = None) -> Trace:
    """Every stage of the float model for tokens int [T]: float32 [T, n].

    quantized: linears and norm gains of this model in place of the float ones.
    """
    trace: Trace = {}
    weights: Mapping[str, np.ndarray] = TensorsByName(source)
    linear = None
    if quantized is not None:
        weights = ChainMap(quantized.norms, weights)
        sizes = {name.removesuffix(".weight"): shape[0] for name, shape in tensor_shapes(source.cfg).items()}
        linear = partial(quantized.linear, sizes=sizes)
    Qwen3(source.cfg, weights, linear, trace=trace.__setitem__).forward(tokens)
    if quantized is not None and HEAD in quantized.linears:
        trace[HEAD] = quantized.linears[HEAD](trace["model.norm"])
    return trace


def golden_trace(machine: Machine, tokens: np.ndarray, right: Trace | None = None) -> Trace:
    """Every stage of the machine for tokens int [T]: float32 [T, n], or [1, n] where only the last token counts.

    right: what the frame holds after every stage instead of the machine's own values, so that each stage runs on right
    inputs; stages as in the image, [T, n]. UserError if the program puts out vectors of other sizes.
    """
    parts: dict[str, list[np.ndarray]] = defaultdict(list)  # a linear of several descriptors: side by side

    def force(stage: str, values: np.ndarray) -> np.ndarray:
        stop = sum(part.shape[1] for part in parts[stage])
        if stop > right[stage].shape[1]:
            raise UserError(f"{machine.image.path}: section program: stage {stage}: found {stop} values, "
                            f"allowed {right[stage].shape[1]}")  # fmt: skip
        return right[stage][-len(values) :, stop - values.shape[1] : stop]

    machine.reset()
    machine.trace = lambda stage, values: parts[stage].append(values.copy())
    machine.force = force if right is not None else None
    try:
        machine.run(tokens)
    except (ValueError, IndexError, MemoryError) as error:  # an address or a size that no compiler writes
        last = next(reversed(parts), "the start")
        reason = " ".join(str(error).split())
        raise UserError(f"{machine.image.path}: section program: after {last}: found a command that cannot run "
                        f"({reason}), allowed those of the compiler") from error  # fmt: skip
    finally:
        machine.trace = machine.force = None
        machine.reset()
    return {stage: np.concatenate(values, axis=1) for stage, values in parts.items()}


def stages_of_image(machine: Machine, floats: Trace) -> Trace:
    """The float model's values under the stage names of the image, parts of a fused linear side by side."""
    right = {}
    for stage in machine.stages:
        home, _, tail = stage.rpartition(".")
        names = [stage] if stage in floats else [f"{home}.{part}" for part in JOINED.get(tail, ())]
        if names and all(name in floats for name in names):
            right[stage] = np.concatenate([floats[name] for name in names], axis=1)
        elif stage not in ("sample", "end"):
            raise UserError(f"{machine.image.path}: section config: stages: found {stage}, "
                            "allowed those of the float model")  # fmt: skip
    return right


# --- judging ----------------------------------------------------------------------------------------------------------


def examine(
    machine: Machine,
    source: models.Source,
    tokens: np.ndarray,
    limit: float | None = None,
    quantized: QuantizedModel | None = None,
) -> list[StageReport]:
    """A `StageReport` of every stage in the order of the program, for tokens int [T].

    limit: of the linears' local error, instead of the one `limits` derives.
    quantized: the model that was compiled; its linears and norm gains are then the reference, so that a linear must
        be the same but for subnormals. UserError if the image was made from another float model.
    """
    wanted = machine.image.config["source"]["sha256"]
    if source.sha256 != wanted:
        raise UserError(f"{source.path}: sha256: found {source.sha256}, allowed {wanted} (of {machine.image.path})")
    if quantized is not None and limit is None:
        limit = COMPILED
    right = stages_of_image(machine, float_trace(source, tokens, quantized))
    local, run = golden_trace(machine, tokens, right), golden_trace(machine, tokens)
    reports, residual = [], None
    for stage, values in local.items():
        expected = right[stage][-len(values) :]
        if expected.shape != values.shape:
            raise UserError(f"{machine.image.path}: section program: stage {stage}: found {values.shape[1]} values, "
                            f"allowed {expected.shape[1]}")  # fmt: skip
        adds = stage.endswith(ADDING)
        base = residual[-len(values) :] if adds else None
        error, cosine, max_abs = compare(run[stage], expected)
        own, _, own_max = compare(values, expected, base)
        reports.append(StageReport(stage, kind_of(stage), own, own_max, error, cosine, max_abs))
        if adds or kind_of(stage) == "embedding":
            residual = right[stage]
    for report, bound in zip(reports, limits(reports, limit), strict=True):
        report.limit = bound
    return reports


def kind_of(stage: str) -> str:
    """embedding, norm, rope, attention or swiglu; of a linear the last part of its name."""
    tail = stage.rpartition(".")[2]
    return "embedding" if tail == "embed_tokens" else "norm" if "norm" in tail else tail


def compare(found: np.ndarray, expected: np.ndarray, base: np.ndarray | None = None) -> tuple:
    """(relative error, cosine, largest difference), in float64; (inf, 0, inf) if `found` is not finite.

    The error is relative to the norm of expected - base, the cosine that of found and expected.
    """
    if not np.isfinite(found).all():
        return np.inf, 0.0, np.inf
    y, x = found.astype(np.float64), expected.astype(np.float64)
    difference, norm = np.linalg.norm(y - x), np.linalg.norm(x if base is None else x - base)
    product = np.linalg.norm(x) * np.linalg.norm(y)
    error = difference / norm if norm else np.inf if difference else 0.0
    cosine = float(np.vdot(x, y) / product) if product else float(not difference)
    return float(error), cosine, float(np.abs(y - x).max())


def limits(reports: list[StageReport], linear: float | None = None) -> list[float]:
    """The largest local error that every stage may have.

    Quantisation gives every linear an error that the doctor cannot know, but the linears of one kind are alike in all
    layers: the limit is OUTLIER times the median of the kind, at least a floor and at most the error of zeros. The
    other kinds have the limit of their rounding. Norms whose median is above it have been trained together with the
    quantised linears; their gains differ from the float model's by no typical amount.
    """
    by_kind: dict[str, list[float]] = defaultdict(list)
    for report in reports:
        by_kind["linear"] += [report.local] if report.kind not in FLOORS else []
        by_kind[report.kind].append(report.local)

    def limit_of(kind: str) -> float:
        if kind == "norm" and np.median(by_kind[kind]) > FLOORS[kind]:
            return TRAINED_NORM
        if kind in FLOORS:
            return FLOORS[kind]
        if linear is not None:
            return linear
        alike = by_kind[kind if len(by_kind[kind]) >= FEW else "linear"]
        return min(ZERO_ERROR, max(LINEAR_FLOOR, OUTLIER * float(np.median(alike))))

    return [limit_of(report.kind) for report in reports]


def sections_of(machine: Machine, stage: str) -> list[str]:
    """The sections of the image that a stage reads, in file order."""
    image, found = machine.image, {"program"}
    for descriptor in machine.program:
        if machine.stages[descriptor.stage] != stage:
            continue
        if isinstance(descriptor, LinearSynth | Search | Gather):
            found |= {name for name in image.table if name.startswith("port")}
        for field in fields(descriptor):
            if field.name in ADDRESSES:
                at = getattr(descriptor, field.name) * UNIT
                found |= {s.name for s in image.table.values() if s.offset <= at < s.offset + s.padded}
    return [name for name in image.table if name in found]


# --- command ----------------------------------------------------------------------------------------------------------


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("doctor")(doctor_command)


def doctor_command(
    image: Annotated[Path, typer.Option(help="Image written by `lutloom compile`.")],
    model: Annotated[str | None, typer.Option(help="The float model; default the one the image names.")] = None,
    prompt: Annotated[str | None, typer.Option(help="Text to run; only what it touches is examined.")] = None,
    against: Annotated[Path | None, typer.Option(help="Compare with this trace (.npz) bit for bit instead.")] = None,
    rtl: Annotated[bool, typer.Option("--rtl", help="Compare with the accelerator's RTL bit for bit instead.")] = False,
    quantized: Annotated[
        Path | None, typer.Option(help="Folder of the quantised model: compare with it instead of the float model.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Write the golden machine's trace (.npz).")] = None,
    limit: Annotated[
        float | None, typer.Option(min=0.0, help="Largest local error of a linear; default from its kind's median.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures as JSON.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Picture; default build/doctor/<image>.png")] = None,
) -> None:
    """Name the first stage of an image that is off. Exit code 0: none is, 1: one is, 2: bad input."""
    if rtl and against is not None:
        raise UserError("--rtl and --against: found both, allowed one of them")
    picture = picture or Path("build/doctor") / f"{image.stem}.png"
    for file in (save, json_file, picture):
        if file is not None:
            check_output(file)
    machine = Machine(Image.open(image))
    other = load_trace(against) if against is not None else None
    tokens = choose_tokens(machine, prompt, other, against)
    exact = rtl or other is not None
    golden = golden_trace(machine, tokens) if exact or save is not None else {}
    if save is not None:
        save_trace(save, tokens, golden)
    if rtl:
        sizes = {stage: values.shape[1] for stage, values in golden.items()}
        other, against = rtl_trace(machine.image, tokens, sizes), Path("rtl")
    if exact:
        healthy = _report_bits(machine, tokens, golden, other, against, json_file)
    else:
        source = float_model(machine, model)
        compiled = None if quantized is None else QuantizedModel.open(quantized, source.path)
        reports = examine(machine, source, tokens, limit, compiled)
        healthy = _report_errors(machine, source, tokens, reports, json_file)
        draw(reports, image.name, picture)
    if not healthy:
        raise typer.Exit(1)


def float_model(machine: Machine, model: str | None) -> models.Source:
    """The model of this name, default the one that the image names; UserError if it cannot be used."""
    if model is not None:
        return models.resolve(model)
    try:
        return models.resolve(machine.image.config["source"]["name"])
    except UserError as error:
        raise UserError(f"{error} (named by {machine.image.path}; --model tells where it is)") from None


def choose_tokens(machine: Machine, prompt: str | None, other: Trace | None, file: Path | None) -> np.ndarray:
    """The prompt's tokens int64 [T], which must be those of the trace if it has any; the default one is cut to fit."""
    traced = None if other is None else other.get(TOKENS)
    if prompt is None and traced is not None:
        return traced.astype(np.int64)
    tokens = np.array(machine.tokenizer().encode(PROMPT if prompt is None else prompt).ids, np.int64)
    if prompt is None:
        tokens = tokens[: machine.max_context]
    if not tokens.size:
        raise UserError("--prompt: found no tokens, allowed a text of at least one")
    if traced is not None and not np.array_equal(traced, tokens):
        raise UserError(f"{file}: tokens: found other ones than those of --prompt, allowed the same or no --prompt")
    return tokens


def _report_bits(
    machine: Machine, tokens: np.ndarray, golden: Trace, other: Trace, file: Path, json_file: Path | None
) -> bool:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    differences = compare_bits(golden, other, file)
    compared = sum(stage in other for stage in golden)
    for difference in differences:
        console.print(str(difference))
    verdict = f"first stage that differs: {differences[0].stage}" if differences else "0 bits different"
    console.print(f"{compared} of {len(golden)} stages compared, {len(tokens)} tokens: {verdict}")
    found = [{**asdict(d), "expected": f"{d.expected:08x}", "found": f"{d.found:08x}"} for d in differences]
    first = differences[0].stage if differences else None
    _write_json(json_file, {**_heading(machine, tokens), "compared": compared, "first": first, "differences": found})
    return not differences


def _report_errors(
    machine: Machine, source: models.Source, tokens: np.ndarray, reports: list[StageReport], json_file: Path | None
) -> bool:
    table = Table(title=f"{machine.image.path.name} against {source.name}, {len(tokens)} tokens")
    table.add_column("stage", no_wrap=True)
    for name in ("local error", "limit", "accumulated", "cosine", "max abs", "verdict"):
        table.add_column(name, justify="right")
    for r in reports:
        numbers = f"{r.local:.2e}", f"{r.limit:.2e}", f"{r.error:.2e}", f"{r.cosine:.5f}", f"{r.max_abs:.2e}"
        table.add_row(r.stage, *numbers, "[red]off[/]" if r.off else "ok")
    console = Console(highlight=False, width=max(Console().width, TABLE_WIDTH))
    console.print(table)
    first = next((r for r in reports if r.off), None)
    if first is None:
        verdict = "no stage is off"
    else:
        verdict = (f"first stage that is off: {first.stage} (local error {first.local:.2e}, limit {first.limit:.2e}); "
                   f"it reads {', '.join(sections_of(machine, first.stage))}")  # fmt: skip
    console.print(verdict, soft_wrap=True)
    stages = [{**asdict(r), "off": r.off} for r in reports]
    report = {**_heading(machine, tokens), "model": source.name, "first": first and first.stage, "stages": stages}
    _write_json(json_file, report)
    return first is None


def _heading(machine: Machine, tokens: np.ndarray) -> dict:
    return {"image": machine.image.path.name, "tokens": tokens.tolist()}


def _write_json(path: Path | None, report: dict) -> None:
    """JSON knows no infinity: null stands for it."""
    if path is None:
        return
    for stage in report.get("stages", ()):
        stage |= {key: None for key, value in stage.items() if isinstance(value, float) and not np.isfinite(value)}
    write_file(path, (json.dumps(report, indent=1, allow_nan=False) + "\n").encode())


def draw(reports: list[StageReport], title: str, path: Path) -> None:
    """Draw local and accumulated error over the stages to a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    top = 10.0  # where an infinite error is drawn
    figure = Figure(figsize=(12, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes, x = figure.subplots(), np.arange(len(reports))
    local, error, limit = (
        np.clip([getattr(r, key) for r in reports], 1e-8, top) for key in ("local", "error", "limit")
    )
    axes.step(x, limit, where="mid", color="0.7", label="limit of the local error")
    axes.plot(x, error, color="C0", label="accumulated error")
    axes.plot(x, local, ".", color="C2", label="local error (on float inputs)")
    off = np.array([r.off for r in reports])
    if off.any():
        axes.plot(x[off], local[off], "o", color="C3", label="off")
        first = int(np.argmax(off))
        axes.annotate(reports[first].stage, (first, local[first]), (0, 10), textcoords="offset points", ha="center")
    starts = [
        i for i, r in enumerate(reports) if not r.stage.startswith("model.layers.") or "input_layernorm" in r.stage
    ]
    names = [reports[i].stage.removeprefix("model.").removesuffix(".input_layernorm") for i in starts]
    axes.set(yscale="log", ylabel="relative L2 error", title=f"{title}: error by stage", ylim=(1e-8, 5 * top))
    axes.set_xticks(starts, names, rotation=60, ha="right")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", ncols=4)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    write_file(path, data.getvalue())
