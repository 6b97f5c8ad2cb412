"""The contents of a Hash = 1 axi_read_mem.sv, for NumPy checkers."""

import numpy as np


def hash_bytes(addr: int, nbytes: int) -> np.ndarray:
    """Bytes addr .. addr+nbytes-1 of the hashed memory (both multiples of 4) -> uint8[nbytes], little-endian words."""
    if addr % 4 or nbytes % 4:
        raise ValueError(f"address {addr:#x} and length {nbytes} must be multiples of 4")
    w = np.uint64(addr // 4) + np.arange(nbytes // 4, dtype=np.uint64)
    high = w >> np.uint64(32)
    swapped = ((high & np.uint64(0xFFFF)) << np.uint64(16)) | (high >> np.uint64(16))
    x = (w ^ swapped).astype(np.uint32)  # the low 32 bits
    x *= np.uint32(0x9E3779B1)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x85EBCA77)
    x ^= x >> np.uint32(13)
    return x.astype("<u4").view(np.uint8)
