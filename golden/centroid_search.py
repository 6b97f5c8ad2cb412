"""Bit-exact specification of the core `centroid_search`: index of the nearest codebook centroid.

    d0 = x0 - c0,  d1 = x1 - c1                 (exact, no wrap-around)
    chebyshev   dist = max(|d0|, |d1|)          ActW bits unsigned
    l1          dist = |d0| + |d1|              ActW + 1 bits unsigned
    l2          dist = d0*d0 + d1*d1            2*ActW + 1 bits unsigned (squared, never rooted)
    index = the lowest i with dist(x, codebook[i]) == min over all centroids

Nothing is rounded and nothing can overflow. This function is the one definition of the search: the RTL,
the quantised layers and the tests all compare with it.
"""

import numpy as np

METRICS = ("chebyshev", "l1", "l2")
_CHUNK = 1 << 16  # distances held at once; keeps the working set inside a private cache


def centroid_search(vectors, codebook, metric="chebyshev"):
    """Nearest centroid of every 2-vector, ties to the lowest index.

    vectors   integer [..., 2]   with one codebook for all of them, or
              integer [T, P, 2]  when `codebook` has three dimensions (one codebook per position)
    codebook  integer [C, 2] or [P, C, 2], 1 <= C <= 256
    metric    "chebyshev", "l1" or "l2" (squared)

    Returns uint8 of shape vectors.shape[:-1].
    Raises ValueError naming the argument, what was found and what is allowed. Values may be of any integer
    type; the arithmetic runs in the narrowest signed type that holds every distance, so int8 data stays in
    int16 for chebyshev and l1.
    """
    x, a = np.asarray(vectors), np.asarray(codebook)
    _check(x, a, metric)
    if a.ndim == 2:
        flat = np.ascontiguousarray(x.reshape(-1, 2).T)[None]  # [1, 2, T]
        return _search(flat, a[None], metric)[0].reshape(x.shape[:-1])
    flat = np.ascontiguousarray(x.transpose(1, 2, 0))  # [P, 2, T]
    return np.ascontiguousarray(_search(flat, a, metric).T)


def _check(x, a, metric):
    if metric not in METRICS:
        raise ValueError(f"metric: found {metric!r}, allowed {', '.join(METRICS)}")
    for name, array in (("vectors", x), ("codebook", a)):
        if array.dtype.kind not in "iu":
            raise ValueError(f"{name}: found dtype {array.dtype}, allowed any integer type")
        if array.ndim < 1 or array.shape[-1] != 2:
            raise ValueError(f"{name}: found shape {array.shape}, the last dimension must be 2")
    if a.ndim not in (2, 3) or not 1 <= a.shape[-2] <= 256:
        raise ValueError(f"codebook: found shape {a.shape}, allowed [C, 2] or [P, C, 2] with 1 <= C <= 256")
    if a.ndim == 3 and (x.ndim != 3 or x.shape[1] != a.shape[0]):
        raise ValueError(f"vectors: found shape {x.shape}, allowed [T, {a.shape[0]}, 2] with codebooks {a.shape}")


def _search(x, a, metric):
    """x [P, 2, T], a [P, C, 2] -> uint8 [P, T]."""
    positions, _, count = x.shape
    centroids = a.shape[1]
    shift = (centroids - 1).bit_length()
    dtype = _key_type(x, a, metric, shift)
    x, a = x.astype(dtype, copy=False), a.astype(dtype, copy=False)
    index = np.arange(centroids, dtype=dtype)[:, None]
    step = max(1, _CHUNK // centroids)
    out = np.empty((positions, count), np.uint8)
    d0, d1 = np.empty((2, centroids, min(step, max(count, 1))), dtype)
    for p in range(positions):
        for t in range(0, count, step):
            n = min(step, count - t)
            key, other = d0[:, :n], d1[:, :n]
            np.subtract(x[p, 0, t : t + n], a[p, :, :1], out=key)
            np.subtract(x[p, 1, t : t + n], a[p, :, 1:], out=other)
            if metric == "l2":
                key *= key
                other *= other
            else:
                np.abs(key, out=key)
                np.abs(other, out=other)
            (np.maximum if metric == "chebyshev" else np.add)(key, other, out=key)
            # distance above, index below: the smallest key is the lowest index among the nearest
            key <<= shift
            key |= index
            out[p, t : t + n] = key.min(axis=0) & ((1 << shift) - 1)
    return out


def _key_type(x, a, metric, shift):
    """Narrowest signed type for (largest possible distance << shift) and for the inputs themselves."""
    if x.size == 0:
        return np.int16
    low = min(int(x.min()), int(a.min()))
    high = max(int(x.max()), int(a.max()))
    span = high - low
    largest = {"chebyshev": span, "l1": 2 * span, "l2": 2 * span * span}[metric]
    need = max(((largest + 1) << shift) - 1, abs(low), abs(high))
    for dtype in (np.int16, np.int32, np.int64):
        if need <= np.iinfo(dtype).max:
            return dtype
    raise ValueError(f"vectors: values span {span}, too wide for {metric} in 64 bits")
