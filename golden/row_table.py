"""Bit-exact specification of the core `row_table`: the table of one weight group on chip, used by many tokens.

    row[t, p] = table[p, cidx[t, p]]

Table stream: [position][centroid][K] entries without gaps, little-endian two's complement of `entry_bits`, cut into
beats (`pack_table_stream`). Tokens come in passes of `tokens`; inside a pass positions come in blocks of `lanes`. The
image builder packs with these functions. Entries are not computed with: nothing is rounded, nothing overflows.
"""

from __future__ import annotations

import enum

import numpy as np

from .row_gather import COUNTS, entry_bytes


class Cause(enum.IntEnum):
    """Why a job is refused (`cause_o`); rtl/row_table/row_table_pkg.sv has the same numbers."""

    NONE = 0
    CODE = 1
    POSITIONS = 2
    PASSES = 3
    CAPACITY = 4


def row_table(table: np.ndarray, cidx: np.ndarray) -> np.ndarray:
    """The rows that the indices pick.

    Args:
        table: [P, C, K] integer products of P positions, C activation centroids, K weight centroids (one group).
        cidx: [T, P] integers 0 .. C-1.

    Returns:
        [T, P, K], the table's dtype.

    Raises:
        ValueError: an index or a shape is out of range (message names it).
    """
    table, cidx = np.asarray(table), np.asarray(cidx)
    if table.ndim != 3 or cidx.ndim != 2 or cidx.shape[1] != table.shape[0]:
        raise ValueError(f"table {table.shape}, cidx {cidx.shape}: allowed [P, C, K] and [T, P]")
    if cidx.size and not 0 <= cidx.min() <= cidx.max() < table.shape[1]:
        raise ValueError(f"cidx is in [{cidx.min()}, {cidx.max()}], allowed 0 .. {table.shape[1] - 1}")
    return table[np.arange(len(table)), cidx]


def pack_table_stream(table: np.ndarray, entry_bits: int = 8) -> bytes:
    """The table stream of `table` [P, C, K]: P * C * K entries, position after position; always whole beats.

    Raises:
        ValueError: an entry does not fit `entry_bits` (8 or 16).
    """
    return entry_bytes(table, entry_bits).tobytes()


def row_table_indices(cidx: np.ndarray, tokens: int, lanes: int) -> np.ndarray:
    """Index stream of `cidx` [T, P] in the order [pass][block][lane][token], 1-D; T is filled up with index 0."""
    cidx = _whole_passes(cidx, tokens)
    passes, positions = len(cidx) // tokens, cidx.shape[1]
    return cidx.reshape(passes, tokens, positions // lanes, lanes).transpose(0, 2, 3, 1).reshape(-1)


def row_table_stream(table: np.ndarray, cidx: np.ndarray, tokens: int, lanes: int) -> np.ndarray:
    """Row stream of a job: int [passes * P / lanes * K, tokens * lanes], one line a beat.

    Block (pass, b): K beats; column t * lanes + l of beat k is entry k of token pass * tokens + t,
    position b * lanes + l.
    """
    rows = row_table(table, _whole_passes(cidx, tokens))
    total, positions, k = rows.shape
    rows = rows.reshape(total // tokens, tokens, positions // lanes, lanes, k)
    return rows.transpose(0, 2, 4, 1, 3).reshape(-1, tokens * lanes)


def _whole_passes(cidx: np.ndarray, tokens: int) -> np.ndarray:
    cidx = np.asarray(cidx)
    return np.pad(cidx, ((0, -len(cidx) % tokens), (0, 0)))


def row_table_cause(
    positions: int,
    passes: int,
    k_code: int,
    c_code: int,
    *,
    lanes: int = 2,
    k_max: int = 16,
    c_max: int = 64,
    table_positions: int = 1024,
) -> Cause:
    """What the core says to a job: the first broken rule in the order of `Cause`, or NONE; keywords: its parameters."""
    if k_code > COUNTS.index(k_max) or c_code > COUNTS.index(c_max):
        return Cause.CODE
    if positions == 0 or positions % lanes:
        return Cause.POSITIONS
    if passes == 0:
        return Cause.PASSES
    if passes > 1 and positions * COUNTS[k_code] * COUNTS[c_code] > table_positions * k_max * c_max:
        return Cause.CAPACITY
    return Cause.NONE
