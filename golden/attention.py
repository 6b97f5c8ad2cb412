"""attention: causal grouped-query attention over a bfloat16 key/value cache, one pass with a running maximum.

The running softmax is that of Milakov and Gimelshein (arXiv 1805.02867). Positions are taken in blocks of 16, aligned
to absolute position. For one query (all operations of lutloom.fp32, D the head's dimension):

    s[j] = mul(reduce_sum over D of mul(q, k[j]), scale)                    for the visible j of the block
    m'   = maximum(m, largest s[j] of the block);  p[j] = exp(sub(s[j], m'));  alpha = exp(sub(m, m'))
    l    = add(mul(l, alpha), reduce_sum over the 16 of p)
    acc  = add(mul(acc, alpha), reduce_sum over the 16 of mul(p, v[j]))     for every one of the D outputs
    first block: m' = largest s[j], l and acc are the block's sums
    end: y = mul(acc, reciprocal(l))

Of the last block the positions after the query add +0 to both sums, whatever the cache holds there, and do not enter
the maximum; blocks after the query's are skipped. So a query's result depends only on itself and on what it sees.

An int8 cache holds `kv_quantize` of every new key and value vector in place of its bfloat16 numbers, and attention
computes with `kv_dequantize` of that, for the token itself too. Layouts in memory: `kv_image`.
"""

import numpy as np

from lutloom import fp32
from lutloom.act_quant import act_quant
from lutloom.errors import UserError

BLOCK = 16  # positions that share one rescaling
BEAT = 32  # bytes of a memory beat
SCALES = 8  # of an int8 cache in one beat: positions of a block in memory
KV_BITS = (8, 16)  # int8 codes with a scale, or bfloat16
WORK = 1 << 17  # products held at once: they stay in a private cache


class KVCache:
    """Keys (after norm and RoPE) and values of the positions seen so far: bfloat16 bits [layers, KV, room, D] each."""

    def __init__(self, layers: int, kv_heads: int, room: int, head_dim: int):
        self.k = np.zeros((layers, kv_heads, room, head_dim), np.uint16)
        self.v = np.zeros_like(self.k)
        self.length = 0

    def append(self, layer: int, k: np.ndarray, v: np.ndarray) -> None:
        """Round k and v float32 [KV, T, D] to bfloat16 and put them after the first `length` positions of a layer.

        `length` itself grows with `advance`, when all layers have their share. UserError if there is no room.
        """
        end = self.length + k.shape[1]
        if end > self.k.shape[2]:
            raise UserError(f"KV cache: positions: found {end}, allowed up to {self.k.shape[2]}")
        self.k[layer, :, self.length : end] = fp32.to_bf16(k)
        self.v[layer, :, self.length : end] = fp32.to_bf16(v)

    def advance(self, count: int) -> None:
        """`count` more positions are complete in all layers."""
        self.length += count


def kv_quantize(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of new keys or values as an int8 cache holds them: x float32 [..., D] -> codes int8 [..., D], scale
    float32 [...], one scale per token and head; `lutloom.act_quant` with 8 bits."""
    codes, scale = act_quant(x, 8)
    return codes.astype(np.int8), scale


@fp32.quiet
def kv_dequantize(codes: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """What attention computes with: bf16(mul(fp32(code), scale)), int8 [..., D], float32 [...] -> uint16 [..., D]."""
    return fp32.to_bf16(fp32.mul(codes.astype(np.float32), scale[..., None]))


def kv_stored(x: np.ndarray, kv_bits: int) -> np.ndarray:
    """New keys or values float32 [..., D] as attention sees them from then on: bfloat16 bits uint16 [..., D]."""
    return kv_dequantize(*kv_quantize(x)) if kv_bits == 8 else fp32.to_bf16(x)


def kv_bytes(count: int, head_dim: int, kv_bits: int) -> int:
    """Bytes that the first `count` positions of one kv head's keys (or values) take in memory, without a gap.

    ValueError for other bits, or a head_dim that is no multiple of 32 in an int8 cache.
    """
    if kv_bits not in KV_BITS or (kv_bits == 8 and head_dim % BEAT):
        raise ValueError(f"kv_bits, head_dim: found {kv_bits}, {head_dim}, allowed 16, or 8 with a multiple of {BEAT}")
    return 2 * count * head_dim if kv_bits == 16 else -(-count // SCALES) * BEAT + count * head_dim


def kv_head_bytes(room: int, head_dim: int, kv_bits: int) -> int:
    """Bytes from one kv head to the next in a cache with `room` positions; an int8 cache has whole blocks of 8."""
    return kv_bytes(room if kv_bits == 16 else -(-room // SCALES) * SCALES, head_dim, kv_bits)


def kv_image(codes: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """An int8 cache as it lies in memory: codes int8 [KV, S, D], scale float32 [KV, S] -> uint8 [KV, bytes of a head].

    Blocks of 8 positions: a beat of 32 bytes with their scales, little-endian, then their codes [8][D]. So the first n
    positions of a head are its first ceil(n / 8) * 32 + n * D bytes. Behind the last position there are zeros.
    """
    heads, room, dim = codes.shape
    image = np.empty((heads, -(-room // SCALES), BEAT + SCALES * dim), np.uint8)
    pad = -room % SCALES
    scales = np.pad(scale, ((0, 0), (0, pad))).astype("<f4").view(np.uint8)
    image[:, :, :BEAT] = scales.reshape(heads, -1, BEAT)
    image[:, :, BEAT:] = np.pad(codes, ((0, 0), (0, pad), (0, 0))).view(np.uint8).reshape(heads, -1, SCALES * dim)
    return image.reshape(heads, -1)


@fp32.quiet
def attention(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, first_position: int, scale: np.float32 | float
) -> np.ndarray:
    """Attention of T consecutive queries, the module's text applied to each.

    q float32 [H, T, D] after RoPE; k, v bfloat16 bits uint16 [KV, S, D], position by position from 0; query t is at
    position first_position + t and sees positions up to its own; head h uses the keys of head h // (H / KV);
    scale float32 -> float32 [H, T, D]. What k and v hold after the last query is not looked at.
    Raises ValueError for shapes that do not fit.
    """
    heads, count, dim = q.shape
    kv_heads, stored, _ = k.shape
    seen = first_position + count
    if k.shape != v.shape or k.shape[2] != dim or heads % kv_heads or first_position < 0 or seen > stored or not count:
        raise ValueError(
            f"q, k, v, first_position: found {q.shape}, {k.shape}, {v.shape}, {first_position}; "
            "allowed [H, T, D], [KV, S, D] twice, H a multiple of KV, T from 1, first_position + T up to S"
        )
    q = fp32.flush(q).reshape(kv_heads, heads // kv_heads, count, dim)
    keys, values = by_block(k, seen), by_block(v, seen)  # [KV, blocks, 16, D]
    keys = np.ascontiguousarray(keys.transpose(0, 3, 1, 2)).reshape(kv_heads, dim, -1)  # [KV, D, S]
    safe_from = fp32.SUM_SAFE / fp32.smallest(keys), fp32.SUM_SAFE / fp32.smallest(values)
    y = np.empty_like(q)
    for start in range(first_position // BLOCK * BLOCK, seen, BLOCK):  # queries of one block see equally many blocks
        first, last = max(start, first_position), min(start + BLOCK, seen)
        hidden = np.arange(start, start + BLOCK) > np.arange(first, last)[:, None]  # [T', 16]
        tile = slice(first - first_position, last - first_position)
        blocks = start // BLOCK + 1
        s = scores(q[:, :, tile], keys[:, :, : blocks * BLOCK], np.float32(scale), safe_from[0])
        y[:, :, tile] = weighted_sum(s, values[:, :blocks], hidden, safe_from[1])
    return y.reshape(heads, count, dim)


def by_block(cache: np.ndarray, seen: int) -> np.ndarray:
    """The first `seen` positions of bfloat16 [KV, S, D] as float32 [KV, blocks, 16, D], filled up with +0."""
    kv_heads, _, dim = cache.shape
    padded = np.zeros((kv_heads, -(-seen // BLOCK) * BLOCK, dim), np.uint16)
    padded[:, :seen] = cache[:, :seen]
    x = fp32.widen(padded)
    return (x if fp32.smallest(x) >= fp32.TINY else fp32.flush(x)).reshape(kv_heads, -1, BLOCK, dim)


def scores(q: np.ndarray, keys: np.ndarray, scale: np.float32, safe_from: float) -> np.ndarray:
    """mul(reduce_sum(mul(q, k)), scale): q [KV, G, T', D], keys [KV, D, S] -> float32 [KV, G, T', S].

    No product is below SUM_SAFE if all of |q| is zero or at least `safe_from`; then nothing needs flushing.
    """
    kv_heads, group, count, dim = q.shape
    length = keys.shape[2]
    safe = fp32.smallest(q) >= safe_from
    s = np.empty((kv_heads, group * count, length), np.float32)
    wide = min(length, max(1, WORK // dim))
    rows = max(1, WORK // (dim * wide))
    for head, part in enumerate(q.reshape(kv_heads, group * count, dim)):
        for row in range(0, group * count, rows):
            columns = np.ascontiguousarray(part[row : row + rows].T)[:, :, None]  # [D, rows, 1]
            for left in range(0, length, wide):
                product = columns * keys[head, :, None, left : left + wide]  # [D, rows, wide]
                s[head, row : row + rows, left : left + wide] = fp32.tree_sum(
                    product if safe else fp32.flush(product), safe
                )
    return fp32.mul(s, scale).reshape(kv_heads, group, count, length)


def weighted_sum(s: np.ndarray, values: np.ndarray, hidden: np.ndarray, safe_from: float) -> np.ndarray:
    """The running softmax and the sums over it: s [KV, G, T', S], values [KV, blocks, 16, D] -> [KV, G, T', D].

    hidden bool [T', 16]: positions of the last block that a query does not see.
    """
    kv_heads, blocks, _, dim = values.shape
    s = s.reshape(kv_heads, *s.shape[1:3], blocks, BLOCK)
    last = s[:, :, :, -1]  # [KV, G, T', 16]
    np.copyto(last, np.float32(-np.inf), where=hidden)
    largest = fp32.flush(np.maximum.accumulate(s.max(axis=-1), axis=-1) + fp32.ZERO)  # [KV, G, T', blocks]
    p = fp32.exp(s - largest[..., None])  # 0 where hidden; of a subnormal, flushed or not, it is 1
    alpha = fp32.exp(largest[..., :-1] - largest[..., 1:])
    safe = fp32.smallest(p) >= max(safe_from, fp32.SUM_SAFE)
    sums = block_sums(p, values, hidden, safe)  # [blocks, KV, G, T', D + 1]
    total = sums[0]
    for block in range(1, blocks):
        rescaled = fp32.flush(total * alpha[..., block - 1, None])
        total = fp32.flush(rescaled + sums[block])
    return fp32.mul(total[..., :dim], fp32.reciprocal(total[..., dim:]))


def block_sums(p: np.ndarray, values: np.ndarray, hidden: np.ndarray, safe: bool) -> np.ndarray:
    """Sums over the 16 positions of every block of mul(p, v), and of p as column D: [blocks, KV, G, T', D + 1]."""
    kv_heads, group, count, blocks, _ = p.shape
    dim = values.shape[-1]
    sums = np.empty((blocks, kv_heads, group * count, dim + 1), np.float32)
    weights = p.reshape(kv_heads, group * count, blocks, BLOCK).transpose(0, 3, 2, 1)  # [KV, 16, blocks, rows]
    sums[..., dim] = fp32.tree_sum(weights.swapaxes(0, 1), safe).swapaxes(0, 1)
    unseen = np.broadcast_to(hidden, (group, count, BLOCK)).reshape(-1, BLOCK).T[..., None]  # [16, rows, 1]
    wide = min(blocks, max(1, WORK // (BLOCK * dim)))
    rows = max(1, WORK // (BLOCK * dim * wide))
    for head in range(kv_heads):
        v = values[head].swapaxes(0, 1)[:, :, None]  # [16, blocks, 1, D]
        for row in range(0, group * count, rows):
            for left in range(0, blocks, wide):
                product = weights[head, :, left : left + wide, row : row + rows, None] * v[:, left : left + wide]
                if left + wide >= blocks:  # 0 * v may be -0 or NaN
                    np.copyto(product[:, -1], fp32.ZERO, where=unseen[:, row : row + rows])
                sums[left : left + wide, head, row : row + rows, :dim] = fp32.tree_sum(
                    product if safe else fp32.flush(product), safe
                )
    return sums.reshape(blocks, kv_heads, group, count, dim + 1)
