"""attention_array: attention with the kv heads, and each head's dimensions, dealt out to engines and memory ports.

The arithmetic is `lutloom.attention.attention`, whatever the number of engines and ways. What differs is where the
cache lies: engine e has kv heads e, e + engines, ... (its local heads 0, 1, ...), way j of an engine the dimensions d
with (d / 16) % ways == j. Engine e and way j have their keys on key port e * ways + j, the values on that value port.
On a port all layers lie behind each other, each in `port_bytes`; the same offset holds on every port:

    layer l begins at base[port] + l * port_bytes:  bf16 [ceil(kv_heads / engines)][room][D / ways]
"""

import numpy as np

from lutloom.attention import attention, kv_head_bytes
from lutloom.program import UNIT

LANES = 16  # dimensions that stay together


def attention_array(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, first_position: int, scale: np.float32 | float
) -> np.ndarray:
    """What the engines give together: `lutloom.attention.attention` of the same arguments."""
    return attention(q, k, v, first_position, scale)


def local_heads(kv_heads: int, engines: int) -> int:
    """Most kv heads of an engine; on every port a layer has room for so many."""
    return -(-kv_heads // engines)


def port_bytes(kv_heads: int, room: int, head_dim: int, engines: int, ways: int, kv_bits: int = 16) -> int:
    """Bytes of a layer's keys (or values) on each port: whole units of 64.

    ValueError for head dimensions that cannot be dealt out; an int8 cache has one way.
    """
    if ways > 1 and (head_dim % (LANES * ways) or kv_bits == 8):
        found = f"{head_dim}, {ways}, {kv_bits}"
        raise ValueError(f"head_dim, ways, kv_bits: found {found}, allowed multiples of 16 ways; 8 with one way")
    head = kv_head_bytes(room, head_dim, kv_bits) // ways
    return -(-local_heads(kv_heads, engines) * head // UNIT) * UNIT


def kv_layout(cache: np.ndarray, engines: int, ways: int) -> np.ndarray:
    """A layer's keys (or values) as they lie on the ports: -> uint8 [engines * ways, port_bytes].

    cache bfloat16 bits uint16 [KV, room, D], or of an int8 cache, with one way, `lutloom.attention.kv_image` of it,
    uint8 [KV, bytes of a head]. Places of heads that an engine does not have are zeros.
    """
    kv_heads = cache.shape[0]
    heads = local_heads(kv_heads, engines)
    if cache.dtype == np.uint8:
        if ways != 1:
            raise ValueError(f"ways: found {ways}, allowed 1 with an int8 cache")
        parts = cache[:, None]  # [KV, 1, bytes]
    else:
        room, dim = cache.shape[1:]
        parts = cache.astype("<u2").reshape(kv_heads, room, dim // LANES // ways, ways, LANES).transpose(0, 3, 1, 2, 4)
        parts = np.ascontiguousarray(parts).reshape(kv_heads, ways, -1).view(np.uint8)
    size = parts.shape[-1]
    ports = np.zeros((engines, ways, -(-heads * size // UNIT) * UNIT), np.uint8)
    for head in range(kv_heads):
        local = head // engines
        ports[head % engines, :, local * size : (local + 1) * size] = parts[head]
    return ports.reshape(engines * ways, -1)


def kv_from_layout(ports: np.ndarray, kv_heads: int, room: int, head_dim: int, engines: int, ways: int) -> np.ndarray:
    """The cache uint16 [KV, room, D] that `kv_layout` has laid out as `ports` uint8 [engines * ways, bytes]."""
    heads = local_heads(kv_heads, engines)
    size = 2 * room * head_dim // ways
    parts = np.ascontiguousarray(ports[:, : heads * size]).view("<u2").astype(np.uint16)
    parts = parts.reshape(engines, ways, heads, room, head_dim // LANES // ways, LANES)
    cache = parts.transpose(2, 0, 3, 4, 1, 5).reshape(heads * engines, room, head_dim)
    return np.ascontiguousarray(cache[:kv_heads])
