"""The command `eval`: perplexity, agreement, size and memory traffic of a float model and its quantised versions.

The float model runs in NumPy, a quantised one as its image on the golden machine. Every figure is defined in
docs/evaluation.md.
"""

import json
import math
import queue
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table
from safetensors import SafetensorError
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from lutloom import checkpoint, corpus, models
from lutloom.compiler import HEAD
from lutloom.corpus import SEPARATOR, VALIDATION_FILE
from lutloom.errors import UserError
from lutloom.files import check_output, write_file
from lutloom.generate import DEFAULT_HARDWARE, cached_image
from lutloom.hardware import CONFIGURATIONS, Hardware, configuration
from lutloom.machine import Machine
from lutloom.models import Source
from lutloom.quantized_model import Linear, QuantizedModel, file_hash
from lutloom.qwen3 import Qwen3
from lutloom.traffic import traffic
from lutloom.weights import WeightCache
from lutloom.wvq import WvqLinear

CONTEXT = 256  # predictions of a context, for validation tokens
TEXT_CONTEXT = 512  # the same for a text
TEXT_TOKENS = 8192  # predictions from a text
TRAFFIC_CONTEXT = 256  # positions a token attends to in the figure of bytes per token
MAX_THREADS = 256  # each has a machine of its own
RESULTS = Path("build/results")
QUANTIZE_REPORT = "quantize.json"

Forward = Callable[[np.ndarray], np.ndarray]  # tokens int [T] of a whole context -> logits float32 [T, vocab]
Track = Callable[[Iterable, int], Iterable]  # (steps, their number) -> the same steps, shown to the user


# --- perplexity -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Perplexity:
    """Mean negative log likelihood (nats) of `predictions` tokens; choices: the most likely token of each, int32."""

    nll: float
    predictions: int
    seconds: float
    choices: np.ndarray = field(repr=False, compare=False)

    @property
    def perplexity(self) -> float:
        """exp(nll); infinity if that overflows."""
        return math.exp(self.nll) if self.nll < 709 else math.inf


def score(logits: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """logits float32 [T, vocab], targets int [T] -> summed negative log likelihood (float64), arg max int32 [T]."""
    choices = logits.argmax(axis=-1).astype(np.int32)  # [T]
    top = np.take_along_axis(logits, choices[:, None], axis=-1)  # [T, 1]
    chosen = np.take_along_axis(logits, targets[:, None], axis=-1)  # [T, 1]
    sums = np.exp(logits - top).sum(axis=-1, dtype=np.float64)  # [T]
    return float((np.log(sums) + (top - chosen)[:, 0]).sum()), choices


def measure(
    runners: Sequence[Forward], tokens: np.ndarray, context: int = CONTEXT, progress: Track = lambda steps, count: steps
) -> Perplexity:
    """Perplexity over independent contexts of `context` predictions each: tokens int [n].

    Context i predicts tokens[i c + 1 .. (i + 1) c] from tokens[i c .. (i + 1) c - 1], c = context; what is left of
    the tokens is not used. The likelihood is float64, the logits float32. Every runner computes in a thread of its
    own; a context is computed by one of them and the sum is in the order of contexts, so the result does not depend on
    their number. Raises UserError if there are not tokens enough for one context.
    """
    count = (len(tokens) - 1) // context
    if context < 1 or count < 1:
        raise UserError(f"eval: {len(tokens)} tokens found; allowed: at least {context} + 1 for one context")
    start, free = time.perf_counter(), queue.SimpleQueue()
    for runner in runners:
        free.put(runner)

    def run(first: int) -> tuple[float, np.ndarray]:
        ids = tokens[first : first + context + 1].astype(np.int64)
        runner = free.get()
        try:
            return score(runner(ids[:-1]), ids[1:])
        finally:
            free.put(runner)

    with ThreadPoolExecutor(len(runners)) as pool:
        try:
            results = list(progress(pool.map(run, range(0, count * context, context)), count))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # an error or Ctrl-C does not wait for the rest
            raise
    nll = sum(result[0] for result in results) / (count * context)
    choices = np.concatenate([result[1] for result in results])
    return Perplexity(nll, count * context, time.perf_counter() - start, choices)


def perplexity(model: Qwen3, tokens: np.ndarray, context: int = CONTEXT) -> Perplexity:
    """`measure` of a NumPy model in one thread."""
    return measure([model.forward], tokens, context)


def float_runners(source: Source, threads: int) -> list[Forward]:
    """The float model, once for every thread; the weights are shared."""
    weights = source.weights()
    return [Qwen3(source.cfg, weights).forward for _ in range(threads)]


def machine_runners(machine: Machine, threads: int) -> list[Forward]:
    """Golden machines of one image, one for every thread; the unpacked weights are shared."""
    others = [Machine(machine.image, weights=machine.weights) for _ in range(threads - 1)]
    return [_whole_context(each) for each in (machine, *others)]


def _whole_context(machine: Machine) -> Forward:
    def forward(tokens: np.ndarray) -> np.ndarray:
        machine.reset()
        return machine.run(tokens, every=True)

    return forward


# --- texts and models -------------------------------------------------------------------------------------------------


def load_validation(folder: Path) -> np.ndarray:
    """The validation tokens stored beside a model: uint16 [n]. Raises UserError if missing or damaged."""
    path = folder / VALIDATION_FILE
    if not path.is_file():
        raise UserError(
            f"{path}: validation tokens not found; allowed: the file that `lutloom train` writes, or --text"
        )
    try:
        tokens = load_file(path).get("tokens")
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a complete safetensors file ({str(error).splitlines()[0]})") from None
    if tokens is None or tokens.ndim != 1 or tokens.dtype != np.uint16:
        found = "nothing" if tokens is None else f"{tokens.dtype} {list(tokens.shape)}"
        raise UserError(f"{path}: tensor tokens: {found} found; allowed: uint16 [n]")
    return tokens


def load_text(path: Path, tokenizer: Tokenizer) -> np.ndarray:
    """The tokens of a UTF-8 file, without special tokens and without the separators of documents: int64 [n].

    Raises UserError if it is missing, empty or not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8").replace(SEPARATOR, "")
    except OSError as error:
        raise UserError(f"{path}: text: found {error.strerror}, allowed a UTF-8 file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: text: found a bad byte at {error.start}, allowed UTF-8") from None
    if not text.strip():
        raise UserError(f"{path}: text: found none, allowed a file with text")
    return np.array(tokenizer.encode(text, add_special_tokens=False).ids, np.int64)


def load_tokens(source: Source, text: Path | None, tokens: int | None, context: int | None):
    """What a model is evaluated on: (file, token ids int [n], context), n - 1 predictions or somewhat more.

    Without `text` it is the validation file of a folder, or English of Debian packages for a GGUF file, which is
    fetched if missing. `tokens`: how many predictions; default all of a validation file, or 8,192 of a text.
    """
    if text is None and source.path.is_dir():
        file, ids = source.path / VALIDATION_FILE, load_validation(source.path)
        context, most = context or CONTEXT, len(ids) - 1
    else:
        file = text or corpus.DEBIAN_FOLDER / "dev.txt"
        if text is None and not file.is_file():
            corpus.debian_texts()
        ids, context, most = load_text(file, source.tokenizer()), context or TEXT_CONTEXT, TEXT_TOKENS
    if len(ids) <= context:
        raise UserError(f"{file}: tokens: found {len(ids)}, allowed at least {context + 1} for one context")
    if tokens is not None and not context <= tokens < len(ids):
        raise UserError(f"--tokens: found {tokens}, allowed {context}..{len(ids) - 1} for {file}")
    return file, ids[: (tokens or max(most, context)) + 1], context


def load_model(folder: Path, quantized: Path | None = None) -> Qwen3:
    """The float model of a folder, or its quantised version with float arithmetic everywhere but in the linears.

    The linears and norm gains are the quantised model's, the rest is the folder's; a float head is allowed.
    """
    cfg, weights = checkpoint.load(folder)
    if quantized is None:
        return Qwen3(cfg, weights)
    covq = QuantizedModel.load(quantized, folder)
    missing = [name for name in cfg.linear_names() if name not in covq.linears]
    if missing:
        raise UserError(f"{quantized}: linear {missing[0]} is missing; needed by {folder}")
    return Qwen3(cfg, {**weights, **covq.norms}, linear=covq.linear)


# --- size -------------------------------------------------------------------------------------------------------------


def bits_per_weight(model: QuantizedModel) -> dict[str, float]:
    """Bits stored per weight of the float linears: {"decoder", "head", "total"}; a class without linears is left out.

    Everything counts that the linears need: indices, codebooks, exponents, scales, position maps, start values. What
    covq linears of one input share counts once.
    """
    bits, weights = dict.fromkeys(("decoder", "head", "total"), 0.0), dict.fromkeys(("decoder", "head", "total"), 0)
    seen: set[str] = set()
    for name in model.linears:
        linear, shared = model.linears[name], model.inputs.get(name)
        for key in ("head" if HEAD in model.parts[name] else "decoder", "total"):
            bits[key] += linear_bits(linear) + (input_bits(linear) if shared and shared not in seen else 0)
            weights[key] += math.prod(linear.shape)
        seen.add(shared)
    return {key: bits[key] / weights[key] for key in bits if weights[key]}


def linear_bits(linear: Linear) -> float:
    """Bits stored for one linear; for covq without what linears of one input share."""
    if isinstance(linear, WvqLinear):
        return linear.bits_per_weight * math.prod(linear.shape)
    positions, groups, centroids, _ = linear.w_cent.shape
    outputs = linear.shape[0]
    codebooks = positions * groups * (2 * 16 * centroids + 3)  # float16 centroids, 3-bit exponents
    return 4 * positions * outputs + codebooks + 32 * groups + 2 * 32 * outputs  # lsb; start and out_scale


def input_bits(linear: Linear) -> int:
    """Bits of what covq linears of one input share: position map, exponents, activation centroids."""
    positions, centroids, _ = linear.a_cent.shape
    return positions * (32 + 8 + 2 * 8 * centroids)


def quantize_minutes(folder: Path) -> float | None:
    """How long quantising took, from the report beside the model: minutes, or None if it does not say."""
    try:
        report = json.loads((folder / QUANTIZE_REPORT).read_text())
        minutes = report["minutes"] if "minutes" in report else report["train_seconds"] / 60
        return float(sum(minutes.values()) if isinstance(minutes, dict) else minutes)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


# --- the command ------------------------------------------------------------------------------------------------------


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("eval")(eval_command)


def eval_command(
    model: Annotated[str, typer.Option(help=f"Float model: {' or '.join(models.SHORT_NAMES)}, a folder or a .gguf.")],
    quantized: Annotated[list[Path] | None, typer.Option(help="Quantised model to compare; may be repeated.")] = None,
    text: Annotated[Path | None, typer.Option(help="UTF-8 file; default by model, see docs/evaluation.md.")] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Tokens to predict; whole contexts are used.")] = None,
    context: Annotated[int | None, typer.Option(min=1, help="Predictions of one context; default 256 or 512.")] = None,
    threads: Annotated[int, typer.Option(min=1, max=MAX_THREADS, help="Contexts computed at a time.")] = 2,
    hardware: Annotated[str, typer.Option(help=f"For the traffic: {', '.join(CONFIGURATIONS)}.")] = DEFAULT_HARDWARE,
    out: Annotated[Path | None, typer.Option(help="JSON file; default build/results/eval-<model>.json")] = None,
) -> None:
    """Perplexity, size and memory traffic of a float model and its quantised versions: a table and a picture."""
    console, source = Console(), models.resolve(model)
    parameters = configuration(hardware)
    out = check_output(out or RESULTS / f"eval-{source.name}.json")
    file, ids, context = load_tokens(source, text, tokens, context)
    machines = {folder: _open(folder, source, parameters, context) for folder in quantized or []}
    reference = measure(float_runners(source, threads), ids, context, _bar("float", console))
    report = {
        "model": source.name,
        "source_sha256": source.sha256,
        "text": {"name": file.name, "sha256": file_hash(file)},
        "context": context,
        "hardware": hardware,
        "traffic_context": TRAFFIC_CONTEXT,
        "float": _figures(reference),
        "quantized": [],
    }
    for folder, machine in machines.items():
        result = measure(machine_runners(machine, threads), ids, context, _bar(folder.name, console))
        report["quantized"].append(compare(folder, machine, source, reference, result))
        machine.weights = WeightCache()  # make room for the next
    console.print(_table(report))
    write_file(out, (json.dumps(report, indent=2) + "\n").encode())
    console.print(f"wrote {out}", soft_wrap=True)
    if report["quantized"]:
        plot(report, out.with_suffix(".png"))
        console.print(f"wrote {out.with_suffix('.png')}", soft_wrap=True)


def _open(folder: Path, source: Source, hardware: Hardware, context: int) -> Machine:
    """The machine of a quantised model, compiled if need be; UserError if a context does not fit."""
    machine = Machine.open(cached_image(folder, hardware, source), hardware)
    if context > machine.max_context:
        raise UserError(f"--context: found {context}, allowed 1..{machine.max_context} for {machine.image.path}")
    return machine


def compare(folder: Path, machine: Machine, source: Source, reference: Perplexity, result: Perplexity) -> dict:
    """All figures of one quantised model, as they stand in the report."""
    moved = traffic(machine.program, machine.image.config, TRAFFIC_CONTEXT)
    return {
        "name": folder.resolve().name,
        **_figures(result),
        "ratio": result.perplexity / reference.perplexity,
        "agreement": float((result.choices == reference.choices).mean()),
        "bits_per_weight": bits_per_weight(QuantizedModel.open(folder, source.path)),
        "bytes_per_token": moved | {"total": sum(moved.values())},
        "image_bytes": machine.image.bytes,
        "minutes": quantize_minutes(folder),
    }


def _figures(result: Perplexity) -> dict:
    return {
        "perplexity": result.perplexity,
        "nll": result.nll,
        "predictions": result.predictions,
        "seconds": result.seconds,
    }


def _bar(name: str, console: Console) -> Track:
    return lambda steps, count: track(steps, name, total=count, console=console, transient=True)


def _table(report: dict) -> Table:
    title = f"{report['model']}: {report['float']['predictions']:,} predictions, context {report['context']}"
    caption = "decoder, head, all: bits per weight; agree: token as float"
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", overflow="fold")  # a name is never cut
    for column in ("perplexity", "/ float", "agree", "decoder", "head", "all", "MB/token", "min"):
        table.add_column(column, justify="right")
    table.add_row("float", f"{report['float']['perplexity']:.3f}")
    for r in report["quantized"]:
        bits = r["bits_per_weight"]
        table.add_row(
            r["name"], f"{r['perplexity']:.3f}", f"{r['ratio']:.4f}", f"{r['agreement']:.1%}",
            *(f"{bits[key]:.3f}" if key in bits else "" for key in ("decoder", "head", "total")),
            f"{r['bytes_per_token']['total'] / 1e6:.2f}", "" if r["minutes"] is None else f"{r['minutes']:.0f}",
        )  # fmt: skip
    return table


def plot(report: dict, path: Path) -> None:
    """Write the picture: bits per weight against perplexity, a point for every quantised model, float as a line."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    level = report["float"]["perplexity"]
    axes.axhline(level, color="black", linestyle="--", linewidth=1, label=f"float: {level:.2f}")
    for r in report["quantized"]:
        x, y = r["bits_per_weight"]["total"], r["perplexity"]
        axes.plot(x, y, "o", label=f"{r['name']}: {y:.2f}")
    axes.legend(fontsize=8)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(ScalarFormatter())
    axes.margins(x=0.2)
    bottom, top = axes.get_ylim()
    axes.set_ylim(min(bottom, 0.97 * level), max(top, 1.1 * level))  # a tiny difference is to look tiny
    axes.set_xlabel("bits per weight, everything stored (decoder linears and head)")
    axes.set_ylabel("perplexity")
    axes.set_title(f"{report['model']}: {report['float']['predictions']:,} predictions, context {report['context']}")
    axes.grid(True, which="both", alpha=0.3)
    figure.savefig(path, dpi=150)
