"""`make demo [PROMPT="..."]`: a prompt in, Shakespeare out, by the accelerator in RTL, the golden machine alongside.

The trained model's image is compiled as for a card, the accelerator is built with Verilator, and the driver for cards
generates the text, token by token. Every token is compared with the golden machine's, and of the prompt and the first
two tokens every value that any operation computes, bit for bit.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from lutloom.errors import UserError
from lutloom.generate import cached_image, stream_text
from lutloom.hardware import CONFIGURATIONS, configuration
from lutloom.image import Image
from lutloom.machine import Machine
from verif.demo_figure import draw
from verif.lib.paths import RESULTS, ROOT
from verif.lib.runner import SimulationFailed
from verif.qwen3_accel.simulation import Run, build_simulation, compare, configuration_of

PROMPT = "ROMEO: But, soft! what light through yonder window breaks?"
MODEL = ROOT / "models" / "shakespeare-wvq-4"
TOKENS = 32
TRACED = 2  # new tokens of which every value is compared
CLOCK_MHZ = 250  # for the times shown; an assumption, nobody synthesised this with Vivado


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.splitlines()[0])
    parser.add_argument("--prompt", default=PROMPT)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--quantized", type=Path, default=MODEL, help="folder of a quantised model")
    parser.add_argument("--hardware", default="tiny", help=f"configuration: {', '.join(CONFIGURATIONS)}")
    parser.add_argument("--name", default="demo", help="of the results in build/results")
    args = parser.parse_args(argv)
    console = Console(width=max(Console().width, 104))  # a file or a pipe counts as 80, too narrow for the table
    try:
        return demo(args, console)
    except (UserError, SimulationFailed) as error:
        console.print(f"error: {error}", style="red", highlight=False, markup=False)
        return 2 if isinstance(error, UserError) else 1


def demo(args: argparse.Namespace, console: Console) -> int:
    """Everything; the exit code."""
    prompt, count, began = args.prompt, args.tokens, time.monotonic()
    image = Image.open(cached_image(args.quantized, configuration(args.hardware)))
    machine = Machine(image)
    tokenizer = machine.tokenizer()
    ids = tokenizer.encode(prompt).ids
    if not ids:
        raise UserError("PROMPT: found no text, allowed at least one character")
    if count < 1 or len(ids) + count > machine.max_context:
        raise UserError(f"PROMPT: found {len(ids)} tokens, allowed up to {machine.max_context - count}")
    steps = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*steps, console=console, transient=True) as progress:
        progress.add_task("building the accelerator with Verilator (once; a minute or two) ...")
        build_simulation(configuration_of(image))
    built = time.monotonic()
    run = Run(image, ids, count, stop=False, trace=True, name=args.name)
    console.print(f"{args.quantized.name}: {len(ids)} tokens of prompt, then {count} by the RTL:\n", highlight=False)
    found = stream_text(run.tokens(), tokenizer, prompt, len(ids))
    seconds = time.monotonic() - built
    with console.status("comparing with the golden machine"):
        golden = [int(token) for token in machine.generate(ids, count, stop=False)]
        result = compare(run, TRACED)
    decode = run.cycles[1:] or run.cycles
    report = {
        "model": args.quantized.name,
        "slices": machine.hardware.slices,
        "prompt": prompt,
        "prompt_tokens": len(ids),
        "new_tokens": len(found),
        "tokens_equal": sum(a == b for a, b in zip(found, golden, strict=False)),
        "values_compared": result.values,
        "bits_different": result.bits_different,
        "cycles_per_token": round(sum(decode) / len(decode)),
        "cycles": run.counters["cycles"],
        "counters": run.counters,
        "seconds": {"build": round(built - began, 1), "run": round(seconds, 1)},
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{args.name}.json").write_text(json.dumps(report, indent=1) + "\n")
    figure = draw(report, RESULTS / f"{args.name}.png")
    show(report, console)
    console.print(
        f"{report['tokens_equal']} of {len(golden)} tokens as golden; {result.bits_different} of "
        f"{32 * result.values:,} bits different (all values of the prompt and {TRACED} tokens). Where the cycles went: "
        f"{figure.relative_to(ROOT)}",
        highlight=False,
    )
    if result.first:
        console.print(f"first difference: {result.first}", style="red")
    return 0 if report["tokens_equal"] == len(golden) == len(found) and not result.bits_different else 1


def show(report: dict, console: Console) -> None:
    """Cycles by unit."""
    counters = report["counters"]
    table = Table(title="where the cycles of the run went", title_justify="left")
    for column in ("unit", "cycles", "share"):
        table.add_column(column, justify="left" if column == "unit" else "right")
    for unit, cycles in counters["busy"].items():
        if cycles:
            table.add_row(unit.replace("_", " "), f"{cycles:,}", f"{100 * cycles / counters['cycles']:.1f} %")
    console.print(table)
    per_token, seconds = report["cycles_per_token"], report["seconds"]
    console.print(
        f"{per_token:,} cycles a token ({per_token / CLOCK_MHZ:.0f} us at an assumed {CLOCK_MHZ} MHz), "
        f"{report['slices']} slices; "
        f"simulated at {counters['cycles'] / seconds['run']:,.0f} cycles a second",
        highlight=False,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
