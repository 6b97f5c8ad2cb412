"""The command `quantize`: from the float model to the trained, bit-exact quantised one. torch is loaded on demand."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lutloom import checkpoint, corpus
from lutloom.errors import UserError
from lutloom.evaluate import load_validation, perplexity
from lutloom.quantized_model import QuantizedModel, file_hash
from lutloom.qwen3 import Qwen3

SCHEMES = ("covq", "float")
REPORT_FILE = "quantize.json"


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("quantize")(quantize_command)


def quantize_command(
    model: Annotated[Path, typer.Option(help="Hugging Face folder of the float model.")],
    out: Annotated[Path, typer.Option(help="Folder to write the quantised model to.")],
    scheme: Annotated[
        str, typer.Option(help="covq, or float: the float model trained on by the same recipe (the control).")
    ] = "covq",
    qat_minutes: Annotated[float | None, typer.Option(min=0.1, help="Length of training, measured here.")] = None,
    qat_steps: Annotated[int | None, typer.Option(min=0, help="Length in steps; 0 calibrates only.")] = None,
    lr: Annotated[float | None, typer.Option(min=1e-8, help="Peak learning rate.")] = None,
    distil: Annotated[float | None, typer.Option(min=0, max=1, help="Share of the distillation loss.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run whose state file stands in --state.")
    ] = False,
    state: Annotated[Path | None, typer.Option(help="State file; default build/quantize/<name of out>.pt")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
) -> None:
    """Quantise a model to look-up tables: calibration, then quantisation-aware training."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads: waiting threads leave a busy core
    if scheme not in SCHEMES:
        raise UserError(f"--scheme: found {scheme}, allowed {', '.join(SCHEMES)}")
    if qat_minutes is not None and qat_steps is not None:
        raise UserError("--qat-minutes and --qat-steps: found both, allowed one of them")
    if resume and any(value is not None for value in (qat_minutes, qat_steps, lr, distil)):
        raise UserError("--resume: found with a setting of the recipe, allowed alone (it keeps the recipe)")
    if scheme == "float" and qat_steps == 0:
        raise UserError("--qat-steps: found 0 with --scheme float, allowed from 1")
    state = state or Path("build/quantize") / f"{out.resolve().name}.pt"
    recipe = {"scheme": scheme, "steps": qat_steps, "lr": lr, "distil": distil}
    given = {key: value for key, value in recipe.items() if value is not None}
    run_quantize(model, out, state, given, qat_minutes, resume, threads)


def run_quantize(
    model: Path, out: Path, state: Path, recipe: dict, minutes: float | None, resume: bool, threads: int
) -> None:
    """All stages. `recipe` overrides fields of covq_train.QatSettings; a report of the run goes beside the model."""
    import torch

    from lutloom.covq_train import QatSettings, QatTrainer

    torch.set_num_threads(threads)
    console = Console()
    cfg, weights = checkpoint.load(model)
    tokenizer = checkpoint.load_tokenizer(model)
    validation = load_validation(model)
    sha256 = file_hash(model / checkpoint.WEIGHTS_FILE)
    train_texts, _ = corpus.split_works(corpus.load_works())
    tokens = corpus.encode_texts(tokenizer, train_texts)
    report = {"model": model.resolve().name, "source_sha256": sha256}
    if resume:
        trainer = QatTrainer.from_state(state, cfg, weights, sha256, tokens)
    else:
        trainer = QatTrainer(cfg, weights, QatSettings(**recipe), tokens)
        if trainer.settings.scheme == "covq":
            with progress_bar(console, "calibrate") as progress:
                task = progress.add_task("calibrate", total=len(cfg.linear_names()), note="")
                trainer.calibrate(lambda name: progress.update(task, advance=1, note=name))
        trainer.start()
        trainer.save_state(state, sha256)
    if trainer.settings.steps:
        train(trainer, console, minutes, state, sha256)
    report |= {"settings": vars(trainer.settings), "train_seconds": round(trainer.seconds, 1)}
    if trainer.settings.scheme == "float":
        tensors = {name: p.detach().numpy() for name, p in trainer.student.state_dict().items()}
        checkpoint.save(out, cfg, tensors, tokenizer.to_str(pretty=False), corpus.END_OF_TEXT)
        network = Qwen3(*checkpoint.load(out))
    else:
        from lutloom.covq_qat import export

        export(trainer.student, model, sha256).save(out)
        network = quantised_network(cfg, weights, QuantizedModel.load(out, model))
    result = perplexity(network, validation)
    report |= {"validation_predictions": result.predictions, "validation_perplexity": round(result.perplexity, 4)}
    checkpoint.write_file(out / REPORT_FILE, (json.dumps(report, indent=1) + "\n").encode())
    console.print(f"wrote {out}: validation perplexity {result.perplexity:.3f} ({result.predictions:,} tokens)")


def quantised_network(cfg, weights: dict, covq: QuantizedModel) -> Qwen3:
    """The NumPy model with every linear and norm gain of the quantised one."""
    return Qwen3(cfg, {**weights, **covq.norms}, linear=covq.linear)


def train(trainer, console: Console, minutes: float | None, state: Path, sha256: str) -> None:
    """Training with a progress bar; the state file is written every 100 steps."""
    if minutes is not None:
        trainer.plan(minutes)
    with progress_bar(console, "train") as progress:
        task = progress.add_task("train", total=trainer.settings.steps, completed=trainer.step, note="")
        recent: list[float] = []

        def report(step: int, loss: float) -> None:
            recent.append(loss)
            del recent[:-50]
            mean = sum(recent) / len(recent)
            progress.update(task, completed=step, note=f"loss {mean:.4f}")
            if step % 100 == 0:
                console.print(f"step {step}: loss {mean:.4f}, {trainer.seconds:.0f} s")

        trainer.fit(report, lambda: trainer.save_state(state, sha256))


def progress_bar(console: Console, name: str) -> Progress:
    """A bar with a count, times and a note."""
    columns = [
        TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    ]  # fmt: skip
    return Progress(*columns, console=console)
