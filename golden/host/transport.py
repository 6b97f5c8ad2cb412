"""What stands between the host and a card: registers, memory, the interrupt. Whoever reaches a card implements it."""

from typing import Protocol

import numpy as np

from lutloom.errors import UserError


class TransportError(UserError):
    """The card did not answer an access as it should: not there, reset, or a forbidden register."""


class Transport(Protocol):
    """A way to a card. Addresses of registers are bytes in the register map, those of memory are the card's own.

    Every method may raise TransportError. `lutloom.host.golden.GoldenTransport` is one without a card.
    """

    def read32(self, address: int) -> int:
        """A register."""

    def write32(self, address: int, value: int) -> None:
        """Write a register; returns when the card has it."""

    def load_memory(self, address: int, data: np.ndarray) -> None:
        """Put uint8 [n] into the card's memory."""

    def read_memory(self, address: int, count: int) -> np.ndarray:
        """uint8 [count] of the card's memory."""

    def wait(self, seconds: float) -> bool:
        """Return True as soon as the interrupt is up, False when it was not for `seconds`."""
