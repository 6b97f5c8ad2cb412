"""`make demo [PROMPT="..."]`: all seven linears of one decoder layer of the trained model, through the RTL.

The float model runs up to each linear of the layer; what arrives there is rounded as the quantised model says and goes
through hbm_streamer -> centroid_search -> row_gather (decode, the last token) or row_table (prefill, all tokens) ->
lut2d in Verilator, from a memory image as it lies in HBM. Every accumulator bit is compared with the golden model.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from lutloom.checkpoint import load
from lutloom.covq import quantize_activation
from lutloom.errors import UserError
from lutloom.linear_covq import build_image
from lutloom.quantized_model import QuantizedModel
from lutloom.qwen3 import Qwen3
from verif.demo_figure import draw
from verif.lib.paths import BUILD, RESULTS, ROOT
from verif.lib.runner import SimulationFailed, simulate

PROMPT = "ROMEO: But, soft! what light through yonder window breaks?"
MODEL = ROOT / "models" / "shakespeare-qwen3"
QUANTISED = ROOT / "models" / "shakespeare-qwen3-covq"
FOLDER = BUILD / "demo"
LAYER = 1
MAX_TOKENS = 32  # of one command; longer sentences run in several
UNITS, LANES = 32, 2
CLOCK_MHZ = 250  # for the times shown; an assumption, nobody synthesised this with Vivado


def linear_inputs(model: Qwen3, tokens: np.ndarray, layer: int) -> dict[str, np.ndarray]:
    """Input float32 [T, K] of each of the seven linears of `layer`, by name, in running order."""
    inputs = {}
    prefix = f"model.layers.{layer}."

    def record(name, x):
        if name.startswith(prefix):
            inputs[name] = x.copy()

    model.record = record
    model.forward(tokens)
    return inputs


def prepare(prompt: str, layer: int) -> tuple[dict, np.ndarray]:
    """Write job.json and vectors.npz into build/demo; returns (the job, tokens)."""
    from tokenizers import Tokenizer

    cfg, weights = load(MODEL)
    quantised = QuantizedModel.load(QUANTISED)
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokens = np.array(tokenizer.encode(prompt).ids)
    if not tokens.size:
        raise UserError("--prompt: found no text; allowed: at least one character")
    if tokens.size > cfg.max_position_embeddings:
        raise UserError(f"--prompt: found {tokens.size} tokens; allowed: {cfg.max_position_embeddings}")
    if not 0 <= layer < cfg.num_hidden_layers:
        raise UserError(f"--layer: found {layer}; allowed: 0..{cfg.num_hidden_layers - 1}")
    inputs = linear_inputs(Qwen3(cfg, weights), tokens, layer)
    linears = {name: quantised.linears[name] for name in inputs}
    image, placed = build_image(linears, quantised.inputs, units=UNITS, lanes=LANES)
    FOLDER.mkdir(parents=True, exist_ok=True)
    vectors = {p.input: quantize_activation(inputs[p.name], p.linear.a_exp, p.linear.pairs) for p in placed}
    np.savez(FOLDER / "vectors.npz", **vectors)
    job = {"layer": layer, "quantised": str(QUANTISED), "linears": list(linears), "max_tokens": MAX_TOKENS}
    (FOLDER / "job.json").write_text(json.dumps(job))
    return job | {"image_bytes": len(image), "ids": tokens.tolist()}, tokens


def show(rows: list[dict], console: Console) -> None:
    table = Table(title="one decoder layer, every linear, RTL against golden", title_justify="left")
    for column in (
        "linear",
        "shape",
        "mode",
        "tokens",
        "cycles",
        "lookups/cycle",
        "bytes read",
        "port use",
        "bits different",
    ):
        table.add_column(column, justify="left" if column in ("linear", "shape", "mode") else "right")
    for i, row in enumerate(rows):
        table.add_row(
            row["linear"],
            "x".join(map(str, row["shape"])),
            row["mode"],
            str(row["tokens"]),
            f"{row['cycles']:,}",
            f"{row['lookups_per_cycle']:.1f}",
            f"{row['bytes']:,}",
            f"{100 * row['port_utilisation']:.0f} %",
            str(row["bits_different"]),
            end_section=i + 1 < len(rows) and rows[i + 1]["mode"] != row["mode"],
        )
    console.print(table)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.splitlines()[0])
    parser.add_argument("--prompt", default=PROMPT)
    parser.add_argument("--layer", type=int, default=LAYER)
    args = parser.parse_args(argv)
    console = Console(width=max(Console().width, 104))  # a file or a pipe counts as 80, too narrow for the table
    began = time.monotonic()
    steps = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    try:
        with Progress(*steps, console=console, transient=True) as progress:
            task = progress.add_task("float model up to every linear, memory image ...")
            job, tokens = prepare(args.prompt, args.layer)
            progress.update(
                task, description=f"RTL in Verilator: 7 linears, decode and prefill of {tokens.size} tokens ..."
            )
            outcome = simulate(
                "linear_covq",
                "verif.linear_covq.demo_tb",
                name="demo",
                target="sim",
                parameters={"MemBytes": -(-job["image_bytes"] // 65536) * 65536, "MaxTokens": MAX_TOKENS},
                env={"DEMO": FOLDER},
            )
    except UserError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    except SimulationFailed as failed:
        print(failed, file=sys.stderr)
        return 1
    rows = json.loads((Path(outcome.run_dir) / "rows.json").read_text())
    different = sum(row["bits_different"] for row in rows)
    cycles = {mode: sum(row["cycles"] for row in rows if row["mode"] == mode) for mode in ("decode", "prefill")}
    RESULTS.mkdir(parents=True, exist_ok=True)
    figure = draw(rows, RESULTS / "demo.png")
    result = {
        "prompt": args.prompt,
        "tokens": int(tokens.size),
        "layer": args.layer,
        "bits_different": different,
        "bits_compared": sum(row["bits_compared"] for row in rows),
        "cycles": cycles,
        "seconds": round(time.monotonic() - began, 1),
        "linears": rows,
    }
    (RESULTS / "demo.json").write_text(json.dumps(result, indent=1) + "\n")
    console.print(
        f'"{args.prompt}": {tokens.size} tokens; layer {args.layer} of {MODEL.name}', style="bold", highlight=False
    )
    show(rows, console)
    console.print(
        f"{different} of {result['bits_compared']:,} bits different; decode {cycles['decode']:,} cycles "
        f"({cycles['decode'] / CLOCK_MHZ:.0f} us at an assumed {CLOCK_MHZ} MHz), prefill {cycles['prefill']:,} cycles; "
        f"one slice, linears one after the other. Where the cycles went: {figure.relative_to(ROOT)}"
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
