"""wvq without training: GPTVQ with int8 codebooks on the stored grid, from a float weight and its inputs' moments.

Whole-tensor PyTorch, no autograd. Letters as in `lutloom.wvq`; S sample tokens, K / 2 pairs of inputs. Source of the
error feedback: GPTVQ (arXiv 2402.15319). What differs: codebooks are rounded to their stored grid before the feedback,
every output has a scale, and the pairs that matter most get a residual stage.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lutloom.covq_calibrate import RUN, cluster_sums
from lutloom.wvq import ENTRY_BITS, MAX_GROUP, WvqLinear

TOP_EXPONENT = 4  # of the loudest positions: the quietest have a grid up to 2^4 times finer
ACC_ROOM = 16  # log2 of the row entries of full size that the 32-bit accumulator has room for
MARGIN = 0.9  # largest centroid, as a share of the largest weight (error feedback makes weights grow)
AT_ONCE = 16  # pairs whose codebooks are trained together, before any of them is quantised
EXHAUSTIVE = 256  # combinations of two stages up to which all are tried
RESIDUAL_PEAK = 0.4  # largest residual, as a share of the largest weight


@dataclass(frozen=True)
class Setting:
    """How one linear is quantised."""

    centroids: int = 64
    residual: float = 0.0  # share of the pairs that get a second stage
    group: int = MAX_GROUP  # at most so many outputs share a codebook
    act_bits: int = 9

    @property
    def peak(self) -> int:
        """Largest |w0| + |w1| of a centroid with which every row entry is exact."""
        return ((1 << (ENTRY_BITS - 1)) - 1) // ((1 << (self.act_bits - 1)) - 1)

    def positions(self, inputs: int) -> int:
        """P of a linear with so many inputs: every pair, the residual stages, an even number."""
        pairs = inputs // 2
        return pairs + round(self.residual * pairs) + (pairs + round(self.residual * pairs)) % 2

    def bits(self, outputs: int, inputs: int) -> float:
        """Everything stored for a linear of this shape, in bits, as `WvqLinear.bits_per_weight` counts it."""
        groups = -(-outputs // even_group(outputs, self.group))
        codebooks = groups * (16 * self.centroids + 3)
        return self.positions(inputs) * (outputs * math.log2(self.centroids) + codebooks + 32) + 32 * outputs


@dataclass
class WvqTensors:
    """A quantised linear as tensors. Fields as those of WvqLinear; `cent` need not lie on the grid while training."""

    pairs: Tensor  # int64 [P, 2]
    cent: Tensor  # float32 [P, Gn, C, 2], in units of 2^exp
    exp: Tensor  # float32 [P, Gn]
    idx: Tensor  # int64 [P, N]
    out_scale: Tensor  # float32 [N]
    inputs: int
    group: int
    act_bits: int

    @property
    def peak(self) -> int:
        """Largest |w0| + |w1| of a centroid."""
        return Setting(act_bits=self.act_bits).peak

    def finish(self) -> WvqLinear:
        """Round to the stored format."""
        return WvqLinear(
            pairs=self.pairs.int().numpy(),
            w_cent=to_grid(self.cent, self.peak).to(torch.int8).numpy(),
            exp=self.exp.to(torch.uint8).numpy(),
            idx=self.idx.to(torch.uint8).numpy(),
            out_scale=self.out_scale.float().numpy(),
            inputs=self.inputs,
            act_bits=self.act_bits,
            group=self.group,
        )


def to_grid(cent: Tensor, peak: int) -> Tensor:
    """Round to integers with |w0| + |w1| <= peak and |w| <= 127. A centroid that is too large is shrunk, not bent."""
    size = cent.abs().sum(-1, keepdim=True)
    shrunk = torch.where(size > peak - 1, cent * ((peak - 1) / size.clamp(min=1e-9)), cent)
    return shrunk.round().clamp(-127, 127)


def codebook_places(idx: Tensor, group: int, centroids: int) -> Tensor:
    """Indices into all groups' codebooks laid side by side: int64 [P, N]."""
    return idx + torch.arange(idx.shape[1]) // group * centroids


def quantize_activation(x: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """As `lutloom.act_quant`: x [..., K] -> whole numbers [..., K] of the type of x, scale [..., 1]."""
    top = (1 << (bits - 1)) - 1
    scale = x.abs().amax(-1, keepdim=True).clamp(min=1e-20) / top
    return (x / scale).round(), scale


def even_group(outputs: int, most: int) -> int:
    """The size of nearly equal groups of at most `most` outputs, a multiple of 32 if it can be."""
    groups = -(-outputs // most)
    return min(most, -(-outputs // (groups * 32)) * 32)


def nearest(points: Tensor, cent: Tensor) -> Tensor:
    """Euclidean nearest centroid: points [B, S, 2], cent [B, C, 2] -> int64 [B, S]."""
    size = cent.square().sum(-1)[:, None]  # [B, 1, C]
    return torch.baddbmm(size, points, cent.transpose(1, 2), alpha=-2).argmin(2)


def kmeans(points: Tensor, count: int, steps: int, generator: torch.Generator) -> Tensor:
    """Batched k-means: points [B, S, 2] -> [B, count, 2]; the start is k-means++ (see `spread_points`)."""
    if points.shape[1] <= count:
        return torch.nn.functional.pad(points, (0, 0, 0, count - points.shape[1]))
    cent = spread_points(points, count, generator)
    for _ in range(steps):
        total, size = cluster_sums(points, nearest(points, cent), count)
        cent = torch.where(size[..., None] > 0, total / size.clamp(min=1)[..., None], cent)
    return cent


def spread_points(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` of the points [B, S, 2], each drawn with probability as its squared distance from those before."""
    if points.shape[1] > 8 * count:
        points = points[:, torch.randperm(points.shape[1], generator=generator)[: 8 * count]]
    batch, draws = torch.arange(len(points)), torch.rand(count, len(points), 1, generator=generator)
    chosen = [points[:, 0]]
    far = (points - chosen[0][:, None]).square().sum(-1)
    for draw in draws[1:]:
        running = far.cumsum(-1)
        at = torch.searchsorted(running, draw * running[:, -1:]).clamp_(max=points.shape[1] - 1)[:, 0]
        chosen.append(points[batch, at])
        far = torch.minimum(far, (points - chosen[-1][:, None]).square().sum(-1))
    return torch.stack(chosen, dim=1)


def pick(cent: Tensor, near: Tensor) -> Tensor:
    """cent [B, C, 2], near [B, S] -> [B, S, 2]."""
    return cent.gather(1, near[..., None].expand(-1, -1, 2))


def assign(points: Tensor, books: list[Tensor]) -> list[Tensor]:
    """The centroids, one of each of one or two codebooks [B, C, 2], whose sum is nearest: points -> int64 [B, S] each.

    All combinations of two small codebooks are tried; of two large ones the nearest of the first, then of the second.
    """
    count = books[0].shape[1]
    if len(books) == 2 and count * count <= EXHAUSTIVE:
        both = nearest(points, (books[0][:, :, None] + books[1][:, None]).flatten(1, 2))
        return [both // count, both % count]
    chosen = []
    for book in books:
        chosen.append(nearest(points, book))
        points = points - pick(book, chosen[-1])
    return chosen


def train_codebooks(
    points: Tensor, staged: Tensor, setting: Setting, steps: int, generator: torch.Generator
) -> list[list[Tensor]]:
    """The codebooks of a few pairs: points [pairs * Gn, S, 2] in their metrics, staged bool [pairs].

    Returns for every pair one codebook [Gn, C, 2], or two if it is staged: k-means of the points and of what is left;
    small codebooks are then trained on, jointly.
    """
    count, groups = setting.centroids, len(points) // len(staged)
    first = kmeans(points, count, steps, generator)
    if not staged.any():
        return [[book] for book in first.split(groups)]
    two = staged.repeat_interleave(groups)
    points, books = points[two], [first[two]]
    books.append(kmeans(points - pick(books[0], nearest(points, books[0])), count, steps, generator))
    for _ in range(steps if count * count <= EXHAUSTIVE else 0):
        near = assign(points, books)
        for i in range(2):
            total, size = cluster_sums(points - pick(books[1 - i], near[1 - i]), near[i], count)
            books[i] = torch.where(size[..., None] > 0, total / size.clamp(min=1)[..., None], books[i])
    jointly = iter(zip(*(book.split(groups) for book in books), strict=True))
    return [list(next(jointly)) if two else [book] for two, book in zip(staged, first.split(groups), strict=True)]


@dataclass
class Metric:
    """The order in which GPTVQ works on the inputs, and the metric of every pair."""

    order: Tensor  # int64 [K]: inputs by power, loudest first; neighbours are a pair
    upper: Tensor  # float32 [K, K], in that order: U'U is the inverse of the damped Hessian
    blocks: Tensor  # float32 [K / 2, 2, 2]: its diagonal blocks
    inverse: Tensor  # and their inverses

    @classmethod
    def of(cls, gram: Tensor, damping: float = 0.03) -> "Metric":
        """gram float32 [K, K] = X'X / S of the linear's inputs."""
        order = gram.diagonal().argsort(descending=True, stable=True)
        damped = gram[order][:, order].double()
        damped.diagonal().add_(damping * damped.diagonal().mean())
        upper = torch.linalg.cholesky(torch.linalg.inv(damped), upper=True).float()
        pairs = len(order) // 2
        blocks = upper.view(pairs, 2, pairs, 2).diagonal(dim1=0, dim2=2).permute(2, 0, 1).contiguous()
        return cls(order, upper, blocks, torch.linalg.inv(blocks))

    def energy(self, scaled: Tensor) -> Tensor:
        """Energy of every pair's weights [N, K] (inputs in order) in its metric, [K / 2]: its error is proportional."""
        pairs = len(self.blocks)
        return torch.einsum("npi,pij->pnj", scaled.view(-1, pairs, 2), self.inverse).square().sum((1, 2))


def output_scale(weight: Tensor) -> Tensor:
    """What every output's weights are divided by before they share codebooks: the square root of their size, [N]."""
    return weight.square().mean(1).sqrt().clamp(min=1e-12).sqrt()


def choose_grid(peaks: Tensor, setting: Setting) -> tuple[Tensor, Tensor, float]:
    """Order of storage and exponents: peaks [P, Gn] are the largest |w0| + |w1| expected of every position.

    Returns (positions in stored order int64 [P], exponents [P, Gn] by the old numbers, value of one unit of the grid).
    Positions are sorted by loudness, and RUN consecutive ones share the exponent that the loudest of them needs.
    """
    stream = peaks.amax(1).argsort(descending=True, stable=True)
    top = max(0, min(TOP_EXPONENT, ACC_ROOM - math.ceil(math.log2(len(peaks)))))
    unit = max(float(peaks.max()), 1e-20) / (setting.peak << top)
    exp = torch.empty_like(peaks)
    for run in stream.split(RUN):
        need = torch.ceil(torch.log2((peaks[run].amax(0) / (setting.peak * unit)).clamp(min=1e-9)) - 1e-4)
        exp[run] = need.clamp(0, top)
    return stream, exp, unit


def quantize_linear(
    weight: Tensor, metric: Metric, setting: Setting, steps: int = 8, scale: Tensor | None = None
) -> WvqTensors:
    """GPTVQ of one linear: weight float32 [N, K], K even; `scale` [N] as `output_scale`, which is the default.

    Pairs are worked on in the order of the inputs' power. A few at a time get codebooks by k-means in their metrics,
    rounded to the grid; then pair after pair gets its indices, and its error is fed to the pairs still to come.
    """
    outputs, inputs = weight.shape
    pairs = inputs // 2
    scale = output_scale(weight) if scale is None else scale
    rest = (weight / scale[:, None])[:, metric.order]
    size = even_group(outputs, setting.group)
    members = torch.arange(-(-outputs // size) * size).clamp(max=outputs - 1).view(-1, size)  # the last is filled up
    staged = metric.energy(rest).argsort(descending=True, stable=True)[: setting.positions(inputs) - pairs]
    sizes = rest.view(outputs, pairs, 2).abs().sum(-1)[members].amax(1).T * MARGIN  # [K / 2, Gn]
    stream, exp, unit = choose_grid(torch.cat((sizes, sizes[staged] * RESIDUAL_PEAK)), setting)
    step = unit * torch.exp2(exp)[..., None, None]  # [P, Gn, 1, 1]
    positions = torch.full((pairs, 2), -1)
    positions[:, 0] = torch.arange(pairs)
    positions[staged, 1] = torch.arange(pairs, len(exp))
    cent = torch.empty(len(exp), len(members), setting.centroids, 2)
    idx = torch.empty(len(exp), outputs, dtype=torch.int64)
    generator = torch.Generator().manual_seed(0)
    for start in range(0, pairs, AT_ONCE):
        batch = torch.arange(start, min(start + AT_ONCE, pairs))
        last = 2 * start + 2 * len(batch)
        points = torch.einsum("npi,pij->pnj", rest[:, 2 * start : last].view(outputs, -1, 2), metric.inverse[batch])
        books = train_codebooks(points[:, members].flatten(0, 1), positions[batch, 1] >= 0, setting, steps, generator)
        for place, p in enumerate(batch.tolist()):
            now = slice(2 * p, 2 * p + 2)
            point = (rest[:, now] @ metric.inverse[p])[members]  # [Gn, size, 2]
            here = [int(i) for i in positions[p] if i >= 0]
            values = []
            for position, book in zip(here, books[place], strict=True):
                cent[position] = to_grid(book @ metric.blocks[p] / step[position], setting.peak)
                values.append(cent[position] * step[position] @ metric.inverse[p])
            for position, value, near in zip(here, values, assign(point, values), strict=True):
                idx[position] = near.flatten()[:outputs]
                point = point - pick(value, near)
            rest[:, now] = point.flatten(0, 1)[:outputs]  # the error, in the metric
            rest[:, 2 * p + 2 : last].addmm_(rest[:, now], metric.upper[now, 2 * p + 2 : last], alpha=-1)
        now = slice(2 * start, last)
        rest[:, last:].addmm_(rest[:, now], metric.upper[now, last:], alpha=-1)
    named = torch.cat((metric.order.view(-1, 2), metric.order.view(-1, 2)[staged]))
    return WvqTensors(
        named[stream], cent[stream], exp[stream], idx[stream], scale * unit, inputs, size, setting.act_bits
    )


def correct_target(weight: Tensor, gram: Tensor, cross: Tensor, damping: float = 0.05) -> Tensor:
    """The weight that maps the quantised model's inputs best to the float linear's outputs.

    gram = Xq'Xq / S, cross = (X - Xq)'Xq / S, both [K, K] -> W + W cross (gram + damping)^-1.
    """
    damped = gram.double().clone()
    damped.diagonal().add_(damping * damped.diagonal().mean())
    return weight + torch.linalg.solve(damped, (weight @ cross).double().T).T.float()


# Relative error of a pair in its metric, by codebook size: one stage, two stages. Measured on SmolLM2's layer 10.
DISTORTION = {16: (0.105, 0.0092), 32: (0.050, 0.0032), 64: (0.0235, 0.0007)}
SHARES = (0.0, 0.03125, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)  # of residual stages
CHOICES = [(centroids, share) for centroids in DISTORTION for share in SHARES]


@dataclass
class Sensitivity:
    """What the budget needs to know of a linear."""

    outputs: int
    inputs: int
    energy: Tensor  # float32 [K / 2]: of every pair, in nats per token that a relative error of 1 in it would cost

    def bits_of(self, setting: Setting) -> float:
        """Everything stored, in bits."""
        return setting.bits(self.outputs, self.inputs)

    def cost(self, setting: Setting) -> float:
        """Expected divergence from the float model, in nats per token."""
        staged = setting.positions(self.inputs) - self.inputs // 2
        ranked = self.energy.sort(descending=True).values
        one, two = DISTORTION[setting.centroids]
        return float(ranked[:staged].sum() * two + ranked[staged:].sum() * one)


def choose_settings(
    linears: dict[str, Sensitivity], budget: float, act_bits: int, group: int = MAX_GROUP, centroids: int = 64
) -> dict[str, Setting]:
    """The best setting of every linear under `budget` bits per weight over all of them, everything stored counted.

    group, centroids: the most outputs that share a codebook, the most entries of one.
    Greedy: again and again the upgrade that saves most per bit, as long as one fits. A budget that even the smallest
    setting of all linears exceeds gives that setting.
    """
    candidates = [Setting(count, residual, group, act_bits) for count, residual in CHOICES if count <= centroids]
    table = {
        name: [(setting, s.bits_of(setting), s.cost(setting)) for setting in candidates] for name, s in linears.items()
    }
    chosen = {name: min(rows, key=lambda row: row[1]) for name, rows in table.items()}
    room = budget * sum(s.outputs * s.inputs for s in linears.values()) - sum(row[1] for row in chosen.values())
    while True:
        upgrades = [
            ((chosen[name][2] - row[2]) / (row[1] - chosen[name][1]), name, row)
            for name, rows in table.items()
            for row in rows
            if chosen[name][1] < row[1] <= chosen[name][1] + room and row[2] < chosen[name][2]
        ]
        if not upgrades:
            return {name: row[0] for name, row in chosen.items()}
        _, name, row = max(upgrades, key=lambda upgrade: upgrade[0])
        room -= row[1] - chosen[name][1]
        chosen[name] = row
