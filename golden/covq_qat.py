"""covq for quantisation-aware training: PyTorch modules that stand in for the float model's linears.

Forward values are those of `lutloom.covq` but for two details that training can do without: the table entries are not
rounded to int8, and matrix products may run in bfloat16. Gradients are straight-through: a rounded or searched value
passes its gradient to the value it came from, and to the centroid that was chosen. An activation beyond the outermost
centroids gets none: pushed further out it would change nothing, and training would run away (it did).
Arrays are kept with positions first and the long axis last, so that the searches run over contiguous memory.
"""

import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from lutloom.covq import WEIGHT_CENTROIDS, group_slices
from lutloom.covq_calibrate import (
    ActivationCodebook,
    activation_codebook,
    choose_pairs,
    correct_target,
    finish_linear,
    gather_weights,
    loudness_order,
    quantize_input,
    weight_codebook,
)
from lutloom.quantized_model import QuantizedModel
from lutloom.torch_qwen3 import TorchQwen3

CENT_UNIT = 64.0  # an activation centroid parameter counts 64ths of the int8 range, so that one learning rate suits all

# Projections by the input they read.
INPUT_OF = {
    "q_proj": "qkv", "k_proj": "qkv", "v_proj": "qkv", "o_proj": "o",
    "gate_proj": "gate_up", "up_proj": "gate_up", "down_proj": "down",
}  # fmt: skip


def search_integers(points: Tensor, cent: Tensor) -> Tensor:
    """Chebyshev search of integers: points [P, 2, T], cent [P, C, 2] -> int64 [P, T], lowest index on a tie.

    distance * 64 + index fits float32 exactly; the minimum is the nearest, then the lowest index.
    """
    points, cent = points * 64, cent * 64
    best = torch.full_like(points[:, 0], 65536.0)
    for k in range(cent.shape[1]):
        distance = torch.maximum((points[:, 0] - cent[:, k, 0, None]).abs(), (points[:, 1] - cent[:, k, 1, None]).abs())
        best = torch.minimum(best, distance + k)
    return (best.to(torch.int32) & 63).long()


def search_weights(points: Tensor, cent: Tensor) -> Tensor:
    """Euclidean search: points [P, 2, N], cent [P, 16, 2] -> int64 [P, N], lowest index on a tie."""
    best = torch.full_like(points[:, 0], float("inf"))
    near = torch.zeros_like(best)
    for k in range(cent.shape[1]):
        distance = (points[:, 0] - cent[:, k, 0, None]).square() + (points[:, 1] - cent[:, k, 1, None]).square()
        near = torch.where(distance < best, float(k), near)
        best = torch.minimum(best, distance)
    return near.long()


@cache
def fast(function):
    """The function compiled by TorchInductor if there is a C++ compiler (about 30 times as fast), else as it is."""
    found = shutil.which(os.environ.get("CXX", "g++"))
    run = torch.compile(function, dynamic=True) if found else function

    def call(*args):
        args = [arg.detach().contiguous() for arg in args]
        with torch.no_grad(), torch.autocast("cpu", enabled=False):  # the same state always: compiled once
            return run(*args)

    return call


class _QuantizeActivation(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, param: Tensor, scale: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        """x [T, K], param [P, 64, 2], scale [P] = 2^a_exp, order and inverse [2P] -> [T, 2P]."""
        cent = (param * CENT_UNIT).round().clamp(-128, 127)
        points = x.t()[order].view(len(scale), 2, len(x)) / scale[:, None, None]  # [P, 2, T]
        near = fast(search_integers)(points.round().clamp(-128, 127), cent)  # [P, T]
        value = (cent * scale[:, None, None]).transpose(1, 2)  # [P, 2, 64]
        out = value.gather(2, near[:, None].expand(-1, 2, -1))
        inside = (points >= cent.amin(1)[..., None]) & (points <= cent.amax(1)[..., None])
        ctx.save_for_backward(near, scale, inverse, inside)
        return out.view(-1, len(x)).t()

    @staticmethod
    def backward(ctx, grad: Tensor):
        near, scale, inverse, inside = ctx.saved_tensors
        grad = grad.float().t().contiguous()  # [2P, T]
        grad_cent = torch.zeros(len(scale), 2, 64).scatter_add_(
            2, near[:, None].expand(-1, 2, -1), grad.view(len(scale), 2, -1)
        )
        return (
            (grad * inside.flatten(0, 1))[inverse].t().contiguous(),
            grad_cent.transpose(1, 2) * (scale[:, None, None] * CENT_UNIT),
            None,
            None,
            None,
        )


class _QuantizeWeight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, latent: Tensor, cent: Tensor) -> Tensor:
        """latent [2P, N], cent [P, Gn, 16, 2] -> the nearest centroids [2P, N]."""
        near = assign(latent, cent)
        ctx.save_for_backward(near)
        ctx.groups = cent.shape[1]
        flat = cent.flatten(1, 2).transpose(1, 2)  # [P, 2, Gn * 16]
        return flat.gather(2, near[:, None].expand(-1, 2, -1)).flatten(0, 1)

    @staticmethod
    def backward(ctx, grad: Tensor):
        (near,) = ctx.saved_tensors
        size = ctx.groups * WEIGHT_CENTROIDS
        pairs = grad.reshape(len(near), 2, -1)
        grad_cent = torch.zeros(len(near), 2, size).scatter_add_(2, near[:, None].expand(-1, 2, -1), pairs)
        return grad, grad_cent.transpose(1, 2).reshape(len(near), ctx.groups, WEIGHT_CENTROIDS, 2)


def assign(latent: Tensor, cent: Tensor) -> Tensor:
    """latent [2P, N], cent [P, Gn, 16, 2] -> index of the nearest centroid plus 16 times the group: int64 [P, N]."""
    latent = latent.view(len(cent), 2, -1)
    parts = [
        fast(search_weights)(latent[:, :, cols], cent[:, g]) + g * WEIGHT_CENTROIDS
        for g, cols in enumerate(group_slices(latent.shape[2]))
    ]
    return torch.cat(parts, dim=1)


class QuantInput(nn.Module):
    """The activation quantiser of one matmul input. The last result is kept for the next linear that reads it."""

    def __init__(self, book: ActivationCodebook):
        super().__init__()
        self.param = nn.Parameter(book.cent / CENT_UNIT)  # [P, 64, 2]
        self.register_buffer("pairs", book.pairs)  # [P, 2]
        self.register_buffer("a_exp", book.a_exp)  # [P]
        self.last: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """x [..., K] -> the chosen centroids' values in position order, [T, 2P]."""
        if self.last is None or self.last[0] is not x:
            order = self.pairs.flatten()
            flat = x.reshape(-1, x.shape[-1]).float()
            quantised = _QuantizeActivation.apply(flat, self.param, torch.exp2(self.a_exp), order, order.argsort())
            self.last = (x, quantised)
        return self.last[1]

    def book(self) -> ActivationCodebook:
        return ActivationCodebook(self.pairs, self.a_exp, self.param.detach() * CENT_UNIT)


class QuantLinear(nn.Module):
    """y = bias + scale * (quantised weight) (quantised input)."""

    def __init__(self, source: QuantInput, latent: Tensor, w_cent: Tensor, bias: Tensor):
        super().__init__()
        self.source = [source]  # in a list: shared, not a child
        self.latent = nn.Parameter(latent)  # [2P, N], position order
        self.cent = nn.Parameter(w_cent)  # [P, Gn, 16, 2]
        self.scale = nn.Parameter(torch.ones(latent.shape[1]))  # [N]
        self.bias = nn.Parameter(bias)  # [N]

    def forward(self, x: Tensor) -> Tensor:
        quantised = self.source[0](x)  # [T, 2P]
        y = torch.matmul(quantised, _QuantizeWeight.apply(self.latent, self.cent)).float()
        return (y * self.scale + self.bias).view(*x.shape[:-1], -1)

    def indices(self) -> Tensor:
        """The weight indices of the present latent weights: int64 [P, N]."""
        return assign(self.latent, self.cent) % WEIGHT_CENTROIDS


class _Captured(Exception):
    """Ends a forward pass early."""


def capture_input(block: nn.Module, linear: str, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """What a decoder block's linear reads when the block runs on x [B, T, hidden]: float32 [B * T, K]."""
    seen = []

    def hook(module, args):
        seen.append(args[0])
        raise _Captured

    handle = block.get_submodule(linear).register_forward_pre_hook(hook)
    try:
        block(x, cos, sin, 0.0)
    except _Captured:
        pass
    finally:
        handle.remove()
    return seen[0].reshape(-1, seen[0].shape[-1])


def quantised_inputs(model: nn.Module) -> dict[str, list[str]]:
    """Names of the matmul inputs, in the order of execution, and of the linears that read each."""
    inputs: dict[str, list[str]] = {}
    for name, _ in model.named_modules():
        parent, _, last = name.rpartition(".")
        if last in INPUT_OF:
            inputs.setdefault(f"{parent}.{INPUT_OF[last]}", []).append(name)
    return inputs


@torch.no_grad()
def calibrate(
    student: TorchQwen3,
    teacher: TorchQwen3,
    tokens: Tensor,
    report: Callable[[str], None],
    save: Callable[[], None] = lambda: None,
) -> None:
    """Replace the student's linears, input after input, by `QuantLinear`; the teacher stays the float model.

    tokens int64 [B, T]. Codebooks are fitted to the inputs that the half-quantised student sees; the weights to the
    outputs that the teacher's inputs would give, so that errors from earlier layers are made up for where possible.
    Linears that are replaced already stay as they are; `save()` follows every layer.
    """
    student.eval(), teacher.eval()
    cos, sin = teacher.rope(tokens.shape[1], tokens.device)
    seen, right = student.model.embed_tokens(tokens), teacher.model.embed_tokens(tokens)  # [B, T, hidden] of each
    for n, (block, float_block) in enumerate(zip(student.model.layers, teacher.model.layers, strict=True)):
        for shared, names in quantised_inputs(block).items():
            if isinstance(block.get_submodule(names[0]), QuantLinear):
                for name in names:
                    report(f"model.layers.{n}.{name}")
                continue
            x = capture_input(block, names[0], seen, cos, sin)
            ideal = capture_input(float_block, names[0], right, cos, sin)
            pairs = choose_pairs(x, torch.cat([block.get_submodule(name).weight for name in names]))
            source = add_input(block, shared, activation_codebook(x, pairs))
            quantised = quantize_input(x, source.book())
            ideal = ideal[:, pairs.flatten()]
            for name in names:
                weight = block.get_submodule(name).weight[:, pairs.flatten()]
                target = correct_target(weight, ideal, quantised)
                w_cent, idx, used = weight_codebook(target, quantised)
                bias = (ideal @ weight.T - quantised @ gather_weights(w_cent, idx).T).mean(0)
                replace_module(block, name, QuantLinear(source, used.T.contiguous(), w_cent, bias))
                report(f"model.layers.{n}.{name}")
        seen, right = block(seen, cos, sin, 0.0), float_block(right, cos, sin, 0.0)
        for module in block.modules():
            if isinstance(module, QuantInput):
                module.last = None  # as large as the hidden states
        save()


def restore(student: TorchQwen3, state: dict[str, Tensor]) -> None:
    """Give a float model the quantised linears that a saved state dict has, then load it."""
    for shared, names in quantised_inputs(student).items():
        if f"{shared}_input.param" not in state:
            continue  # calibration had not come so far
        part = {key: state[f"{shared}_input.{key}"] for key in ("param", "pairs", "a_exp")}
        source = add_input(student, shared, ActivationCodebook(part["pairs"], part["a_exp"], part["param"] * CENT_UNIT))
        for name in names:
            saved = [state[f"{name}.{key}"] for key in ("latent", "cent", "bias")]
            replace_module(student, name, QuantLinear(source, *saved))
    student.load_state_dict(state)


def add_input(model: nn.Module, shared: str, book: ActivationCodebook) -> QuantInput:
    """Hang the quantiser of an input beside the linears that read it, as "<input>_input"."""
    source = QuantInput(book)
    parent, _, last = shared.rpartition(".")
    model.get_submodule(parent).add_module(f"{last}_input", source)
    return source


def replace_module(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, module)


@torch.no_grad()
def export(student: TorchQwen3, source: Path, sha256: str) -> QuantizedModel:
    """Round a calibrated or trained student to the stored format (exact golden arithmetic from here on)."""
    linears, inputs = {}, {}
    for shared, names in quantised_inputs(student).items():
        layers = {name: student.get_submodule(name) for name in names}
        book = layers[names[0]].source[0].book()
        order = loudness_order(book, [layer.cent for layer in layers.values()])
        book = ActivationCodebook(book.pairs[order], book.a_exp[order], book.cent[order])
        for name, layer in layers.items():
            idx = layer.indices()[order]
            linears[name] = finish_linear(book, layer.cent[order], idx, layer.scale, layer.bias)
            inputs[name] = shared
    norms = {name: p.detach().numpy().copy() for name, p in student.named_parameters() if name.endswith("norm.weight")}
    return QuantizedModel(linears, norms, str(source), sha256, inputs=inputs)
