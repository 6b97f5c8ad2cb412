"""Quantisation-aware training of covq, and its control experiment: the float model trained on by the same recipe.

Loss: (1 - distil) cross-entropy + distil cross-entropy to the float model's distribution. Weight indices are chosen
anew in every step from latent weights; gradients are straight-through (`lutloom.covq_qat`). Embedding and head stay
those of the float model. Batch s is a function of (seed, s), as in `lutloom.train`.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lutloom.covq_qat import calibrate, restore
from lutloom.errors import UserError
from lutloom.files import check_state, replacing
from lutloom.qwen3 import Qwen3Config
from lutloom.torch_qwen3 import TorchQwen3
from lutloom.train import TrainSettings, batch_at

SCHEMES = ("covq", "float")


@dataclass(frozen=True)
class QatSettings:
    """The recipe. `scheme` float trains the float model instead, everything else alike."""

    scheme: str = "covq"
    steps: int = 200
    batch: int = 16
    context: int = 256
    lr: float = 5e-4
    warmup: int = 30
    final_lr: float = 0.02
    distil: float = 1.0
    clip: float = 1.0
    seed: int = 1
    calibration: int = 32  # contexts

    def schedule(self) -> TrainSettings:
        return TrainSettings(
            steps=self.steps, batch=self.batch, context=self.context, lr=self.lr, warmup=self.warmup,
            final_lr=self.final_lr, seed=self.seed,
        )  # fmt: skip


def distillation_loss(logits: Tensor, teacher: Tensor, target: Tensor, distil: float) -> Tensor:
    """Nats per token: logits and teacher [B, T, vocab], target [B, T]."""
    log_p = F.log_softmax(logits.float().flatten(0, 1), dim=-1)
    loss = F.nll_loss(log_p, target.flatten())
    if distil == 0:
        return loss
    soft = F.softmax(teacher.float().flatten(0, 1), dim=-1)
    return (1 - distil) * loss - distil * (soft * log_p).sum(-1).mean()


class QatTrainer:
    """The float teacher, the student made from it, the optimiser and the number of steps done."""

    def __init__(self, cfg: Qwen3Config, weights: dict[str, np.ndarray], settings: QatSettings, tokens: np.ndarray):
        self.settings, self.tokens = settings, tokens
        self.step, self.seconds = 0, 0.0
        self.teacher = TorchQwen3(cfg)
        self.teacher.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
        self.teacher.eval().requires_grad_(False)
        self.student = copy.deepcopy(self.teacher)
        self.optimiser: torch.optim.Optimizer | None = None

    def calibrate(self, report: Callable[[str], None], save: Callable[[], None] = lambda: None) -> None:
        """Turn the student into a quantised model by calibration on training text; `save()` follows every layer."""
        shape = replace(self.settings.schedule(), batch=self.settings.calibration)
        calibrate(self.student, self.teacher, batch_at(self.tokens, shape, 0)[:, :-1], report, save)

    def start(self) -> None:
        """Make the student trainable, all but the embedding (and the head, which is tied to it)."""
        self.student.train().requires_grad_(True)
        if self.settings.scheme == "covq":
            self.student.model.embed_tokens.requires_grad_(False)
        parameters = [p for p in self.student.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            parameters, lr=self.settings.lr, betas=(0.9, 0.95), weight_decay=0.0, fused=True
        )

    def train_step(self) -> float:
        """One optimiser step; returns the batch's loss in nats."""
        settings, schedule = self.settings, self.settings.schedule()
        batch = batch_at(self.tokens, schedule, self.step)
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.student(batch[:, :-1])
            with torch.no_grad():
                teacher = self.teacher(batch[:, :-1]) if settings.distil else logits
        loss = distillation_loss(logits, teacher, batch[:, 1:], settings.distil)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), settings.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = settings.lr * schedule.lr_scale(self.step)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return loss.item()

    def plan(self, minutes: float, probe: int = 10) -> None:
        """Set the number of steps so that training takes about `minutes`; the first `probe` steps are run for it."""
        self.train_step()  # pays for compilation and allocation
        start = time.perf_counter()
        for _ in range(probe - 1):
            self.train_step()
        each = (time.perf_counter() - start) / (probe - 1)
        self.seconds += each * probe
        self.settings = replace(self.settings, steps=max(probe + 1, int(minutes * 60 / each)))

    def fit(self, report: Callable[[int, float], None], save: Callable[[], None], save_every: int = 100) -> None:
        """Train up to settings.steps; `report(step, loss)` after every step, `save()` now and then and at the end."""
        while self.step < self.settings.steps:
            start = time.perf_counter()
            loss = self.train_step()
            self.seconds += time.perf_counter() - start
            report(self.step, loss)
            if self.step % save_every == 0 or self.step == self.settings.steps:
                save()

    def save_state(self, path: Path, sha256: str) -> None:
        """Write what a resumed run needs, atomically. `sha256` is the float model's."""
        state = {
            "settings": asdict(self.settings),
            "sha256": sha256,
            "step": self.step,
            "seconds": self.seconds,
            "student": self.student.state_dict(),
            "optimiser": self.optimiser.state_dict() if self.optimiser else None,
        }
        with replacing(path) as temporary:
            torch.save(state, temporary)

    @classmethod
    def from_state(
        cls, path: Path, cfg: Qwen3Config, weights: dict[str, np.ndarray], sha256: str, tokens: np.ndarray
    ) -> "QatTrainer":
        """Continue from a state file. UserError if it is missing, damaged or of another float model.

        Without an optimiser: of a run that was still calibrating.
        """
        check_state(path)
        try:
            state = torch.load(path, weights_only=True)
            if state["sha256"] != sha256:
                raise UserError(f"{path}: sha256: found {state['sha256']}, allowed that of --model, {sha256}")
            trainer = cls(cfg, weights, QatSettings(**state["settings"]), tokens)
            if trainer.settings.scheme == "covq":
                restore(trainer.student, state["student"])
            else:
                trainer.student.load_state_dict(state["student"])
            if state["optimiser"] is not None:
                trainer.start()
                trainer.optimiser.load_state_dict(state["optimiser"])
            trainer.step, trainer.seconds = state["step"], state["seconds"]
        except (RuntimeError, KeyError, TypeError, ValueError, EOFError, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"{path}: found no usable state ({reason}), allowed a state file of `quantize`") from None
        return trainer
