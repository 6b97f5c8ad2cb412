"""Random wvq linears for tests."""

from __future__ import annotations

import numpy as np

from lutloom.wvq import ENTRY_BITS, WvqLinear, group_slices


def random_linear(
    rng: np.random.Generator,
    outputs: int,
    inputs: int,
    *,
    centroids: int = 16,
    act_bits: int = 9,
    group: int = 64,
    residual: bool = False,
    runs: int | None = None,
    lanes: int = 2,
) -> WvqLinear:
    """A linear with random contents; with `residual` every position has a second stage.

    The exponent changes about every second block, or is constant in `runs` runs.
    """
    order = rng.permutation(inputs)
    most = max(2, lanes)
    pairs = np.append(order, rng.integers(0, inputs, -inputs % (2 * most))).astype(np.int32).reshape(-1, 2)
    pairs = np.concatenate((pairs, pairs)) if residual else pairs
    positions, groups = len(pairs), len(group_slices(outputs, group))
    largest = min(((1 << (ENTRY_BITS - 1)) - 1) // ((1 << (act_bits - 1)) - 1) // 2, 127)
    blocks = positions // most
    if runs is None:
        exp = rng.integers(0, 8, (blocks, groups))
        keep = rng.random((blocks, groups)) < 0.5
        for b in range(1, blocks):
            exp[b] = np.where(keep[b], exp[b - 1], exp[b])
    else:
        exp = np.tile((np.arange(blocks) * runs // blocks)[:, None], groups)
    return WvqLinear(
        pairs=pairs,
        w_cent=rng.integers(-largest, largest + 1, (positions, groups, centroids, 2)).astype(np.int8),
        exp=np.repeat(exp, most, axis=0).astype(np.uint8),
        idx=rng.integers(0, centroids, (positions, outputs)).astype(np.uint8),
        out_scale=np.ones(outputs, np.float32),
        inputs=inputs,
        act_bits=act_bits,
        group=group,
    )


def largest_linear(outputs: int, inputs: int, group: int) -> WvqLinear:
    """Entries and exponents as large as they may be, all of one sign: every sum on the way is as large as it gets."""
    positions = inputs // 2
    return WvqLinear(
        pairs=np.arange(inputs, dtype=np.int32).reshape(-1, 2),
        w_cent=np.full((positions, len(group_slices(outputs, group)), 16, 2), 127, np.int8),
        exp=np.full((positions, len(group_slices(outputs, group))), 7, np.uint8),
        idx=np.zeros((positions, outputs), np.uint8),
        out_scale=np.ones(outputs, np.float32),
        inputs=inputs,
        act_bits=8,
        group=group,
    )
