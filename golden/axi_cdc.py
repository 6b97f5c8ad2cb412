"""Golden model of axi_cdc: what a channel brings comes out unchanged, in order; how much a channel holds."""

from __future__ import annotations

from collections.abc import Iterable

# channel -> fields of its words, in the order of the RTL's concatenation; and whether it leads from s_axi to m_axi
_ADDRESS = ("id", "addr", "len", "size", "burst", "cache", "prot")
CHANNELS = {
    "aw": (_ADDRESS, True),
    "w": (("data", "strb", "last"), True),
    "b": (("id", "resp"), False),
    "ar": (_ADDRESS, True),
    "r": (("id", "data", "resp", "last"), False),
}


def axi_cdc(words: Iterable[tuple]) -> list[tuple]:
    """The words that come out of a channel for those that go in, whatever the clocks."""
    return list(words)


def capacity(depth: int = 32) -> int:
    """Words that a channel takes while its other side takes none: its memory and its output register."""
    return depth + 1
