"""The program: 64-byte descriptors that the accelerator and the golden machine execute one after the other.

A descriptor is sixteen 32-bit little-endian words: word 0 holds the operation [7:0], the flags [15:8] and the stage
number [31:16]; the fields follow in the order they are declared below; the rest is zero. Memory is addressed in units
of 64 bytes from the start of the image, streams in beats. Activations live on chip in a *frame* of float32 words per
token; `src`, `dst` and `residual` are word offsets into it.

The whole program runs once for every chunk of tokens. Operations with LAST run only for the last token of a prompt.
"""

import struct
from dataclasses import dataclass, fields
from typing import ClassVar

from lutloom.errors import UserError

BYTES = 64
UNIT = 64  # bytes of one address unit
LAST = 1  # flag: only for the last token of the prompt (the head)
RESIDUAL = 2  # flag: add the frame's `residual` to the output
LOGITS = 4  # flag: the output goes to the sampler, not to the frame
SEARCH = 8  # flag: quantise and search the input anew; else the centroid indices of the command before are used again


@dataclass(frozen=True)
class Descriptor:
    """Base: the fields in word 0. `stage` numbers the operation's place in the config's list of stages."""

    OPCODE: ClassVar[int] = 0
    FORMAT: ClassVar[str] = ""  # struct codes of the fields behind word 0, x for a byte without one

    stage: int
    flags: int

    def encode(self) -> bytes:
        """The 64 bytes. ValueError if a field does not fit."""
        values = [getattr(self, f.name) for f in fields(self)[2:]]
        try:
            data = struct.pack("<BBH" + self.FORMAT, self.OPCODE, self.flags, self.stage, *values)
        except struct.error as error:
            raise ValueError(f"{self}: {error}") from None
        return data.ljust(BYTES, b"\0")

    @classmethod
    def gaps(cls) -> list[int]:
        """Offsets of the bytes in front of the last field that belong to none. They are zero."""
        ends = [4 + struct.calcsize("<" + cls.FORMAT[: n + 1]) for n in range(len(cls.FORMAT))]
        return [end - 1 for code, end in zip(cls.FORMAT, ends, strict=True) if code == "x"]


@dataclass(frozen=True)
class Embed(Descriptor):
    """frame[dst ..] = row `token` of the bf16 table at `address`, `row` address units a row."""

    OPCODE: ClassVar[int] = 1
    FORMAT: ClassVar[str] = "IIII"
    dst: int
    n: int
    address: int
    row: int


@dataclass(frozen=True)
class RmsNorm(Descriptor):
    """`count` vectors of n values: dst = rms_norm(src, gain, eps); gain float32 [n] at `gain`; inv_n is fp32(1 / n)."""

    OPCODE: ClassVar[int] = 2
    FORMAT: ClassVar[str] = "IIIIIff"
    src: int
    dst: int
    n: int
    count: int
    gain: int
    eps: float
    inv_n: float


@dataclass(frozen=True)
class Rope(Descriptor):
    """`count` heads of `head_dim` values: dst = rope(src), table float32 [position][head_dim / 2][cos, sin]."""

    OPCODE: ClassVar[int] = 3
    FORMAT: ClassVar[str] = "IIIII"
    src: int
    dst: int
    head_dim: int
    count: int
    table: int


@dataclass(frozen=True)
class LinearSynth(Descriptor):
    """wvq: dst [outputs] = linear(src [inputs]), weights from the slices' streams.

    pairs:  uint16 [positions][2]; scales: float32 [outputs]. The stream of every slice is read from beat `stream` on,
    `beats` long; it holds the packets of this slice's (group, subset) jobs, job j at slice j % slices. Job j is group
    j // subsets, subset j % subsets; subset u has the blocks [u * blocks // subsets, (u + 1) * blocks // subsets).
    """

    OPCODE: ClassVar[int] = 4
    FORMAT: ClassVar[str] = "IIIIIIIIIHHBBH"
    src: int
    dst: int
    residual: int
    inputs: int
    outputs: int
    pairs: int
    scales: int
    stream: int
    beats: int
    positions: int
    group: int
    centroids: int
    act_bits: int
    subsets: int


@dataclass(frozen=True)
class LinearTable(Descriptor):
    """covq: dst [outputs] = one group of a linear of src [inputs], rows from gather table (decode) or table (prefill).

    pairs: uint16 [positions][2]; act_exp: int8 [positions]; codebook: int8 [positions][64][2];
    scales: float32 [outputs]. Packet: start values and index stream of `lutloom.linear_covq`. In the gather table rows
    are `row_stride` bytes apart; this group's begin `row_offset` bytes into one.
    """

    OPCODE: ClassVar[int] = 5
    FORMAT: ClassVar[str] = "IIIIIIIIIIIHHHHH"
    src: int
    dst: int
    residual: int
    pairs: int
    act_exp: int
    codebook: int
    packet: int
    packet_beats: int
    gather: int
    table: int
    scales: int
    inputs: int
    positions: int
    outputs: int
    row_stride: int
    row_offset: int


@dataclass(frozen=True)
class Attention(Descriptor):
    """Append k and v to the layer's cache, then attend.

    The cache lies behind the streams' ports, see docs/image.md: at `cache_k` of every port that has keys, at `cache_v`
    of those with values, from the port's base on.
    scale is the factor of the scores, 1 / sqrt(head_dim).
    """

    OPCODE: ClassVar[int] = 6
    FORMAT: ClassVar[str] = "IIIIHHHHIIf"
    q: int
    k: int
    v: int
    dst: int
    heads: int
    kv_heads: int
    head_dim: int
    layer: int
    cache_k: int
    cache_v: int
    scale: float


@dataclass(frozen=True)
class Swiglu(Descriptor):
    """dst [n] = silu(gate [n]) * up [n]."""

    OPCODE: ClassVar[int] = 7
    FORMAT: ClassVar[str] = "IIII"
    gate: int
    up: int
    dst: int
    n: int


@dataclass(frozen=True)
class Sample(Descriptor):
    """Choose the next token from the n logits at the sampler."""

    OPCODE: ClassVar[int] = 8
    FORMAT: ClassVar[str] = "I"
    n: int


@dataclass(frozen=True)
class Search(Descriptor):
    """covq on all slices: the centroid indices of src [inputs], for the Gathers that follow.

    pairs: uint16 [positions][2]; scales: float32 [inputs], 2^-a_exp of the input's position. The activation centroids
    come from the slices' streams, `beats` beats from beat `stream` on, see `lutloom.linear_gather`.
    """

    OPCODE: ClassVar[int] = 9
    FORMAT: ClassVar[str] = "IxxxxxxxxIxxxxIIIIH"
    src: int
    inputs: int
    pairs: int
    scales: int
    stream: int
    beats: int
    positions: int


@dataclass(frozen=True)
class Gather(Descriptor):
    """covq on all slices: dst [outputs] = linear(the indices of the Search before), weights from the slices' streams.

    starts: int32 [outputs]; scales: float32 [outputs]. The packets of a slice's jobs (as LinearSynth's) are the `beats`
    beats from beat `stream` on; the jobs' rows lie behind them in the same port, see `lutloom.linear_gather`.
    """

    OPCODE: ClassVar[int] = 10
    FORMAT: ClassVar[str] = "xxxxIIxxxxIIIIIHHxxH"
    dst: int
    residual: int
    outputs: int
    starts: int
    scales: int
    stream: int
    beats: int
    positions: int
    group: int
    subsets: int


@dataclass(frozen=True)
class End(Descriptor):
    """The end of the program: go on with the next token."""

    OPCODE: ClassVar[int] = 15
    FORMAT: ClassVar[str] = ""


OPERATIONS = {
    op.OPCODE: op
    for op in (Embed, RmsNorm, Rope, LinearSynth, LinearTable, Attention, Swiglu, Sample, Search, Gather, End)
}


def encode(program: list[Descriptor]) -> bytes:
    """The program's section."""
    return b"".join(descriptor.encode() for descriptor in program)


def decode(data: bytes, file: str = "program") -> list[Descriptor]:
    """The descriptors of a section, up to and with End. UserError for what no compiler writes."""
    program: list[Descriptor] = []
    for n in range(len(data) // BYTES):
        raw = bytes(data[n * BYTES : (n + 1) * BYTES])
        operation = OPERATIONS.get(raw[0])
        if operation is None:
            raise UserError(f"{file}: section program: descriptor {n}: operation: found {raw[0]}, "
                            f"allowed {', '.join(map(str, OPERATIONS))}")  # fmt: skip
        layout = "<BBH" + operation.FORMAT
        _, flags, stage, *values = struct.unpack_from(layout, raw)
        if any(raw[struct.calcsize(layout) :]):
            raise UserError(f"{file}: section program: descriptor {n}: found bytes behind the fields, allowed zeros")
        if found := [offset for offset in operation.gaps() if raw[offset]]:
            raise UserError(f"{file}: section program: descriptor {n}: byte {found[0]}: found {raw[found[0]]}, "
                            f"allowed 0 in {operation.__name__}")  # fmt: skip
        program.append(operation(stage, flags, *values))
        if operation is End:
            return program
    raise UserError(f"{file}: section program: found no End, allowed a program that ends")
