"""Testbench of axi_read_mux: two masters ask at random, a memory answers in order; each gets what it asked for, and
master 1 only asks while fewer than Alone beats of master 0 are under way.
"""

import random
from collections import deque

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge

from verif.lib.tb import parameters

MASTERS, READS = 2, 200
FIELDS = {"arlen": 8, "arsize": 3, "arburst": 2, "arcache": 4, "arprot": 3}
WORD = (1 << 64) - 1


def part(value: int, index: int, width: int) -> int:
    """Element of a packed array."""
    return value >> index * width & (1 << width) - 1


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def everybody_gets_his_own(dut):
    rng = random.Random(cocotb.RANDOM_SEED)
    Clock(dut.clk_i, 4, unit="ns").start()
    for name in (
        "s_axi_arvalid",
        "s_axi_rready",
        "m_axi_arready",
        "m_axi_rvalid",
        "m_axi_rid",
        "m_axi_rdata",
        "rst_ni",
    ):
        getattr(dut, name).value = 0
    asked = [deque() for _ in range(MASTERS)]  # beats that a master waits for: (data, last)
    memory: deque[tuple[int, int, int]] = deque()  # id, data, last
    wanted: list[dict | None] = [None] * MASTERS
    left, seen, precedence, flying, early = [READS] * MASTERS, [0] * MASTERS, 0, 0, 0
    alone = int(parameters().get("Alone", 1))
    for _ in range(4):
        await RisingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    beat, address = None, None  # on the memory's side
    while any(left) or any(asked) or memory or any(wanted):
        for m in range(MASTERS):
            if wanted[m] is None and left[m] and rng.random() < 0.6:
                left[m] -= 1
                wanted[m] = {name: rng.getrandbits(width) for name, width in FIELDS.items()}
                wanted[m] |= {"araddr": rng.getrandbits(64), "arlen": rng.randrange(4)}
        for name, width in (FIELDS | {"araddr": 64}).items():
            values = [w[name] if w else rng.getrandbits(width) for w in wanted]
            getattr(dut, f"s_axi_{name}").value = sum(value << m * width for m, value in enumerate(values))
        dut.s_axi_arvalid.value = sum(bool(w) << m for m, w in enumerate(wanted))
        readies = [rng.random() < 0.7 for _ in range(MASTERS)]
        dut.s_axi_rready.value = sum(ready << m for m, ready in enumerate(readies))
        dut.m_axi_arready.value = take = int(rng.random() < 0.5)
        if beat is None and memory and rng.random() < 0.8:
            beat = memory.popleft()
        dut.m_axi_rvalid.value = int(beat is not None)
        if beat is not None:
            dut.m_axi_rid.value, dut.m_axi_rlast.value = beat[0], beat[2]
            dut.m_axi_rdata.value = beat[1]
        await ReadOnly()
        if address is not None:
            assert dut.m_axi_arvalid.value, "an address was taken back"
            assert address == int(dut.m_axi_araddr.value), "an address changed"
        address = None
        taken = int(dut.s_axi_arready.value)
        assert taken & 1 or not taken & 2
        before = flying
        for m in range(MASTERS):
            if wanted[m] and taken >> m & 1:
                assert m == 0 or before < alone, f"master 1 asked, {before} beats of master 0 are under way"
                early += m == 1 and before > 0
                flying += (m == 0) * (wanted[m]["arlen"] + 1)
                precedence += m == 0 and wanted[1] is not None
                asked[m].extend(
                    (wanted[m]["araddr"] + n & WORD, n == wanted[m]["arlen"]) for n in range(wanted[m]["arlen"] + 1)
                )
                asked[m].append(wanted[m])  # the fields, checked at the memory
                wanted[m] = None
        if dut.m_axi_arvalid.value:
            if take:
                source = int(dut.m_axi_arid.value)
                first = int(dut.m_axi_araddr.value)
                fields = next(a for a in asked[source] if isinstance(a, dict))
                asked[source].remove(fields)
                found = {name: int(getattr(dut, f"m_axi_{name}").value) for name in FIELDS} | {"araddr": first}
                assert found == fields, f"master {source}: found {found}, asked {fields}"
                memory.extend((source, first + n & WORD, n == fields["arlen"]) for n in range(fields["arlen"] + 1))
            else:
                address = int(dut.m_axi_araddr.value)
        if beat is not None:
            valid = int(dut.s_axi_rvalid.value)
            assert valid == 1 << beat[0], f"found a beat for {valid:b}, wanted master {beat[0]}"
            assert bool(dut.m_axi_rready.value) == readies[beat[0]]
            if readies[beat[0]]:
                expected = next(a for a in asked[beat[0]] if isinstance(a, tuple))
                asked[beat[0]].remove(expected)
                data = part(int(dut.s_axi_rdata.value), beat[0], len(dut.m_axi_rdata))
                assert (data, part(int(dut.s_axi_rlast.value), beat[0], 1)) == expected
                seen[beat[0]] += 1
                flying -= beat[0] == 0
                beat = None
        await RisingEdge(dut.clk_i)
    assert min(seen) > READS and precedence and (early > 0) == (alone > 1)
