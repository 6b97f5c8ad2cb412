"""What is not allowed: a reset of clk_i's side alone. The RTL's assertion must end the simulation."""

import pyuvm

from verif.axi_cdc.tb import MS, CdcTest


@pyuvm.test(**MS)
class OneReset(CdcTest):
    async def stimulus(self):
        await self.finish(await self.send(5))
        for board in self.env.boards.values():
            board.muted = True  # made-up words come out
        self.dut.rst_ni.value = 0
        await self.edges(self.dut.clk_i, 5)
        self.dut.rst_ni.value = 1
        await self.edges(self.dut.clk_i, 5)
