"""Perplexity and text of a model, float or quantised, by the NumPy forward pass: commands `eval` and `generate`."""

import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from safetensors import SafetensorError
from safetensors.numpy import load_file
from tokenizers.decoders import DecodeStream

from lutloom import checkpoint
from lutloom.corpus import END_OF_TEXT, VALIDATION_FILE
from lutloom.errors import UserError
from lutloom.qwen3 import Qwen3

CONTEXT = 256
Track = Callable[[list], Iterable]
ModelOption = Annotated[Path, typer.Option("--model", help="Hugging Face folder of the float model.")]
QuantizedOption = Annotated[Path | None, typer.Option("--quantized", help="Model written by `lutloom quantize`.")]


@dataclass(frozen=True)
class Perplexity:
    """Mean negative log likelihood (nats) of `predictions` tokens."""

    nll: float
    predictions: int
    seconds: float

    @property
    def perplexity(self) -> float:
        return math.exp(self.nll)


def perplexity(
    model: Qwen3, tokens: np.ndarray, context: int = CONTEXT, batch: int = 8, progress: Track = list
) -> Perplexity:
    """Perplexity over independent contexts of `context` predictions each: tokens int [n].

    Context i predicts tokens[i c + 1 .. (i + 1) c] from tokens[i c .. (i + 1) c - 1], c = context; what is left of
    the tokens is not used. The likelihood is float64, the logits float32. `progress` wraps the list of batches.
    Raises UserError if there are not tokens enough for one context.
    """
    count = (len(tokens) - 1) // context
    if context < 1 or count < 1:
        raise UserError(f"eval: {len(tokens)} tokens found; allowed: at least {context} + 1 for one context")
    start, total = time.perf_counter(), 0.0
    windows = np.arange(count)[:, None] * context + np.arange(context + 1)  # [count, context + 1]
    for rows in progress(np.array_split(windows, math.ceil(count / batch))):
        ids = tokens[rows].astype(np.int64)  # [b, context + 1]
        logits = model.forward(ids[:, :-1])  # [b, context, vocab]
        chosen = np.take_along_axis(logits, ids[:, 1:, None], axis=-1)[..., 0]  # [b, context]
        top = logits.max(axis=-1)  # [b, context]
        sums = np.exp(logits - top[..., None]).sum(axis=-1, dtype=np.float64)  # [b, context]
        total += float((np.log(sums) + top - chosen).sum())
    return Perplexity(total / (count * context), count * context, time.perf_counter() - start)


def load_validation(folder: Path) -> np.ndarray:
    """The validation tokens stored beside a model: uint16 [n]. Raises UserError if missing or damaged."""
    path = folder / VALIDATION_FILE
    if not path.is_file():
        raise UserError(f"{path}: validation tokens not found; allowed: the file that `lutloom train` writes")
    try:
        tokens = load_file(path).get("tokens")
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a complete safetensors file ({str(error).splitlines()[0]})") from None
    if tokens is None or tokens.ndim != 1 or tokens.dtype != np.uint16:
        found = "nothing" if tokens is None else f"{tokens.dtype} {list(tokens.shape)}"
        raise UserError(f"{path}: tensor tokens: {found} found; allowed: uint16 [n]")
    return tokens


def load_model(folder: Path, quantized: Path | None = None) -> Qwen3:
    """The float model of a folder, or its quantised version: linears and norm gains from there, the rest from here."""
    cfg, weights = checkpoint.load(folder)
    if quantized is None:
        return Qwen3(cfg, weights)
    from lutloom.quantized_model import QuantizedModel

    covq = QuantizedModel.load(quantized, folder)
    missing = [name for name in cfg.linear_names() if name not in covq.linears]
    if missing:
        raise UserError(f"{quantized}: linear {missing[0]} is missing; needed by {folder}")
    return Qwen3(cfg, {**weights, **covq.norms}, linear=covq.linear)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command("eval")(eval_command)
    app.command("generate")(generate_command)


def eval_command(
    model: ModelOption,
    quantized: QuantizedOption = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Tokens to predict; whole contexts, default all.")] = None,
    context: Annotated[int, typer.Option(min=1, help="Length of one context.")] = CONTEXT,
    out: Annotated[Path | None, typer.Option(help="JSON file; default build/results/eval-<model>.json")] = None,
) -> None:
    """Validation perplexity of the float model and, if given, of its quantised version."""
    console = Console()
    models = {"float": load_model(model)}
    if quantized is not None:
        models["quantized"] = load_model(model, quantized)
    stored = load_validation(model)
    if tokens is not None:
        if not context < tokens + 1 <= len(stored):
            raise UserError(f"--tokens {tokens}; allowed: {context}..{len(stored) - 1} for {model / VALIDATION_FILE}")
        stored = stored[: tokens + 1]
    results = {
        name: perplexity(network, stored, context, progress=_progress_bar(name, console))
        for name, network in models.items()
    }
    name = model.resolve().name
    report = {
        "model": name,
        "quantized_model": quantized.resolve().name if quantized else None,
        "context": context,
        **{key: {**vars(r), "perplexity": r.perplexity} for key, r in results.items()},
    }
    if quantized:
        report["ratio"] = results["quantized"].perplexity / results["float"].perplexity
    console.print(_table(results, name))
    out = out or Path("build/results") / f"eval-{name}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write_file(out, (json.dumps(report, indent=2) + "\n").encode())
    console.print(f"wrote {out}", soft_wrap=True)


def _progress_bar(name: str, console: Console) -> Track:
    return lambda batches: track(batches, f"{name} perplexity", console=console, transient=True)


def _table(results: dict[str, Perplexity], title: str) -> Table:
    table = Table("model", "perplexity", "to float", "nats per token", "predictions", "seconds", title=title)
    for name, r in results.items():
        ratio = r.perplexity / results["float"].perplexity
        table.add_row(
            name, f"{r.perplexity:.3f}", f"{ratio:.4f}", f"{r.nll:.4f}", f"{r.predictions:,}", f"{r.seconds:.1f}"
        )
    return table


def generate_command(
    model: ModelOption,
    prompt: Annotated[str, typer.Option(help="Text to continue; empty: the beginning of a work.")] = "",
    tokens: Annotated[int, typer.Option(min=1, help="Most tokens to generate.")] = 200,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 takes the most likely token.")] = 0.8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sampling.")] = 0,
    quantized: QuantizedOption = None,
) -> None:
    """Continue a prompt with the NumPy model, token by token."""
    tokenizer = checkpoint.load_tokenizer(model)
    network = load_model(model, quantized)
    end = tokenizer.token_to_id(END_OF_TEXT)
    ids = tokenizer.encode(prompt).ids
    if not ids:
        if end is None:
            raise UserError(f"--prompt is empty; allowed: text, as {model} has no token {END_OF_TEXT}")
        ids = [end]
    typer.echo(prompt, nl=False)
    stream = DecodeStream(skip_special_tokens=True)
    for token in network.generate(np.array(ids), tokens, temperature, seed, stop=end):
        typer.echo(stream.step(tokenizer, token) or "", nl=False)
    typer.echo()
