"""lut2d: the lookup slice. Products are looked up in rows, shifted by the block's exponent and summed.

Source: the 2D table lookup of LUT-LLM (arXiv 2511.06174), with exponents per block and start values.
"""

from __future__ import annotations

import numpy as np

INDEX_BITS = {16: 4, 32: 5, 64: 6}
MAX_BLOCKS = 65535  # of a job: 16 bits in a header beat


def lut2d(rows: np.ndarray, idx: np.ndarray, exponents: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Accumulators of one job.

    Args:
        rows: int [T, blocks, Lanes, C], signed entries.
        idx: int [blocks, Lanes, N], 0..C-1.
        exponents: int [blocks], 0..7.
        start: int [N].

    Returns:
        int32 [T, N] = start + sum over blocks b, lanes l of rows[t, b, l, idx[b, l, n]] << exponents[b]; exact.
    """
    acc = np.broadcast_to(np.asarray(start, np.int64), (len(rows), len(start))).copy()
    for b, exponent in enumerate(exponents):
        for lane in range(rows.shape[2]):
            acc += rows[:, b, lane][:, idx[b, lane]].astype(np.int64) << int(exponent)
    return acc.astype(np.int32)


def pack_index_stream(
    idx: np.ndarray,
    exponents: np.ndarray,
    *,
    lanes: int = 2,
    units: int = 32,
    centroids: int = 16,
    beat_bits: int = 256,
) -> np.ndarray:
    """The beats of s_axis_idx for one job.

    Args:
        idx: uint8 [P, N], N a multiple of `units`; position b * lanes + l is lane l of block b.
        exponents: uint8 [P]; the positions of a block have the same one.
        centroids: 16, 32 or 64: 4, 5 or 6 bits an index.

    Returns:
        uint8 [beats, beat_bits / 8]. The blocks form runs of consecutive blocks with one exponent. In front of a run
        is its header beat: [2:0] the exponent, [31:16] the number of the job's blocks up to the end of the run. Then
        per block its words slot by slot, index of lane l and unit u at bit (l * units + u) * bits, LSB first without
        gaps; a block ends with zeros up to a whole beat.

    Raises:
        ValueError: shapes do not fit, an index or exponent is too large, or a block has two exponents.
    """
    bits = INDEX_BITS[centroids]
    positions, outputs = idx.shape
    if positions % lanes or outputs % units:
        raise ValueError(f"idx is {idx.shape}, allowed: multiples of {lanes} positions and {units} outputs")
    blocks = positions // lanes
    if not 1 <= blocks <= MAX_BLOCKS:
        raise ValueError(f"{blocks} blocks, allowed: 1..{MAX_BLOCKS}")
    exponent = np.asarray(exponents).reshape(blocks, lanes)
    if (exponent != exponent[:, :1]).any() or exponent.max() > 7 or idx.max() >= centroids:
        raise ValueError("exponents or idx: allowed one exponent 0..7 a block, indices below the centroid count")
    # [block, slot, lane, unit, bit] flattened from the slot on
    words = idx.reshape(blocks, lanes, outputs // units, units).transpose(0, 2, 1, 3)
    stream = (words[..., None] >> np.arange(bits, dtype=np.uint8) & 1).astype(np.uint8).reshape(blocks, -1)
    stream = np.pad(stream, ((0, 0), (0, -stream.shape[1] % beat_bits)))
    body = np.packbits(stream, axis=1, bitorder="little").reshape(blocks, -1, beat_bits // 8)
    ends = np.flatnonzero(np.append(exponent[1:, 0] != exponent[:-1, 0], True)) + 1  # of the runs
    header = np.zeros((len(ends), beat_bits // 8), np.uint8)
    header[:, 0] = exponent[ends - 1, 0]
    header[:, 2] = ends & 255
    header[:, 3] = ends >> 8
    starts = np.append(0, ends[:-1])
    runs = [
        (header[i : i + 1], body[first:end].reshape(-1, beat_bits // 8))
        for i, (first, end) in enumerate(zip(starts, ends, strict=True))
    ]
    return np.concatenate([part for run in runs for part in run])


def segment_reduce(partial: np.ndarray, size: int) -> np.ndarray:
    """Sums of aligned segments.

    Args:
        partial: int [..., Sources], one partial sum of every source.
        size: sources in a segment, a power of two up to Sources.

    Returns:
        int [..., Sources / size]; the core puts result j at output j * size.
    """
    return partial.reshape(*partial.shape[:-1], -1, size).sum(axis=-1)
