"""Training of the small Qwen3 on the corpus: Muon for the layers' matrices, AdamW for the embedding and the gains.

Everything random in step s is a function of (seed, s): the batch, and the dropout masks. A resumed run therefore
continues bit for bit where the interrupted one stopped (same machine, same thread count).
"""

import math
import pickle
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.numpy import save as save_tensors
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from lutloom import checkpoint, corpus
from lutloom.errors import UserError
from lutloom.files import check_state, replacing, write_file
from lutloom.qwen3 import Qwen3Config
from lutloom.torch_qwen3 import TorchQwen3, initialise


@dataclass(frozen=True)
class TrainSettings:
    """One training recipe. `steps` optimiser steps of `batch` contexts of `context` tokens."""

    steps: int = 1500
    batch: int = 16
    context: int = 256
    lr: float = 5e-3  # AdamW; Muon takes the same, its update is scaled to AdamW's size
    warmup: int = 100
    final_lr: float = 0.02  # fraction of lr at the last step
    dropout: float = 0.1
    weight_decay: float = 0.1
    clip: float = 1.0
    seed: int = 0
    bf16: bool = True  # matrix products in bfloat16, everything else in float32

    def lr_scale(self, step: int) -> float:
        """Linear warm-up, then half a cosine down to `final_lr`: the factor on lr in step `step` (from 0)."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.final_lr + (1 - self.final_lr) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def batch_at(tokens: np.ndarray, settings: TrainSettings, step: int) -> Tensor:
    """Batch of step `step`: int64 [batch, context + 1], inputs and next tokens overlapping by one.

    An epoch cuts the corpus into contexts from a random offset and visits them in a random order; both depend only on
    (seed, epoch). Raises UserError if the corpus is shorter than one batch.
    """
    usable = len(tokens) - settings.context - 1
    per_epoch = usable // settings.context // settings.batch
    if per_epoch < 1:
        raise UserError(f"corpus: {len(tokens)} tokens, too short for a batch of {settings.batch} x {settings.context}")
    epoch, position = divmod(step, per_epoch)
    rng = np.random.default_rng((settings.seed, epoch))
    offset = rng.integers(settings.context)
    order = rng.permutation(per_epoch * settings.batch)
    first = order[position * settings.batch :][: settings.batch] * settings.context + offset  # [batch]
    index = first[:, None] + np.arange(settings.context + 1)
    return torch.from_numpy(tokens[index].astype(np.int64))


class Trainer:
    """A model, its two optimisers and the number of steps done.

    A new trainer is randomly initialised. tokens: uint16 [n], the training text as `tokenizer` encodes it.
    """

    def __init__(self, cfg: Qwen3Config, settings: TrainSettings, tokens: np.ndarray):
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.tokens = tokens
        self.step = 0
        self.seconds = 0.0
        self.model = TorchQwen3(cfg, settings.dropout)
        initialise(self.model)
        named = list(self.model.named_parameters())
        matrices = [p for name, p in named if p.ndim == 2 and ".layers." in name]
        rest = [p for name, p in named if p.ndim == 2 and ".layers." not in name]
        gains = [p for _, p in named if p.ndim == 1]
        decay = settings.weight_decay
        self.optimisers = [
            torch.optim.Muon(matrices, lr=settings.lr, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(
                [{"params": rest, "weight_decay": decay}, {"params": gains, "weight_decay": 0.0}],
                lr=settings.lr,
                betas=(0.9, 0.95),
                fused=True,
            ),
        ]

    def train_step(self) -> float:
        """One optimiser step; returns the mean cross-entropy of the batch in nats."""
        settings = self.settings
        batch = batch_at(self.tokens, settings, self.step)
        torch.manual_seed(settings.seed * 1_000_003 + self.step)  # dropout masks
        self.model.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
            logits = self.model(batch[:, :-1])
        loss = F.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = settings.lr * settings.lr_scale(self.step)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return loss.item()

    def save_state(self, path: Path, tokenizer: str = "") -> None:
        """Write everything a resumed run needs, atomically: a crash leaves the old file or the new one.

        tokenizer: its JSON, for `read_state` to hand back.
        """
        state = {
            "config": asdict(self.model.cfg),
            "settings": asdict(self.settings),
            "step": self.step,
            "seconds": self.seconds,
            "tokenizer": tokenizer,
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        with replacing(path) as temporary:
            torch.save(state, temporary)

    @classmethod
    def from_state(cls, state: dict, tokens: np.ndarray) -> "Trainer":
        """The trainer that a state of `read_state` describes."""
        trainer = cls(Qwen3Config(**state["config"]), TrainSettings(**state["settings"]), tokens)
        trainer.model.load_state_dict(state["model"])
        for optimiser, saved in zip(trainer.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        trainer.step, trainer.seconds = state["step"], state["seconds"]
        return trainer


STATE_FIELDS = {"config", "settings", "step", "seconds", "tokenizer", "model", "optimisers"}


def read_state(path: Path) -> dict:
    """Read a file of `Trainer.save_state`. Raises UserError if it is missing, damaged or something else."""
    check_state(path)
    try:
        state = torch.load(path, weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError) as error:
        raise UserError(f"{path}: not a complete training state ({type(error).__name__})") from None
    found = set(state) if isinstance(state, dict) else set()
    if found != STATE_FIELDS:
        raise UserError(f"{path}: fields {sorted(found)} found; allowed: {sorted(STATE_FIELDS)}")
    return state


@torch.no_grad()
def validation_loss(model: TorchQwen3, tokens: np.ndarray, context: int = 256, batch: int = 16) -> float:
    """Mean cross-entropy in nats over independent contexts of `context` predictions, float32."""
    model.eval()
    count = (len(tokens) - 1) // context
    index = np.arange(count)[:, None] * context + np.arange(context + 1)
    total = 0.0
    for rows in np.array_split(index, math.ceil(count / batch)):
        part = torch.from_numpy(tokens[rows].astype(np.int64))  # [rows, context + 1]
        total += F.cross_entropy(model(part[:, :-1]).flatten(0, 1), part[:, 1:].flatten(), reduction="sum").item()
    return total / (count * context)


def steps_for(trainer: Trainer, minutes: float, probe: int = 10) -> None:
    """Run `probe` steps, measure them, and set the number of steps so that the run takes about `minutes`."""
    trainer.train_step()  # the first step pays for allocation
    start = time.perf_counter()
    for _ in range(probe - 1):
        trainer.train_step()
    each = (time.perf_counter() - start) / (probe - 1)
    trainer.seconds += each * probe
    steps = max(probe + 1, int(minutes * 60 / each))
    trainer.settings = replace(trainer.settings, steps=steps, warmup=min(trainer.settings.warmup, steps // 5))


def fit(
    trainer: Trainer, report: Callable[[int, float], None], save: Callable[[], None], save_every: int = 100
) -> None:
    """Train to settings.steps; report(step, loss) after every step, save() each `save_every` steps and at the end."""
    while trainer.step < trainer.settings.steps:
        start = time.perf_counter()
        loss = trainer.train_step()
        trainer.seconds += time.perf_counter() - start
        report(trainer.step, loss)
        if trainer.step % save_every == 0 or trainer.step == trainer.settings.steps:
            save()


def save_model(out: Path, trainer: Trainer, tokenizer: Tokenizer, validation: np.ndarray) -> None:
    """Write the Hugging Face folder, and the validation tokens beside it."""
    tensors = {name: p.detach().numpy() for name, p in trainer.model.state_dict().items()}
    checkpoint.save(out, trainer.model.cfg, tensors, tokenizer.to_str(pretty=False), corpus.END_OF_TEXT)
    write_file(out / corpus.VALIDATION_FILE, save_tensors({"tokens": validation}))


def start_training(
    state: Path, minutes: float | None, steps: int | None, resume: bool, init_from: Path | None, lr: float | None
) -> tuple[Trainer, Tokenizer, np.ndarray]:
    """Corpus, tokenizer and trainer of a new, continued or initialised run: (trainer, tokenizer, validation tokens)."""
    train_texts, validation_texts = corpus.split_works(corpus.load_works())
    saved = read_state(state) if resume else None
    if saved is not None:
        tokenizer = Tokenizer.from_str(saved["tokenizer"])
    elif init_from is not None:
        tokenizer = checkpoint.load_tokenizer(init_from)
    else:
        tokenizer = corpus.train_tokenizer(train_texts)
    tokens = corpus.encode_texts(tokenizer, train_texts)
    validation = corpus.validation_slice(tokenizer, validation_texts)
    if saved is not None:
        return Trainer.from_state(saved, tokens), tokenizer, validation
    settings = TrainSettings(steps=steps or TrainSettings.steps, lr=lr or TrainSettings.lr)
    settings = replace(settings, warmup=min(settings.warmup, settings.steps // 10))
    if init_from is not None:
        cfg, weights = checkpoint.load(init_from)
        trainer = Trainer(cfg, settings, tokens)
        trainer.model.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
    else:
        trainer = Trainer(Qwen3Config(vocab_size=tokenizer.get_vocab_size()), settings, tokens)
    if minutes is not None:
        steps_for(trainer, minutes)
    return trainer, tokenizer, validation


def run_training(
    out: Path,
    state: Path,
    minutes: float | None = None,
    steps: int | None = None,
    resume: bool = False,
    init_from: Path | None = None,
    lr: float | None = None,
    threads: int = 2,
    validate_every: int = 200,
) -> None:
    """The `train` command: progress bar, periodic validation loss, state file, model folder at the end."""
    torch.set_num_threads(threads)
    console = Console(soft_wrap=True)
    trainer, tokenizer, validation = start_training(state, minutes, steps, resume, init_from, lr)
    per_step = trainer.settings.batch * trainer.settings.context
    parameters = sum(p.numel() for p in trainer.model.parameters())
    console.print(
        f"{parameters:,} parameters, {len(trainer.tokens):,} training tokens, {trainer.settings.steps} steps, "
        f"{trainer.settings.steps * per_step / len(trainer.tokens):.2f} epochs, from step {trainer.step}"
    )
    columns = [
        TextColumn("train"), BarColumn(), MofNCompleteColumn(), TextColumn("loss {task.fields[loss]:.3f}"),
        TextColumn("{task.fields[rate]:,.0f} tokens/s"), TimeRemainingColumn(),
    ]  # fmt: skip
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("train", total=trainer.settings.steps, completed=trainer.step, loss=0.0, rate=0.0)
        recent: list[float] = []

        def report(step: int, loss: float) -> None:
            recent.append(loss)
            del recent[:-50]
            mean = sum(recent) / len(recent)
            progress.update(task, completed=step, loss=mean, rate=step * per_step / trainer.seconds)
            if step % validate_every == 0 or step == trainer.settings.steps:
                value = validation_loss(trainer.model, validation)
                console.print(
                    f"step {step}: train {mean:.3f}, validation {value:.4f} (perplexity {math.exp(value):.2f}), "
                    f"{step * per_step / trainer.seconds:,.0f} tokens/s, {trainer.seconds / 60:.1f} min"
                )

        fit(trainer, report, lambda: trainer.save_state(state, tokenizer.to_str()))
    save_model(out, trainer, tokenizer, validation)
    console.print(f"wrote {out}; state in {state}")
