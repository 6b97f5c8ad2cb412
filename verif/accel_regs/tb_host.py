"""The driver over the registers in RTL; a sequencer in Python that makes tokens out of the prompt."""

import os
from itertools import islice

import cocotb
import numpy as np
import pyuvm
from cocotb.handle import Immediate
from cocotb.triggers import RisingEdge

from lutloom.host import Accelerator, AcceleratorError
from lutloom.host.golden import Memory
from lutloom.host.registers import Cause, Ended, Unit
from verif.lib.card import CHANNELS, CardTransport, bridge
from verif.lib.tb import CoreTest

PROMPT = list(range(100, 137))  # more than two rings of 16


def texts(prompt: list[int], count: int, vocab: int) -> list[int]:
    """What the sequencer below makes of a prompt."""
    return [(sum(prompt) + 7 * step) % vocab for step in range(count)]


@pyuvm.test(timeout_time=4, timeout_unit="ms")
class Driver(CoreTest):
    def build_phase(self):
        super().build_phase()
        for name in CHANNELS:
            getattr(self.dut, f"s_axil_{name}").set(Immediate(0))
        for handle in self.dut:
            if handle._name.endswith("_i") and handle._name not in ("clk_i", "rst_ni"):
                handle.set(Immediate(int(handle._name == "idle_i")))
        self.fail_at = self.hang_at = None  # tokens

    async def stimulus(self):
        cocotb.start_soon(self.sequencer())
        await bridge(self.host)()

    async def edge(self) -> bool:
        """One cycle; False if the run was cleared."""
        await RisingEdge(self.dut.clk_i)
        return self.dut.clear_o.value != 1

    async def pulse(self, **values: int) -> None:
        for name, value in values.items():
            getattr(self.dut, f"{name}_i").value = value
        await RisingEdge(self.dut.clk_i)
        self.dut.done_i.value = self.dut.error_i.value = 0

    async def sequencer(self):
        dut = self.dut
        prompt: list[int] = []
        while True:
            if not await self.edge():
                prompt = []
            dut.position_i.value = len(prompt)
            if dut.start_o.value == 1:
                dut.turn_i.value = int(Unit.CONTROL)
                if not await self.run(prompt):
                    prompt = []
                dut.turn_i.value = 0

    async def run(self, prompt: list[int]) -> bool:
        """One run; False if it was cleared."""
        dut = self.dut
        left = int(dut.prompt_tokens_o.value.to_unsigned())
        dut.m_axis_prompt_tready.value = 1
        while left:
            if not await self.edge():
                break
            if dut.m_axis_prompt_tvalid.value == 1 and dut.m_axis_prompt_tready.value == 1:
                prompt.append(int(dut.m_axis_prompt_tdata.value.to_unsigned()))
                left -= 1
        dut.m_axis_prompt_tready.value = 0
        if left:
            return False
        count = int(dut.new_tokens_o.value.to_unsigned())
        for step, token in enumerate(texts(prompt, count, int(dut.vocab_o.value.to_unsigned()))):
            if step == self.fail_at:
                await self.pulse(error=1, cause=int(Cause.DECODE_ERROR), place=6, descriptor=3, addr=1 << 40)
                return True
            while step == self.hang_at:
                if not await self.edge():
                    return False
            dut.s_axis_output_tdata.value, dut.s_axis_output_tvalid.value = token, 1
            while True:
                alive = await self.edge()
                if not alive or dut.s_axis_output_tready.value == 1 or dut.abort_o.value == 1:
                    break
            dut.s_axis_output_tvalid.value = 0
            if not alive:
                return False
            if dut.abort_o.value == 1:
                await self.pulse(done=1, ended_by=int(Ended.ABORT))
                return True
        await self.pulse(done=1, ended_by=int(Ended.COUNT))
        return True

    def host(self) -> None:
        """The driver's side, in a thread."""
        card = Accelerator(CardTransport(self.dut, Memory()), timeout=0.2, watchdog=0)
        image = card.load(os.environ["LUTLOOM_IMAGE"], 0x3_0000_0000)
        assert card.identity.ring_depth == 16 and card.identity.hardware == "tiny"
        assert (card.transport.read_memory(0x3_0000_0000, 4096) == np.asarray(image.data[:4096])).all()
        room = image.config["max_context"]
        prompt = PROMPT[: room - 1]
        for count in (0, 1, 60):
            assert list(card.generate(prompt, count, stop=False)) == texts(prompt, count, card.vocab), "Mismatch"
            assert card.ended_by == Ended.COUNT
        counters = card.counters()
        assert counters.cycles == counters.busy[Unit.CONTROL] + counters.busy[Unit.IDLE] > 60
        left = card.generate(prompt, 60, stop=False)
        assert list(islice(left, 3)) == texts(prompt, 3, card.vocab)
        left.close()  # with a full ring
        assert card.status()["idle"] == 1
        self.fail_at = 5
        found = []
        try:
            for token in card.generate(prompt, 60, stop=False):
                found.append(token)
            raise AssertionError("no error")
        except AcceleratorError as error:
            fault = error.fault
            assert (fault.cause, fault.unit, fault.descriptor, fault.address) == (Cause.DECODE_ERROR, 6, 3, 1 << 40)
        assert found == texts(prompt, 5, card.vocab)
        self.fail_at, self.hang_at, card.watchdog = None, 2, 300
        try:
            list(card.generate(prompt, 60, stop=False))
            raise AssertionError("no error")
        except AcceleratorError as error:
            assert error.fault.cause == Cause.WATCHDOG and error.fault.unit == Unit.CONTROL, error
        self.hang_at = None
        assert list(card.generate(prompt, 20, stop=False)) == texts(prompt, 20, card.vocab)
