"""In-order comparison of what a core delivered with what its golden model says."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from cocotb.triggers import RisingEdge
from pyuvm import uvm_subscriber


class Scoreboard(uvm_subscriber):
    """Subscriber of a monitor's analysis port: every word must equal the next expected one, bit for bit.

    Attributes:
        received: words compared so far.
        muted: while True words are not compared but kept in `heard` (what comes before an error the core was driven
            into, or what the test compares itself).
    """

    def build_phase(self):
        super().build_phase()
        self.expected: deque = deque()
        self.received = 0
        self.muted = False
        self.heard: list = []

    def expect(self, words: Iterable) -> None:
        """Append expected words (tuples like the bus's Word, or ints for a bus with one field)."""
        self.expected.extend(tuple(word) if isinstance(word, tuple) else (word,) for word in words)

    def write(self, word) -> None:
        if self.muted:
            self.heard.append(word)
            return
        assert self.expected, f"{self.get_full_name()}: word {self.received} {word} came, none was expected"
        want = self.expected.popleft()
        if tuple(word) != tuple(want):
            got_hex, want_hex = ([f"{v:x}" for v in w] for w in (word, want))
            raise AssertionError(
                f"{self.get_full_name()}: Mismatch at word {self.received}: got {got_hex}, expected {want_hex}"
            )
        self.received += 1

    async def drain(self, clk, cycles: int) -> None:
        """Wait until everything expected has come; fails after `cycles` clock cycles."""
        for _ in range(cycles):
            if not self.expected:
                return
            await RisingEdge(clk)
        raise AssertionError(
            f"{self.get_full_name()}: {len(self.expected)} words missing {cycles} cycles later ({self.received} came)"
        )

    def flush(self) -> int:
        """Forget what is still expected (after a reset); returns how many words that were."""
        left = len(self.expected)
        self.expected.clear()
        return left

    def check_phase(self):
        assert not self.expected, f"{self.get_full_name()}: {len(self.expected)} expected words never came"
