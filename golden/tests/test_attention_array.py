"""Layout of a cache on the ports of attention_array."""

import numpy as np
import pytest

from lutloom.attention import kv_image
from lutloom.attention_array import kv_from_layout, kv_layout, port_bytes


@pytest.mark.parametrize("engines, ways", [(1, 1), (2, 1), (2, 4), (4, 2), (8, 4)])
@pytest.mark.parametrize("kv_heads", [1, 3, 8])
def test_layout(engines, ways, kv_heads):
    room, dim = 5, 128
    rng = np.random.default_rng(0)
    cache = rng.integers(0, 1 << 16, (kv_heads, room, dim), np.uint16)
    ports = kv_layout(cache, engines, ways)
    assert ports.shape == (engines * ways, port_bytes(kv_heads, room, dim, engines, ways))
    assert (kv_from_layout(ports, kv_heads, room, dim, engines, ways) == cache).all()
    for _ in range(20):  # the rule of docs/image.md, number by number
        h, s, d = rng.integers(kv_heads), rng.integers(room), rng.integers(dim)
        port = h % engines * ways + d // 16 % ways
        column = d // 16 // ways * 16 + d % 16
        at = 2 * (((h // engines) * room + s) * (dim // ways) + column)
        assert int.from_bytes(ports[port, at : at + 2].tobytes(), "little") == cache[h, s, d]


def test_one_engine_and_way_is_the_cache_itself():
    cache = np.arange(2 * 3 * 32, dtype=np.uint16).reshape(2, 3, 32)
    assert kv_layout(cache, 1, 1).tobytes()[: cache.nbytes] == cache.tobytes()


def test_int8():
    rng = np.random.default_rng(1)
    image = kv_image(rng.integers(-127, 128, (3, 10, 32), np.int8), rng.random((3, 10), np.float32))
    ports = kv_layout(image, 2, 1)
    assert ports.shape == (2, port_bytes(3, 10, 32, 2, 1, 8))
    assert (ports[1, : image.shape[1]] == image[1]).all()
    assert (ports[0, image.shape[1] : 2 * image.shape[1]] == image[2]).all()
    with pytest.raises(ValueError, match="allowed 1 with"):
        kv_layout(image, 1, 2)


@pytest.mark.parametrize("dim, ways, bits", [(96, 4, 16), (16, 2, 16), (64, 2, 8)])
def test_what_cannot_be_dealt_out(dim, ways, bits):
    with pytest.raises(ValueError, match="allowed multiples"):
        port_bytes(2, 8, dim, 1, ways, bits)
