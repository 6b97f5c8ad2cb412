"""The driver on RTL: a `lutloom.host.Transport` over the AXI4-Lite port and the interrupt of a simulated top.

    transport = CardTransport(dut, AxiMemory())       # or any memory with write(address, data) and read(address, count)
    tokens = await bridge(lambda: list(Accelerator(transport).generate(prompt, 10)))()

The driver is ordinary code that blocks; cocotb's `bridge` runs it in a thread and the simulation waits for it between
two accesses. While it waits for the interrupt nothing runs in Python.
"""

import numpy as np
from cocotb.task import bridge, resume
from cocotb.triggers import First, RisingEdge, Timer

from lutloom.host import TransportError
from verif.lib.base_test import CLOCK_NS

CHANNELS = ("awvalid", "wvalid", "arvalid", "bready", "rready")


class CardTransport:
    """See the module.

    cycles: what counts as a second of `wait`. patience: an access not answered in as many cycles is a TransportError.
    """

    memory_base, memory_bytes, stream_window = 0, 1 << 36, None  # of axi_memory.cpp

    def __init__(self, dut, memory, cycles: int = 400_000, patience: int = 1000):
        self.dut, self.memory, self.cycles, self.patience = dut, memory, cycles, patience

    def read32(self, address: int) -> int:
        return resume(self._read)(address)

    def write32(self, address: int, value: int) -> None:
        resume(self._write)(address, value)

    def load_memory(self, address: int, data: np.ndarray) -> None:
        self.memory.write(address, np.asarray(data))

    def read_memory(self, address: int, count: int) -> np.ndarray:
        return self.memory.read(address, count)

    def wait(self, seconds: float) -> bool:
        return resume(self._wait)(max(int(seconds * self.cycles), 1))

    async def _wait(self, cycles: int) -> bool:
        if self.dut.irq_o.value != 1:
            await First(RisingEdge(self.dut.irq_o), Timer(cycles * CLOCK_NS, "ns"))
        return bool(self.dut.irq_o.value == 1)

    async def _read(self, address: int) -> int:
        self._signal("araddr").value = address
        response = await self._access(("ar",), "r", address)
        return response["data"]

    async def _write(self, address: int, value: int) -> None:
        self._signal("awaddr").value = address
        self._signal("wdata").value, self._signal("wstrb").value = value, 15
        await self._access(("aw", "w"), "b", address)

    async def _access(self, requests: tuple[str, ...], answer: str, address: int) -> dict[str, int]:
        """Offer the requests until they are taken, then take the answer."""
        waiting = set(requests)
        for request in requests:
            self._signal(f"{request}valid").value = 1
        self._signal(f"{answer}ready").value = 1
        for _ in range(self.patience):
            await RisingEdge(self.dut.clk_i)
            for request in sorted(waiting):
                if self._signal(f"{request}ready").value == 1:
                    self._signal(f"{request}valid").value = 0
                    waiting.remove(request)
            if self._signal(f"{answer}valid").value == 1:
                self._signal(f"{answer}ready").value = 0
                if self._signal(f"{answer}resp").value != 0:
                    raise TransportError(f"register {address:#x}: found an error response, allowed those of the map")
                return {"data": int(self._signal("rdata").value.to_unsigned())} if answer == "r" else {}
        raise TransportError(f"register {address:#x}: found no answer in {self.patience} cycles")

    def _signal(self, name: str):
        return getattr(self.dut, f"s_axil_{name}")


__all__ = ["CHANNELS", "CardTransport", "bridge"]
