"""Valid/ready streams: bus, stall patterns, and the pyuvm agent that serves every stream of every core."""

from __future__ import annotations

import random
from collections import namedtuple
from collections.abc import Iterable, Iterator

from cocotb.handle import LogicObject
from cocotb.triggers import RisingEdge
from cocotb_bus.bus import Bus
from pyuvm import (
    ConfigDB,
    uvm_active_passive_enum,
    uvm_agent,
    uvm_analysis_port,
    uvm_component,
    uvm_driver,
    uvm_sequence,
    uvm_sequence_item,
    uvm_sequencer,
)


class StreamBus:
    """The signals of one stream: clock, reset, valid, ready and named payload fields.

    Attributes:
        Word: namedtuple of the payload fields; every word on the bus is one of these, all fields plain ints.
    """

    def __init__(self, dut, name: str, valid: str, ready: str, fields: dict[str, str]):
        self.name = name
        self.clk, self.rst_n = dut.clk_i, dut.rst_ni
        self.clear = getattr(dut, "clear_i", None)  # cores with a flush: waiting words vanish then
        bus = Bus(dut, None, {"valid": valid, "ready": ready, **fields}, case_insensitive=False)
        self.valid: LogicObject = bus.valid
        self.ready: LogicObject = bus.ready
        self.fields = tuple(getattr(bus, field) for field in fields)
        self.Word = namedtuple("Word", list(fields), defaults=[0] * len(fields))

    @classmethod
    def axis(cls, dut, prefix: str, fields: str = "data") -> StreamBus:
        """AXI-Stream by naming convention: `fields` is a space-separated choice of data, last, user, keep, id, dest."""
        names = {field: f"{prefix}_t{field}" for field in fields.split()}
        return cls(dut, prefix, f"{prefix}_tvalid", f"{prefix}_tready", names)

    def read(self):
        """The payload now."""
        return self.Word._make(
            int(f.value) if isinstance(f, LogicObject) else f.value.to_unsigned() for f in self.fields
        )

    def drive(self, word) -> None:
        for handle, value in zip(self.fields, word, strict=True):
            handle.value = int(value)


class Stall:
    """A pattern that says, cycle by cycle, whether this side holds back. Deterministic for a seed."""

    def __init__(self, kind: str, generator: Iterator[bool]):
        self.kind, self._next = kind, generator.__next__

    def __call__(self) -> bool:
        return self._next()

    @staticmethod
    def none() -> Stall:
        return Stall("none", iter(lambda: False, None))

    @staticmethod
    def random(probability: float, seed: int) -> Stall:
        rng = random.Random(seed)
        return Stall("random", iter(lambda: rng.random() < probability, None))

    @staticmethod
    def bursts(go: int, hold: int, seed: int) -> Stall:
        """Alternates runs of up to `go` free and up to `hold` stalled cycles."""

        def pattern():
            rng = random.Random(seed)
            while True:
                for _ in range(rng.randint(1, go)):
                    yield False
                for _ in range(rng.randint(1, hold)):
                    yield True

        return Stall("bursts", pattern())

    @staticmethod
    def pick(stalled: bool, seed: int) -> Stall:
        """No stall, or one of the two stalling kinds by seed."""
        if not stalled:
            return Stall.none()
        return Stall.random(0.5, seed) if seed % 2 else Stall.bursts(20, 20, seed)


class StreamItem(uvm_sequence_item):
    """A run of words that the driver sends back to back (as far as its stall pattern lets it)."""

    def __init__(self, words: Iterable):
        super().__init__("stream_item")
        self.words = list(words)


class StreamSequence(uvm_sequence):
    """Sends `words`; plain ints are taken as the only payload field."""

    def __init__(self, words: Iterable):
        super().__init__("stream_sequence")
        self.words = words

    async def body(self):
        item = StreamItem(self.words)
        await self.start_item(item)
        await self.finish_item(item)


class _OnBus(uvm_component):
    """Takes bus and stall pattern from the ConfigDB, where the agent's owner put them."""

    def build_phase(self):
        super().build_phase()
        self.bus: StreamBus = ConfigDB().get(self, "", "BUS")
        self.stall: Stall = ConfigDB().get(self, "", "STALL")


class StreamDriver(uvm_driver, _OnBus):
    """Source side: one word a cycle, gaps as the stall pattern says; a reset drops the rest of the item."""

    async def run_phase(self):
        bus = self.bus
        clock = RisingEdge(bus.clk)
        bus.valid.value = 0
        self.busy = self.aborting = False
        while True:
            item = await self.seq_item_port.get_next_item()
            self.busy = True
            for word in item.words:
                word = word if isinstance(word, tuple) else (word,)
                while self.stall():
                    bus.valid.value = 0
                    await clock
                bus.drive(word)
                bus.valid.value = 1
                await clock
                while bus.rst_n.value == 1 and bus.ready.value != 1 and not self.aborting:
                    await clock
                if bus.rst_n.value != 1 or self.aborting:
                    break
            bus.valid.value = 0
            self.busy = self.aborting = False
            self.seq_item_port.item_done()

    def abort(self) -> None:
        """Drop the rest of the item at the next edge (before a clear or reset: a waiting word is withdrawn)."""
        self.aborting = self.busy


class StreamSink(_OnBus):
    """Consumer side: drives ready by the stall pattern."""

    async def run_phase(self):
        bus, previous = self.bus, None
        clock = RisingEdge(bus.clk)
        while True:
            ready = 0 if self.stall() else 1
            if ready != previous:
                bus.ready.value = previous = ready
            await clock


class StreamMonitor(_OnBus):
    """Publishes every transferred word on `ap` with its cycle number, and checks that a waiting payload is stable."""

    def build_phase(self):
        super().build_phase()
        self.ap = uvm_analysis_port("ap", self)
        self.cycle = 0  # clock edges since the start
        self.cycles: list[int] = []  # of each transfer
        self.stalled = 0  # cycles in which a word waited

    async def run_phase(self):
        bus = self.bus
        clock = RisingEdge(bus.clk)
        waiting = None
        while True:
            await clock
            self.cycle += 1
            if bus.rst_n.value != 1 or (bus.clear is not None and bus.clear.value == 1):
                waiting = None
                continue
            if bus.valid.value != 1:
                assert waiting is None, f"{bus.name}: valid fell before the word was taken"
                continue
            word = bus.read()
            assert waiting is None or waiting == word, f"{bus.name}: payload changed while waiting"
            if bus.ready.value == 1:
                waiting = None
                self.cycles.append(self.cycle)
                self.ap.write(word)
            else:
                waiting = word
                self.stalled += 1


class StreamAgent(uvm_agent):
    """Monitor plus driver (`ROLE` "source") or ready driver (`ROLE` "sink") of one stream.

    Made by `make_agent`, which fills the ConfigDB.
    """

    def build_phase(self):
        self.is_active = uvm_active_passive_enum.UVM_ACTIVE  # both roles drive something
        self.role: str = ConfigDB().get(self, "", "ROLE")
        self.monitor = StreamMonitor("monitor", self)
        self.ap = None
        if self.role == "source":
            self.sequencer = uvm_sequencer("sequencer", self)
            self.driver = StreamDriver("driver", self)
        else:
            self.sink = StreamSink("sink", self)

    def connect_phase(self):
        self.ap = self.monitor.ap
        if self.role == "source":
            self.driver.seq_item_port.connect(self.sequencer.seq_item_export)

    async def send(self, words: Iterable) -> None:
        """Run a StreamSequence of `words`; returns when the last was taken (or dropped by a reset)."""
        await StreamSequence(words).start(self.sequencer)

    def abort(self) -> None:
        """Make a running `send` give up at the next edge."""
        self.driver.abort()


def make_agent(parent: uvm_component, name: str, bus: StreamBus, role: str, stall: Stall | None = None) -> StreamAgent:
    """Create a StreamAgent below `parent`; call it in build_phase. `role` is "source" or "sink"."""
    if role not in ("source", "sink"):
        raise ValueError(f"role is {role}, allowed: source, sink")
    ConfigDB().set(parent, f"{name}*", "BUS", bus)
    ConfigDB().set(parent, f"{name}*", "STALL", stall or Stall.none())
    ConfigDB().set(parent, f"{name}*", "ROLE", role)
    return StreamAgent(name, parent)
