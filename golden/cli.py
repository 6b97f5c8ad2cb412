"""The command line `lutloom`. Commands import what they need when they run; torch only in `train` and `quantize`."""

import importlib
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lutloom.errors import UserError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Memory-based inference of Qwen3 models.")

# Modules that bring their own sub-commands: each has register(app), and imports without torch.
COMMAND_MODULES = (
    "lutloom.evaluate",
    "lutloom.generate",
    "lutloom.quantize",
    "lutloom.corpus",
    "lutloom.compiler",
    "lutloom.image",
    "lutloom.doctor",
    "lutloom.perf",
    "lutloom.perf_check",
    "lutloom.estimate",
)


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder to write the trained model to (Hugging Face layout).")],
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Length of the run, measured on this machine.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Length of the run in optimiser steps.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run whose state file stands in --state.")
    ] = False,
    init_from: Annotated[Path | None, typer.Option(help="Start from this model's weights and tokenizer.")] = None,
    lr: Annotated[float | None, typer.Option(min=1e-8, help="Peak learning rate.")] = None,
    state: Annotated[Path | None, typer.Option(help="State file; default build/train/<name of out>.pt")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
) -> None:
    """Train the small Qwen3 on Shakespeare's works (about 25 minutes on two cores)."""
    if minutes is not None and steps is not None:
        raise UserError("--minutes and --steps given; allowed: one of them")
    if resume and (init_from is not None or minutes is not None or steps is not None or lr is not None):
        raise UserError(
            "--resume with --init-from, --minutes, --steps or --lr; allowed: --resume alone, it keeps the recipe"
        )
    from lutloom import checkpoint
    from lutloom.files import check_output, check_state
    from lutloom.models import require_torch

    state = check_output(state or Path("build/train") / f"{out.resolve().name}.pt")
    if resume:
        check_state(state)
    if init_from is not None:
        checkpoint.load_tokenizer(init_from)
        checkpoint.open_tensors(init_from)
    check_output(out, folder=True)
    require_torch()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads: waiting threads leave a busy core
    from lutloom.train import run_training

    run_training(out, state, minutes=minutes, steps=steps, resume=resume, init_from=init_from, lr=lr, threads=threads)


def register_commands() -> None:
    """Let every module of COMMAND_MODULES add its sub-commands to `app`.

    NumPy's matrix products get one thread unless the environment says otherwise: a second one spins more than it
    helps, as a token's products are bound by memory and contexts have threads of their own.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy loads
    for module in COMMAND_MODULES:
        importlib.import_module(module).register(app)


def main() -> None:
    """Entry point: a UserError becomes one line on stderr and exit code 2."""
    try:
        app()
    except UserError as error:
        Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"error: {error}")
        sys.exit(2)


register_commands()

if __name__ == "__main__":
    main()
