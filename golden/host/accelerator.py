"""The driver: a card with the accelerator behind a transport. docs/host.md tells how it is used."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np

from lutloom.errors import UserError
from lutloom.hardware import CONFIGURATIONS, Hardware
from lutloom.host import registers as regs
from lutloom.host.fields import Register
from lutloom.host.registers import CAUSE_TEXT, UNIT_TEXT, Cause, Ended, PortClass, Unit
from lutloom.host.transport import Transport, TransportError
from lutloom.image import Image
from lutloom.image_format import hardware_hash
from lutloom.kv_state import KvState
from lutloom.program import UNIT, Attention, Descriptor, LinearTable, Sample, Search, decode
from lutloom.program_check import check_config, check_program
from lutloom.sampler import MAX_TEMPERATURE, MIN_TEMPERATURE

MAJOR = 1  # of the register map that this driver knows
MAX_TOKENS = 16  # of a prompt in one pass; hardware that has fewer takes fewer
CHUNK = 4 << 20  # bytes copied at a time
PAGE = 4096
WINDOW_BITS = 44  # of an address that the hardware's stream ports calculate with (WindowW in accel_pkg)
POLL = 0.05  # seconds of one wait
WORD = (1 << 32) - 1
ReportProgress = Callable[[int, int], None]  # (bytes copied, bytes in all)


@dataclass(frozen=True)
class Identity:
    """What a card says of itself."""

    version: tuple[int, int]
    hardware_hash: int
    slices: int
    ports: int
    ring_depth: int

    @property
    def hardware(self) -> str:
        """Its configuration's name, or the hash of an unknown one."""
        names = {hardware_hash(hardware.dict()): name for name, hardware in CONFIGURATIONS.items()}
        return names.get(self.hardware_hash, f"{self.hardware_hash:016x}")


@dataclass(frozen=True)
class Fault:
    """Why a run failed. `stage` is the name of the descriptor's operation in the image, if there is one."""

    cause: Cause | int  # a number that this driver does not know
    unit: Unit | int
    slice: int | None  # of a stream port
    descriptor: int
    address: int
    stage: str | None

    def __str__(self) -> str:
        place = f"stream port {self.slice}" if self.slice is not None else UNIT_TEXT.get(self.unit, f"unit {self.unit}")
        stage = f" ({self.stage})" if self.stage else ""
        address = f", address {self.address:#x}" if self.address else ""
        cause = CAUSE_TEXT.get(self.cause, f"cause {self.cause}")
        return f"{cause}; in {place}, descriptor {self.descriptor}{stage}{address}"


def _cache_bytes(image: Image, program: list[Descriptor]) -> int:
    """Bytes of the KV cache behind the stream of a port, up to a page."""
    hardware, room = Hardware(**image.config["hardware"]), image.config["max_context"]
    stream = image.table["port0"].padded if "port0" in image.table else 0
    layers = [d for d in program if isinstance(d, Attention)]
    ends = [UNIT * max(d.cache_k, d.cache_v) + hardware.kv_port_bytes(d.kv_heads, room, d.head_dim) for d in layers]
    return -(-(max([stream, *ends]) - stream) // PAGE) * PAGE


def _member(kind: type[IntEnum], value: int) -> IntEnum | int:
    """The member of that value, or the value."""
    return kind(value) if value in set(kind) else value


class AcceleratorError(UserError):
    """A run failed or the card does not answer. `fault` is what the card says, if it says anything."""

    def __init__(self, message: str, fault: Fault | None = None):
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True)
class Counters:
    """Of the last run, or of the one under way. `busy` sums up to `cycles`."""

    cycles: int
    busy: dict[Unit, int]
    stall_memory: int
    stall_dependency: int
    bytes: dict[PortClass, int]


class Accelerator:
    """A card.

        card = Accelerator(transport)
        card.load("model.img")
        for token in card.generate(prompt, 100): ...

    timeout: seconds without a sign of life (a token, a position that goes on) after which the host gives up. The card's
        own watchdog should bite first.
    watchdog: cycles without progress after which the card gives up, 0 never.
    Raises AcceleratorError if there is no such accelerator behind the transport.
    """

    def __init__(self, transport: Transport, timeout: float = 10.0, watchdog: int = 1 << 24):
        self.transport, self.timeout, self.watchdog = transport, timeout, watchdog
        self.image: Image | None = None
        self.program: list[Descriptor] = []
        self.vocab = 0
        self._ports_begin: list[int] = []
        self.identity = self.identify()

    # --- the card -----------------------------------------------------------------------------------------------------

    def identify(self) -> Identity:
        """Read what the card is; AcceleratorError if it is none of ours."""
        found = self.transport.read32(regs.ID.address)
        if found != regs.ID.reset:
            raise AcceleratorError(f"card: ID: found {found:#010x}, allowed {regs.ID.reset:#010x}")
        version = regs.VERSION.unpack(self._read(regs.VERSION))
        if version["major"] != MAJOR:
            raise AcceleratorError(f"card: VERSION: found {version['major']}.{version['minor']}, allowed {MAJOR}.x")
        config = regs.CONFIG.unpack(self._read(regs.CONFIG))
        digest = self._read(regs.HARDWARE_HASH_LO) | self._read(regs.HARDWARE_HASH_HI) << 32
        return Identity((version["major"], version["minor"]), digest, **config)

    def load(self, path: str | Path, address: int | None = None, progress: ReportProgress | None = None) -> Image:
        """Check an image file, copy it into the card's memory at `address` (default: its first), tell the card of it.

        Everything is checked before anything is copied: all checksums, the program, that it was made for this hardware,
        that it and its KV cache fit. Raises UserError for an image that is refused, AcceleratorError if a run is under
        way, TransportError if copying fails; then the card has no image.
        """
        begin = self.transport.memory_base
        address = begin if address is None else address
        if address % PAGE:
            raise UserError(f"load: address: found {address:#x}, allowed multiples of {PAGE}")
        self._require_idle()
        image = Image.open(path)
        if image.hardware_hash != self.identity.hardware_hash:
            found = Identity((0, 0), image.hardware_hash, 0, 0, 0).hardware
            raise UserError(
                f"{path}: section config: found hardware {found}, allowed {self.identity.hardware}, the card's"
            )
        check_config(image)
        program = decode(image.section("program").tobytes(), str(path))
        check_program(image, program)
        ports = self._ports(image, _cache_bytes(image, program), address)
        places = self._places(image, ports, address)
        last = max(place.stop for place in [*ports, *(place for _, _, place in places)])
        room = begin + self.transport.memory_bytes
        if address < begin or last > room:
            raise UserError(
                f"{path}: found {last - address:,} bytes with the KV cache, allowed {max(room - address, 0):,} from "
                f"{address:#x} on in the card's memory ({begin:#x}, {self.transport.memory_bytes:,} bytes)"
            )
        self.image = None  # while the memory holds neither
        for first, size, place in places:
            for offset in range(0, size, CHUNK):
                count = min(CHUNK, size - offset)
                self.transport.load_memory(place.start + offset, image.data[first + offset : first + offset + count])
                if progress is not None:
                    progress(first + offset + count, image.bytes)
        self.image, self.program, self._ports_begin = image, program, [port.start for port in ports]
        self.vocab = next(d.n for d in program if isinstance(d, Sample))
        self._write_pair(regs.IMAGE_LO, regs.IMAGE_HI, address)
        self._write(regs.PROGRAM, image.table["program"].offset // UNIT)
        windows = self.transport.stream_window  # with them the card knows where a port's memory begins
        self._write_pair(regs.PORT_BASE_LO, regs.PORT_BASE_HI, 0 if windows else ports[0].start)
        self._write_pair(regs.PORT_STRIDE_LO, regs.PORT_STRIDE_HI, 0 if windows else len(ports[0]))
        self._write(regs.MAX_CONTEXT, image.config["max_context"])
        self._write(regs.VOCAB, self.vocab)
        self._write(regs.CHUNK, 1 if any(isinstance(d, LinearTable | Search) for d in program) else MAX_TOKENS)
        self.recover()  # no text in the cache
        return image

    # --- text so far --------------------------------------------------------------------------------------------------

    def save(self) -> KvState:
        """The keys and values of the text so far, to be taken up again by `restore`. AcceleratorError during a run."""
        image = self._loaded()
        self._require_idle()

        def read(port: int, first: int, count: int) -> np.ndarray:
            return self.transport.read_memory(self._ports_begin[port] + first, count)

        return KvState.from_memory(image, self.position, read)

    def restore(self, state: KvState) -> None:
        """Put a text back; `generate(..., fresh=False)` continues it. Raises UserError if it is of another image."""
        state.require(self._loaded())
        self.recover()
        for port, first, data in state.pieces():
            self.transport.load_memory(self._ports_begin[port] + first, data)
        self._write(regs.SEEK, state.positions)

    def counters(self) -> Counters:
        """Cycles and bytes of the last run."""

        def read(low: Register, high: Register, index: int = 0) -> int:
            return self._read(low, index) | self._read(high, index) << 32  # in this order

        units = [unit for unit in Unit if unit < regs.BUSY_LO.count]
        return Counters(
            cycles=read(regs.CYCLES_LO, regs.CYCLES_HI),
            busy={unit: read(regs.BUSY_LO, regs.BUSY_HI, unit) for unit in units},
            stall_memory=read(regs.STALL_MEMORY_LO, regs.STALL_MEMORY_HI),
            stall_dependency=read(regs.STALL_DEPENDENCY_LO, regs.STALL_DEPENDENCY_HI),
            bytes={kind: read(regs.BYTES_LO, regs.BYTES_HI, kind) for kind in PortClass},
        )

    def error(self) -> Fault | None:
        """Why the last run failed; None if it did not. str() of it is one line for people."""
        if not self.status()["error"]:
            return None
        found = regs.ERROR.unpack(self._read(regs.ERROR))
        place, number = found["unit"], found["descriptor"]
        slice_ = place - Unit.PORT if place >= Unit.PORT else None
        stage = None
        if self.image is not None and number < len(self.program):
            stage = self.image.config["stages"][self.program[number].stage]
        address = self._read(regs.ERROR_ADDR_LO) | self._read(regs.ERROR_ADDR_HI) << 32
        unit = Unit.PORT if slice_ is not None else _member(Unit, place)
        return Fault(_member(Cause, found["cause"]), unit, slice_, number, address, stage)

    def status(self) -> dict[str, int]:
        """The fields of STATUS."""
        return regs.STATUS.unpack(self._read(regs.STATUS))

    @property
    def ended_by(self) -> Ended:
        """Why the last run ended."""
        return Ended(self.status()["ended_by"])

    @property
    def position(self) -> int:
        """Tokens in the KV cache."""
        return self._read(regs.POSITION)

    # --- text ---------------------------------------------------------------------------------------------------------

    def generate(
        self,
        prompt: np.ndarray | list[int],
        count: int,
        temperature: float = 0.0,
        seed: int = 0,
        stop: bool = True,
        fresh: bool = True,
    ) -> Iterator[int]:
        """Yield up to `count` tokens that continue `prompt`, as they come; the same as `Machine.generate`.

        fresh: begin a new text. Without it the prompt continues the text of the run before, of which everything is in
        the cache but the last token that was yielded: it comes first in the prompt.
        Leaving the loop early aborts the run. Raises UserError for arguments that cannot be, AcceleratorError if the
        run fails; then `recover` makes the card usable again.
        """
        self._loaded()
        tokens = self._check(prompt, count, temperature, seed, 0 if fresh else self.position)
        return self._generate(tokens, count, temperature, seed, stop, fresh)

    def _generate(
        self, tokens: np.ndarray, count: int, temperature: float, seed: int, stop: bool, fresh: bool
    ) -> Iterator[int]:
        if fresh:
            self.recover()
        else:
            self._require_idle()
        self._configure(temperature, seed, stop)
        ends = frozenset(self._loaded().config["end_tokens"]) if stop else frozenset()
        depth, finished = self.identity.ring_depth, False
        try:
            for first in range(0, len(tokens) - depth, depth):  # what the ring does not hold goes in before
                self._start(tokens[first : first + depth], 0)
                for _ in self._tokens():
                    pass
            self._start(tokens[(len(tokens) - 1) // depth * depth :], count)
            for token in self._tokens():
                if token in ends:  # one of more than the card has registers for
                    break
                yield token
            else:
                finished = True
        except (AcceleratorError, TransportError):
            finished = True  # a run that failed needs no abort, and a card that is gone hears none
            raise
        finally:
            if not finished:
                self.abort()

    def abort(self) -> None:
        """End the run under way; what it has produced is dropped. AcceleratorError if the card does not come back."""
        self._control(abort=1)
        waited = 0.0
        while self.status()["busy"] and waited < self.timeout:
            self._write(regs.IRQ_STATUS, regs.IRQ_STATUS.mask)
            while regs.OUTPUT.unpack(self._read(regs.OUTPUT))["valid"]:  # a full ring must not hold it up
                pass
            waited += 0 if self.transport.wait(POLL) else POLL
        self.recover()

    def recover(self) -> None:
        """Clear the card after an error, whatever it was doing: empty rings, position 0, ready for a start.

        Raises AcceleratorError if it does not become idle: a read that its memory never answers.
        """
        self._control(clear=1)
        self._write(regs.IRQ_STATUS, regs.IRQ_STATUS.mask)
        waited = 0.0
        while not self.status()["idle"]:
            if waited >= self.timeout:
                raise AcceleratorError("card: not idle after a clear: its memory does not answer, reset the card")
            waited += 0 if self.transport.wait(POLL) else POLL

    # --- parts --------------------------------------------------------------------------------------------------------

    def _ports(self, image: Image, cache: int, address: int) -> list[range]:
        """The memory of every stream port: its stream, and `cache` bytes behind. UserError if it reaches less."""
        stream, slices = image.table.get("port0"), image.config["hardware"]["slices"]
        size = (stream.padded if stream else 0) + cache
        if window := self.transport.stream_window:
            found = [window(number) for number in range(slices)]
            for number, own in enumerate(found):
                if size > len(own):
                    raise UserError(
                        f"{image.path}: section port{number}: found {size:,} bytes with the KV cache, allowed "
                        f"{len(own):,}, what its memory port reaches"
                    )
            return [range(own.start, own.start + size) for own in found]
        first = address + (stream.offset if stream else image.bytes)
        last = first + slices * size - 1
        if first >> WINDOW_BITS != last >> WINDOW_BITS:
            raise UserError(
                f"{image.path}: memory of the stream ports: found {first:#x}..{last:#x}, allowed within one aligned "
                f"window of 2^{WINDOW_BITS} bytes"
            )
        return [range(first + number * size, first + (number + 1) * size) for number in range(slices)]

    def _places(self, image: Image, ports: list[range], address: int) -> list[tuple[int, int, range]]:
        """Offset in the file, bytes, memory: of what precedes the sections, then of every section.

        All lies as in the file, but for the streams, which have what their ports reach. UserError if anything else lies
        there.
        """
        own = {f"port{number}": port for number, port in enumerate(ports)}
        sections = sorted(image.table.values(), key=lambda section: section.offset)
        places = []
        pieces = [("header", 0, sections[0].offset), *((s.name, s.offset, s.padded) for s in sections)]
        for name, offset, size in pieces:
            place = own.get(name, range(address + offset, address + offset + size))
            for stream, taken in own.items() if name not in own else ():
                if place.start < taken.stop and taken.start < place.stop:
                    found = f"{place.start:#x}..{place.stop - 1:#x}"
                    allowed = f"what is not {taken.start:#x}..{taken.stop - 1:#x}, the window of {stream}"
                    raise UserError(f"{image.path}: section {name}: found {found}, allowed {allowed}")
            places.append((offset, size, place))
        return places

    def _configure(self, temperature: float, seed: int, stop: bool) -> None:
        self._write(regs.SAMPLING, regs.SAMPLING.pack(noise=int(temperature != 0), stop=int(stop)))
        inverse = np.float32(1 / temperature) if temperature else np.float32(1)
        self._write(regs.INV_TEMP, int(inverse.view(np.uint32)))
        self._write(regs.SEED, seed)
        ends = self._loaded().config["end_tokens"][: regs.END_TOKEN.count]
        for index in range(regs.END_TOKEN.count):
            word = regs.END_TOKEN.pack(token=ends[index], valid=1) if index < len(ends) else 0
            self._write(regs.END_TOKEN, word, index)
        self._write(regs.WATCHDOG, self.watchdog)
        self._write(regs.IRQ_ENABLE, regs.IRQ_ENABLE.mask)

    def _start(self, tokens: np.ndarray, count: int) -> None:
        for token in tokens:
            self._write(regs.PROMPT, int(token))
        self._write(regs.NEW_TOKENS, count)
        self._control(start=1)
        if self.status()["refused"]:
            raise AcceleratorError(f"card: a start was refused: {self.error() or 'not idle'}", self.error())

    def _tokens(self) -> Iterator[int]:
        """The tokens of the run under way, until it ends. AcceleratorError if it fails or gives no sign of life."""
        waited, position = 0.0, -1
        while True:
            # in this order: what comes after the clearing raises the interrupt again, what comes before is seen
            self._write(regs.IRQ_STATUS, regs.IRQ_STATUS.mask)
            status = self.status()
            while (output := regs.OUTPUT.unpack(self._read(regs.OUTPUT)))["valid"]:
                waited = 0.0
                yield output["token"]
            if status["error"]:
                fault = self.error()
                raise AcceleratorError(f"card: the run failed: {fault}", fault)
            if status["done"]:
                return
            if not status["busy"]:
                raise AcceleratorError("card: no run under way: it was cleared or reset")
            if waited >= self.timeout:
                raise AcceleratorError(f"card: no sign of life for {self.timeout:g} s")
            if not self.transport.wait(POLL):
                before, position = position, self.position  # a long prompt goes on without a token
                waited = waited + POLL if position == before else 0.0

    def _check(self, prompt, count: int, temperature: float, seed: int, position: int) -> np.ndarray:
        """The prompt as an array; UserError for arguments that the card would refuse or not understand."""
        tokens = np.asarray(prompt)
        if tokens.ndim != 1 or not tokens.size or not np.issubdtype(tokens.dtype, np.integer):
            raise UserError(f"prompt: found {tokens.dtype} of shape {tokens.shape}, allowed integers [T], T > 0")
        if tokens.min() < 0 or tokens.max() >= self.vocab:
            raise UserError(f"prompt: found ids {tokens.min()}..{tokens.max()}, allowed 0..{self.vocab - 1}")
        room = self._loaded().config["max_context"] - position
        if len(tokens) > room:
            raise UserError(f"prompt: found {len(tokens)} tokens, allowed {room} in this image's cache")
        if temperature and not MIN_TEMPERATURE <= temperature <= MAX_TEMPERATURE:
            allowed = f"0 or {MIN_TEMPERATURE}..{MAX_TEMPERATURE:.0f}"
            raise UserError(f"temperature: found {temperature}, allowed {allowed}")
        for name, value in (("count", count), ("seed", seed)):
            if not 0 <= value <= WORD:
                raise UserError(f"{name}: found {value}, allowed 0..{WORD}")
        return tokens

    def _loaded(self) -> Image:
        if self.image is None:
            raise UserError("card: found no image, allowed a call of load before")
        return self.image

    def _require_idle(self) -> None:
        status = self.status()
        if status["error"]:
            raise AcceleratorError(f"card: an error stands, recover first: {self.error()}", self.error())
        if not status["idle"]:
            raise AcceleratorError("card: found a run under way, allowed an idle card")

    def _control(self, **bits: int) -> None:
        self._write(regs.CONTROL, regs.CONTROL.pack(**bits))

    def _read(self, register: Register, index: int = 0) -> int:
        """A register. AcceleratorError if it and ID read as ones: so PCIe answers for a card that does not."""
        value = self.transport.read32(register.at(index))
        if value == WORD and self.transport.read32(regs.ID.address) == WORD:
            self.image = None  # whoever comes back has not got it
            raise AcceleratorError(f"card: {register.name}: found {WORD:#x} there and in ID: no card answers any more")
        return value

    def _write(self, register: Register, value: int, index: int = 0) -> None:
        self.transport.write32(register.at(index), value)

    def _write_pair(self, low: Register, high: Register, value: int) -> None:
        self._write(low, value & WORD)
        self._write(high, value >> 32)


__all__ = ["Accelerator", "AcceleratorError", "Counters", "Fault", "Identity", "TransportError"]
