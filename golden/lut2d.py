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
    positions, outputs = idx.shape
    if positions % lanes or outputs % units:
        raise ValueError(f"idx is {idx.shape}, allowed: multiples of {lanes} positions and {units} outputs")
    blocks = positions // lanes
    if not 1 <= blocks <= MAX_BLOCKS:
        raise ValueError(f"{blocks} blocks, allowed: 1..{MAX_BLOCKS}")
    exponent = np.asarray(exponents).reshape(blocks, lanes)
    if (exponent != exponent[:, :1]).any() or exponent.max() > 7 or idx.max() >= centroids:
        raise ValueError("exponents or idx: allowed one exponent 0..7 a block, indices below the centroid count")
    body = index_words(idx, lanes, units, INDEX_BITS[centroids], beat_bits // 8)
    return insert_run_headers(body, exponent[:, 0])


def unpack_index_stream(
    beats: np.ndarray, blocks: int, slots: int, *, lanes: int = 2, units: int = 32, centroids: int = 16
) -> tuple[np.ndarray, np.ndarray, int]:
    """The inverse of `pack_index_stream` for a job of `blocks` blocks and `slots` slots.

    Args:
        beats: uint8 [at least the job's beats, beat bytes].

    Returns:
        (idx uint8 [P, slots * units], exponents uint8 [P], beats used).

    Raises:
        ValueError: the run headers do not add up to the job's blocks, or the stream ends too early.
    """
    bits, width = INDEX_BITS[centroids], beats.shape[1]
    body, exponent, used = remove_run_headers(beats, blocks, -(-slots * lanes * units * bits // (8 * width)))
    return index_values(body, lanes, units, slots, bits), np.repeat(exponent, lanes), used


def index_words(idx: np.ndarray, lanes: int, units: int, bits: int, beat_bytes: int) -> np.ndarray:
    """The words of every block, without headers: idx uint8 [P, N] -> uint8 [blocks, beats of a block, beat_bytes]."""
    positions, outputs = idx.shape
    # [block, slot, lane, unit, bit] flattened from the slot on
    words = idx.reshape(positions // lanes, lanes, outputs // units, units).transpose(0, 2, 1, 3)
    if bits == 4 and outputs * lanes % 2 == 0:  # two in a byte
        stream = np.ascontiguousarray(words).reshape(positions // lanes, -1, 2)
        packed = stream[:, :, 0] | stream[:, :, 1] << 4
        packed = np.pad(packed, ((0, 0), (0, -packed.shape[1] % beat_bytes)))
        return packed.reshape(len(packed), -1, beat_bytes)
    stream = (words[..., None] >> np.arange(bits, dtype=np.uint8) & 1).reshape(positions // lanes, -1)
    stream = np.pad(stream, ((0, 0), (0, -stream.shape[1] % (8 * beat_bytes))))
    return np.packbits(stream, axis=1, bitorder="little").reshape(len(stream), -1, beat_bytes)


def index_values(body: np.ndarray, lanes: int, units: int, slots: int, bits: int) -> np.ndarray:
    """The inverse of `index_words`: uint8 [blocks, beats of a block, beat_bytes] -> idx uint8 [P, slots * units].

    Eight indices, which fill `bits` bytes, at a time: lanes * units is a multiple of 8.
    """
    eights = np.zeros((len(body), slots * lanes * units // 8, 8), np.uint8)
    used = body.reshape(len(body), -1)[:, : eights.shape[1] * bits]
    eights[:, :, :bits] = used.reshape(len(body), -1, bits)
    values = eights.view("<u8") >> bits * np.arange(8, dtype=np.uint64)
    values = values.astype(np.uint8) & np.uint8((1 << bits) - 1)
    words = values.reshape(len(body), slots, lanes, units)
    return words.transpose(0, 2, 1, 3).reshape(len(body) * lanes, slots * units)


def insert_run_headers(body: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """Put its header beat in front of every run: body uint8 [blocks, n, beat bytes], exponent [blocks] -> [n, ..]."""
    ends = np.flatnonzero(np.append(exponent[1:] != exponent[:-1], True)) + 1  # of the runs
    header = np.zeros((len(ends), body.shape[2]), np.uint8)
    header[:, 0] = exponent[ends - 1]
    header[:, 2] = ends & 255
    header[:, 3] = ends >> 8
    starts = np.append(0, ends[:-1])
    runs = [
        (header[i : i + 1], body[first:end].reshape(-1, body.shape[2]))
        for i, (first, end) in enumerate(zip(starts, ends, strict=True))
    ]
    return np.concatenate([part for run in runs for part in run])


def remove_run_headers(beats: np.ndarray, blocks: int, n: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The inverse of `insert_run_headers` for blocks of n beats: (body, exponent uint8 [blocks], beats used)."""
    body, exponent = np.empty((blocks, n, beats.shape[1]), np.uint8), np.empty(blocks, np.uint8)
    done = at = 0
    while done < blocks:
        if at >= len(beats):
            raise ValueError(f"index stream: found {len(beats)} beats, allowed more for {blocks} blocks")
        end = int(beats[at, 2]) | int(beats[at, 3]) << 8
        after = at + 1 + (end - done) * n
        if not done < end <= blocks or beats[at, 0] > 7 or after > len(beats):
            raise ValueError(f"index stream: run header at beat {at}: found exponent {beats[at, 0]}, end {end}, "
                             f"allowed 0..7, {done + 1}..{blocks}")  # fmt: skip
        body[done:end] = beats[at + 1 : after].reshape(end - done, n, -1)
        exponent[done:end] = beats[at, 0]
        done, at = end, after
    return body, exponent, at


def segment_reduce(partial: np.ndarray, size: int) -> np.ndarray:
    """Sums of aligned segments.

    Args:
        partial: int [..., Sources], one partial sum of every source.
        size: sources in a segment, a power of two up to Sources.

    Returns:
        int [..., Sources / size]; the core puts result j at output j * size.
    """
    return partial.reshape(*partial.shape[:-1], -1, size).sum(axis=-1)
