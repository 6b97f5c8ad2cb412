"""Bytes that one new token moves between memory and accelerator, counted over the program of an image.

What is counted is what the descriptors name, whole beats where the hardware reads beats: no estimate and no caching
between tokens. Activations stay on chip and cost nothing.
"""

from collections.abc import Mapping, Sequence

from lutloom.attention import BEAT, kv_bytes
from lutloom.covq import ACT_CENTROIDS, WEIGHT_CENTROIDS, group_slices
from lutloom.hardware import ROW_BYTES
from lutloom.program import (
    BYTES,
    SEARCH,
    UNIT,
    Attention,
    Descriptor,
    Embed,
    Gather,
    LinearSynth,
    LinearTable,
    RmsNorm,
    Rope,
    Search,
)

CLASSES = (
    "streams",  # what all slices stream, every beat of every port: wvq indices and codebooks; of Search and Gather too
    "packets",  # covq: start values and indices
    "codebooks",  # covq: activation codebooks and their exponents
    "rows",  # covq: a row per position and group
    "pairs",  # inputs of every position
    "scales",  # of every output
    "norms",
    "embedding",  # one row
    "rope",  # one row
    "kv_read",  # keys and values of the positions seen
    "kv_write",  # those of the new position
    "program",
)


def traffic(program: Sequence[Descriptor], config: Mapping, context: int) -> dict[str, int]:
    """Bytes per token by class (`CLASSES`) for the decode of the token at position `context` - 1.

    program: the descriptors of an image; config: its section "config", for the hardware parameters.
    The token attends to `context` positions, itself included. The head runs, as for every token in decode.
    """
    hardware = config["hardware"]
    total = dict.fromkeys(CLASSES, 0)
    total["program"] = BYTES * len(program)
    for descriptor in program:
        for name, count in _bytes(descriptor, hardware, context).items():
            total[name] += count
    return total


def _bytes(d: Descriptor, hardware: Mapping, context: int) -> dict[str, int]:
    """Bytes by class of one descriptor."""
    beat = hardware["beat_bytes"]
    match d:
        case Embed():
            return {"embedding": d.row * UNIT}
        case RmsNorm():
            return {"norms": 4 * d.n}
        case Rope():
            return {"rope": 4 * d.head_dim}
        case LinearSynth():
            return {
                "streams": d.beats * beat * hardware["slices"],
                "pairs": 4 * d.positions,
                "scales": 4 * d.outputs,
            }
        case LinearTable():
            searched = d.flags & SEARCH  # otherwise the centroids found before are used again
            row = -(-WEIGHT_CENTROIDS // beat) * beat
            return {
                "packets": d.packet_beats * beat,
                "codebooks": (2 * ACT_CENTROIDS + 1) * d.positions if searched else 0,
                "rows": row * d.positions,
                "pairs": 4 * d.positions if searched else 0,
                "scales": 4 * d.outputs,
            }
        case Search():
            return {
                "streams": d.beats * beat * hardware["slices"],
                "pairs": 4 * d.positions,
                "scales": 4 * d.inputs,
            }
        case Gather():
            return {
                "streams": d.beats * beat * hardware["slices"],
                "rows": ROW_BYTES * d.positions * len(group_slices(d.outputs)),
                "scales": 2 * 4 * d.outputs,  # with the start values
            }
        case Attention():
            bits, sides = hardware.get("kv_bits", 16), 2 * d.kv_heads
            scale = BEAT if bits == 8 else 0  # written as a beat of which the rest is masked
            read = kv_bytes(context, d.head_dim, bits)
            return {"kv_read": sides * read, "kv_write": sides * (d.head_dim * bits // 8 + scale)}
        case _:
            return {}
