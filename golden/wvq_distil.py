"""wvq for whole models: distillation of a calibrated student from the float model, and the run of all stages.

Trained are the codebooks, the output scales and the norm gains, and for small models latent weights from which the
indices are chosen anew in every step. The loss is the divergence of the next-token distribution from the float model's.
Embedding and head stay. Batch s is a function of (seed, s), as in `lutloom.train`.
"""

import pickle
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lutloom.errors import UserError
from lutloom.files import check_state, replacing
from lutloom.qwen3 import Qwen3Config
from lutloom.torch_qwen3 import TorchQwen3
from lutloom.train import TrainSettings, batch_at
from lutloom.wvq import MAX_GROUP
from lutloom.wvq_calibrate import Setting, choose_settings, quantize_activation
from lutloom.wvq_head import head_setting
from lutloom.wvq_student import (
    HEAD,
    Calibration,
    Student,
    StudentLinear,
    head_weight,
    hidden_states,
    measure_sensitivity,
)

CHUNK = 512  # tokens whose logits are held at a time


class _HeadLoss(torch.autograd.Function):
    """Mean Kullback-Leibler divergence, in nats, of the student's next-token distribution from the teacher's.

    Whole rows of logits are needed for a few tokens at a time only: the gradient is made in the forward pass.
    """

    @staticmethod
    def forward(ctx, hidden: Tensor, ideal: Tensor, student: "FrozenHead", teacher: Tensor) -> Tensor:
        grads, total = [], 0.0
        for h, target in zip(hidden.split(CHUNK), ideal.split(CHUNK), strict=True):
            log_p = F.log_softmax(torch.matmul(target.bfloat16(), teacher).float(), dim=-1)
            log_q = F.log_softmax(student(h), dim=-1)
            p = log_p.exp()
            total += float((p * log_p.sub_(log_q)).sum())
            grads.append(student.backward(log_q.exp_().sub_(p)))
        ctx.save_for_backward(torch.cat(grads) / len(hidden))
        return torch.tensor(total / len(hidden))

    @staticmethod
    def backward(ctx, grad: Tensor):
        return ctx.saved_tensors[0] * grad, None, None, None


class FrozenHead:
    """The student's head, not trained, with its weight at hand."""

    def __init__(self, layer: StudentLinear):
        self.weight, self.out_scale, self.act_bits = layer.weight(layer.cent), layer.out_scale, layer.act_bits

    def __call__(self, hidden: Tensor) -> Tensor:
        """[T, hidden] -> logits float32 [T, vocab]."""
        q, a_scale = quantize_activation(hidden.float(), self.act_bits)
        return torch.matmul(q.bfloat16(), self.weight).float() * a_scale * self.out_scale

    def backward(self, grad: Tensor) -> Tensor:
        """Gradient of the logits -> gradient of the hidden states, straight through the rounding."""
        return torch.matmul((grad * self.out_scale).bfloat16(), self.weight.T).float()


@dataclass(frozen=True)
class DistilSettings:
    """The recipe of distillation. Learning rates are per step of Adam."""

    steps: int = 50
    batch: int = 8
    context: int = 256
    cent_lr: float = 0.02  # units of the int8 grid; 0.1 diverges: roundings that flip at random add noise
    gain_lr: float = 7e-4  # output scales, relative
    norm_lr: float = 5e-4  # norm gains, relative to their mean size
    latent_lr: float = 0.0  # latent weights, relative to their mean size; 0: the indices stay
    warmup: int = 5
    final_lr: float = 0.05
    clip: float = 1.0
    seed: int = 1

    def schedule(self) -> TrainSettings:
        return TrainSettings(
            steps=self.steps, batch=self.batch, context=self.context, warmup=self.warmup, final_lr=self.final_lr,
            seed=self.seed,
        )  # fmt: skip


@dataclass(frozen=True)
class Text:
    """What a model is calibrated on and trained with: a corpus, and text that the float model wrote."""

    corpus: np.ndarray  # integers [n]
    sampled: np.ndarray  # integers [m], m = 0 for none

    def batch(self, schedule: TrainSettings, step: int) -> Tensor:
        """The contexts of a step, half of them sampled ones if there are any: int64 [batch, context]."""
        if not len(self.sampled):
            return batch_at(self.corpus, schedule, step)[:, :-1]
        half = replace(schedule, batch=schedule.batch // 2)
        rest = replace(schedule, batch=schedule.batch - half.batch)
        return torch.cat((batch_at(self.corpus, rest, step)[:, :-1], batch_at(self.sampled, half, step)[:, :-1]))


class Distiller:
    """The float teacher, the calibrated student, the optimiser and the number of steps done."""

    def __init__(self, teacher: TorchQwen3, student: Student, settings: DistilSettings, text: "Text"):
        self.teacher, self.student, self.settings, self.text = teacher, student, settings, text
        self.step, self.seconds = 0, 0.0
        student.requires_grad_(False).train()
        self.head = FrozenHead(student.linear(HEAD))
        self.teacher_head = head_weight(teacher).detach().bfloat16().T  # [hidden, vocab]
        layers = [student.linear(name) for name in student.parts if name != HEAD]
        groups = [
            {"params": [layer.cent for layer in layers], "peak": settings.cent_lr},
            {"params": [layer.gain for layer in layers], "peak": settings.gain_lr},
            *({"params": [p], "peak": settings.norm_lr * float(p.abs().mean())} for _, p in student.norms()),
        ]
        if settings.latent_lr:
            for layer in layers:
                layer.add_latent()
            groups.append({"params": [layer.latent for layer in layers], "peak": settings.latent_lr})
        self.parameters = [p.requires_grad_(True) for group in groups for p in group["params"]]
        self.optimiser = torch.optim.Adam(groups, lr=0.0, betas=(0.9, 0.99), fused=True)

    def train_step(self) -> float:
        """One optimiser step; returns the batch's loss in nats per token."""
        start, schedule = time.perf_counter(), self.settings.schedule()
        tokens = self.text.batch(schedule, self.step)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                ideal = hidden_states(self.teacher, tokens)
            hidden = hidden_states(self.student.network, tokens)
        loss = _HeadLoss.apply(hidden.flatten(0, 1).float(), ideal.flatten(0, 1), self.head, self.teacher_head)
        loss.backward()
        self.student.forget()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * schedule.lr_scale(self.step)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self.seconds += time.perf_counter() - start
        return loss.item()

    def plan(self, minutes: float, probe: int = 3) -> None:
        """Set the number of steps so that it takes about `minutes`; the first `probe` steps are run for it."""
        self.train_step()  # pays for allocation
        self.seconds = 0.0
        for _ in range(probe - 1):
            self.train_step()
        each = self.seconds / (probe - 1)
        self.set_steps(max(probe + 1, int(minutes * 60 / each)))

    def set_steps(self, steps: int) -> None:
        """The length of the run, in steps."""
        self.settings = replace(self.settings, steps=steps)

    def state(self) -> dict:
        """What a resumed run needs beside the calibration's state."""
        latents = [layer.latent for layer in self.student.linears.values() if layer.latent is not None]
        return {
            "settings": asdict(self.settings),
            "step": self.step,
            "seconds": self.seconds,
            "latents": [latent.detach() for latent in latents],
            "units": [layer.unit for layer in self.student.linears.values() if layer.latent is not None],
            "optimiser": self.optimiser.state_dict(),
        }

    def resume(self, state: dict) -> None:
        """Continue from `state`; the student has been restored."""
        self.settings = DistilSettings(**state["settings"])
        self.step, self.seconds = state["step"], state["seconds"]
        layers = [layer for layer in self.student.linears.values() if layer.latent is not None]
        for layer, latent, unit in zip(layers, state["latents"], state["units"], strict=True):
            layer.latent.data, layer.unit = latent.clone(), unit
        self.optimiser.load_state_dict(state["optimiser"])

    def fit(self, report: Callable[[int, float], None], save: Callable[[], None], save_every: int = 20) -> None:
        """Train up to settings.steps; `report(step, loss)` after every step, `save()` now and then and at the end."""
        while self.step < self.settings.steps:
            report(self.step + 1, self.train_step())
            if self.step % save_every == 0 or self.step == self.settings.steps:
                save()
        for layer in self.student.linears.values():
            if layer.latent is not None:
                layer.choose_indices()
        self.student.eval()


@dataclass(frozen=True)
class WvqRecipe:
    """All choices of a run; numbers only, so that a state file can hold them."""

    budget: float = 4.0  # bits per weight over the decoder's linears, everything stored counted
    head_bits: float = 4.5  # the same for the head, at most
    act_bits: int = 10
    group: int = MAX_GROUP  # outputs that share a codebook, at most
    centroids: int = 64  # of a codebook, at most
    calibration: int = 96  # contexts
    sensitivity: int = 8  # contexts
    samples: int = 0  # contexts of text written by the float model; from 2 on they are half of all contexts
    context: int = 512
    distil: DistilSettings = field(default_factory=DistilSettings)


class WvqRun:
    """Sensitivity, calibration and distillation of one model; can be saved and continued at any time."""

    def __init__(
        self, cfg: Qwen3Config, weights: dict[str, np.ndarray], sha256: str, tokens: np.ndarray, recipe: WvqRecipe
    ):
        self.sha256, self.recipe = sha256, recipe
        self.text = Text(tokens, np.empty(0, np.int64))
        self.teacher = TorchQwen3(cfg)
        self.teacher.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()}, strict=False)
        self.teacher.eval().requires_grad_(False)
        self.settings: dict[str, Setting] = {}
        self.calibration: Calibration | None = None
        self.distiller: Distiller | None = None
        self.seconds = 0.0  # of calibration
        self.bits = 0.0  # per weight of the decoder's linears, as the settings have it

    @property
    def student(self) -> Student:
        """The quantised model, as far as it is."""
        return self.calibration.student

    def batch(self, contexts: int, number: int) -> Tensor:
        """Contexts of the training text, the same for every run: int64 [contexts, context]."""
        schedule = TrainSettings(batch=contexts, context=self.recipe.context, seed=number)
        return self.text.batch(schedule, 0)

    def sample(self, sampled: np.ndarray) -> None:
        """Add the text that the float model wrote: integers [m]."""
        self.text = replace(self.text, sampled=sampled)

    def choose(self) -> None:
        """Measure the sensitivities and spend the budget."""
        start, recipe = time.perf_counter(), self.recipe
        linears = measure_sensitivity(self.teacher, self.batch(recipe.sensitivity, 1001))
        fits = {"act_bits": recipe.act_bits, "group": recipe.group, "centroids": recipe.centroids}
        self.settings = choose_settings(linears, recipe.budget, **fits)
        spent = sum(linear.bits_of(self.settings[name]) for name, linear in linears.items())
        self.bits = spent / sum(linear.outputs * linear.inputs for linear in linears.values())
        self.settings[HEAD] = head_setting(*head_weight(self.teacher).shape, recipe.head_bits, **fits)
        self.start_calibration()
        self.seconds += time.perf_counter() - start

    def start_calibration(self) -> None:
        """Hidden states of the calibration tokens before the first layer."""
        self.calibration = Calibration(self.teacher, self.batch(self.recipe.calibration, 1002), self.settings)

    def calibrate(self, report: Callable[[str], None], save: Callable[[], None]) -> None:
        """Quantise the layers that are left; see Calibration.run."""
        start, before = time.perf_counter(), self.seconds

        def count_and_save():
            self.seconds = before + time.perf_counter() - start
            save()

        self.calibration.run(report, count_and_save)
        self.seconds = before + time.perf_counter() - start

    def start_distillation(self) -> None:
        """The optimiser, with the recipe's settings."""
        self.distiller = Distiller(self.teacher, self.student, self.recipe.distil, self.text)

    def save_state(self, path: Path) -> None:
        """Write what a resumed run needs, atomically."""
        state = {
            "sha256": self.sha256,
            "sampled": torch.from_numpy(self.text.sampled),
            "recipe": asdict(self.recipe),
            "settings": {name: asdict(setting) for name, setting in self.settings.items()},
            "calibration": self.calibration.state(),
            "distiller": self.distiller.state() if self.distiller else None,
            "seconds": self.seconds,
        }
        with replacing(path) as temporary:
            torch.save(state, temporary)

    @classmethod
    def from_state(
        cls, path: Path, cfg: Qwen3Config, weights: dict[str, np.ndarray], sha256: str, tokens: np.ndarray
    ) -> "WvqRun":
        """Continue from a state file. UserError if it is missing, damaged or of another float model."""
        check_state(path)
        try:
            state = torch.load(path, weights_only=True)
            if state["sha256"] != sha256:
                raise UserError(f"{path}: sha256: found {state['sha256']}, allowed that of --model, {sha256}")
            recipe = dict(state["recipe"])
            recipe["distil"] = DistilSettings(**recipe["distil"])
            run = cls(cfg, weights, sha256, tokens, WvqRecipe(**recipe))
            run.sample(state["sampled"].numpy())
            run.settings = {name: Setting(**setting) for name, setting in state["settings"].items()}
            run.seconds = state["seconds"]
            run.start_calibration()
            run.calibration.resume(state["calibration"])
            if state["distiller"] is not None:
                run.start_distillation()
                run.distiller.resume(state["distiller"])
        except (RuntimeError, KeyError, TypeError, ValueError, EOFError, OSError, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"{path}: found no usable state ({reason}), allowed a state file of `quantize`") from None
        return run
