"""Testbench of qwen3_accel: whole texts through the driver, against the golden machine, and what can go wrong.

LUTLOOM_IMAGES names the images by kind; without it they are made here. What is compared is what the
driver sees: tokens, errors, counters. Every value that is computed is compared in test_qwen3_accel.py, from a trace.
"""

import json
import os
import random
from contextlib import contextmanager
from pathlib import Path

import cocotb
import numpy as np
import pyuvm
from cocotb.triggers import ClockCycles
from pyuvm import uvm_test

from lutloom.compiler import compile_model
from lutloom.errors import UserError
from lutloom.hardware import configuration
from lutloom.host import Accelerator, AcceleratorError
from lutloom.host import registers as regs
from lutloom.host.registers import Cause, Ended, Unit
from lutloom.image import Image
from lutloom.machine import Machine
from lutloom.program import BYTES
from lutloom.qwen3_accel import CONFIGURATIONS, PORT_NAMES
from lutloom.tests import toy
from verif.lib import record
from verif.lib.axi_memory import AxiMemory, Direction
from verif.lib.card import bridge
from verif.lib.tb import Coverage
from verif.qwen3_accel.run import power_up, reset
from verif.qwen3_accel.toys import toy_images

SLICES = CONFIGURATIONS["tiny"].slices
PORTS = {"stream": 0} | {name: SLICES + n for n, name in enumerate(PORT_NAMES)}
SIDES = {"keys": 0, "values": 1}  # behind these ports
RANDOM_FAULTS = int(os.environ.get("LUTLOOM_RANDOM_FAULTS", "12"))  # of each kind of run; 100 make 200

coverage = Coverage(
    "qwen3_accel",
    {
        "scheme": ["wvq", "covq"],
        "prompt": ["1", "2", "7", "33", "fills the cache"],
        "context": ["255", "256", "257"],
        "sampling": ["greedy", "temperature"],
        "ended": ["count", "end_token", "cache_full", "abort"],
        "continued": ["yes", "saved and restored"],
        "read error": [*PORTS, *SIDES],
        "write error": list(SIDES),
        "cause": ["slave_error", "decode_error", "watchdog", "image_hash", "image_version", "unknown_operation",
                  "bad_descriptor", "linear_packet", "prompt_empty", "prompt_token", "context_full"],
        "reset": ["in mid-token"],
        "memory": ["stalls", "slow"],
    },
)  # fmt: skip


class Bench:
    """The card, its memory, and what golden says."""

    def __init__(self, dut, transport):
        self.dut, self.transport, self.memory = dut, transport, AxiMemory()
        named = os.environ.get("LUTLOOM_IMAGES")
        paths = json.loads(named) if named else toy_images(Path.cwd())
        self.images = {kind: Image.open(path) for kind, path in paths.items()}
        self.random = random.Random(cocotb.RANDOM_SEED)

    def card(self, kind: str, watchdog: int = 20_000) -> Accelerator:
        """A driver with an image loaded."""
        card = Accelerator(self.transport, timeout=20.0, watchdog=watchdog)
        card.load(self.images[kind].path)
        return card

    def prompt(self, kind: str, count: int) -> list[int]:
        """Random tokens."""
        vocab = self.images[kind].config["model"]["vocab_size"]
        return [self.random.randrange(8, vocab) for _ in range(count)]

    def golden(self, kind: str, prompt: list[int], count: int, **options) -> list[int]:
        """What the golden machine says."""
        return [int(token) for token in Machine(self.images[kind]).generate(np.array(prompt), count, **options)]

    def check(self, card: Accelerator, kind: str, prompt: list[int], count: int, **options) -> list[int]:
        """Generate on the card; every token must be golden's."""
        found = list(card.generate(prompt, count, **options))
        expected = self.golden(kind, prompt, count, **options)
        assert found == expected, f"{kind}, prompt {prompt}, {options}: found {found}, golden {expected}"
        counters = card.counters()
        assert sum(counters.busy.values()) == counters.cycles > 0, counters
        return found

    @contextmanager
    def failing(self, cause: Cause, unit: Unit | None = None, stage: str = ""):
        """What runs inside must fail with this cause, in this unit and a stage of that name."""
        try:
            yield
        except AcceleratorError as error:
            assert error.fault is not None and error.fault.cause == cause, f"found {error}, wanted {cause.name}"
            assert unit is None or error.fault.unit == unit, f"found {error}, wanted {unit.name}"
            assert unit is None or stage in str(error.fault.stage), f"found {error}, wanted stage {stage}"
            coverage.hit("cause", cause.name.lower())
        else:
            raise AssertionError(f"no error, wanted {cause.name}")

    def cache(self, kind: str, port: int) -> range:
        """What this port's part of the KV cache takes of the memory."""
        stride = self.transport.read32(regs.PORT_STRIDE_LO.address)
        first = self.transport.read32(regs.PORT_BASE_LO.address) + port * stride
        return range(first + self.images[kind].table["port0"].padded, first + stride)

    def healed(self, card: Accelerator, kind: str, prompt: list[int]) -> None:
        """After a fault: without it, the same card writes the right text."""
        self.memory.heal()
        card.recover()
        card.load(self.images[kind].path)
        self.check(card, kind, prompt, 2, stop=False)


class AccelTest(uvm_test):
    """Base: power up, run `text` in a thread beside the simulation."""

    async def run_phase(self):
        self.raise_objection()
        self.dut = cocotb.top
        transport = await power_up(self.dut)
        self.bench = Bench(self.dut, transport)
        self.bench.memory.heal()
        await self.body()
        self.drop_objection()

    async def body(self) -> None:
        await bridge(self.text)()

    def text(self) -> None:
        raise TypeError(f"{type(self).__name__} does not override text()")

    def final_phase(self):
        record.save()


@pyuvm.test()
class SavedTextTest(AccelTest):
    """A text is put aside, another one is written, the first one goes on; what was saved is golden's, byte for byte."""

    def text(self) -> None:
        bench, kind = self.bench, "short"
        card, prompt = bench.card(kind), bench.prompt(kind, 7)
        whole = bench.golden(kind, prompt, 9, stop=False)
        first = list(card.generate(prompt, 4, stop=False))
        state = card.save()
        machine = Machine(bench.images[kind])
        machine.run(np.array(prompt + first[:-1]))
        golden = machine.save()
        assert state.positions == golden.positions == 10
        assert all((state.data[key] == data).all() for key, data in golden.data.items())
        bench.check(card, kind, bench.prompt(kind, 12), 3, stop=False)
        card.restore(state)
        assert card.position == 10
        assert first + list(card.generate(first[-1:], 5, stop=False, fresh=False)) == whole
        coverage.hit("continued", "saved and restored")
        for position in (bench.images[kind].config["max_context"], (1 << 32) - 1):
            card.recover()
            bench.transport.write32(regs.SEEK.at(), position)
            with bench.failing(Cause.CONTEXT_FULL):
                card._start(np.array([9]), 1)
                list(card._tokens())
        bench.healed(card, kind, prompt)


@pyuvm.test()
class PromptsTest(AccelTest):
    """Prompts of all lengths, greedy and sampled, stops at an end token, continues a text."""

    def text(self):
        b, card = self.bench, self.bench.card("short")
        for length, name in ((1, "1"), (2, "2"), (7, "7"), (24, "fills the cache")):
            b.check(card, "short", b.prompt("short", length), 3, stop=False)
            coverage.hit("prompt", name)
        assert card.ended_by == Ended.CACHE_FULL
        coverage.hit("ended", "cache_full")
        prompt = b.prompt("short", 3)
        greedy = b.check(card, "short", prompt, 6, stop=False)
        assert card.ended_by == Ended.COUNT
        coverage.hit("ended", "count")
        coverage.hit("sampling", "greedy")
        b.check(card, "short", prompt, 8, temperature=0.8, seed=7, stop=False)
        coverage.hit("sampling", "temperature")
        end = next(token for token in greedy[1:] if token != greedy[0])
        card.image.config["end_tokens"] = [end]
        assert list(card.generate(prompt, 6)) == greedy[: greedy.index(end)] and card.ended_by == Ended.END_TOKEN
        coverage.hit("ended", "end_token")
        first = list(card.generate(prompt, 3, stop=False))
        more = list(card.generate([first[-1], *prompt], 3, stop=False, fresh=False))
        assert more == b.golden("short", [*prompt, *first, *prompt], 3, stop=False)
        coverage.hit("continued", "yes")
        coverage.hit("scheme", "wvq")


@pyuvm.test()
class CovqTest(AccelTest):
    """Co-quantised linears: tables for the prompt, gathered rows for what follows."""

    def text(self):
        b, card = self.bench, self.bench.card("covq")
        b.check(card, "covq", b.prompt("covq", 33), 3, stop=False)
        coverage.hit("prompt", "33")
        b.check(card, "covq", b.prompt("covq", 2), 4, temperature=1.2, seed=7, stop=False)
        moved = card.counters().bytes
        assert all(count > 0 for count in moved.values()), moved
        coverage.hit("scheme", "covq")


@pyuvm.test()
class LongTest(AccelTest):
    """Contexts over 255, 256 and 257 positions up to the end of the cache."""

    def text(self):
        b, card = self.bench, self.bench.card("long")
        room = b.images["long"].config["max_context"]
        found = b.check(card, "long", b.prompt("long", 252), room, stop=False)
        assert card.ended_by == Ended.CACHE_FULL and len(found) == room - 252 + 1
        for context in ("255", "256", "257"):
            coverage.hit("context", context)


@pyuvm.test()
class MemoryTest(AccelTest):
    """Memories that stall and that are slow: other cycles, the same text."""

    async def body(self):
        for name, settings in (("stalls", {"stall": 90}), ("slow", {"latency": 300, "rate": 64})):
            for port in range(SLICES + len(PORT_NAMES)):
                self.bench.memory.settings(port, **settings)
            await reset(self.dut)
            await bridge(self.text)()
            coverage.hit("memory", name)
        for port in range(SLICES + len(PORT_NAMES)):
            self.bench.memory.settings(port, latency=75, rate=256, stall=0)
        await reset(self.dut)

    def text(self):
        b = self.bench
        b.check(b.card("short", watchdog=0), "short", b.prompt("short", 4), 3, stop=False)


@pyuvm.test()
class FaultsTest(AccelTest):
    """Errors of the memory in every class of traffic: a clean stop with a cause, then the right text again."""

    def text(self):
        b = self.bench
        for name, port in PORTS.items():
            kind = "covq" if name in ("codebooks", "packets", "rows") else "short"
            card, prompt = b.card(kind), b.prompt(kind, 3)
            b.memory.fail_nth(port, Direction.READ, b.random.randrange(4), 2)
            with b.failing(Cause.SLAVE_ERROR):
                list(card.generate(prompt, 2, stop=False))
            coverage.hit("read error", name)
            b.healed(card, kind, prompt)
        for name, port in SIDES.items():
            for direction, kind in ((Direction.READ, "read error"), (Direction.WRITE, "write error")):
                card, prompt = b.card("short"), b.prompt("short", 3)
                cache = b.cache("short", port)
                b.memory.fail(direction, cache.start, cache.stop - 1, AxiMemory.DECERR)
                with b.failing(Cause.DECODE_ERROR, Unit.ATTENTION, "attention"):
                    list(card.generate(prompt, 2, stop=False))
                coverage.hit(kind, name)
                b.healed(card, "short", prompt)


@pyuvm.test()
class RefusedTest(AccelTest):
    """Images that are not for this hardware or too large, damaged programs and packets, prompts that cannot be."""

    def text(self):
        b, card = self.bench, self.bench.card("short")
        prompt, image = b.prompt("short", 3), b.images["short"]
        program = image.table["program"].offset
        port = image.table["port0"].offset
        for cause, address in (
            (Cause.IMAGE_VERSION, 2), (Cause.IMAGE_HASH, 33), (Cause.UNKNOWN_OPERATION, program + 3 * BYTES),
            (Cause.BAD_DESCRIPTOR, program + 1 * BYTES + 6), (Cause.LINEAR_PACKET, port),
        ):  # fmt: skip
            byte = b.memory.read(address, 1)
            b.memory.write(address, byte ^ 0x6D)
            with b.failing(cause):
                list(card.generate(prompt, 2, stop=False))
            b.healed(card, "short", prompt)
        for cause, tokens in (
            (Cause.PROMPT_EMPTY, []), (Cause.PROMPT_TOKEN, [5, 203]), (Cause.CONTEXT_FULL, b.prompt("short", 25)),
        ):  # fmt: skip
            for token in tokens:
                self.bench.transport.write32(regs.PROMPT.address, token)
            with b.failing(cause, Unit.CONTROL):
                card._start(np.array([], int), 2)
                list(card._tokens())
            b.healed(card, "short", prompt)
        b.memory.erase()
        other, small = Path("other.img"), image.bytes
        compile_model(toy.build(Path("other"), "fused").folder, other, configuration("small"))
        self.refused(card, other, "found hardware small, allowed tiny, the card's")
        b.memory.limit(small)
        b.transport.memory_bytes = small
        self.refused(card, image.path, f"with the KV cache, allowed {small:,} from 0x0 on")
        del b.transport.memory_bytes
        b.memory.limit()
        assert not b.memory.read(0, small).any(), "an image that was refused has been copied"
        b.healed(card, "short", prompt)

    def refused(self, card: Accelerator, path: Path, words: str) -> None:
        """The driver does not load this image."""
        try:
            card.load(path)
        except UserError as error:
            assert words in str(error), error
        else:
            raise AssertionError(f"{path} was loaded, wanted: {words}")


@pyuvm.test()
class StopTest(AccelTest):
    """Watchdog, abort, reset in mid-token; random faults at random times. After each the text is right."""

    async def body(self):
        await bridge(self.text)()
        for _ in range(3):
            await bridge(self.begin)()
            await ClockCycles(self.dut.clk_i, self.bench.random.randrange(100, 12_000))
            await reset(self.dut)
            coverage.hit("reset", "in mid-token")
            await bridge(self.again)()

    def begin(self):
        card = self.bench.card("short")
        card._configure(0.0, 0, False)
        card._start(np.array(self.bench.prompt("short", 3)), 4)

    def again(self):
        self.bench.check(self.bench.card("short"), "short", self.bench.prompt("short", 3), 2, stop=False)

    def text(self):
        b, card = self.bench, self.bench.card("short", watchdog=4_000)
        prompt = b.prompt("short", 3)
        for name in ("stream", "auxiliary"):
            port = PORTS[name]
            b.memory.silence(port, Direction.READ, 2)
            with b.failing(Cause.WATCHDOG):
                list(card.generate(prompt, 2, stop=False))
            b.healed(card, "short", prompt)
        for _ in card.generate(prompt, 8, stop=False):
            break  # leaving early aborts
        coverage.hit("ended", "abort")
        b.healed(card, "short", prompt)
        kinds = ("fail", "silence")
        for n in range(2 * RANDOM_FAULTS):
            port, direction = b.random.randrange(SLICES + 1), Direction.READ
            if port in SIDES.values() and b.random.random() < 0.4:
                direction = Direction.WRITE
            at = b.random.randrange(60)
            if kinds[n % 2] == "fail":
                b.memory.fail_nth(port, direction, at, 2 + n // 2 % 2)
            else:
                b.memory.silence(port, direction, at)
            try:
                found = list(card.generate(prompt, 2, stop=False))
                assert found == b.golden("short", prompt, 2, stop=False)  # the fault was never reached
            except AcceleratorError as error:
                assert error.fault is not None, error
            b.memory.heal()
            card.recover()
        b.healed(card, "short", prompt)
