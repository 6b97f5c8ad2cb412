"""wvq for whole models in PyTorch: a student with quantised linears, and its calibration layer by layer.

Forward values are those of `lutloom.wvq`, but for matrix products in bfloat16. Gradients are straight-through: a
rounded activation, centroid or weight passes its gradient on. Linears that read the same input are fused: q, k and v;
gate and up.
"""

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lutloom.quantized_model import QuantizedModel
from lutloom.qwen3 import Qwen3Config
from lutloom.torch_qwen3 import TorchQwen3
from lutloom.wvq_calibrate import (
    Metric,
    Sensitivity,
    Setting,
    WvqTensors,
    assign,
    codebook_places,
    correct_target,
    output_scale,
    quantize_activation,
    quantize_linear,
    to_grid,
)

HEAD = "lm_head"
SEQUENCES = 8  # worked on at a time in calibration
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
    """y = (q w) a_scale out_scale, q = act_quant(x), w from the codebooks; gradients as in the module's text."""

    @staticmethod
    def forward(
        ctx, x: Tensor, cent: Tensor, out_scale: Tensor, latent: Tensor | None, layer: "StudentLinear"
    ) -> Tensor:
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
            return grad_x, None, None, None, None
        grad_weight = torch.matmul(q.T, (scaled * a_scale).bfloat16())  # [K, N]
        grad_latent = grad_weight.float() * ctx.layer.unit if ctx.needs_input_grad[3] else None
        return grad_x, ctx.layer.codebook_gradient(grad_weight), (grad * y).sum(0) / out_scale, grad_latent, None


class StudentLinear(nn.Module):
    """A quantised linear whose codebooks and output scales can be trained; after `add_latent` its indices too."""

    def __init__(self, tensors: WvqTensors):
        super().__init__()
        self.inputs, self.group, self.act_bits, self.peak = (
            tensors.inputs, tensors.group, tensors.act_bits, tensors.peak
        )  # fmt: skip
        self.cent = nn.Parameter(tensors.cent)  # [P, Gn, C, 2], in units of 2^exp
        self.gain = nn.Parameter(torch.ones_like(tensors.out_scale))  # [N], trained part of out_scale
        self.latent: nn.Parameter | None = None  # [K, N], in units of `unit`
        self.unit = 1.0
        self.out_scale, self.pairs, self.exp = tensors.out_scale, tensors.pairs, tensors.exp
        self.place = codebook_places(tensors.idx, self.group, self.cent.shape[2])  # int64 [P, N]
        self.kept: tuple[Tensor, Tensor] | None = None  # input and result, for the next linear that reads the input

    def forward(self, x: Tensor) -> Tensor:
        """x [..., K] -> [..., N]."""
        if self.kept is None or self.kept[0] is not x:
            if self.latent is not None and self.training:
                self.choose_indices()
            y = _Linear.apply(x.reshape(-1, x.shape[-1]), self.cent, self.out_scale * self.gain, self.latent, self)
            self.kept = (x, y.view(*x.shape[:-1], -1))
        return self.kept[1]

    def values(self, cent: Tensor) -> Tensor:
        """The stored centroids, exponents applied: float32 [P, Gn, C, 2]."""
        return to_grid(cent, self.peak) * torch.exp2(self.exp)[..., None, None]

    def weight(self, cent: Tensor) -> Tensor:
        """The whole-number weights, bfloat16 [K, N]."""
        flat = self.values(cent).bfloat16().flatten(1, 2).transpose(1, 2).contiguous()  # [P, 2, Gn C]
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

    @torch.no_grad()
    def add_latent(self) -> None:
        """Float weights from which the indices are chosen anew in every pass; at first the quantised ones."""
        weight = self.weight(self.cent).float()
        self.unit = float(weight.square().mean().sqrt())
        self.latent = nn.Parameter(weight / self.unit)

    @torch.no_grad()
    def choose_indices(self) -> None:
        """The indices nearest to the latent weights. Of two positions of a pair the first is the first stage."""
        stages: dict[tuple, list[int]] = {}
        for position, pair in enumerate(self.pairs.tolist()):
            stages.setdefault(tuple(pair), []).append(position)
        values, count = self.values(self.cent), self.cent.shape[2]
        rows = (self.latent * self.unit)[self.pairs.flatten()].view(len(self.pairs), 2, -1)
        for number in (1, 2):
            places = torch.tensor([p for p in stages.values() if len(p) == number]).view(-1, number)
            if not len(places):
                continue
            for g in range(values.shape[1]):
                columns = slice(g * self.group, (g + 1) * self.group)
                points = rows[places[:, 0], :, columns].transpose(1, 2)  # [pairs, outputs of the group, 2]
                books = [values[places[:, i], g] for i in range(number)]
                for i, near in enumerate(assign(points, books)):
                    self.place[places[:, i], columns] = near + g * count

    def tensors(self) -> WvqTensors:
        """The present state."""
        groups = torch.arange(self.place.shape[1]) // self.group
        return WvqTensors(
            self.pairs, self.cent.detach(), self.exp, self.place - groups * self.cent.shape[2],
            (self.out_scale * self.gain).detach(), self.inputs, self.group, self.act_bits,
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
        linears = {}
        for name in self.parts:
            if self.has(name):
                linear = self.linear(name)
                fields = vars(linear.tensors()) | {"out_scale": linear.out_scale, "gain": linear.gain.detach()}
                linears[name] = fields | {"idx": fields["idx"].to(torch.uint8)}
        return {"linears": linears, "norms": {name: p.detach() for name, p in self.norms()}}

    def restore(self, state: dict) -> None:
        """Take over the `state` of a student of the same teacher."""
        for name, fields in state["linears"].items():
            fields = fields | {"idx": fields["idx"].long()}
            gain = fields.pop("gain")
            self.replace(name, WvqTensors(**fields))
            self.linear(name).gain.data = gain.clone()
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


def attention_result(attention: nn.Module, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """What the output projection of an attention module reads: x [B, T, hidden] -> [B, T, heads * D]."""
    seen = []

    def hook(module, args):
        seen.append(args[0])
        raise _Captured

    handle = attention.o_proj.register_forward_pre_hook(hook)
    try:
        attention(x, cos, sin)
    except _Captured:
        return seen[0]
    finally:
        handle.remove()


def stages(block: nn.Module, x: Tensor, cos: Tensor, sin: Tensor) -> Iterator[Tensor]:
    """Runs a decoder block on x [B, T, hidden], in place: yields what each linear of `FUSED` reads, [B, T, K] float32.

    A linear is not run before the next input is asked for, so it can still be replaced.
    """

    def each(function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
        return torch.cat([function(part).float() for part in values.split(SEQUENCES)])

    h = each(block.input_layernorm, x)
    yield h
    h = each(lambda part: attention_result(block.self_attn, part, cos, sin), h)
    yield h
    x += each(lambda part: block.self_attn.o_proj(part), h)
    h = each(block.post_attention_layernorm, x)
    yield h
    h = each(lambda part: F.silu(block.mlp.gate_proj(part)) * block.mlp.up_proj(part), h)
    yield h
    x += each(lambda part: block.mlp.down_proj(part), h)


def moments(ideal: Tensor, found: Tensor, act_bits: int) -> tuple[Tensor, Tensor]:
    """gram = Xq'Xq / S and cross = (X - Xq)'Xq / S of the float and the quantised model's inputs [B, T, K]: [K, K]."""
    gram = cross = 0.0
    for x, xq in zip(ideal.split(SEQUENCES), found.split(SEQUENCES), strict=True):
        whole, scale = quantize_activation(xq.flatten(0, 1), act_bits)
        xq = whole * scale
        gram, cross = gram + xq.T @ xq, cross + (x.flatten(0, 1) - xq).T @ xq
    count = ideal.shape[0] * ideal.shape[1]
    return gram / count, cross / count


def measure_sensitivity(teacher: TorchQwen3, tokens: Tensor, seed: int = 0) -> dict[str, Sensitivity]:
    """What errors in the weights of the decoder's fused linears cost, from tokens int64 [B, T].

    To second order the divergence is half the error's square weighted with the Fisher information of the outputs,
    which is the mean square of the gradients of the log-likelihood of tokens drawn from the model itself.
    """
    parts = {name: names for name, names in fused_parts(teacher.cfg).items() if name != HEAD}
    grams: dict[str, Tensor] = dict.fromkeys(parts, 0.0)
    fisher: dict[str, Tensor] = dict.fromkeys([p for names in parts.values() for p in names], 0.0)
    handles, count = [], tokens.numel()

    def watch(owner: str | None, part: str) -> Callable:
        def hook(module, args, y):
            if owner is not None:
                x = args[0].detach().flatten(0, 1).float()
                with torch.autocast("cpu", enabled=False):
                    grams[owner] = grams[owner] + x.T @ x / count

            def keep(grad):
                fisher[part] = fisher[part] + grad.float().square().flatten(0, 1).sum(0) / count

            y.register_hook(keep)

        return hook

    for name, names in parts.items():
        for part in names:
            hook = watch(name if part == names[0] else None, part)
            handles.append(teacher.get_submodule(part).register_forward_hook(hook))
    generator = torch.Generator().manual_seed(seed)
    embedding = teacher.model.embed_tokens.weight
    trained = embedding.requires_grad
    embedding.requires_grad_(True)  # so that gradients flow at all
    for sequence in tokens.split(1):
        with torch.autocast("cpu", torch.bfloat16):
            logits = F.linear(hidden_states(teacher, sequence)[0], head_weight(teacher).detach()).float()
        drawn = torch.multinomial(logits.detach().softmax(-1), 1, generator=generator)[:, 0]
        F.cross_entropy(logits, drawn, reduction="sum").backward()
        embedding.grad = None
    embedding.requires_grad_(trained)
    for handle in handles:
        handle.remove()
    found = {}
    for name, names in parts.items():
        weight, metric = torch.cat([teacher.get_submodule(p).weight.detach() for p in names]), Metric.of(grams[name])
        scale = output_scale(weight)
        energy = metric.energy((weight / scale[:, None])[:, metric.order]) / len(weight)
        later = weight.shape[1] - 2 * torch.arange(len(energy))  # inputs that explain a pair's in the sample
        energy = energy / (1 - later / count).clamp(min=0.25)  # an unbiased estimate of what they leave
        importance = torch.cat([fisher[p] for p in names])
        found[name] = Sensitivity(*weight.shape, 0.5 * (importance * scale.square()).sum() * energy)
    return found


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
                blocks = [model.model.layers[self.layer] for model in (self.teacher, self.student.network)]
                inputs = [
                    stages(b, x, self.cos, self.sin) for b, x in zip(blocks, (self.ideal, self.found), strict=True)
                ]
                for part, ideal, found in zip(FUSED, *inputs, strict=True):
                    name = f"model.layers.{self.layer}.{part}"
                    self.quantize(name, ideal, found)
                    report(name)
                self.student.forget()
                self.layer += 1
                save()
            if not self.student.has(HEAD):
                norms = [model.model.norm for model in (self.teacher, self.student.network)]
                self.quantize(HEAD, *(norm(x) for norm, x in zip(norms, (self.ideal, self.found), strict=True)))
                report(HEAD)
        return self.student

    def quantize(self, name: str, ideal: Tensor, found: Tensor) -> None:
        """Replace one fused linear, which reads `ideal` in the float model and `found` in the quantised one."""
        setting = self.settings[name]
        with torch.autocast("cpu", enabled=False):
            gram, cross = moments(ideal, found, setting.act_bits)
            weight = self.student.float_weight(name)
            target = correct_target(weight, gram, cross)
            self.student.replace(name, quantize_linear(target, Metric.of(gram), setting, scale=output_scale(weight)))

    def state(self) -> dict:
        """What a resumed run needs, for torch.save."""
        return {"layer": self.layer, "ideal": self.ideal, "found": self.found, "student": self.student.state()}

    def resume(self, state: dict) -> None:
        """Continue from `state`."""
        self.layer, self.ideal, self.found = state["layer"], state["ideal"], state["found"]
        self.student.restore(state["student"])
