"""The command `quantize`: from a float model to a quantised one and its report. torch is loaded on demand."""

import ctypes
import functools
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lutloom import checkpoint, corpus, evaluate, models
from lutloom.errors import UserError
from lutloom.files import check_output, check_state, write_file
from lutloom.hardware import CONFIGURATIONS, configuration
from lutloom.models import Source
from lutloom.quantized_model import CONFIG_FILE, FORMAT, QuantizedModel
from lutloom.qwen3 import Qwen3, Qwen3Config
from lutloom.wvq import MAX_GROUP

SCHEMES = ("wvq", "covq", "float")
REPORT_FILE = evaluate.QUANTIZE_REPORT
BUDGET = 4.0  # bits per weight of the decoder's linears
HEAD_BITS = 4.5  # bits per weight of the head
ACT_BITS = 10
HARDWARE = "small"
CONTEXTS = 96  # of 512 tokens, to calibrate on
WITH_WVQ, WITH_TRAINING = ("wvq", "covq"), ("covq", "float")
TAKEN_BY = {  # which schemes have an option
    "--budget": ("wvq",), "--samples": ("wvq",), "--contexts": ("wvq",), "--head-bits": WITH_WVQ,
    "--act-bits": WITH_WVQ, "--hardware": WITH_WVQ, "--lr": WITH_TRAINING, "--distil": WITH_TRAINING,
}  # fmt: skip
HEAD_CONTEXTS = 32  # of the training text, for the head of a co-quantised model
SAMPLE = 128  # tokens of a text that the float model writes
SMALL = 20_000_000  # weights of the decoder up to which training the indices too is affordable


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("quantize")(quantize_command)


def quantize_command(
    model: Annotated[str, typer.Option(help=f"Float model: {' or '.join(models.SHORT_NAMES)}, a folder or a .gguf.")],
    out: Annotated[Path, typer.Option(help="Folder to write the quantised model to.")],
    scheme: Annotated[
        str, typer.Option(help="wvq, covq, or float: a float model trained on by covq's recipe (the control).")
    ] = "wvq",
    budget: Annotated[
        float | None, typer.Option(min=1, help=f"wvq: bits per weight of the decoder's linears; default {BUDGET}.")
    ] = None,
    head_bits: Annotated[
        float | None, typer.Option(min=1, help=f"Bits per weight of the head, at most; default {HEAD_BITS}.")
    ] = None,
    act_bits: Annotated[
        int | None,
        typer.Option(min=8, max=12, help=f"Bits of an activation of wvq, or covq's head; default {ACT_BITS}."),
    ] = None,
    hardware: Annotated[
        str | None,
        typer.Option(
            help=f"Its slices hold the codebooks: {', '.join(CONFIGURATIONS)}; default {HARDWARE}. "
            "v80: 16 centroids, groups of 512."
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(min=0, help="wvq: contexts of text that the float model writes, for half of the training."),
    ] = None,
    contexts: Annotated[
        int | None, typer.Option(min=1, help=f"wvq: contexts of 512 tokens to calibrate on; default {CONTEXTS}.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", "--qat-minutes", min=0.1, help="Length of training, measured here.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            "--qat-steps",
            min=0,
            help="Length in steps; 0 calibrates only; more of them with --resume train a wvq model on.",
        ),
    ] = None,
    lr: Annotated[float | None, typer.Option(min=1e-8, help="covq, float: peak learning rate.")] = None,
    distil: Annotated[
        float | None, typer.Option(min=0, max=1, help="covq, float: share of the distillation loss.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run whose state file stands in --state.")
    ] = False,
    state: Annotated[Path | None, typer.Option(help="State file; default build/quantize/<name of out>.pt")] = None,
    threads: Annotated[int, typer.Option(min=1, max=evaluate.MAX_THREADS, help="CPU threads.")] = 2,
    evaluate_it: Annotated[
        bool, typer.Option("--evaluate/--no-evaluate", help="Measure the perplexity of what was written.")
    ] = True,
) -> None:
    """Quantise a model: calibration, then training. A report (sizes, minutes, perplexities) goes beside the result."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads: waiting threads leave a busy core
    if scheme not in SCHEMES:
        raise UserError(f"--scheme: found {scheme}, allowed {', '.join(SCHEMES)}")
    if minutes is not None and steps is not None:
        raise UserError("--minutes and --steps: found both, allowed one of them")
    given = {
        "--budget": budget, "--head-bits": head_bits, "--act-bits": act_bits, "--hardware": hardware,
        "--samples": samples, "--contexts": contexts, "--lr": lr, "--distil": distil,
    }  # fmt: skip
    for option, value in given.items():
        schemes = TAKEN_BY[option]
        if value is not None and scheme not in schemes:
            raise UserError(f"{option}: found with --scheme {scheme}, allowed with {' or '.join(schemes)}")
    # --act-bits and --hardware of covq's head are not in its state
    kept = [minutes, *given.values()] if scheme == "wvq" else [minutes, lr, distil, head_bits, steps]
    if resume and any(value is not None for value in kept):
        raise UserError("--resume: found with a setting of the recipe, allowed alone, or with more --steps for wvq")
    if scheme == "float" and steps == 0:
        raise UserError("--steps: found 0 with --scheme float, allowed from 1")
    act_bits, limits = act_bits or ACT_BITS, fitting(hardware or HARDWARE)
    source = models.resolve(model)
    check_place(out, source, scheme)
    state = check_output(state or Path("build/quantize") / f"{out.resolve().name}.pt")
    if resume:
        check_state(state)
    models.require_torch()
    job = Job(source, out, state, resume, threads, Console(), evaluate_it)
    keep_freed_memory()
    if scheme == "wvq":
        recipe = {
            "budget": budget or BUDGET,
            "head_bits": head_bits or HEAD_BITS,
            "act_bits": act_bits,
            **limits,
            "calibration": contexts or CONTEXTS,
            "samples": samples or 0,
        }
        run_wvq(job, recipe, minutes, steps)
    else:
        recipe = {"scheme": scheme, "steps": steps, "lr": lr, "distil": distil}
        recipe = {key: value for key, value in recipe.items() if value is not None}
        run_covq(job, recipe, minutes, head_bits or HEAD_BITS, act_bits, limits)


def check_place(out: Path, source: Source, scheme: str) -> None:
    """Refuse a folder where nothing can be written, the float model's own, and one that holds a model of the other
    kind: what is written has the same file names.
    """
    check_output(out, folder=True)
    if out.resolve() == source.path.resolve():
        raise UserError(f"--out: found {out}, the folder of --model, allowed another one")
    file = out / CONFIG_FILE
    if file.is_file() and (checkpoint.read_json(file).get("format") == FORMAT) == (scheme == "float"):
        found, allowed = ("quantised", "float") if scheme == "float" else ("float", "quantised")
        raise UserError(f"--out: found {file} of a {found} model, allowed a new folder, or one of a {allowed} model")


def fitting(hardware: str) -> dict[str, int]:
    """The most outputs of a group and the most centroids of a codebook that the configuration's slices hold."""
    found = configuration(hardware)
    return {"group": min(found.units * found.slots, MAX_GROUP), "centroids": found.centroids}


@dataclass(frozen=True)
class Job:
    """What every scheme needs to know."""

    source: Source
    out: Path
    state: Path
    resume: bool
    threads: int
    console: Console
    evaluate: bool

    def training_tokens(self) -> np.ndarray:
        """Tokens of the text that belongs to the model: integers [n]. See `evaluation_tokens`."""
        if self.source.path.is_dir() and (self.source.path / corpus.VALIDATION_FILE).is_file():
            texts, _ = corpus.split_works(corpus.load_works())
            return corpus.encode_texts(self.source.tokenizer(), texts)
        corpus.debian_texts()
        return evaluate.load_text(corpus.DEBIAN_FOLDER / "train.txt", self.source.tokenizer())

    def evaluation_tokens(self) -> tuple[np.ndarray, int]:
        """(tokens int [n], context): of validation.safetensors beside the model, else of the Debian corpus."""
        has_own = self.source.path.is_dir() and (self.source.path / corpus.VALIDATION_FILE).is_file()
        text = None if has_own else corpus.DEBIAN_FOLDER / "dev.txt"
        _, tokens, context = evaluate.load_tokens(self.source, text, None, None)
        return tokens, context

    def write_report(self, report: dict) -> None:
        """quantize.json beside the model."""
        write_file(self.out / REPORT_FILE, (json.dumps(report, indent=1) + "\n").encode())


def keep_freed_memory() -> None:
    """Have glibc keep freed memory for the next allocation: without it training spends a third of its time on zeroing
    pages. Elsewhere nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim_threshold, mmap_max, arena_max = -1, -4, -8  # names of malloc.h
        for parameter, value in ((arena_max, 1), (mmap_max, 0), (trim_threshold, 2**31 - 1)):
            mallopt(parameter, value)


# --- wvq --------------------------------------------------------------------------------------------------------------


def run_wvq(job: Job, choices: dict, minutes: float | None, steps: int | None) -> None:
    """All stages of wvq: settings by sensitivity, calibration, distillation, rounding, evaluation.

    choices: fields of WvqRecipe.
    """
    import torch

    from lutloom.wvq_distil import WvqRecipe, WvqRun

    torch.set_num_threads(job.threads)
    cfg, weights, tokens = job.source.cfg, job.source.weights(), job.training_tokens()
    if job.resume:
        run = WvqRun.from_state(job.state, cfg, weights, job.source.sha256, tokens)
    else:
        recipe = WvqRecipe(**choices, distil=distil_settings(cfg))
        run = WvqRun(cfg, weights, job.source.sha256, tokens, recipe)
        if recipe.samples:
            run.sample(write_text(job, run.teacher, recipe.samples, recipe.context))
        with job.console.status("measuring sensitivities"):
            run.choose()
        if run.bits > recipe.budget:
            job.console.print(
                f"--budget {recipe.budget}: the smallest settings of this model take {run.bits:.2f} bits a weight"
            )
    calibrate(run, job)
    if steps != 0:
        train_wvq(run, job, minutes, steps)
    quantised = run.student.export(portable_name(job.source), job.source.sha256)
    quantised.save(job.out)
    distiller = run.distiller
    report = {
        "model": job.source.name,
        "source_sha256": job.source.sha256,
        "scheme": "wvq",
        "recipe": asdict(run.recipe) | {"distil": asdict(distiller.settings) if distiller else None},
        "minutes": {
            "calibration": round(run.seconds / 60, 2),
            "distillation": round(distiller.seconds / 60, 2) if distiller else 0.0,
        },
        "bits_per_weight": evaluate.bits_per_weight(quantised),
        "linears": {name: [s.centroids, s.residual] for name, s in run.settings.items()},
    }
    job.write_report(report)
    if job.evaluate:
        job.write_report(report | measure(job))


def write_text(job: Job, teacher, contexts: int, length: int) -> np.ndarray:
    """Let the float model write, with a progress bar: int64 [contexts * length]. Many short texts at once are fast."""
    from lutloom.sampled_text import sampled_text

    texts = contexts * length // SAMPLE
    with progress_bar(job.console, "write") as progress:
        task = progress.add_task("write", total=SAMPLE - 1, note=f"tokens of {texts} texts")
        sampled = sampled_text(teacher, texts, SAMPLE, report=lambda step: progress.update(task, completed=step))
    return sampled.numpy().ravel()


def distil_settings(cfg: Qwen3Config):
    """The recipe by the size of the model: the indices of a small one are trained too."""
    from lutloom.wvq_distil import DistilSettings

    shapes = checkpoint.tensor_shapes(cfg)
    weights = sum(int(np.prod(shapes[f"{name}.weight"])) for name in cfg.linear_names())
    if weights > SMALL:
        return DistilSettings()
    return DistilSettings(steps=120, batch=16, latent_lr=5e-3, warmup=20, final_lr=0.02)


def calibrate(run, job: Job) -> None:
    """Calibration with a progress bar; the state file is written after every layer."""
    calibration = run.calibration
    names = list(calibration.student.parts)
    done = sum(calibration.student.has(name) for name in names)
    with progress_bar(job.console, "calibrate") as progress:
        task = progress.add_task("calibrate", total=len(names), completed=done, note="")
        run.calibrate(
            lambda name: progress.update(task, advance=1, note=name.removeprefix("model.layers.")),
            lambda: run.save_state(job.state),
        )
    run.save_state(job.state)


def train_wvq(run, job: Job, minutes: float | None, steps: int | None) -> None:
    """Distillation with a progress bar; continues where a resumed run stopped."""
    if run.distiller is None:
        run.start_distillation()
        if minutes is not None:
            run.distiller.plan(minutes)
    if steps is not None:
        run.distiller.set_steps(steps)
    distiller = run.distiller
    with progress_bar(job.console, "distil") as progress:
        task = progress.add_task("distil", total=distiller.settings.steps, completed=distiller.step, note="")
        distiller.fit(loss_report(progress, task, job.console), lambda: run.save_state(job.state))


def measure(job: Job) -> dict:
    """Perplexity of the float model and of the written one, the latter bit for bit as the hardware computes."""
    from lutloom.generate import DEFAULT_HARDWARE, cached_image
    from lutloom.hardware import configuration
    from lutloom.machine import Machine

    start = time.perf_counter()
    tokens, context = job.evaluation_tokens()
    hardware = configuration(DEFAULT_HARDWARE)
    with job.console.status("evaluating"):
        machine = Machine.open(cached_image(job.out, hardware, job.source), hardware)
        found = evaluate.measure(evaluate.machine_runners(machine, job.threads), tokens, context)
        reference = evaluate.measure(evaluate.float_runners(job.source, job.threads), tokens, context)
    ratio = found.perplexity / reference.perplexity
    job.console.print(
        f"wrote {job.out}: perplexity {found.perplexity:.3f}, {ratio:.4f} of the float model's "
        f"{reference.perplexity:.3f} ({found.predictions:,} tokens, {time.perf_counter() - start:.0f} s)"
    )
    return {
        "predictions": found.predictions,
        "context": context,
        "perplexity": round(found.perplexity, 4),
        "float_perplexity": round(reference.perplexity, 4),
        "ratio": round(ratio, 4),
    }


def portable_name(source: Source) -> str:
    """What config.json calls the float model: its short name or its path."""
    return source.name if source.name in models.SHORT_NAMES and source.path.is_file() else str(source.path)


# --- covq -------------------------------------------------------------------------------------------------------------


def run_covq(
    job: Job, recipe: dict, minutes: float | None, head_bits: float, act_bits: int, limits: dict[str, int]
) -> None:
    """All stages of covq, or of its control. `recipe` overrides fields of covq_train.QatSettings."""
    import torch

    from lutloom.covq_qat import export
    from lutloom.covq_train import QatSettings, QatTrainer

    torch.set_num_threads(job.threads)
    cfg, weights, tokens = job.source.cfg, job.source.weights(), job.training_tokens()
    sha256, start = job.source.sha256, time.perf_counter()
    if job.resume:
        trainer = QatTrainer.from_state(job.state, cfg, weights, sha256, tokens)
    else:
        trainer = QatTrainer(cfg, weights, QatSettings(**recipe), tokens)
    save = functools.partial(trainer.save_state, job.state, sha256)
    if trainer.optimiser is None:
        if trainer.settings.scheme == "covq":
            with progress_bar(job.console, "calibrate") as progress:
                task = progress.add_task("calibrate", total=len(cfg.linear_names()), note="")
                trainer.calibrate(lambda name: progress.update(task, advance=1, note=name), save)
        trainer.start()
        save()
    if trainer.settings.steps:
        train_covq(trainer, job, minutes, save)
    report = {"model": job.source.name, "source_sha256": sha256, "scheme": trainer.settings.scheme}
    report |= {"recipe": vars(trainer.settings)}
    report |= {"minutes": {"all": round((time.perf_counter() - start) / 60, 2)}}
    if trainer.settings.scheme == "float":
        tensors = {name: p.detach().numpy() for name, p in trainer.student.state_dict().items()}
        tokenizer = job.source.tokenizer().to_str(pretty=False)
        checkpoint.save(job.out, cfg, tensors, tokenizer, corpus.END_OF_TEXT)
        network = Qwen3(*checkpoint.load(job.out))
        result = evaluate.perplexity(network, *job.evaluation_tokens())
        job.write_report(report | {"perplexity": round(result.perplexity, 4), "predictions": result.predictions})
        job.console.print(f"wrote {job.out}: perplexity {result.perplexity:.3f} ({result.predictions:,} tokens)")
        return
    quantised = export(trainer.student, portable_name(job.source), sha256)
    with job.console.status("quantising the head"):
        add_head(quantised, job, tokens, head_bits, act_bits, limits)
    quantised.save(job.out)
    report |= {"bits_per_weight": evaluate.bits_per_weight(quantised)}
    job.write_report(report)
    if job.evaluate:
        job.write_report(report | measure(job))


def add_head(
    model: QuantizedModel, job: Job, tokens: np.ndarray, head_bits: float, act_bits: int, limits: dict[str, int]
) -> None:
    """Give a co-quantised model its head, which is wvq."""
    from lutloom.train import TrainSettings, batch_at
    from lutloom.wvq_head import HEAD, head_setting, quantize_head

    cfg, weights = job.source.cfg, job.source.weights()
    batch = batch_at(tokens, TrainSettings(batch=HEAD_CONTEXTS, context=256, seed=1003), 0)[:, :-1]
    setting = head_setting(cfg.vocab_size, cfg.hidden_size, head_bits, act_bits, **limits)
    model.linears[HEAD] = quantize_head(cfg, weights, model, batch.numpy(), setting)
    model.parts[HEAD] = (HEAD,)


def train_covq(trainer, job: Job, minutes: float | None, save: Callable[[], None]) -> None:
    """Training with a progress bar; the state file is written every 100 steps."""
    if minutes is not None:
        trainer.plan(minutes)
    with progress_bar(job.console, "train") as progress:
        task = progress.add_task("train", total=trainer.settings.steps, completed=trainer.step, note="")
        trainer.fit(loss_report(progress, task, job.console), save)


# --- progress ---------------------------------------------------------------------------------------------------------


def loss_report(progress: Progress, task, console: Console) -> Callable[[int, float], None]:
    """What the trainers call after every step: the bar, and a line now and then for logs."""
    recent: list[float] = []

    def report(step: int, loss: float) -> None:
        recent.append(loss)
        del recent[:-20]
        mean = sum(recent) / len(recent)
        progress.update(task, completed=step, note=f"loss {mean:.4f}")
        if step % 20 == 0:
            console.print(f"step {step}: loss {mean:.4f}")

    return report


def progress_bar(console: Console, name: str) -> Progress:
    """A bar with a count, times and a note."""
    columns = [
        TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    ]  # fmt: skip
    return Progress(*columns, console=console)
