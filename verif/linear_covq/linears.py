"""Random co-quantised linears for tests."""

import numpy as np

from lutloom.covq import CovqLinear


def random_linear(
    rng: np.random.Generator, positions: int, outputs: int, like: CovqLinear | None = None, runs: int = 0
) -> CovqLinear:
    """A linear with random contents. `like` shares its input's codebook.

    The exponent changes at every block in the first half, or is constant in `runs` equal runs.
    """
    groups = -(-outputs // 512)
    exp = np.repeat(rng.integers(0, 8, (positions // 2, groups), np.uint8), 2, axis=0)
    exp[positions // 2 :] = exp[positions // 2]
    if runs:
        exp[:] = np.repeat(np.arange(runs, dtype=np.uint8), -(-positions // runs))[:positions, None]
    return CovqLinear(
        pairs=np.arange(2 * positions, dtype=np.int32).reshape(-1, 2) if like is None else like.pairs,
        a_exp=np.zeros(positions, np.int8) if like is None else like.a_exp,
        a_cent=rng.integers(-128, 128, (positions, 64, 2)).astype(np.int8) if like is None else like.a_cent,
        w_cent=rng.normal(0, 0.5, (positions, groups, 16, 2)).astype(np.float32),
        idx=rng.integers(0, 16, (positions, outputs)).astype(np.uint8),
        exp=exp,
        lsb=np.ones(groups, np.float32),
        start=rng.integers(-(2**20), 2**20, outputs).astype(np.int32),
        out_scale=np.ones(outputs, np.float32),
    )
