"""sampler: the next token from the logits, the largest or by the Gumbel-max rule (Maddison et al., arXiv 1411.0030)."""

import numpy as np

from lutloom import fp32
from lutloom.errors import UserError

MULTIPLIERS = 0x7FEB352D, 0x846CA68B  # of the 32-bit hash "lowbias32" (Chris Wellons, hash-prospector, public domain)
GOLDEN_RATIO = 0x9E3779B9
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.001, 1000.0


def sample(logits: np.ndarray, temperature: float, seed: int, step: int) -> int:
    """One token id from logits float32 [V].

    temperature 0: the largest logit. Above: the largest of add(mul(logits, fp32(1/temperature)), noise) with noise =
    gumbel(seed, step, V), which is a draw from softmax(logits / temperature). Ties go to the lowest id; a NaN is never
    taken; if nothing is above -infinity the id is 0. The same arguments give the same token.
    Raises UserError for a temperature that is neither 0 nor in 0.001..1000, or seed or step outside 0..2^32-1.
    """
    if temperature and not MIN_TEMPERATURE <= temperature <= MAX_TEMPERATURE:
        raise UserError(
            f"sample: temperature: found {temperature}, allowed 0 or {MIN_TEMPERATURE}..{MAX_TEMPERATURE:.0f}"
        )
    scores = fp32.flush(logits)
    if temperature:
        noise = gumbel(seed, step, scores.size)
        scores = fp32.add(fp32.mul(scores, np.float32(1 / temperature)), noise)
    return int(np.argmax(np.where(np.isnan(scores), np.float32(-np.inf), scores)))


def top_k(logits: np.ndarray, k: int) -> np.ndarray:
    """The ids of the k largest logits, largest first, ties by lower id; NaN counts as -infinity: int64 [min(k, V)]."""
    order = np.where(np.isnan(logits), np.inf, -np.asarray(logits, np.float32))
    return np.argsort(order, kind="stable")[:k]


def gumbel(seed: int, step: int, count: int) -> np.ndarray:
    """Standard Gumbel noise float32 [count]: -log(-log(u_i))."""
    return -fp32.log(-fp32.log(uniform(seed, step, count)))


def uniform(seed: int, step: int, count: int) -> np.ndarray:
    """Uniform numbers in (0, 1) for i = 0..count-1: u_i = (2 * (bits_i >> 9) + 1) * 2^-24, float32, exact.

    23 random bits and a half: with one bit more the largest u would round to 1, and its noise be infinite.
    """
    return (((random_bits(seed, step, count) >> 9) << 1) | 1).astype(np.float32) * np.float32(2.0**-24)


def random_bits(seed: int, step: int, count: int) -> np.ndarray:
    """The counter-based generator: 32 bits for every (seed, step, i), i = 0..count-1, uint32 [count].

    mix(x, key): x ^= x >> 16; x *= 0x7FEB352D; x ^= key; x ^= x >> 15; x *= 0x846CA68B; x ^= x >> 16   (mod 2^32)
    k0 = mix(seed ^ mix(step, 0), 0);  k1 = mix(k0 + 0x9E3779B9, 0);  bits_i = mix(i ^ k0, k1)
    Two multiplications a number. The key between them keeps the numbers of two steps from being one another's shifts.
    Raises UserError for seed or step outside 0..2^32-1.
    """
    for name, value in (("seed", seed), ("step", step)):
        if not 0 <= value < 1 << 32:
            raise UserError(f"sample: {name}: found {value}, allowed 0..{(1 << 32) - 1}")
    zero = np.uint32(0)
    k0 = mix(np.array([seed], np.uint32) ^ mix(np.array([step], np.uint32), zero), zero)
    return mix(np.arange(count, dtype=np.uint32) ^ k0, mix(k0 + np.uint32(GOLDEN_RATIO), zero))


def mix(x: np.ndarray, key: np.ndarray) -> np.ndarray:
    """One round of the hash (see `random_bits`): uint32 arrays."""
    x = (x ^ (x >> 16)) * np.uint32(MULTIPLIERS[0]) ^ key
    x = (x ^ (x >> 15)) * np.uint32(MULTIPLIERS[1])
    return x ^ (x >> 16)
