"""The key/value cache of a text so far, put aside and taken up again: on a card, in the golden machine, in a file.

    state = card.save();  ...;  card.restore(state)          # lutloom.host
    state = machine.save(); machine.restore(state)
    state.write("text.kv");  state = KvState.read("text.kv", image)

It holds what lies in the card's memory, byte for byte, for as many positions as there are, and which image it is of.
Where a head's positions lie is said in one place, `CacheLayer` (and docs/image.md).
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lutloom.attention import BEAT, SCALES, kv_bytes, kv_head_bytes, kv_image
from lutloom.errors import UserError
from lutloom.files import write_file
from lutloom.hardware import Hardware
from lutloom.image import Image
from lutloom.program import UNIT, Attention, decode

FORMAT = "lutloom-kv"
Stored = (
    np.ndarray | tuple[np.ndarray, np.ndarray]
)  # bf16 bits uint16 [KV, n, D], or codes int8 [KV, n, D] and scales [KV, n]


@dataclass(frozen=True)
class CacheLayer:
    """Where the keys and the values of a layer lie, behind the stream ports."""

    sides: tuple[int, int]  # keys, values: bytes from the start of a port's memory
    kv_heads: int
    head_dim: int
    room: int  # positions
    hardware: Hardware

    @property
    def bits(self) -> int:
        """Of the cache: 16 or 8."""
        return self.hardware.kv_bits

    def spans(self, side: int, positions: int) -> list[tuple[int, int, int]]:
        """(port, first byte of its memory, bytes) of the first positions, keys (0) or values (1): head by head, and of
        each head way by way."""
        engines, ways = self.hardware.kv_engines, self.hardware.kv_ways
        dim = self.head_dim // ways
        stride, count = kv_head_bytes(self.room, dim, self.bits), kv_bytes(positions, dim, self.bits)
        return [
            (2 * (head % engines * ways + way) + side, self.sides[side] + head // engines * stride, count)
            for head in range(self.kv_heads)
            for way in range(ways)
        ]

    def bytes_of(self, stored: Stored) -> np.ndarray:
        """Keys or values from position 0 on as they lie in memory: uint8 [KV * ways, bytes], a row a span."""
        if self.bits == 8:  # has one way
            codes, scale = stored
            return kv_image(codes, scale)[:, : kv_bytes(codes.shape[1], self.head_dim, self.bits)]
        pieces = np.asarray(stored, "<u2").reshape(self.kv_heads, -1, *self._dims).transpose(0, 3, 1, 2, 4)
        return np.ascontiguousarray(pieces).view(np.uint8).reshape(self.kv_heads * self.hardware.kv_ways, -1)

    @property
    def _dims(self) -> tuple[int, int, int]:
        """A head's dimensions as [rounds over the ways, ways, dimensions side by side]."""
        ways = self.hardware.kv_ways
        return (1, 1, self.head_dim) if ways == 1 else (self.head_dim // (16 * ways), ways, 16)

    def stored(self, data: np.ndarray, positions: int) -> Stored:
        """The inverse of `bytes_of`."""
        if self.bits == 16:
            rounds, ways, side_by_side = self._dims
            pieces = np.ascontiguousarray(data).view("<u2")
            pieces = pieces.reshape(self.kv_heads, ways, positions, rounds, side_by_side).transpose(0, 2, 3, 1, 4)
            return np.ascontiguousarray(pieces).reshape(self.kv_heads, positions, self.head_dim)
        blocks = -(-positions // SCALES)
        whole = np.zeros((self.kv_heads, blocks * (BEAT + SCALES * self.head_dim)), np.uint8)
        whole[:, : data.shape[1]] = data
        whole = whole.reshape(self.kv_heads, blocks, -1)
        scale = np.ascontiguousarray(whole[:, :, :BEAT]).view("<f4").reshape(self.kv_heads, -1)[:, :positions]
        codes = whole[:, :, BEAT:].view(np.int8).reshape(self.kv_heads, -1, self.head_dim)[:, :positions]
        return codes, scale


def cache_layers(image: Image) -> list[CacheLayer]:
    """Of every layer, in order."""
    hardware, room = Hardware(**image.config["hardware"]), image.config["max_context"]
    found = [d for d in decode(image.section("program").tobytes(), str(image.path)) if isinstance(d, Attention)]
    return [
        CacheLayer((UNIT * d.cache_k, UNIT * d.cache_v), d.kv_heads, d.head_dim, room, hardware)
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
    data: dict[tuple[int, int], np.ndarray]  # (layer, side) -> uint8 [spans, bytes]

    @classmethod
    def collect(cls, image: Image, positions: int, part: Callable[[int, int], np.ndarray]) -> "KvState":
        """`part`(layer, side) gives the bytes [spans, n]. UserError for more positions than the image's cache has."""
        if not 0 <= positions <= image.config["max_context"]:
            raise UserError(f"position: found {positions}, allowed 0..{image.config['max_context']}, the image's cache")
        layers = cache_layers(image)
        data = {(layer, side): part(layer, side) for layer in range(len(layers)) for side in range(2)}
        return cls(identity(image), positions, layers, data)

    def require(self, image: Image) -> None:
        """UserError if it is not of this image."""
        if self.image != identity(image):
            raise UserError(f"{image.path}: found a saved text of another image, allowed one of this")

    def pieces(self) -> Iterator[tuple[int, int, np.ndarray]]:
        """(port, byte of its memory, uint8 [n]) of everything to write into memory."""
        for (layer, side), data in self.data.items():
            for (port, first, _), piece in zip(self.layers[layer].spans(side, self.positions), data, strict=True):
                yield port, first, piece

    @classmethod
    def from_memory(cls, image: Image, positions: int, read: Callable[[int, int, int], np.ndarray]) -> "KvState":
        """`read`(port, byte of its memory, bytes) gives what lies there. UserError as `collect`."""
        layers = cache_layers(image)

        def part(layer: int, side: int) -> np.ndarray:
            return np.stack([read(*span) for span in layers[layer].spans(side, positions)])

        return cls.collect(image, positions, part)

    def stored(self, layer: int) -> tuple[Stored, Stored]:
        """Keys and values of a layer."""
        place = self.layers[layer]
        return place.stored(self.data[layer, 0], self.positions), place.stored(self.data[layer, 1], self.positions)

    def write(self, path: str | Path) -> None:
        """As a safetensors file."""
        tensors = {
            f"layer{layer}.{'kv'[side]}": np.ascontiguousarray(data) for (layer, side), data in self.data.items()
        }
        metadata = {"format": FORMAT, "image": self.image, "positions": str(self.positions)}
        write_file(Path(path), save(tensors, metadata))

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

        def saved(layer: int, side: int) -> np.ndarray:
            found = tensors.get(f"layer{layer}.{'kv'[side]}")
            spans = layers[layer].spans(side, int(positions))
            shape = (len(spans), spans[0][2])
            if found is None or found.dtype != np.uint8 or found.shape != shape:
                raise UserError(f"{path}: layer {layer}: found no uint8 {list(shape)}, allowed what was saved")
            return found

        return cls.collect(image, int(positions), saved)
