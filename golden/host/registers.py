"""Registers of the accelerator. Generated from rtl/accel_regs/accel_regs.rdl by verif/accel_regs/generate.py."""

# ruff: noqa: E501
from enum import IntEnum

from lutloom.host.fields import Register


class Cause(IntEnum):
    """Causes of errors."""

    NONE = 0  # no error
    IMAGE_VERSION = 1  # what lies at IMAGE has another magic or format version
    IMAGE_HASH = 2  # the image was made for other hardware
    BAD_DESCRIPTOR = 3  # a descriptor with a field that the hardware does not allow
    UNKNOWN_OPERATION = 4  # a descriptor with an operation that the hardware does not know
    CONTEXT_FULL = 5  # the prompt does not fit into what is left of MAX_CONTEXT
    SLAVE_ERROR = 6  # the memory answered SLVERR
    DECODE_ERROR = 7  # the memory answered DECERR: nothing at this address
    AXI_PROTOCOL = 8  # an answer of the memory that breaks the rules of AXI
    LINEAR_PACKET = 9  # a packet of a weight stream that contradicts its descriptor
    WATCHDOG = 10  # no progress for WATCHDOG cycles
    PROMPT_EMPTY = 11  # a start without a prompt
    PROMPT_TOKEN = 12  # a token of the prompt that is not below VOCAB


class Unit(IntEnum):
    """Units."""

    IDLE = 0  # none
    EMBED = 1  # embed
    NORM = 2  # rms_norm
    ROPE = 3  # rope
    LINEAR_SYNTH = 4  # wvq linears; covq linears on the slices
    LINEAR_COVQ = 5  # covq linears on a slice of their own
    ATTENTION = 6  # attention
    SWIGLU = 7  # swiglu
    SAMPLER = 8  # sampler
    CONTROL = 9  # sequencer: image header, descriptors, prompt
    PORT = 64  # 64 + s: the stream port of slice s


class Ended(IntEnum):
    """Why a run ended."""

    NONE = 0  # not ended
    COUNT = 1  # NEW_TOKENS tokens were produced
    END_TOKEN = 2  # an end token was chosen
    CACHE_FULL = 3  # POSITION has reached MAX_CONTEXT
    ABORT = 4  # CONTROL.abort


class PortClass(IntEnum):
    """Classes of memory ports."""

    STREAMS = 0  # weight streams of all slices, with the rows that they fetch, read
    KV_READ = 1  # keys and values, read
    KV_WRITE = 2  # keys and values, written
    CODEBOOKS = 3  # covq activation codebooks, read
    PACKETS = 4  # covq packets, read
    ROWS = 5  # covq rows and tables, read
    AUXILIARY = 6  # all else: program, embedding, norms, RoPE, pairs, scales, read


CAUSE_TEXT = {
    Cause.NONE: "no error",
    Cause.IMAGE_VERSION: "what lies at IMAGE has another magic or format version",
    Cause.IMAGE_HASH: "the image was made for other hardware",
    Cause.BAD_DESCRIPTOR: "a descriptor with a field that the hardware does not allow",
    Cause.UNKNOWN_OPERATION: "a descriptor with an operation that the hardware does not know",
    Cause.CONTEXT_FULL: "the prompt does not fit into what is left of MAX_CONTEXT",
    Cause.SLAVE_ERROR: "the memory answered SLVERR",
    Cause.DECODE_ERROR: "the memory answered DECERR: nothing at this address",
    Cause.AXI_PROTOCOL: "an answer of the memory that breaks the rules of AXI",
    Cause.LINEAR_PACKET: "a packet of a weight stream that contradicts its descriptor",
    Cause.WATCHDOG: "no progress for WATCHDOG cycles",
    Cause.PROMPT_EMPTY: "a start without a prompt",
    Cause.PROMPT_TOKEN: "a token of the prompt that is not below VOCAB",
}
UNIT_TEXT = {
    Unit.IDLE: "none",
    Unit.EMBED: "embed",
    Unit.NORM: "rms_norm",
    Unit.ROPE: "rope",
    Unit.LINEAR_SYNTH: "wvq linears; covq linears on the slices",
    Unit.LINEAR_COVQ: "covq linears on a slice of their own",
    Unit.ATTENTION: "attention",
    Unit.SWIGLU: "swiglu",
    Unit.SAMPLER: "sampler",
    Unit.CONTROL: "sequencer: image header, descriptors, prompt",
    Unit.PORT: "64 + s: the stream port of slice s",
}
ENDED_TEXT = {
    Ended.NONE: "not ended",
    Ended.COUNT: "NEW_TOKENS tokens were produced",
    Ended.END_TOKEN: "an end token was chosen",
    Ended.CACHE_FULL: "POSITION has reached MAX_CONTEXT",
    Ended.ABORT: "CONTROL.abort",
}
PORTCLASS_TEXT = {
    PortClass.STREAMS: "weight streams of all slices, with the rows that they fetch, read",
    PortClass.KV_READ: "keys and values, read",
    PortClass.KV_WRITE: "keys and values, written",
    PortClass.CODEBOOKS: "covq activation codebooks, read",
    PortClass.PACKETS: "covq packets, read",
    PortClass.ROWS: "covq rows and tables, read",
    PortClass.AUXILIARY: "all else: program, embedding, norms, RoPE, pairs, scales, read",
}

ID = Register("ID", 0x000, "r", {"value": (0, 32)}, reset=0x4C55544C)  # fmt: skip
VERSION = Register("VERSION", 0x004, "r", {"minor": (0, 16), "major": (16, 16)}, reset=0x10002)  # fmt: skip
HARDWARE_HASH_LO = Register("HARDWARE_HASH_LO", 0x008, "r", {"value": (0, 32)})  # fmt: skip
HARDWARE_HASH_HI = Register("HARDWARE_HASH_HI", 0x00C, "r", {"value": (0, 32)})  # fmt: skip
CONFIG = Register("CONFIG", 0x010, "r", {"slices": (0, 8), "ports": (8, 8), "ring_depth": (16, 16)})  # fmt: skip
IMAGE_LO = Register("IMAGE_LO", 0x020, "rw", {"value": (0, 32)}, reset=0x0, locked=True)  # fmt: skip
IMAGE_HI = Register("IMAGE_HI", 0x024, "rw", {"value": (0, 32)}, reset=0x0, locked=True)  # fmt: skip
PROGRAM = Register("PROGRAM", 0x028, "rw", {"value": (0, 32)}, reset=0x0, locked=True)  # fmt: skip
PORT_BASE_LO = Register("PORT_BASE_LO", 0x030, "rw", {"value": (0, 32)}, reset=0x0, locked=True)  # fmt: skip
PORT_BASE_HI = Register("PORT_BASE_HI", 0x034, "rw", {"value": (0, 32)}, reset=0x0, locked=True)  # fmt: skip
PORT_STRIDE_LO = Register("PORT_STRIDE_LO", 0x038, "rw", {"value": (0, 32)}, reset=0x0, locked=True)  # fmt: skip
PORT_STRIDE_HI = Register("PORT_STRIDE_HI", 0x03C, "rw", {"value": (0, 32)}, reset=0x0, locked=True)  # fmt: skip
MAX_CONTEXT = Register("MAX_CONTEXT", 0x040, "rw", {"value": (0, 32)}, reset=0x0, locked=True)  # fmt: skip
VOCAB = Register("VOCAB", 0x044, "rw", {"value": (0, 32)}, reset=0x0, locked=True)  # fmt: skip
CHUNK = Register("CHUNK", 0x048, "rw", {"value": (0, 32)}, reset=0x0, locked=True)  # fmt: skip
PROMPT = Register("PROMPT", 0x050, "w", {"token": (0, 32)}, reset=0x0)  # fmt: skip
PROMPT_LEVEL = Register("PROMPT_LEVEL", 0x054, "r", {"value": (0, 32)})  # fmt: skip
OUTPUT = Register("OUTPUT", 0x058, "r", {"token": (0, 31), "valid": (31, 1)})  # fmt: skip
OUTPUT_LEVEL = Register("OUTPUT_LEVEL", 0x05C, "r", {"value": (0, 32)})  # fmt: skip
NEW_TOKENS = Register("NEW_TOKENS", 0x060, "rw", {"value": (0, 32)}, reset=0x0, locked=True)  # fmt: skip
SAMPLING = Register("SAMPLING", 0x064, "rw", {"noise": (0, 1), "stop": (1, 1)}, reset=0x0, locked=True)  # fmt: skip
INV_TEMP = Register("INV_TEMP", 0x068, "rw", {"value": (0, 32)}, reset=0x0, locked=True)  # fmt: skip
SEED = Register("SEED", 0x06C, "rw", {"value": (0, 32)}, reset=0x0, locked=True)  # fmt: skip
END_TOKEN = Register("END_TOKEN", 0x070, "rw", {"token": (0, 31), "valid": (31, 1)}, reset=0x0, locked=True, count=4, stride=4)  # fmt: skip
CONTROL = Register("CONTROL", 0x080, "rw", {"start": (0, 1), "abort": (1, 1), "clear": (2, 1)}, reset=0x0)  # fmt: skip
STATUS = Register("STATUS", 0x084, "r", {"idle": (0, 1), "busy": (1, 1), "done": (2, 1), "error": (3, 1), "prompt_overflow": (4, 1), "refused": (5, 1), "ended_by": (8, 3)})  # fmt: skip
POSITION = Register("POSITION", 0x088, "r", {"value": (0, 32)})  # fmt: skip
PRODUCED = Register("PRODUCED", 0x08C, "r", {"value": (0, 32)})  # fmt: skip
ERROR = Register("ERROR", 0x090, "r", {"cause": (0, 8), "unit": (8, 8), "descriptor": (16, 16)})  # fmt: skip
ERROR_ADDR_LO = Register("ERROR_ADDR_LO", 0x098, "r", {"value": (0, 32)})  # fmt: skip
ERROR_ADDR_HI = Register("ERROR_ADDR_HI", 0x09C, "r", {"value": (0, 32)})  # fmt: skip
WATCHDOG = Register("WATCHDOG", 0x0A0, "rw", {"value": (0, 32)}, reset=0x0)  # fmt: skip
IRQ_ENABLE = Register("IRQ_ENABLE", 0x0A4, "rw", {"done": (0, 1), "error": (1, 1), "output_available": (2, 1)}, reset=0x0)  # fmt: skip
IRQ_STATUS = Register("IRQ_STATUS", 0x0A8, "rw", {"done": (0, 1), "error": (1, 1), "output_available": (2, 1)}, reset=0x0)  # fmt: skip
SEEK = Register("SEEK", 0x0AC, "w", {"position": (0, 32)}, reset=0x0)  # fmt: skip
CYCLES_LO = Register("CYCLES_LO", 0x100, "r", {"value": (0, 32)})  # fmt: skip
CYCLES_HI = Register("CYCLES_HI", 0x104, "r", {"value": (0, 32)})  # fmt: skip
BUSY_LO = Register("BUSY_LO", 0x108, "r", {"value": (0, 32)}, count=10, stride=8)  # fmt: skip
BUSY_HI = Register("BUSY_HI", 0x10C, "r", {"value": (0, 32)}, count=10, stride=8)  # fmt: skip
STALL_MEMORY_LO = Register("STALL_MEMORY_LO", 0x158, "r", {"value": (0, 32)})  # fmt: skip
STALL_MEMORY_HI = Register("STALL_MEMORY_HI", 0x15C, "r", {"value": (0, 32)})  # fmt: skip
STALL_DEPENDENCY_LO = Register("STALL_DEPENDENCY_LO", 0x160, "r", {"value": (0, 32)})  # fmt: skip
STALL_DEPENDENCY_HI = Register("STALL_DEPENDENCY_HI", 0x164, "r", {"value": (0, 32)})  # fmt: skip
BYTES_LO = Register("BYTES_LO", 0x168, "r", {"value": (0, 32)}, count=7, stride=8)  # fmt: skip
BYTES_HI = Register("BYTES_HI", 0x16C, "r", {"value": (0, 32)}, count=7, stride=8)  # fmt: skip

REGISTERS = (
    ID,
    VERSION,
    HARDWARE_HASH_LO,
    HARDWARE_HASH_HI,
    CONFIG,
    IMAGE_LO,
    IMAGE_HI,
    PROGRAM,
    PORT_BASE_LO,
    PORT_BASE_HI,
    PORT_STRIDE_LO,
    PORT_STRIDE_HI,
    MAX_CONTEXT,
    VOCAB,
    CHUNK,
    PROMPT,
    PROMPT_LEVEL,
    OUTPUT,
    OUTPUT_LEVEL,
    NEW_TOKENS,
    SAMPLING,
    INV_TEMP,
    SEED,
    END_TOKEN,
    CONTROL,
    STATUS,
    POSITION,
    PRODUCED,
    ERROR,
    ERROR_ADDR_LO,
    ERROR_ADDR_HI,
    WATCHDOG,
    IRQ_ENABLE,
    IRQ_STATUS,
    SEEK,
    CYCLES_LO,
    CYCLES_HI,
    BUSY_LO,
    BUSY_HI,
    STALL_MEMORY_LO,
    STALL_MEMORY_HI,
    STALL_DEPENDENCY_LO,
    STALL_DEPENDENCY_HI,
    BYTES_LO,
    BYTES_HI,
)
