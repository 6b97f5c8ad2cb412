"""sampler: the generator is uniform, the draws follow the softmax, ties and NaN are as stated."""

import numpy as np
import pytest

from lutloom import fp32
from lutloom.errors import UserError
from lutloom.sampler import gumbel, random_bits, sample, top_k, uniform
from lutloom.tests.measure import check_published

F = np.float32


def chi_square(observed: np.ndarray, expected: np.ndarray) -> float:
    """Pearson's statistic as a number of standard deviations (Wilson-Hilferty): above 4 is one chance in 30,000."""
    freedom = observed.size - 1
    statistic = ((observed - expected) ** 2 / expected).sum()
    spread = 2 / (9 * freedom)
    return float(((statistic / freedom) ** (1 / 3) - (1 - spread)) / spread**0.5)


def streams(steps: int, count: int, seed: int = 1) -> np.ndarray:
    return np.stack([random_bits(seed, step, count) for step in range(steps)])


def test_generator_in_scalars():
    def mix(x, key):
        x ^= x >> 16
        x = x * 0x7FEB352D % 2**32 ^ key
        x ^= x >> 15
        x = x * 0x846CA68B % 2**32
        return x ^ x >> 16

    for seed, step in [(0, 0), (1, 0), (0, 1), (2**32 - 1, 12345)]:
        k0 = mix(seed ^ mix(step, 0), 0)
        k1 = mix((k0 + 0x9E3779B9) % 2**32, 0)
        assert random_bits(seed, step, 300).tolist() == [mix(i ^ k0, k1) for i in range(300)]
        u = [(2 * (b >> 9) + 1) / 2**24 for b in random_bits(seed, step, 300).tolist()]
        assert uniform(seed, step, 300).tolist() == u and all(0 < v < 1 for v in u)


@pytest.mark.parametrize("axis", ["tokens", "steps", "seeds"])
def test_generator_is_uniform(axis):
    if axis == "tokens":
        bits = streams(8, 1 << 17)
    elif axis == "steps":
        bits = streams(1 << 12, 128).T
    else:
        bits = np.stack([random_bits(seed, 3, 128) for seed in range(1 << 12)]).T
    cells = bits >> 24
    assert abs(chi_square(np.bincount(cells.ravel(), minlength=256), np.full(256, bits.size / 256))) < 4
    # neighbours along the axis, and the low bits that the number keeps
    for first, second in ((bits[:, :-1] >> 28, bits[:, 1:] >> 28), (bits[:-1] >> 28, bits[1:] >> 28)):
        joint = np.bincount((first * 16 + second).ravel(), minlength=256)
        assert abs(chi_square(joint, np.full(256, first.size / 256))) < 4
    ones = (bits[..., None] >> np.arange(9, 32, dtype=np.uint32) & 1).reshape(-1, 23).mean(axis=0)
    assert (np.abs(ones - 0.5) < 5 * 0.5 / bits.size**0.5).all()


def test_steps_are_not_shifts_of_one_another():
    bits = streams(64, 4096)
    assert np.unique(bits).size > bits.size - 32  # 2^18 of 2^32: 8 chance repetitions expected
    same_key = np.sort(bits, axis=1)
    assert (same_key[1:] != same_key[:-1]).any(axis=1).all()


def test_chi_square_sees_a_bias():
    cells = streams(8, 1 << 17).ravel() >> 24
    biased = np.where((cells == 7) & (np.arange(cells.size) % 4 == 0), 8, cells)
    assert chi_square(np.bincount(biased, minlength=256), np.full(256, cells.size / 256)) > 4


def test_gumbel_error():
    u = uniform(5, 6, 1 << 20)
    u[:2] = 2.0**-24, 1 - 2.0**-24
    found = -fp32.log(-fp32.log(u))
    truth = -np.log(-np.log(u.astype(np.float64)))
    check_published("gumbel", np.abs(found - truth) / 2.0**-24)
    assert (gumbel(5, 6, 1 << 20)[2:] == found[2:]).all() and np.isfinite(found).all() and -2.9 < found.min() < -2.8
    assert 16.6 < found.max() < 16.7


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_softmax(temperature):
    logits = np.random.default_rng(8).standard_normal(20).astype(F) * 2
    weights = np.exp(logits.astype(np.float64) / temperature)
    draws = 8000
    expected = draws * weights / weights.sum()
    counts = np.bincount([sample(logits, temperature, 77, step) for step in range(draws)], minlength=20)
    rare = expected < 10  # left out, the statistic needs some of each
    assert counts[rare].sum() < 100 and abs(chi_square(counts[~rare], expected[~rare])) < 4
    other = expected[~rare] ** 0.9  # softmax at another temperature
    assert chi_square(counts[~rare], other * counts[~rare].sum() / other.sum()) > 4


def test_greedy_ties_nan_and_infinity():
    assert sample(np.array([1, 3, 3, 2], F), 0, 0, 0) == 1
    assert sample(np.array([-1, -0.0, 0], F), 0, 0, 0) == 1 and sample(np.array([-1, 1e-40, -1e-40], F), 0, 0, 0) == 1
    assert sample(np.array([np.nan, 1, np.inf], F), 0, 0, 0) == 2 and sample(np.array([np.nan, -5], F), 0, 0, 0) == 1
    assert sample(np.full(4, -np.inf, F), 0, 0, 0) == 0 and sample(np.full(4, np.nan, F), 1, 0, 0) == 0
    assert sample(np.array([-np.inf, np.nan, 1], F), 1.0, 9, 9) == 2


def test_formula_and_determinism():
    logits = np.random.default_rng(9).standard_normal(2048).astype(F) * 3
    scores = fp32.add(fp32.mul(logits, F(1 / 0.8)), gumbel(3, 4, 2048))
    assert sample(logits, 0.8, 3, 4) == int(np.argmax(scores)) == sample(logits.copy(), 0.8, 3, 4)
    assert len({sample(logits, 0.8, 3, step) for step in range(40)}) > 10
    assert len({sample(logits, 0.8, seed, 4) for seed in range(40)}) > 10


def test_top_k():
    logits = np.array([1, 5, np.nan, 5, -np.inf, 7], F)
    assert top_k(logits, 3).tolist() == [5, 1, 3] and top_k(logits, 99).tolist() == [5, 1, 3, 0, 2, 4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((-1, 0, 0), "temperature: found -1"), ((np.nan, 0, 0), "temperature"), ((1e-9, 0, 0), "temperature"),
     ((1, -1, 0), "seed: found -1"), ((1, 1 << 32, 0), "seed"), ((1, 0, 1 << 32), "step")],
)  # fmt: skip
def test_refusals(arguments, message):
    with pytest.raises(UserError, match=message):
        sample(np.zeros(4, F), *arguments)
