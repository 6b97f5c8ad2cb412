"""Bit-exact specification of the core `row_gather`: of each position only the row that its centroid picks is read.

    row[p, n] = table[p, cidx[p], group + n]                         n = 0 .. rows_per_fetch - 1
    read(p)   = base + (p * C + cidx[p]) * row_stride + offset       byte address of row n = 0

Memory layout, [position][centroid][group][K] entries: little-endian two's complement of `entry_bits`; the rows of all
groups of one (position, centroid) lie without gaps and are padded with zeros to `row_stride` bytes, whole beats. The
image builder packs with `pack_gather_table`, so what it writes is what the hardware addresses. Entries are not
computed with, so nothing is rounded and nothing overflows.
"""

from __future__ import annotations

import enum

import numpy as np

COUNTS = (16, 32, 64)  # allowed K and C; their index is the job's k_code, c_code


class Cause(enum.IntEnum):
    """Why a job is refused (`cause_o`); rtl/row_gather/row_gather_pkg.sv has the same numbers."""

    NONE = 0
    CODE = 1
    POSITIONS = 2
    ALIGN = 3
    FETCH = 4


def row_gather(table: np.ndarray, cidx: np.ndarray, group: int, rows_per_fetch: int | None = None) -> np.ndarray:
    """The rows that the indices pick.

    Args:
        table: [P, C, G, K] integer products of P positions, C activation centroids, G groups, K weight centroids.
        cidx: [P] integers 0 .. C-1, the centroid of each position's activation.
        group: the (first) wanted group.
        rows_per_fetch: None for one row a position, or the count of consecutive groups.

    Returns:
        [P, K] if rows_per_fetch is None, else [P, rows_per_fetch, K]; the table's dtype.

    Raises:
        ValueError: an index, the group or a shape is out of range (message names it).
    """
    table, cidx = np.asarray(table), np.asarray(cidx)
    if table.ndim != 4 or cidx.shape != table.shape[:1]:
        raise ValueError(f"table {table.shape}, cidx {cidx.shape}: allowed [P, C, G, K] and [P]")
    count = 1 if rows_per_fetch is None else rows_per_fetch
    if count < 1 or not 0 <= group <= table.shape[2] - count:
        raise ValueError(f"groups {group} .. {group + count - 1}: the table has 0 .. {table.shape[2] - 1}")
    if cidx.size and not 0 <= cidx.min() <= cidx.max() < table.shape[1]:
        raise ValueError(f"cidx is in [{cidx.min()}, {cidx.max()}], allowed 0 .. {table.shape[1] - 1}")
    rows = table[np.arange(len(cidx)), cidx, group : group + count]
    return rows[:, 0] if rows_per_fetch is None else rows


def row_stride(groups: int, k: int, entry_bits: int = 8, beat_bytes: int = 32) -> int:
    """Bytes from one centroid's row set to the next: `groups` rows of `k` entries, rounded up to whole beats."""
    return -(-groups * k * entry_bits // 8 // beat_bytes) * beat_bytes


def pack_gather_table(table: np.ndarray, entry_bits: int = 8, beat_bytes: int = 32) -> bytes:
    """Memory image of `table` [P, C, G, K]: P * C row sets of `row_stride(G, K, ...)` bytes each.

    Raises:
        ValueError: an entry does not fit `entry_bits` (8 or 16).
    """
    positions, centroids, groups, k = table.shape
    rows = entry_bytes(table, entry_bits).reshape(positions * centroids, -1)
    pad = row_stride(groups, k, entry_bits, beat_bytes) - rows.shape[1]
    return np.pad(rows, ((0, 0), (0, pad))).tobytes()


def row_gather_reads(
    cidx: np.ndarray,
    base: int,
    row_stride: int,
    offset: int,
    k: int,
    c: int,
    rows_per_fetch: int = 1,
    entry_bits: int = 8,
    beat_bytes: int = 32,
) -> tuple[np.ndarray, int]:
    """The reads of a job.

    Args:
        cidx: [P] centroid indices.
        base: byte address of position 0; `row_stride`, `offset`: bytes, as in the job.
        k, c: entries of a row; activation centroids.

    Returns:
        (addresses uint64[P] of whole beats, bytes of every read): the beats that hold the wanted rows.
    """
    first = offset % beat_bytes
    length = -(-(first + rows_per_fetch * k * entry_bits // 8) // beat_bytes) * beat_bytes
    sets = np.arange(len(cidx), dtype=np.uint64) * np.uint64(c) + np.asarray(cidx, dtype=np.uint64)
    return np.uint64(base + offset - first) + sets * np.uint64(row_stride), length


def row_gather_stream(rows: np.ndarray, lanes: int) -> np.ndarray:
    """Row stream of `rows` [P, n, K] (or [P, K]): int [P / lanes * n * K, lanes], one line a beat.

    Block (b, n): K beats; column l of beat k is entry k of row n of position b * lanes + l.
    """
    rows = rows.reshape(len(rows), -1, rows.shape[-1])
    positions, count, k = rows.shape
    return rows.reshape(positions // lanes, lanes, count, k).transpose(0, 2, 3, 1).reshape(-1, lanes)


def row_gather_cause(
    base: int,
    row_stride: int,
    offset: int,
    positions: int,
    rows_per_fetch: int,
    k_code: int,
    c_code: int,
    *,
    lanes: int = 2,
    k_max: int = 16,
    c_max: int = 64,
    entry_bits: int = 8,
    beat_bytes: int = 32,
    lane_beats: int = 2,
) -> Cause:
    """What the core says to a job: the first broken rule in the order of `Cause`, or NONE; keywords: its parameters."""
    if k_code > COUNTS.index(k_max) or c_code > COUNTS.index(c_max):
        return Cause.CODE
    row_bytes = COUNTS[k_code] * entry_bits // 8
    if positions == 0 or positions % lanes:
        return Cause.POSITIONS
    if base % beat_bytes or row_stride % beat_bytes or offset % row_bytes:
        return Cause.ALIGN
    fetch = rows_per_fetch * row_bytes
    beats = -(-(offset % beat_bytes + fetch) // beat_bytes)
    if rows_per_fetch == 0 or offset + fetch > row_stride or beats > lane_beats:
        return Cause.FETCH
    return Cause.NONE


def entry_bytes(entries: np.ndarray, entry_bits: int) -> np.ndarray:
    """uint8, last axis entry_bits / 8 times as long: little-endian two's complement of every entry.

    Raises:
        ValueError: `entry_bits` is not 8 or 16, or an entry does not fit.
    """
    if entry_bits not in (8, 16):
        raise ValueError(f"entry_bits is {entry_bits}, allowed 8, 16")
    entries = np.asarray(entries)
    limit = 1 << (entry_bits - 1)
    if entries.size and not -limit <= entries.min() <= entries.max() < limit:
        raise ValueError(f"entries are in [{entries.min()}, {entries.max()}], allowed [{-limit}, {limit - 1}]")
    return np.ascontiguousarray(entries.astype(f"<i{entry_bits // 8}")).view(np.uint8)
