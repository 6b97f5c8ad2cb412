"""covq without training: from a float weight and sample activations to the arrays of `lutloom.covq.CovqLinear`.

Whole-tensor PyTorch, no autograd. Also the start of quantisation-aware training (`lutloom.quantize`) and, with
`finish_linear`, its end. Letters as in `lutloom.covq`; S sample tokens.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lutloom.covq import (
    A_EXP_MAX,
    A_EXP_MIN,
    ACT_CENTROIDS,
    GROUP,
    MAX_EXP,
    WEIGHT_CENTROIDS,
    CovqLinear,
    group_slices,
)

RUN = 16  # consecutive positions that are given one exponent (a multiple of covq.BLOCK)


@dataclass
class ActivationCodebook:
    """The quantiser of one matmul input."""

    pairs: Tensor  # int64 [P, 2]
    a_exp: Tensor  # float32 [P], whole numbers
    cent: Tensor  # float32 [P, 64, 2], in units of 2^a_exp, -128..127, not rounded yet


def choose_pairs(x: Tensor, weight: Tensor) -> Tensor:
    """Pair the inputs and order the pairs: x [S, K], weight [N, K] (all outputs that read x) -> int64 [P, 2].

    An input's energy is its mean square times its weight column's square sum. Inputs are sorted by it, loudest first,
    and neighbours paired: both inputs of a position then fill the int8 range and deserve the same precision, and
    neighbouring positions have tables of similar size, so that they can share an exponent.
    """
    energy = x.square().mean(0) * weight.square().sum(0)  # [K]
    return energy.argsort(descending=True).view(-1, 2)


def kmeans(points: Tensor, count: int, steps: int, generator: torch.Generator) -> Tensor:
    """Batched k-means: points [B, S, 2] -> centroids [B, count, 2]. Empty clusters are moved to random points."""
    batch, samples, _ = points.shape
    cent = torch.stack([p[torch.randperm(samples, generator=generator)[:count]] for p in points])
    for _ in range(steps):
        near = nearest(points, cent)  # [B, S]
        total, size = cluster_sums(points, near, count)
        spare = torch.randint(samples, (batch, count), generator=generator)
        reseed = points.gather(1, spare[..., None].expand(-1, -1, 2))
        cent = torch.where(size[..., None] > 0, total / size.clamp(min=1)[..., None], reseed)
    return cent


def nearest(points: Tensor, cent: Tensor) -> Tensor:
    """Euclidean nearest centroid: points [B, S, 2], cent [B, C, 2] -> int64 [B, S], lowest index on a tie."""
    out = torch.empty(points.shape[:2], dtype=torch.int64)
    step = max(1, (1 << 22) // (points.shape[1] * cent.shape[1]))
    for b in range(0, len(points), step):
        p, c = points[b : b + step], cent[b : b + step]
        score = torch.baddbmm(c.square().sum(-1)[:, :, None], c, p.transpose(1, 2), alpha=-2)  # [b, C, S]
        out[b : b + step] = score.argmin(1)
    return out


def cluster_sums(points: Tensor, near: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Sum and number of the points of every cluster: [B, count, 2], [B, count]."""
    batch = len(points)
    total = torch.stack(
        [torch.zeros(batch, count).scatter_add_(1, near, points[..., i]) for i in range(points.shape[-1])], dim=-1
    )
    return total, torch.zeros(batch, count).scatter_add_(1, near, torch.ones_like(points[..., 0]))


def activation_codebook(x: Tensor, pairs: Tensor, steps: int = 12, seed: int = 0) -> ActivationCodebook:
    """k-means centroids of every position, and the power of two in which they are int8.

    x [S, K] -> the smallest a_exp with which 99.95 % of the samples fit int8 (the rest saturates well: its nearest
    centroid is the border's), then k-means of the saturated samples.
    """
    points = x[:, pairs].transpose(0, 1).contiguous()  # [P, S, 2]
    top = points.abs().flatten(1).kthvalue(max(1, int(points.shape[1] * 2 * 0.9995)), dim=1).values  # [P]
    a_exp = torch.ceil(torch.log2(top.clamp(min=1e-9) / 127)).clamp(A_EXP_MIN, A_EXP_MAX)
    scaled = (points * torch.exp2(-a_exp)[:, None, None]).round().clamp(-128, 127)
    cent = kmeans(scaled, ACT_CENTROIDS, steps, torch.Generator().manual_seed(seed))
    return ActivationCodebook(pairs, a_exp, cent)


def quantize_input(x: Tensor, book: ActivationCodebook) -> Tensor:
    """x [S, K] -> the chosen centroids' values in position order, [S, 2P] (Euclidean search, int8 centroids)."""
    scaled = (x[:, book.pairs] * torch.exp2(-book.a_exp)[:, None]).round().clamp(-128, 127).transpose(0, 1)
    cent = book.cent.round()
    near = nearest(scaled.contiguous(), cent)  # [P, S]
    value = cent.gather(1, near[..., None].expand(-1, -1, 2)) * torch.exp2(book.a_exp)[:, None, None]
    return value.permute(1, 0, 2).reshape(len(x), -1)


def correct_target(weight: Tensor, x: Tensor, xq: Tensor, damping: float = 0.05) -> Tensor:
    """The weight that best maps quantised inputs to the float layer's outputs (quantisation's target).

    weight [N, 2P], x and xq [S, 2P], all in position order -> W + W (x - xq)' xq (xq' xq + damping)^-1, [N, 2P].
    """
    gram = xq.T @ xq
    gram.diagonal().add_(damping * gram.diagonal().mean())
    return weight + weight @ torch.linalg.solve(gram, xq.T @ (x - xq)).T


def weight_codebook(
    weight: Tensor, xq: Tensor, steps: int = 15, damping: float = 0.01
) -> tuple[Tensor, Tensor, Tensor]:
    """GPTVQ: quantise position after position, feed each one's error to the positions not done yet.

    weight [N, 2P], xq [S, 2P], in position order -> w_cent [P, Gn, 16, 2], idx int64 [P, N], and the weights that
    were quantised, error feedback included, [N, 2P]. The metric of a position's k-means is the 2 x 2 block of the
    inverse Hessian's Cholesky factor, as in GPTVQ (arXiv 2402.15319).
    """
    outputs, inputs = weight.shape
    gram = xq.T @ xq / len(xq)
    gram.diagonal().add_(damping * gram.diagonal().mean())
    upper = torch.linalg.cholesky(torch.linalg.inv(gram.double()), upper=True).float()  # U'U = inverse Hessian
    generator = torch.Generator().manual_seed(0)
    rest, used = weight.clone(), torch.empty_like(weight)
    slices = group_slices(outputs)
    w_cent = torch.empty(inputs // 2, len(slices), WEIGHT_CENTROIDS, 2)
    idx = torch.empty(inputs // 2, outputs, dtype=torch.int64)
    for p in range(inputs // 2):
        now = slice(2 * p, 2 * p + 2)
        block = upper[now, now]
        used[:, now] = rest[:, now]
        points = torch.linalg.solve_triangular(block, rest[:, now], upper=True, left=False)  # w inv(U_pp)
        for g, cols in enumerate(slices):
            cent = kmeans(points[None, cols], min(WEIGHT_CENTROIDS, points[cols].shape[0]), steps, generator)
            idx[p, cols] = nearest(points[None, cols], cent)[0]
            w_cent[p, g] = 0
            w_cent[p, g, : cent.shape[1]] = cent[0] @ block
        chosen = gather_weights(w_cent[p : p + 1], idx[p : p + 1])
        error = torch.linalg.solve_triangular(block, rest[:, now] - chosen, upper=True, left=False)
        rest[:, 2 * p + 2 :] -= error @ upper[now, 2 * p + 2 :]
    return w_cent, idx, used


def gather_weights(w_cent: Tensor, idx: Tensor) -> Tensor:
    """w_cent [P, Gn, 16, 2], idx [P, N] -> the quantised weight in position order, [N, 2P]."""
    positions, groups, count, _ = w_cent.shape
    group = torch.arange(idx.shape[1]) // GROUP
    flat = w_cent.reshape(positions, groups * count, 2)
    value = flat.gather(1, (idx + group * count)[..., None].expand(-1, -1, 2))  # [P, N, 2]
    return value.transpose(0, 1).reshape(idx.shape[1], -1)


def loudness_order(book: ActivationCodebook, w_cents: list[Tensor]) -> Tensor:
    """An order of the positions in which neighbours have tables of similar size: int64 [P], loudest first.

    A position counts as loud as its largest product, relative to the largest of the same linear and group.
    """
    act = (book.cent.abs() * torch.exp2(book.a_exp)[:, None, None])[:, None, :, None]  # [P, 1, 64, 1, 2]
    peaks = [(act * w.abs()[:, :, None]).sum(-1).amax((2, 3)) for w in w_cents]  # [P, Gn]
    return torch.cat([p / p.amax(0) for p in peaks], dim=1).mean(1).argsort(descending=True)


def choose_exponents(act: np.ndarray, w_cent: np.ndarray, run: int = RUN) -> tuple[np.ndarray, np.ndarray]:
    """Table formats without saturation: act float64 [P, 64, 2], w_cent [P, Gn, 16, 2] -> exp uint8 [P, Gn], lsb [Gn].

    `run` consecutive positions share the exponent that the largest of them needs. Of 16 candidate lsb per octave the
    one with the least total rounding variance, sum (lsb 2^exp)^2, is taken.
    """
    positions, groups = w_cent.shape[:2]
    peak = np.abs(np.einsum("pai,pgwi->pgaw", act, w_cent.astype(np.float64))).max((2, 3))  # [P, Gn]
    starts = np.arange(0, positions, run)
    runs = np.maximum.reduceat(peak, starts, axis=0)  # [R, Gn]
    length = np.diff([*starts, positions])[:, None]
    exp, lsb = np.zeros((positions, groups), np.uint8), np.ones(groups, np.float32)
    for g in range(groups):
        least = max(runs[:, g].max(), 1e-20) / (127 << MAX_EXP)
        candidates = (least * 2 ** (np.arange(1, 17) / 16)).astype(np.float32)
        need = np.ceil(np.log2(np.maximum(runs[:, g : g + 1], 1e-30) / (127 * candidates.astype(np.float64))))
        need = np.clip(need, 0, MAX_EXP)  # [R, 16]
        best = (length * (candidates * 2.0**need) ** 2).sum(0).argmin()
        lsb[g] = candidates[best]
        exp[:, g] = np.repeat(need[:, best], length[:, 0]).astype(np.uint8)
    return exp, lsb


def finish_linear(
    book: ActivationCodebook, w_cent: Tensor, idx: Tensor, scale: Tensor, bias: Tensor, run: int = RUN
) -> CovqLinear:
    """Round everything to its stored format.

    scale and bias float32 [N]: the layer is y = bias + scale * sum of products; w_cent is rounded to float16.
    """
    stored = w_cent.detach().half().float().numpy()
    a_exp = book.a_exp.numpy().astype(np.int8)
    a_cent = book.cent.detach().round().clamp(-128, 127).numpy().astype(np.int8)
    act = np.ldexp(a_cent.astype(np.float64), a_exp.astype(np.int32)[:, None, None])
    exp, lsb = choose_exponents(act, stored, run)
    outputs = idx.shape[1]
    out_scale = (np.repeat(lsb, GROUP)[:outputs] * scale.detach().numpy()).astype(np.float32)
    start = np.rint(bias.detach().double().numpy() / out_scale).astype(np.int32)
    return CovqLinear(
        pairs=book.pairs.numpy().astype(np.int32),
        a_exp=a_exp,
        a_cent=a_cent,
        w_cent=stored,
        idx=idx.numpy().astype(np.uint8),
        exp=exp,
        lsb=lsb,
        start=start,
        out_scale=out_scale,
    )
