"""accel_regs: what the accelerator's registers do, access by access and event by event.

The model has no clock: an access or an event takes effect at once. The RTL needs a few cycles for each (its header says
how many), so comparisons leave that time between an event and the access that sees it.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from lutloom.host import registers as regs
from lutloom.host.fields import Register
from lutloom.host.registers import Cause, Ended, PortClass, Unit

WORD = (1 << 32) - 1
COUNTER = (1 << 64) - 1
BEAT_BYTES = 32
UNITS = [unit for unit in Unit if unit != Unit.PORT]  # that can have the turn
EVENTS = ("done", "error", "output_available")


@dataclass(frozen=True)
class Run:
    """What a run was started with."""

    prompt_tokens: int
    image: int
    program: int
    port_base: int
    port_stride: int
    max_context: int
    vocab: int
    chunk: int
    new_tokens: int
    noise: bool
    stop: bool
    inv_temp: int
    seed: int
    end_tokens: tuple[int, ...]


class AccelRegs:
    """The registers. `read` and `write` are the host's side, all else is the sequencer's.

    Attributes:
        run: the run under way, or None.
        idle: what the sequencer says of itself: a start would be taken.
        position: of the sequencer.
        aborting: CONTROL.abort was written in this run.
        cleared: CONTROL.clear was written; the sequencer takes it back.
        sought: SEEK was written and taken: the position; the sequencer takes it back. Otherwise None.
    """

    def __init__(self, *, ring_depth: int = 4096, slices: int = 2, ports: int = 8, hardware_hash: int = 0):
        self.ring_depth, self.slices, self.ports, self.hardware_hash = ring_depth, slices, ports, hardware_hash
        self._at: dict[int, tuple[Register, int]] = {}
        for register in regs.REGISTERS:
            for index in range(register.count):
                self._at[register.at(index)] = register, index
        self.reset()

    def reset(self) -> None:
        """As after rst_ni."""
        self._held = {address: register.reset or 0 for address, (register, _) in self._at.items()}
        self._events = dict.fromkeys(EVENTS, 0)
        self._hi = 0
        self.counters = dict.fromkeys((address for address in self._at if self._is_counter(address)), 0)
        self.idle, self.position, self.cleared = True, 0, False
        self.sought: int | None = None
        self.clear()
        self.cleared = False

    def clear(self) -> None:
        """CONTROL.clear: all but configuration, counters and interrupts is forgotten."""
        self.run: Run | None = None
        self.prompt: deque[int] = deque()
        self.output: deque[int] = deque()
        self._left = 0
        self._flags = dict.fromkeys(("done", "error", "prompt_overflow", "refused"), 0)
        self._ended, self._produced = Ended.NONE, 0
        self._error = (Cause.NONE, 0, 0, 0)
        self.aborting, self.cleared = False, True

    @property
    def irq(self) -> bool:
        """irq_o."""
        enabled = regs.IRQ_ENABLE.unpack(self._held[regs.IRQ_ENABLE.at()])
        return any(self._events[name] and enabled[name] for name in EVENTS)

    # --- host -------------------------------------------------------------------------------------------------------

    def read(self, address: int) -> tuple[int, bool]:
        """(value, whether the access was allowed) of a word."""
        register, index = self._at.get(address & ~3, (None, 0))
        if register is None or "r" not in register.access:
            return 0, False
        if address in self.counters:
            self._hi = self.counters[address] >> 32
            return self.counters[address] & WORD, True
        if register.name.endswith("_HI") and address - 4 in self.counters:
            return self._hi, True
        if register is regs.OUTPUT:
            return (regs.OUTPUT.pack(token=self.output.popleft(), valid=1) if self.output else 0), True
        given = self._given()
        return (given[register.name] if register.name in given else self._held[register.at(index)]), True

    def write(self, address: int, value: int, strobe: int = 15) -> bool:
        """Write the bytes of `strobe`; whether the access was allowed."""
        register, index = self._at.get(address & ~3, (None, 0))
        if register is None or "w" not in register.access:
            return False
        bits = sum(255 << 8 * byte for byte in range(4) if strobe >> byte & 1) & register.mask
        if register is regs.CONTROL:
            self._control(**regs.CONTROL.unpack(value & bits))
        elif register is regs.IRQ_STATUS:
            for name, set_ in regs.IRQ_STATUS.unpack(value & bits).items():
                self._events[name] &= ~set_
        elif not (register.locked and self.run):
            at = register.at(index)
            self._held[at] = self._held[at] & ~bits | value & bits
            if register is regs.PROMPT and strobe:
                self._push_prompt(self._held[at])
            elif register is regs.SEEK and strobe and self._would_start():
                self.sought = self._held[at]
        return True

    def _is_counter(self, address: int) -> bool:
        return address >= regs.CYCLES_LO.address and self._at[address][0].name.endswith("_LO")

    def _given(self) -> dict[str, int]:
        """Registers whose value does not lie in themselves."""
        cause, place, descriptor, address = self._error
        return {
            "HARDWARE_HASH_LO": self.hardware_hash & WORD,
            "HARDWARE_HASH_HI": self.hardware_hash >> 32,
            "CONFIG": regs.CONFIG.pack(slices=self.slices, ports=self.ports, ring_depth=self.ring_depth),
            "PROMPT_LEVEL": len(self.prompt),
            "OUTPUT_LEVEL": len(self.output),
            "CONTROL": 0,
            "STATUS": regs.STATUS.pack(
                idle=int(self._would_start()), busy=int(self.run is not None), ended_by=self._ended, **self._flags
            ),
            "POSITION": self.position,
            "PRODUCED": self._produced,
            "ERROR": regs.ERROR.pack(cause=cause, unit=place, descriptor=descriptor),
            "ERROR_ADDR_LO": address & WORD,
            "ERROR_ADDR_HI": address >> 32,
            "IRQ_STATUS": regs.IRQ_STATUS.pack(**self._events),
        }

    def _control(self, start: int, abort: int, clear: int) -> None:
        if clear:
            self.clear()
        elif start:
            self._flags["refused"] = int(not self._would_start())
            if self._would_start():
                self._start()
        elif abort and self.run:
            self.aborting = True

    def _would_start(self) -> bool:
        return self.run is None and not self._flags["error"] and self.idle

    def _push_prompt(self, token: int) -> None:
        if len(self.prompt) == self.ring_depth:
            self._flags["prompt_overflow"] = 1
        else:
            self.prompt.append(token)

    # --- sequencer --------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        def held(register: Register, index: int = 0) -> int:
            return self._held[register.at(index)]

        sampling = regs.SAMPLING.unpack(held(regs.SAMPLING))
        ends = [regs.END_TOKEN.unpack(held(regs.END_TOKEN, i)) for i in range(regs.END_TOKEN.count)]
        self._left = len(self.prompt)
        self._flags["done"], self._ended, self._produced = 0, Ended.NONE, 0
        self.counters = dict.fromkeys(self.counters, 0)
        self.run = Run(
            prompt_tokens=self._left,
            image=held(regs.IMAGE_HI) << 32 | held(regs.IMAGE_LO),
            program=held(regs.PROGRAM),
            port_base=held(regs.PORT_BASE_HI) << 32 | held(regs.PORT_BASE_LO),
            port_stride=held(regs.PORT_STRIDE_HI) << 32 | held(regs.PORT_STRIDE_LO),
            max_context=held(regs.MAX_CONTEXT),
            vocab=held(regs.VOCAB),
            chunk=held(regs.CHUNK),
            new_tokens=held(regs.NEW_TOKENS),
            noise=bool(sampling["noise"]),
            stop=bool(sampling["stop"]),
            inv_temp=held(regs.INV_TEMP),
            seed=held(regs.SEED),
            end_tokens=tuple(end["token"] for end in ends if end["valid"]),
        )

    def pop_prompt(self) -> tuple[int, bool]:
        """(token, whether it is the run's last). IndexError if the run has none left."""
        if not self._left:
            raise IndexError("no token of this run's prompt is left")
        self._left -= 1
        return self.prompt.popleft(), self._left == 0

    def push_output(self, token: int) -> bool:
        """Whether there was room."""
        if len(self.output) == self.ring_depth:
            return False
        self.output.append(token)
        self._produced += 1
        self._events["output_available"] = 1
        return True

    def end(self, why: Ended) -> None:
        """The run has ended."""
        if self.run:
            self.run, self.aborting, self._left, self._ended = None, False, 0, why
            self._flags["done"] = self._events["done"] = 1

    def fail(self, cause: Cause, place: int, descriptor: int = 0, address: int = 0) -> None:
        """The run has failed."""
        if self.run:
            self.run, self.aborting, self._left = None, False, 0
            self._error = (cause, place, descriptor, address)
            self._flags["error"] = self._events["error"] = 1

    def count(
        self,
        turn: int,
        stall_memory: bool = False,
        stall_dependency: bool = False,
        beats: Iterable[int] = (),
        cycles: int = 1,
    ) -> None:
        """`cycles` cycles of a run; beats of 32 bytes by class, in all of them together."""
        self._add(regs.CYCLES_LO.at(), cycles)
        self._add(regs.BUSY_LO.at(turn if turn < len(UNITS) else 0), cycles)
        self._add(regs.STALL_MEMORY_LO.at(), cycles * stall_memory)
        self._add(regs.STALL_DEPENDENCY_LO.at(), cycles * stall_dependency)
        for kind, moved in zip(PortClass, beats, strict=False):
            self._add(regs.BYTES_LO.at(kind), moved * BEAT_BYTES)

    def _add(self, address: int, amount: int) -> None:
        self.counters[address] = (self.counters[address] + amount) & COUNTER
