"""The demo inside the simulator: the job in $DEMO through tb_linear_covq, linear by linear; writes rows.json."""

import json
import os
from pathlib import Path

import cocotb
import numpy as np
import pyuvm
from cocotb.triggers import RisingEdge

from lutloom.centroid_search import centroid_search
from lutloom.linear_covq import LinearImage, build_image, group_accumulators
from lutloom.quantized_model import QuantizedModel
from verif.lib.tb import parameters
from verif.linear_covq.env import COUNTERS, LinearTest, result_words, vector_words

HARDWARE = {"Units": 32, "Tokens": 8, "DrainW": 2, "Lanes": 2, "MaxTokens": 32} | parameters()
UNITS, TOKENS, DRAIN, LANES = (HARDWARE[name] for name in ("Units", "Tokens", "DrainW", "Lanes"))
IMAGE = Path("image.bin")  # what +axi_read_mem of the sim target names
IMAGE.touch()  # the memories open it at time 0
PORTS = ("cb", "idx", "row")


@pyuvm.test(timeout_time=100, timeout_unit="ms")
class Demo(LinearTest):
    """Decode of the last token, then prefill of all; a difference is counted, not an error: the table shows it."""

    def build_phase(self):
        super().build_phase()
        folder = Path(os.environ["DEMO"])
        job = json.loads((folder / "job.json").read_text())
        model = QuantizedModel.load(job["quantised"])
        linears = {name: model.linears[name] for name in job["linears"]}
        image, self.placed = build_image(linears, model.inputs, units=UNITS, lanes=LANES)
        IMAGE.write_bytes(image)
        self.vectors = dict(np.load(folder / "vectors.npz"))  # int8 [T, P, 2] by input

    async def stimulus(self):
        await self.pulse("load_i")
        self.env.scoreboard.muted = True  # compared here, bit by bit
        rows = []
        for mode in ("decode", "prefill"):
            searched = None
            for placed in self.placed:
                vectors = self.vectors[placed.input]
                vectors = vectors[-1:] if mode == "decode" else vectors
                step = HARDWARE["MaxTokens"]
                chunks = [vectors[i : i + step] for i in range(0, len(vectors), step)]
                # a second chunk overwrites the first one's indices, so only a single chunk can be searched once for all
                search = placed.input != searched or len(chunks) > 1
                rows.append(await self.linear(placed, chunks, mode, search))
                searched = placed.input
        Path("rows.json").write_text(json.dumps(rows))

    async def linear(self, placed: LinearImage, chunks: list[np.ndarray], mode: str, search: bool) -> dict:
        """One linear from its first command to idle."""
        table = mode == "prefill"
        commands, words, expected = [], [], []
        for vectors in chunks:
            found = centroid_search(vectors, placed.linear.a_cent)
            batch = placed.commands(len(vectors), table, search)
            commands += [tuple(command.__dict__.values()) for command in batch]
            words += vector_words(vectors) if search else []
            for g in range(len(batch)):
                acc = group_accumulators(found, placed.linear, g, units=UNITS, tokens=TOKENS, table=table)
                expected += [word for word, _ in result_words(acc, TOKENS, DRAIN)]
        await self.pulse("count_clear_i")
        before, first = self.bytes_read(), len(self.env.scoreboard.heard)
        tasks = [cocotb.start_soon(self.env.commands.send(commands)), cocotb.start_soon(self.env.vectors.send(words))]
        limit = 200 * (len(expected) + 20 * sum(len(c) for c in chunks) * placed.linear.idx.shape[0])
        for _ in range(limit):
            await RisingEdge(self.dut.clk_i)
            done = len(self.env.scoreboard.heard) - first >= len(expected)
            if (done and self.dut.idle_o.value == 1) or self.dut.error_o.value == 1:
                break
        for task in tasks:
            await task
        got = [word.data for word in self.env.scoreboard.heard[first:]]
        assert len(got) == len(expected), f"{placed.name}: {len(got)} result beats, expected {len(expected)}"
        width = TOKENS * DRAIN * 32
        breakdown = {name: int(getattr(self.dut, f"count_{name}_o").value.to_unsigned()) for name in COUNTERS}
        cycles = sum(breakdown.values())
        outputs, inputs = placed.linear.shape
        tokens = sum(len(vectors) for vectors in chunks)
        read = self.bytes_read() - before
        return {
            "linear": placed.name.split(".")[-1],
            "shape": [inputs, outputs],
            "mode": mode,
            "tokens": tokens,
            "cycles": cycles,
            "lookups_per_cycle": tokens * outputs * placed.linear.idx.shape[0] / cycles,
            "bytes": read,
            "port_utilisation": read / (len(PORTS) * 32 * cycles),
            "bits_different": sum((a ^ b).bit_count() for a, b in zip(got, expected, strict=True)),
            "bits_compared": width * len(expected),
            "breakdown": breakdown,
        }

    def bytes_read(self) -> int:
        return 32 * sum(int(getattr(self.dut, f"beats_{port}_o").value.to_unsigned()) for port in PORTS)
