"""Layers and their numbers, for the benches of attention and of attention_array."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Shape:
    """Of a layer: its cache has [kv_heads, room, dim] numbers per side."""

    kv_heads: int
    group: int
    dim: int
    room: int

    @property
    def heads(self) -> int:
        return self.kv_heads * self.group


def pack(x: np.ndarray, ways: int) -> list[int]:
    """float32 [..., n * 16 * ways] -> lines of 16 * ways values."""
    return [int.from_bytes(row.tobytes(), "little") for row in np.ascontiguousarray(x, "<f4").reshape(-1, 16 * ways)]
