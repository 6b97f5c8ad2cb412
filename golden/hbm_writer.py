"""Golden model of hbm_writer: descriptors and beats -> AXI bursts, their data, and an answer for every descriptor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from lutloom.hbm_streamer import Cause, Descriptor, descriptor_cause, split_bursts


@dataclass
class Written:
    """What the writer does with a list of descriptors.

    Attributes:
        bursts: (address, uint8 [beats, DataW/8]) of every burst of the descriptors up to the first illegal one.
            Without a memory error the RTL issues exactly these; with one, a prefix that includes the failing burst.
        answers: (tag, cause) in order; the failing descriptor's is the last.
        cause, error_addr, error_tag: of the stop; NONE, 0, 0 if there was none.
        beats: beats that belong to the descriptors of `bursts`.
    """

    bursts: list[tuple[int, np.ndarray]] = field(default_factory=list)
    answers: list[tuple[int, Cause]] = field(default_factory=list)
    cause: Cause = Cause.NONE
    error_addr: int = 0
    error_tag: int = 0
    beats: int = 0


def hbm_writer(
    descriptors: Iterable[Descriptor],
    data: np.ndarray,
    *,
    data_w: int = 256,
    addr_w: int = 64,
    max_burst_bytes: int = 512,
    faults: Mapping[int, Cause] | None = None,
) -> Written:
    """Everything hbm_writer does with `descriptors`, from reset or clear on.

    Descriptors are worked off in order and cut like hbm_streamer's. The first failing burst or illegal descriptor ends
    it: the descriptors before it are answered with NONE, the failing one with the cause, nothing behind it.

    Args:
        data: uint8 [beats, data_w/8], the stream. Strobes change nothing here: a beat takes its own along.
        data_w, addr_w, max_burst_bytes: the RTL's DataW, AddrW, MaxBurstBytes.
        faults: {address in a burst: cause} for bursts that are answered with an error.
    """
    out, beat, faults = Written(), data_w // 8, faults or {}
    for desc in descriptors:
        illegal = descriptor_cause(desc, data_w=data_w, addr_w=addr_w)
        if illegal:
            if not out.cause:
                out.cause, out.error_addr, out.error_tag = illegal, desc.addr, desc.tag
                out.answers.append((desc.tag, illegal))
            break
        for addr, beats in split_bursts(desc.addr, desc.nbytes, data_w=data_w, max_burst_bytes=max_burst_bytes):
            out.bursts.append((addr, data[out.beats : out.beats + beats]))
            out.beats += beats
            bad = [cause for a, cause in faults.items() if addr <= a < addr + beats * beat]
            if bad and not out.cause:
                out.cause, out.error_addr, out.error_tag = bad[0], addr, desc.tag
                out.answers.append((desc.tag, bad[0]))
        if not out.cause:
            out.answers.append((desc.tag, Cause.NONE))
    return out
