"""A card without a card: the registers' model, a model of the sequencer, and the golden machine behind them.

What the driver sees is what it sees of the accelerator, but for time: nothing happens between two calls of `wait`, and
the counters count operations instead of cycles. Of the bytes only weight streams and covq packets are counted.
"""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lutloom import fp32
from lutloom.accel_regs import BEAT_BYTES, AccelRegs, Run
from lutloom.covq import group_slices
from lutloom.errors import UserError
from lutloom.hardware import Hardware
from lutloom.host import registers as regs
from lutloom.host.registers import Cause, Ended, PortClass, Unit
from lutloom.host.transport import TransportError
from lutloom.image import Image
from lutloom.image_format import HEADER, MAGIC, VERSION, hardware_hash
from lutloom.kv_state import KvState
from lutloom.machine import Machine
from lutloom.program import BYTES, LAST, OPERATIONS, UNIT, Descriptor, End, Gather, LinearSynth, LinearTable, Search
from lutloom.sampler import gumbel

BLOCK = 1 << 20
MEMORY_BYTES = 1 << 40


@dataclass(frozen=True)
class Injected:
    """A fault that a pass runs into: `after` passes from the start of a run, in the descriptor of that number.

    cause None: the pass never ends, because the memory does not answer; a clear ends it only if `drains`.
    """

    cause: Cause | None
    descriptor: int = 0
    address: int = 0
    after: int = 0
    place: int | None = None  # default: the descriptor's unit
    drains: bool = True


class Memory:
    """Sparse bytes."""

    def __init__(self, count: int = MEMORY_BYTES):
        self.bytes = count
        self._blocks: dict[int, np.ndarray] = {}

    def spans(self, address: int, count: int) -> Iterator[tuple[int, int, int]]:
        """(block, first byte in it, bytes) of a range."""
        if address < 0 or address + count > self.bytes:
            raise TransportError(f"memory: found bytes {address:#x}..{address + count:#x}, allowed {self.bytes:#x}")
        while count:
            block, first = divmod(address, BLOCK)
            size = min(count, BLOCK - first)
            yield block, first, size
            address, count = address + size, count - size

    def write(self, address: int, data: np.ndarray) -> None:
        done = 0
        for block, first, size in self.spans(address, data.size):
            place = self._blocks.setdefault(block, np.zeros(BLOCK, np.uint8))
            place[first : first + size] = data[done : done + size]
            done += size

    def read(self, address: int, count: int) -> np.ndarray:
        found, done = np.zeros(count, np.uint8), 0
        for block, first, size in self.spans(address, count):
            if block in self._blocks:
                found[done : done + size] = self._blocks[block][first : first + size]
            done += size
        return found


class Failed(Exception):
    """The run has failed: cause, place, descriptor, address."""


class GoldenTransport:
    """A `Transport` to a modelled card with this hardware. `inject` makes it fail; `regs` is its register model."""

    memory_base, stream_window = 0, None

    def __init__(self, hardware: Hardware, ring_depth: int = 4096, memory_bytes: int = MEMORY_BYTES):
        self.regs = AccelRegs(
            ring_depth=ring_depth,
            slices=hardware.slices,
            ports=hardware.slices + 4,
            hardware_hash=hardware_hash(hardware.dict()),
        )
        self.memory, self.memory_bytes = Memory(memory_bytes), memory_bytes
        self.fault: Injected | None = None
        self._machine: Machine | None = None
        self._machine_of: tuple[int, int] | None = None  # image and program it was made of
        self._ports_begin: list[int] = []  # where the memory of every stream port begins, for it
        self._run: Iterator[None] | None = None
        self._hangs = False

    def inject(self, fault: Injected | None) -> None:
        """The next runs meet this fault; None: no more, and who hung goes on."""
        self.fault, self._hangs = fault, False
        if fault is None:
            self.regs.idle = True

    # --- Transport ----------------------------------------------------------------------------------------------------

    def read32(self, address: int) -> int:
        value, allowed = self.regs.read(address)
        if not allowed:
            raise TransportError(f"register {address:#x}: found a refused read, allowed those of the register map")
        return value

    def write32(self, address: int, value: int) -> None:
        before = self.regs.run
        if not self.regs.write(address, value):
            raise TransportError(f"register {address:#x}: found a refused write, allowed those of the register map")
        if self.regs.cleared:
            self.regs.cleared, self._run = False, None
            self.regs.position = 0
            if self._machine:
                self._machine.reset()
            self.regs.idle = not (self._hangs and self.fault and not self.fault.drains)
            self._hangs = False
        elif self.regs.sought is not None:
            self.regs.position, self.regs.sought = self.regs.sought, None
            if self._machine:
                self._machine.position = self.regs.position
        elif self.regs.run is not None and before is None:
            self._run = self._execute(self.regs.run)

    def load_memory(self, address: int, data: np.ndarray) -> None:
        self._store()
        self.memory.write(address, np.asarray(data))
        self._machine = None

    def read_memory(self, address: int, count: int) -> np.ndarray:
        self._store()
        return self.memory.read(address, count)

    def wait(self, seconds: float) -> bool:
        """Let the modelled card work until the interrupt is up or it can do no more."""
        while not self.regs.irq and self._run is not None and not self._hangs:
            moved = next(self._run, False)
            if moved is False:
                self._run = None
            elif self.regs.run and len(self.regs.output) == self.regs.ring_depth:
                break  # the host has to read first
        watchdog, _ = self.regs.read(regs.WATCHDOG.at())
        if self._hangs and watchdog and self.regs.run:
            fault = self.fault
            self.regs.fail(Cause.WATCHDOG, self._place(fault.descriptor), fault.descriptor)
            self._run = None
        return self.regs.irq

    # --- sequencer ----------------------------------------------------------------------------------------------------

    def _execute(self, run: Run) -> Iterator[None]:
        """A run, pass by pass; yields after each."""
        try:
            yield from self._passes(run)
        except Failed as failed:
            self.regs.fail(*failed.args)

    def _passes(self, run: Run) -> Iterator[None]:
        machine = self._open(run)
        if run.prompt_tokens == 0:
            raise Failed(Cause.PROMPT_EMPTY, Unit.CONTROL)
        if machine.position + run.prompt_tokens > run.max_context:
            raise Failed(Cause.CONTEXT_FULL, Unit.CONTROL)
        feed, number, produced = [], 0, 0
        for _ in range(run.prompt_tokens):
            token, last = self.regs.pop_prompt()
            if token >= run.vocab:
                raise Failed(Cause.PROMPT_TOKEN, Unit.CONTROL)
            feed.append(token)
            yield from self._meet(number)
            number += 1
            self._count(machine, last)
            yield
            if self.regs.aborting:
                self.regs.end(Ended.ABORT)
                return
        while True:
            logits = self._step(machine, np.array(feed))
            if produced == run.new_tokens:
                self.regs.end(Ended.COUNT)
                return
            token = choose(logits, run, produced)
            if run.stop and token in run.end_tokens:
                self.regs.end(Ended.END_TOKEN)
                return
            while not self.regs.push_output(token):
                yield  # no room: the host has to read first
                if self.regs.aborting:
                    self.regs.end(Ended.ABORT)
                    return
            produced += 1
            if produced == run.new_tokens or machine.position == run.max_context:
                self.regs.end(Ended.COUNT if produced == run.new_tokens else Ended.CACHE_FULL)
                return
            yield
            yield from self._meet(number)
            number += 1
            self._count(machine, True)
            feed = [token]
            if self.regs.aborting:
                self.regs.end(Ended.ABORT)
                return

    def _meet(self, number: int) -> Iterator[None]:
        """What is injected into this pass."""
        fault = self.fault
        if fault is None or fault.after != number:
            return
        if fault.cause is not None:
            raise Failed(fault.cause, self._place(fault.descriptor, fault.place), fault.descriptor, fault.address)
        self._hangs = True
        while self._hangs:
            yield

    def _place(self, descriptor: int, place: int | None = None) -> int:
        if place is not None:
            return place
        return _unit_of(self._machine.program[descriptor]) if self._machine else Unit.CONTROL

    def _count(self, machine: Machine, last: bool) -> None:
        """The operations of a pass as cycles, the beats they stream."""
        for descriptor in machine.program:
            if last or not descriptor.flags & LAST:
                beats = [0] * len(PortClass)
                wide = machine.hardware.beat_bytes // BEAT_BYTES
                if isinstance(descriptor, LinearSynth | Search | Gather):
                    beats[PortClass.STREAMS] = descriptor.beats * machine.hardware.slices * wide
                if isinstance(descriptor, Gather):  # the rows
                    beats[PortClass.STREAMS] += descriptor.positions * len(group_slices(descriptor.outputs)) * wide
                if isinstance(descriptor, LinearTable):
                    beats[PortClass.PACKETS] = descriptor.packet_beats * wide
                self.regs.count(_unit_of(descriptor), beats=beats)

    def _step(self, machine: Machine, tokens: np.ndarray) -> np.ndarray:
        """Logits of the last token. A stream that no compiler writes is the only thing that is found out so late."""
        try:
            logits = machine.run(tokens)[-1]
        except UserError as error:
            number = _descriptor_of(error)
            raise Failed(Cause.LINEAR_PACKET, self._place(number), number) from None
        self.regs.position = machine.position
        return logits

    def _open(self, run: Run) -> Machine:
        """The machine of the image in memory; Failed with what the sequencer finds wrong there."""
        magic, version, _, _, _, total, digest, _, _ = HEADER.unpack(self.memory.read(run.image, HEADER.size).tobytes())
        if magic != MAGIC or version != VERSION:
            raise Failed(Cause.IMAGE_VERSION, Unit.CONTROL, 0, run.image)
        if digest != self.regs.hardware_hash:
            raise Failed(Cause.IMAGE_HASH, Unit.CONTROL, 0, run.image)
        if self._machine is None or self._machine_of != (run.image, run.program):
            self._machine = None
            data = self.memory.read(run.image, total)
            for number in range(1 << 16):
                first = run.program * UNIT + number * BYTES
                operation = OPERATIONS.get(int(data[first]) if first < data.size else -1)
                if operation is None:
                    raise Failed(Cause.UNKNOWN_OPERATION, Unit.CONTROL, number)
                if operation is End:
                    break
            try:
                self._ports_begin = [self._port_begin(run, number) for number in range(self.regs.slices)]
                self._machine, self._machine_of = self._read_machine(data), (run.image, run.program)
            except UserError as error:
                raise Failed(Cause.BAD_DESCRIPTOR, Unit.CONTROL, _descriptor_of(error)) from None
            self._fetch()
        return self._machine

    def _store(self) -> None:
        """The machine's keys and values into the memory, where the host may look for them."""
        if self._machine and self._machine.position:
            for port, first, data in self._machine.save().pieces():
                self.memory.write(self._ports_begin[port] + first, data)

    def _fetch(self) -> None:
        """The keys and values of the positions that the host has sought, from the memory."""
        machine, positions = self._machine, self.regs.position
        if 0 < positions <= machine.max_context:

            def read(port: int, first: int, count: int) -> np.ndarray:
                return self.memory.read(self._ports_begin[port] + first, count)

            machine.restore(KvState.from_memory(machine.image, positions, read))
        machine.position = positions

    def _port_begin(self, run: Run, number: int) -> int:
        """Where the memory of a stream port begins."""
        return self.stream_window(number).start if self.stream_window else run.port_base + number * run.port_stride

    def _read_machine(self, data: np.ndarray) -> Machine:
        """The machine of an image's bytes, its streams read where the ports read them."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "memory.img")
            data.tofile(path)
            table = Image.open(path, verify=False).table
            for number in range(self.regs.slices if "port0" in table else 0):
                section = table[f"port{number}"]
                data[section.offset :][: section.padded] = self.memory.read(self._ports_begin[number], section.padded)
            data.tofile(path)
            return Machine(Image.open(path, verify=False))


def choose(logits: np.ndarray, run: Run, step: int) -> int:
    """The sampler as the registers tell it: `lutloom.sampler.sample` with the inverse of the temperature."""
    scores = fp32.flush(logits)
    if run.noise:
        inverse = np.uint32(run.inv_temp).view(np.float32)
        scores = fp32.add(fp32.mul(scores, inverse), gumbel(run.seed, step, scores.size))
    return int(np.argmax(np.where(np.isnan(scores), np.float32(-np.inf), scores)))


def _unit_of(descriptor: Descriptor) -> int:
    """The unit whose turn an operation is: covq linears over all slices are the wvq linears' core's."""
    if isinstance(descriptor, Search | Gather):
        return Unit.LINEAR_SYNTH
    return min(descriptor.OPCODE, Unit.CONTROL)


def _descriptor_of(error: UserError) -> int:
    """The number of the descriptor that a message names."""
    found = re.search(r"descriptor (\d+)", str(error))
    return int(found[1]) if found else 0


__all__ = ["GoldenTransport", "Injected", "Memory"]
