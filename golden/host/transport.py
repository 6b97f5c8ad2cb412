"""What stands between the host and a card: registers, memory, the interrupt. Whoever reaches a card implements it."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from lutloom.errors import UserError


class TransportError(UserError):
    """The card did not answer an access as it should: not there, reset, or a forbidden register."""


class Transport(Protocol):
    """A way to a card. Addresses of registers are bytes in the register map, those of memory are the card's own.

    Every method may raise TransportError. `lutloom.host.golden.GoldenTransport` is one without a card.
    memory_base, memory_bytes: the card's memory.
    stream_window: of a weight stream's number, the range of memory that its port reaches: the stream has to lie there,
                   and its addresses count from there. None: every port reaches everything.
    """

    memory_base: int
    memory_bytes: int
    stream_window: Callable[[int], range] | None

    def read32(self, address: int) -> int:
        """A register."""

    def write32(self, address: int, value: int) -> None:
        """Write a register; the card has it before it sees any later access."""

    def load_memory(self, address: int, data: np.ndarray) -> None:
        """Put uint8 [n] into the card's memory."""

    def read_memory(self, address: int, count: int) -> np.ndarray:
        """uint8 [count] of the card's memory."""

    def wait(self, seconds: float) -> bool:
        """Return True as soon as the interrupt is up, False when it was not for `seconds`."""
