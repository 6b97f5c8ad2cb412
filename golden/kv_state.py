"""The key/value cache of a text so far, put aside and taken up again: on a card, in the golden machine, in a file.

    state = card.save();  ...;  card.restore(state)          # lutloom.host
    state = machine.save(); machine.restore(state)
    state.write("text.kv");  state = KvState.read("text.kv", image)

It holds what lies in the card's memory, byte for byte, for as many positions as there are, and which image it is of.
How a head's positions lie in memory is said in one place, `head_spans` (and docs/image.md).
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from lutloom.attention import BEAT, SCALES, kv_bytes, kv_head_bytes, kv_image
from lutloom.errors import UserError
from lutloom.hardware import Hardware
from lutloom.image import Image
from lutloom.program import UNIT, Attention, decode

FORMAT = "lutloom-kv"
Stored = (
    np.ndarray | tuple[np.ndarray, np.ndarray]
)  # bf16 bits uint16 [KV, n, D], or codes int8 [KV, n, D] and scales [KV, n]


@dataclass(frozen=True)
class CacheLayer:
    """Where the keys and the values of a layer lie: bytes from the start of the image."""

    sides: tuple[int, int]  # keys, values
    kv_heads: int
    head_dim: int
    room: int  # positions
    bits: int

    def head_spans(self, side: int, positions: int) -> list[tuple[int, int]]:
        """(first byte, bytes) of the first positions of every head, keys (0) or values (1)."""
        stride, count = (
            kv_head_bytes(self.room, self.head_dim, self.bits),
            kv_bytes(positions, self.head_dim, self.bits),
        )
        return [(self.sides[side] + head * stride, count) for head in range(self.kv_heads)]

    def bytes_of(self, stored: Stored) -> np.ndarray:
        """Keys or values from position 0 on as they lie in memory: uint8 [KV, bytes]."""
        if self.bits == 16:
            return np.ascontiguousarray(stored, "<u2").view(np.uint8).reshape(self.kv_heads, -1)
        codes, scale = stored
        return kv_image(codes, scale)[:, : kv_bytes(codes.shape[1], self.head_dim, self.bits)]

    def stored(self, data: np.ndarray, positions: int) -> Stored:
        """The inverse of `bytes_of`."""
        if self.bits == 16:
            return np.ascontiguousarray(data).view("<u2").reshape(self.kv_heads, positions, self.head_dim)
        blocks = -(-positions // SCALES)
        whole = np.zeros((self.kv_heads, blocks * (BEAT + SCALES * self.head_dim)), np.uint8)
        whole[:, : data.shape[1]] = data
        whole = whole.reshape(self.kv_heads, blocks, -1)
        scale = np.ascontiguousarray(whole[:, :, :BEAT]).view("<f4").reshape(self.kv_heads, -1)[:, :positions]
        codes = whole[:, :, BEAT:].view(np.int8).reshape(self.kv_heads, -1, self.head_dim)[:, :positions]
        return codes, scale


def cache_layers(image: Image) -> list[CacheLayer]:
    """Of every layer, in order."""
    bits, room = Hardware(**image.config["hardware"]).kv_bits, image.config["max_context"]
    found = [d for d in decode(image.section("program").tobytes(), str(image.path)) if isinstance(d, Attention)]
    return [
        CacheLayer((UNIT * d.cache_k, UNIT * d.cache_v), d.kv_heads, d.head_dim, room, bits)
        for d in sorted(found, key=lambda d: d.layer)
    ]


def identity(image: Image) -> str:
    """Of an image: a state belongs to one."""
    sections = [(s.name, s.bytes, s.crc) for s in image.table.values()]
    return hashlib.sha256(repr((image.hardware_hash, sections)).encode()).hexdigest()


@dataclass
class KvState:
    """See the module."""

    image: str  # `identity`
    positions: int
    layers: list[CacheLayer]
    data: dict[tuple[int, int], np.ndarray]  # (layer, side) -> uint8 [KV, bytes]

    @classmethod
    def collect(cls, image: Image, positions: int, part: Callable[[int, int], np.ndarray]) -> "KvState":
        """`part`(layer, side) gives the bytes [KV, n]. UserError for more positions than the image's cache has."""
        if not 0 <= positions <= image.config["max_context"]:
            raise UserError(f"position: found {positions}, allowed 0..{image.config['max_context']}, the image's cache")
        layers = cache_layers(image)
        data = {(layer, side): part(layer, side) for layer in range(len(layers)) for side in range(2)}
        return cls(identity(image), positions, layers, data)

    def require(self, image: Image) -> None:
        """UserError if it is not of this image."""
        if self.image != identity(image):
            raise UserError(f"{image.path}: found a saved text of another image, allowed one of this")

    def pieces(self) -> Iterator[tuple[int, np.ndarray]]:
        """(byte from the start of the image, uint8 [n]) of everything to write into memory."""
        for (layer, side), data in self.data.items():
            for (first, _), head in zip(self.layers[layer].head_spans(side, self.positions), data, strict=True):
                yield first, head

    def stored(self, layer: int) -> tuple[Stored, Stored]:
        """Keys and values of a layer."""
        place = self.layers[layer]
        return place.stored(self.data[layer, 0], self.positions), place.stored(self.data[layer, 1], self.positions)

    def write(self, path: str | Path) -> None:
        """As a safetensors file."""
        tensors = {
            f"layer{layer}.{'kv'[side]}": np.ascontiguousarray(data) for (layer, side), data in self.data.items()
        }
        save_file(tensors, Path(path), {"format": FORMAT, "image": self.image, "positions": str(self.positions)})

    @classmethod
    def read(cls, path: str | Path, image: Image) -> "KvState":
        """A file that `write` wrote for this image; UserError for any other."""
        try:
            with safe_open(Path(path), framework="numpy") as file:
                metadata, tensors = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path}: found no readable file ({error}), allowed a saved text") from None
        positions = metadata.get("positions", "")
        if metadata.get("format") != FORMAT or not positions.isdecimal():
            raise UserError(f"{path}: found another format, allowed {FORMAT}")
        if metadata.get("image") != identity(image):
            raise UserError(f"{path}: found a saved text of another image, allowed one of {image.path}")
        layers = cache_layers(image)

        def part(layer: int, side: int) -> np.ndarray:
            found = tensors.get(f"layer{layer}.{'kv'[side]}")
            shape = (layers[layer].kv_heads, layers[layer].head_spans(side, int(positions))[0][1])
            if found is None or found.dtype != np.uint8 or found.shape != shape:
                raise UserError(f"{path}: layer {layer}: found no uint8 {list(shape)}, allowed what was saved")
            return found

        return cls.collect(image, int(positions), part)
