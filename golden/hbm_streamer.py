"""Golden model of hbm_streamer: descriptors -> AXI bursts and the ordered beats they deliver."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np


class Cause(IntEnum):
    """Why the streamer stopped; the numbers of hbm_streamer_pkg::cause_e."""

    NONE = 0
    SLVERR = 1
    DECERR = 2
    DESC_ALIGN = 3
    DESC_ZERO = 4
    DESC_RANGE = 5
    PROTOCOL = 6


class Descriptor(NamedTuple):
    """One read: byte address, length in bytes, tag."""

    addr: int
    nbytes: int
    tag: int = 0


@dataclass(frozen=True)
class Stream:
    """What the streamer does with a list of descriptors.

    Attributes:
        data: uint8 [beats, DataW/8], byte 0 of a beat is the one at the lowest address.
        last: bool [beats], the last beat of its descriptor.
        tag: int64 [beats], the tag of its descriptor.
        bursts: (address, beats) of every burst of the descriptors up to the first illegal one. Without a memory error
            the RTL issues exactly these; with one, a prefix that includes the failing burst.
        cause, error_addr, error_tag: of the stop; NONE, 0, 0 if there was none.
    """

    data: np.ndarray
    last: np.ndarray
    tag: np.ndarray
    bursts: list[tuple[int, int]]
    cause: Cause = Cause.NONE
    error_addr: int = 0
    error_tag: int = 0


def descriptor_cause(desc: Descriptor, *, data_w: int = 256, addr_w: int = 64) -> Cause:
    """The first broken rule: whole, aligned beats; not empty; the last byte is below 2**addr_w."""
    beat = data_w // 8
    if desc.addr % beat or desc.nbytes % beat:
        return Cause.DESC_ALIGN
    if desc.nbytes == 0:
        return Cause.DESC_ZERO
    if desc.addr + desc.nbytes > 1 << addr_w:
        return Cause.DESC_RANGE
    return Cause.NONE


def split_bursts(addr: int, nbytes: int, *, data_w: int = 256, max_burst_bytes: int = 512) -> list[tuple[int, int]]:
    """Cut a legal descriptor at every multiple of max_burst_bytes (so never across 4 KB) -> [(address, beats)]."""
    beat = data_w // 8
    first = addr - addr % max_burst_bytes
    starts = [addr, *range(first + max_burst_bytes, addr + nbytes, max_burst_bytes)]
    ends = [*starts[1:], addr + nbytes]
    return [(start, (end - start) // beat) for start, end in zip(starts, ends, strict=True)]


def hbm_streamer(
    descriptors: Iterable[Descriptor],
    memory: np.ndarray | Callable[[int, int], np.ndarray],
    *,
    data_w: int = 256,
    addr_w: int = 64,
    max_burst_bytes: int = 512,
    base: int = 0,
    faults: Mapping[int, Cause] | None = None,
) -> Stream:
    """Everything hbm_streamer delivers for `descriptors`, from reset or clear on.

    Descriptors are worked off in order; each gives nbytes / (data_w/8) beats in address order. The first failing beat
    or illegal descriptor ends the stream: what lies before it is delivered, nothing after it. A failing beat is
    reported with its own address, an illegal descriptor with the descriptor's.

    Args:
        memory: uint8 array whose first byte has address `base` (beats outside answer DECERR), or a function
            (address, nbytes) -> uint8[nbytes] that answers every address.
        data_w, addr_w, max_burst_bytes: the RTL's DataW, AddrW, MaxBurstBytes.
        faults: {address of a beat: cause} for beats that answer with an error.
    """
    beat = data_w // 8
    faults = faults or {}
    data, last, tag, bursts = [np.empty((0, beat), np.uint8)], [], [], []
    cause, error_addr, error_tag = Cause.NONE, 0, 0

    for desc in descriptors:
        illegal = descriptor_cause(desc, data_w=data_w, addr_w=addr_w)
        if illegal:
            if not cause:
                cause, error_addr, error_tag = illegal, desc.addr, desc.tag
            break
        bursts += split_bursts(desc.addr, desc.nbytes, data_w=data_w, max_burst_bytes=max_burst_bytes)
        if cause:
            continue  # after a memory error only addresses can still have been issued
        bad = {a: c for a, c in faults.items() if desc.addr <= a < desc.addr + desc.nbytes}
        if not callable(memory):
            if desc.addr < base or desc.addr >= base + memory.size:
                bad[desc.addr] = Cause.DECERR
            elif desc.addr + desc.nbytes > base + memory.size:
                bad.setdefault(base + memory.size - memory.size % beat, Cause.DECERR)
        stop = min(bad, default=desc.addr + desc.nbytes)
        good = (stop - desc.addr) // beat
        if good:
            nbytes = good * beat
            got = memory(desc.addr, nbytes) if callable(memory) else memory[desc.addr - base :][:nbytes]
            data.append(got.reshape(good, beat))
        last += [desc.addr + (i + 1) * beat == desc.addr + desc.nbytes for i in range(good)]
        tag += [desc.tag] * good
        if bad:
            cause, error_addr, error_tag = bad[stop], stop, desc.tag

    return Stream(
        data=np.concatenate(data),
        last=np.array(last, dtype=bool),
        tag=np.array(tag, dtype=np.int64),
        bursts=bursts,
        cause=cause,
        error_addr=error_addr,
        error_tag=error_tag,
    )
