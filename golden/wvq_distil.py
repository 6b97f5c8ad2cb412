"""wvq for whole models in PyTorch: calibration layer by layer, then distillation from the float model.

Forward values are those of `lutloom.wvq`, but for matrix products in bfloat16. Gradients are straight-through: a
rounded activation or centroid passes its gradient on. Trained are the codebooks, the output scales and the norm gains;
indices and exponents stay. Linears that read the same input are fused: q, k and v; gate and up.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lutloom.quantized_model import QuantizedModel
from lutloom.qwen3 import Qwen3Config
from lutloom.torch_qwen3 import TorchQwen3
from lutloom.train import TrainSettings, batch_at
from lutloom.wvq_calibrate import (
    Metric,
    Setting,
    WvqTensors,
    codebook_places,
    correct_target,
    output_scale,
    quantize_activation,
    quantize_linear,
    to_grid,
)

HEAD = "lm_head"
SEQUENCES = 8  # worked on at a time in calibration
CHUNK = 512  # tokens whose logits are held at a time
FUSED = {
    "self_attn.qkv_proj": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attn.o_proj": ("self_attn.o_proj",),
    "mlp.gate_up_proj": ("mlp.gate_proj", "mlp.up_proj"),
    "mlp.down_proj": ("mlp.down_proj",),
}


def fused_parts(cfg: Qwen3Config) -> dict[str, tuple[str, ...]]:
    """The float linears of every fused one, in the order they run; the head is the last."""
    layers = [f"model.layers.{i}." for i in range(cfg.num_hidden_layers)]
    parts = {layer + name: tuple(layer + p for p in names) for layer in layers for name, names in FUSED.items()}
    return parts | {HEAD: (HEAD,)}


class _Linear(torch.autograd.Function):
    """y = (q w) a_scale out_scale, q = act_quant(x), w from the codebooks; see the module's text for the gradients."""

    @staticmethod
    def forward(ctx, x: Tensor, cent: Tensor, out_scale: Tensor, layer: "StudentLinear") -> Tensor:
        q, a_scale = quantize_activation(x.float(), layer.act_bits)
        q, weight = q.bfloat16(), layer.weight(cent)  # both exact but for the sum of two stages
        y = torch.matmul(q, weight).float() * a_scale * out_scale
        y = y.bfloat16() if torch.is_autocast_enabled("cpu") else y
        ctx.save_for_backward(q, a_scale, weight, out_scale, y)
        ctx.layer = layer
        return y

    @staticmethod
    def backward(ctx, grad: Tensor):
        q, a_scale, weight, out_scale, y = ctx.saved_tensors
        scaled = grad.float() * out_scale
        grad_x = torch.matmul(scaled.bfloat16(), weight.T).float()
        if not ctx.layer.cent.requires_grad:
            return grad_x, None, None, None
        grad_weight = torch.matmul(q.T, (scaled * a_scale).bfloat16())  # [K, N]
        return grad_x, ctx.layer.codebook_gradient(grad_weight), (grad * y).sum(0) / out_scale, None


class StudentLinear(nn.Module):
    """A quantised linear whose codebooks and output scales can be trained."""

    def __init__(self, tensors: WvqTensors):
        super().__init__()
        self.inputs, self.group, self.act_bits, self.peak = (
            tensors.inputs, tensors.group, tensors.act_bits, tensors.peak
        )  # fmt: skip
        self.cent = nn.Parameter(tensors.cent)  # [P, Gn, C, 2], in units of 2^exp
        self.gain = nn.Parameter(torch.ones_like(tensors.out_scale))  # [N], trained part of out_scale
        self.register_buffer("out_scale", tensors.out_scale)
        self.register_buffer("pairs", tensors.pairs)
        self.register_buffer("exp", tensors.exp)
        self.register_buffer("idx", tensors.idx.to(torch.uint8))
        self.place = codebook_places(tensors.idx, self.group, self.cent.shape[2])  # int64 [P, N], derived
        self.kept: tuple[Tensor, Tensor] | None = None  # input and result, for the next linear that reads the input

    def forward(self, x: Tensor) -> Tensor:
        """x [..., K] -> [..., N]."""
        if self.kept is None or self.kept[0] is not x:
            y = _Linear.apply(x.reshape(-1, x.shape[-1]), self.cent, self.out_scale * self.gain, self)
            self.kept = (x, y.view(*x.shape[:-1], -1))
        return self.kept[1]

    def weight(self, cent: Tensor) -> Tensor:
        """The whole-number weights, bfloat16 [K, N]."""
        flat = to_grid(cent, self.peak) * torch.exp2(self.exp)[..., None, None]
        flat = flat.bfloat16().flatten(1, 2).transpose(1, 2).contiguous()  # [P, 2, Gn C]
        rows = flat.gather(2, self.place[:, None].expand(-1, 2, -1)).flatten(0, 1)
        return torch.zeros(self.inputs, rows.shape[1], dtype=rows.dtype).index_add_(0, self.pairs.flatten(), rows)

    def codebook_gradient(self, grad_weight: Tensor) -> Tensor:
        """Gradient of the whole-number weights [K, N] -> gradient of the codebooks [P, Gn, C, 2]."""
        positions, groups, count, _ = self.cent.shape
        rows = grad_weight[self.pairs.flatten()].float().view(positions, 2, -1)
        total = torch.zeros(positions, 2, groups * count)
        total.scatter_add_(2, self.place[:, None].expand(-1, 2, -1), rows)
        total *= torch.exp2(self.exp).repeat_interleave(count, 1)[:, None]
        return total.transpose(1, 2).reshape(self.cent.shape)

    def tensors(self) -> WvqTensors:
        """The present state."""
        return WvqTensors(
            self.pairs, self.cent.detach(), self.exp, self.idx.long(), (self.out_scale * self.gain).detach(),
            self.inputs, self.group, self.act_bits,
        )  # fmt: skip


class Part(nn.Module):
    """One of the linears that were fused: a slice of the outputs."""

    def __init__(self, whole: StudentLinear, first: int, last: int):
        super().__init__()
        self.whole, self.first, self.last = [whole], first, last  # in a list: shared, not a child

    def forward(self, x: Tensor) -> Tensor:
        return self.whole[0](x)[..., self.first : self.last]


def hidden_states(model: TorchQwen3, tokens: Tensor) -> Tensor:
    """What the head reads: tokens int64 [B, T] -> [B, T, hidden]."""
    cos, sin = model.rope(tokens.shape[1], tokens.device)
    x = model.model.embed_tokens(tokens)
    for block in model.model.layers:
        x = block(x, cos, sin, 0.0)
    return model.model.norm(x)


def head_weight(model: TorchQwen3) -> Tensor:
    """float32 [vocab, hidden], tied or not."""
    return model.model.embed_tokens.weight if model.cfg.tie_word_embeddings else model.lm_head.weight


class Student(nn.Module):
    """A float model whose linears are replaced, one fused linear after the other, by quantised ones."""

    def __init__(self, teacher: TorchQwen3):
        super().__init__()
        self.network = copy.deepcopy(teacher)
        self.parts = fused_parts(teacher.cfg)
        self.linears = nn.ModuleDict()

    def float_weight(self, name: str) -> Tensor:
        """The float weight of a fused linear that has not been replaced: [N, K]."""
        if name == HEAD:
            return head_weight(self.network)
        return torch.cat([self.network.get_submodule(part).weight for part in self.parts[name]])

    def replace(self, name: str, tensors: WvqTensors) -> None:
        """Put the quantised linear in the place of its parts."""
        linear, first = StudentLinear(tensors), 0
        self.linears[name.replace(".", "/")] = linear
        if name == HEAD:
            return
        for part in self.parts[name]:
            parent, _, last = part.rpartition(".")
            owner = self.network.get_submodule(parent)
            outputs = getattr(owner, last).weight.shape[0]
            setattr(owner, last, Part(linear, first, first + outputs))
            first += outputs

    def linear(self, name: str) -> StudentLinear:
        return self.linears[name.replace(".", "/")]

    def has(self, name: str) -> bool:
        """Whether the fused linear has been replaced."""
        return name.replace(".", "/") in self.linears

    def forget(self) -> None:
        """Drop what the linears keep of the last pass."""
        for linear in self.linears.values():
            linear.kept = None

    def head(self, hidden: Tensor) -> Tensor:
        """Logits float32 [..., vocab]."""
        if self.has(HEAD):
            return self.linear(HEAD)(hidden)
        return F.linear(hidden, head_weight(self.network)).float()

    def state(self) -> dict:
        """The quantised linears and the norm gains, as tensors and numbers."""
        linears = {name: vars(self.linear(name).tensors()) for name in self.parts if self.has(name)}
        return {"linears": linears, "norms": {name: p.detach() for name, p in self.norms()}}

    def restore(self, state: dict) -> None:
        """Take over the `state` of a student of the same teacher."""
        for name, fields in state["linears"].items():
            self.replace(name, WvqTensors(**fields))
        for name, parameter in self.norms():
            parameter.data = state["norms"][name].clone()

    def norms(self) -> list[tuple[str, nn.Parameter]]:
        """The norm gains by tensor name."""
        return [(name, p) for name, p in self.network.named_parameters() if name.endswith("norm.weight")]

    @torch.no_grad()
    def export(self, source: str, sha256: str) -> QuantizedModel:
        """Round to the stored format (exact golden arithmetic from here on)."""
        linears = {name: self.linear(name).tensors().finish() for name in self.parts}
        norms = {name: p.detach().numpy().copy() for name, p in self.norms()}
        return QuantizedModel(linears, norms, source, sha256, parts=self.parts)


class _Captured(Exception):
    """Ends a forward pass early."""


def block_input(block: nn.Module, linear: str, x: Tensor, cos: Tensor, sin: Tensor) -> Iterator[Tensor]:
    """What the linear at `linear` of a block reads, sequence by sequence: x [B, T, hidden] -> float32 [T, K] each."""
    seen = []

    def hook(module, args):
        seen.append(args[0])
        raise _Captured

    handle = block.get_submodule(linear).register_forward_pre_hook(hook)
    try:
        for sequence in x.split(SEQUENCES):
            try:
                block(sequence, cos, sin, 0.0)
            except _Captured:
                yield seen.pop().flatten(0, 1).float()
    finally:
        handle.remove()


def moments(ideal: Iterator[Tensor], found: Iterator[Tensor], act_bits: int) -> tuple[Tensor, Tensor]:
    """gram = Xq'Xq / S and cross = (X - Xq)'Xq / S of the float and the quantised model's inputs, [K, K] each."""
    gram = cross = 0.0
    count = 0
    for x, xq in zip(ideal, found, strict=True):
        whole, scale = quantize_activation(xq, act_bits)
        xq = whole * scale
        gram, cross, count = gram + xq.T @ xq, cross + (x - xq).T @ xq, count + len(x)
    return gram / count, cross / count


class Calibration:
    """Quantises a model layer by layer; after every layer it can be saved and continued.

    Kept are the hidden states of the calibration tokens before the present layer, of the float and of the quantised
    model; of other layers only the weights.
    """

    def __init__(self, teacher: TorchQwen3, tokens: Tensor, settings: dict[str, Setting]):
        self.teacher, self.student, self.settings = teacher, Student(teacher), settings
        self.layer = 0
        self.cos, self.sin = teacher.rope(tokens.shape[1], tokens.device)
        self.ideal = teacher.model.embed_tokens(tokens).detach()  # [B, T, hidden]
        self.found = self.ideal.clone()

    @torch.no_grad()
    def run(self, report: Callable[[str], None], save: Callable[[], None] = lambda: None) -> Student:
        """Quantise what is left. `report(name)` after every linear, `save()` after every layer."""
        with torch.autocast("cpu", torch.bfloat16):
            while self.layer < self.teacher.cfg.num_hidden_layers:
                for name in FUSED:
                    self.quantize(name)
                    report(f"model.layers.{self.layer}.{name}")
                self.advance()
                self.layer += 1
                save()
            if not self.student.has(HEAD):
                self.quantize_head()
                report(HEAD)
        self.student.forget()
        return self.student

    def state(self) -> dict:
        """What a resumed run needs, for torch.save."""
        return {"layer": self.layer, "ideal": self.ideal, "found": self.found, "student": self.student.state()}

    def resume(self, state: dict) -> None:
        """Continue from `state`."""
        self.layer, self.ideal, self.found = state["layer"], state["ideal"], state["found"]
        self.student.restore(state["student"])

    def quantize(self, name: str) -> None:
        full, first = f"model.layers.{self.layer}.{name}", FUSED[name][0]
        blocks = [m.model.layers[self.layer] for m in (self.teacher, self.student.network)]
        inputs = [
            block_input(b, first, x, self.cos, self.sin) for b, x in zip(blocks, (self.ideal, self.found), strict=True)
        ]
        self.replace(full, *inputs)

    def replace(self, name: str, ideal: Iterator[Tensor], found: Iterator[Tensor]) -> None:
        setting = self.settings[name]
        with torch.autocast("cpu", enabled=False):
            gram, cross = moments(ideal, found, setting.act_bits)
            weight = self.student.float_weight(name)
            target = correct_target(weight, gram, cross)
            self.student.replace(name, quantize_linear(target, Metric.of(gram), setting, scale=output_scale(weight)))

    def advance(self) -> None:
        """Hidden states after the layer."""
        for x, model in ((self.ideal, self.teacher), (self.found, self.student.network)):
            block = model.model.layers[self.layer]
            for sequence in x.split(SEQUENCES):
                sequence.copy_(block(sequence, self.cos, self.sin, 0.0))
        self.student.forget()

    def quantize_head(self) -> None:
        norms = [model.model.norm for model in (self.teacher, self.student.network)]
        states = [
            (norm(part).flatten(0, 1) for part in x.split(SEQUENCES))
            for norm, x in zip(norms, (self.ideal, self.found), strict=True)
        ]
        self.replace(HEAD, *states)


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

    steps: int = 100
    batch: int = 4
    context: int = 512
    cent_lr: float = 0.3  # units of the int8 grid
    gain_lr: float = 2e-3  # output scales, relative
    norm_lr: float = 2e-3  # norm gains, relative to their mean size
    warmup: int = 5
    final_lr: float = 0.05
    clip: float = 1.0
    seed: int = 1


class Distiller:
    """The float teacher, the calibrated student, the optimiser and the number of steps done."""

    def __init__(self, teacher: TorchQwen3, student: Student, settings: DistilSettings, tokens: np.ndarray):
        self.teacher, self.student, self.settings, self.tokens = teacher, student, settings, tokens
        self.step, self.seconds = 0, 0.0
        student.requires_grad_(False)
        self.head = FrozenHead(student.linear(HEAD))
        self.teacher_head = head_weight(teacher).detach().bfloat16().T  # [hidden, vocab]
        layers = [linear for name, linear in student.linears.items() if name != HEAD]
        norms = [norm for _, norm in student.norms()]
        groups = [
            {"params": [layer.cent for layer in layers], "peak": settings.cent_lr},
            {"params": [layer.gain for layer in layers], "peak": settings.gain_lr},
            *({"params": [norm], "peak": settings.norm_lr * float(norm.abs().mean())} for norm in norms),
        ]
        for group in groups:
            for parameter in group["params"]:
                parameter.requires_grad_(True)
        self.parameters = [p for group in groups for p in group["params"]]
        self.optimiser = torch.optim.Adam(groups, lr=0.0, betas=(0.9, 0.95), fused=True)

    def train_step(self) -> float:
        """One optimiser step; returns the batch's loss in nats."""
        settings = self.settings
        schedule = TrainSettings(
            steps=settings.steps, batch=settings.batch, context=settings.context, warmup=settings.warmup,
            final_lr=settings.final_lr, seed=settings.seed,
        )  # fmt: skip
        tokens = batch_at(self.tokens, schedule, self.step)[:, :-1]
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                ideal = hidden_states(self.teacher, tokens)
            hidden = hidden_states(self.student.network, tokens)
        loss = _HeadLoss.apply(hidden.flatten(0, 1).float(), ideal.flatten(0, 1), self.head, self.teacher_head)
        loss.backward()
        self.student.forget()
        torch.nn.utils.clip_grad_norm_(self.parameters, settings.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * schedule.lr_scale(self.step)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return loss.item()
