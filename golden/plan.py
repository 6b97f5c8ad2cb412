"""What the compiler's first pass makes: descriptors, room in the sections, and what will fill it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lutloom.hardware import Hardware
from lutloom.program import UNIT, Descriptor


@dataclass(frozen=True)
class Place:
    """An address that is known once all sections have their sizes: byte `offset` of `section`."""

    section: str
    offset: int


@dataclass
class Plan:
    """What the first pass makes."""

    hardware: Hardware
    program: list[Descriptor] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)  # name of every stage, as descriptors number them
    sizes: dict[str, int] = field(default_factory=dict)  # bytes reserved in every section
    fills: list[tuple[str, int, Callable[[], bytes]]] = field(default_factory=list)  # what the second pass writes
    frame: int = 0  # words of a token's frame

    def reserve(self, section: str, size: int, fill: Callable[[], bytes | np.ndarray] | None = None) -> Place:
        """Room for `size` bytes, a whole number of address units, in a section; `fill` makes them in pass two."""
        offset = self.sizes.get(section, 0)
        self.sizes[section] = offset + -(-size // UNIT) * UNIT
        if fill is not None:
            self.fills.append((section, offset, fill))
        return Place(section, offset)

    def reserve_streams(self, beats: int, fill: Callable[[], np.ndarray]) -> int:
        """Room for `beats` beats in every port, the same in all: its first beat.

        fill: makes uint8 [slices, beats, beat_bytes] in pass two.
        """
        width, slices = self.hardware.beat_bytes, self.hardware.slices
        for s in range(slices):
            place = self.reserve(f"port{s}", beats * width)
        self.fills.append(("ports", place.offset, lambda: list(fill().reshape(slices, -1))))
        return place.offset // width

    def buffer(self, words: int) -> int:
        """A new buffer of the frame: its word offset."""
        self.frame += words
        return self.frame - words

    def emit(self, operation: type[Descriptor], stage: str, *values, flags: int = 0) -> None:
        """Append a descriptor; a name seen for the first time is a new stage."""
        if stage not in self.stages[-1:]:
            self.stages.append(stage)
        self.program.append(operation(len(self.stages) - 1, flags, *values))
