"""row_synth in front of lut2d: the packets of wvq linears in, accumulators as golden/wvq.py has them out."""

import cocotb
import numpy as np
import pyuvm
from pyuvm import uvm_env

from lutloom.hardware import Hardware
from lutloom.linear_synth import pack_job
from lutloom.lut2d import insert_run_headers, remove_run_headers
from lutloom.row_gather import COUNTS
from lutloom.wvq import WvqLinear
from verif.lib.tb import CoreTest, Scoreboard, Stall, StreamBus, make_agent, measure
from verif.row_synth.env import coverage, pack

US = dict(timeout_time=1000, timeout_unit="us")
DRAIN = 2


class LinearEnv(uvm_env):
    stalled = False
    seed = 0

    def build_phase(self):
        dut, seed = cocotb.top, self.seed
        for i, (name, fields) in enumerate({"job": "blocks code shift", "lookup": "blocks slots code"}.items()):
            signals = {field: f"s_{name}_{field}" for field in fields.split()}
            bus = StreamBus(dut, f"s_{name}", f"s_{name}_tvalid", f"s_{name}_tready", signals)
            setattr(self, name, make_agent(self, name, bus, "source", Stall.pick(self.stalled, seed + i)))
        for i, name in enumerate(("act", "cb", "idx")):
            stall = Stall.pick(self.stalled, seed + i)
            setattr(self, name, make_agent(self, name, StreamBus.axis(dut, f"s_axis_{name}"), "source", stall))
        acc = StreamBus.axis(dut, "m_axis_acc", "data last")
        self.acc = make_agent(self, "acc", acc, "sink", Stall.pick(self.stalled, seed + 1))
        self.outputs = Scoreboard("outputs", self)

    def connect_phase(self):
        self.acc.ap.connect(self.outputs.analysis_export)


@pyuvm.test(**US)
class Linear(CoreTest):
    """Whole linears of 16, 32 and 64 centroids, two tokens; the rows keep up with the lookups."""

    stalled = False

    def build_phase(self):
        super().build_phase()
        LinearEnv.stalled, LinearEnv.seed = self.stalled, self.seed
        self.env = LinearEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))
        self.tokens, self.units = self.param("Tokens"), self.param("Units")
        self.hardware = Hardware(slices=1, lanes=self.param("Lanes"), units=self.units, slots=self.param("Slots"))

    def linear(self, centroids: int, positions: int, outputs: int, exponents: int) -> WvqLinear:
        rng, lanes = self.np_rng, self.hardware.lanes
        exponents = np.repeat(rng.integers(0, exponents, (positions // lanes, 1)), lanes, axis=0)
        return WvqLinear(
            pairs=rng.permutation(2 * positions).astype(np.int32).reshape(-1, 2),
            w_cent=rng.integers(-50, 51, (positions, 1, centroids, 2)).astype(np.int8),
            exp=exponents.astype(np.uint8),
            idx=rng.integers(0, centroids, (positions, outputs)).astype(np.uint8),
            out_scale=np.ones(outputs, np.float32),
            inputs=2 * positions,
            act_bits=9,
            group=outputs,
        )

    def streams(self, linear: WvqLinear, q: np.ndarray):
        """Words of (job, lookup, act, cb, idx)."""
        hardware, lanes = self.hardware, self.hardware.lanes
        positions, outputs = linear.idx.shape
        blocks, slots = positions // lanes, -(-outputs // self.units)
        cb_beats = 2 * linear.centroids * lanes // hardware.beat_bytes
        packet = pack_job(linear, 0, 0, blocks, hardware)[1:]  # without the job header
        bits = {16: 4, 32: 5, 64: 6}[linear.centroids]
        idx_beats = -(-slots * lanes * self.units * bits // (8 * hardware.beat_bytes))
        body, exponent, used = remove_run_headers(packet, blocks, cb_beats + idx_beats)
        assert used == len(packet)

        def beats(data):
            return [int.from_bytes(beat.tobytes(), "little") for beat in data.reshape(-1, hardware.beat_bytes)]

        code = COUNTS.index(linear.centroids)
        pairs = (
            q[:, linear.pairs].reshape(self.tokens, blocks, lanes * 2).swapaxes(0, 1)
        )  # [block, token, lane and which]
        acts = [pack(block.reshape(-1), self.param("ActW")) for block in pairs]
        return (
            [(blocks, code, 0)],
            [(blocks, slots, code)],
            acts,
            beats(body[:, :cb_beats]),
            beats(insert_run_headers(body[:, cb_beats:], exponent)),
        )

    async def stimulus(self):
        env, hardware = self.env, self.hardware
        # outputs are multiples of the units: lut2d gives the slots' unused outputs too
        sizes = ((16, 64, 512, 1), (32, 16, 96, 3), (64, 12, 64, 3), (16, 2, 32, 1))
        for centroids, positions, outputs, exponents in sizes:
            linear = self.linear(centroids, positions, outputs, exponents)
            q = self.np_rng.integers(-255, 256, (self.tokens, linear.inputs)).astype(np.int16)
            words = self.streams(linear, q)
            beats = linear.accumulate(q).reshape(self.tokens, -1, DRAIN).swapaxes(0, 1).reshape(-1, self.tokens * DRAIN)
            env.outputs.expect((pack(beat, 32), int(i == len(beats) - 1)) for i, beat in enumerate(beats))
            taken = len(env.idx.monitor.cycles)
            agents = (env.job, env.lookup, env.act, env.cb, env.idx)
            for task in [cocotb.start_soon(agent.send(w)) for agent, w in zip(agents, words, strict=True)]:
                await task
            await env.outputs.drain(self.dut.clk_i, 20_000)
            if outputs == 512 and not self.stalled:
                # from the second block up to the first that lut2d delays itself, because it moves sums out
                words = env.idx.monitor.cycles[taken + 1 :][hardware.slots : 15 * hardware.slots]
                rate = hardware.lanes * self.units * (len(words) - 1) / (words[-1] - words[0])
                measure("throughput of lut2d behind it", rate, 64.0, "lookups/cycle and token", at_least=True)
        assert self.dut.error_o.value == 0 and self.dut.busy_o.value == 0
        coverage.hit("consumer", "lut2d")


@pyuvm.test(**US)
class LinearStalled(Linear):
    stalled = True
