"""Shared blocks: queues with several parameter sets and seeds, adder_tree, AXI reads, stream_checker, broken ones."""

import numpy as np
import pytest

from lutloom.common import adder_tree
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.runner import ElaborationRefused

QUEUES = [
    ("spill_register", {"Width": 9}),
    ("fifo", {"Width": 8, "Depth": 16}),
    ("fifo", {"Width": 33, "Depth": 5}),
    ("fifo_block", {"Width": 64, "Depth": 37}),
    ("fifo_block", {"Width": 8, "Depth": 4}),
]


@pytest.mark.parametrize(
    "toplevel,parameters", QUEUES, ids=lambda v: v if isinstance(v, str) else str(list(v.values()))
)
def test_queue(toplevel, parameters):
    name = f"{toplevel}-" + "-".join(map(str, parameters.values()))
    for seed in (base_seed(), base_seed() + 1):
        outcome = simulate("common", "verif.common.tb", name=name, toplevel=toplevel, parameters=parameters, seed=seed)
        assert outcome.tests == 6


def test_broken_fifo_is_caught():
    swap = Mutation("rtl/common/fifo.sv", "if (push) mem[wr_q]", "if (push && wr_q != 3) mem[wr_q]")
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate("common", "verif.common.tb", name="broken", toplevel="fifo", mutation=swap)


def test_adder_tree():
    simulate("common", "verif.common.tb_adder_tree", name="adder7", toplevel="adder_tree", parameters={"Inputs": 7})
    simulate(
        "common",
        "verif.common.tb_adder_tree",
        name="adder16u",
        toplevel="adder_tree",
        parameters={"Inputs": 16, "Width": 5, "Signed": 0},
    )


@pytest.mark.parametrize("alone", [1, 4])
def test_axi_read_mux(alone):
    options = dict(name=f"read-mux-{alone}", toplevel="axi_read_mux", parameters={"Alone": alone})
    for seed in (base_seed(), base_seed() + 1):
        simulate("common", "verif.common.tb_axi_read_mux", seed=seed, **options)


def test_broken_read_mux_is_caught():
    early = Mutation("rtl/common/axi_read_mux.sv", "from && flying_q[15:AloneW] == '0", "from")
    with pytest.raises(SimulationFailed, match="master 1 asked"):
        simulate("common", "verif.common.tb_axi_read_mux", name="early-mux", toplevel="axi_read_mux", mutation=early)
    swap = Mutation("rtl/common/axi_read_mux.sv", "m_axi_rvalid && m_axi_rid[0]", "m_axi_rvalid && !m_axi_rlast")
    with pytest.raises(SimulationFailed, match="wanted master"):
        simulate("common", "verif.common.tb_axi_read_mux", name="broken-mux", toplevel="axi_read_mux", mutation=swap)


JOIN = "verif.common.tb_axi_read_join"


@pytest.mark.parametrize("parameters", [{"Bursts": 128}, {"Bursts": 4, "DataW": 64}, {"Bursts": 13}], ids=str)
def test_axi_read_join(parameters):
    name = f"read-join-{parameters['Bursts']}"
    for seed in (base_seed(), base_seed() + 1):
        outcome = simulate("common", JOIN, name=name, toplevel="axi_read_join", parameters=parameters, seed=seed)
        assert outcome.tests == 3


BROKEN_JOIN = {
    # a burst is over with its first beat
    "short": ("wanted master", "m_axi_rvalid && m_axi_rready && m_axi_rlast", "m_axi_rvalid && m_axi_rready"),
    # a burst is over while its last beat waits
    "hasty": ("wanted master", "m_axi_rvalid && m_axi_rready && m_axi_rlast", "m_axi_rvalid && m_axi_rlast"),
    # more are asked for than the order has places
    "many": ("4 bursts are under way", "{room && places && from, room && places}", "{room && from, room}"),
    # both hear that their address was taken
    "both": ("taken while master 0 asks", "{room && places && from, room && places}", "{2{room && places}}"),
    # a beat that nobody has asked for goes where the last one went
    "lost": ("nobody has asked for", "owner = known && whose", "owner = whose"),
    # master 0's ready serves for both
    "ready": ("rready is not", "s_axi_rready[owner]", "s_axi_rready[0]"),
}


@pytest.mark.parametrize("what", BROKEN_JOIN)
def test_broken_read_join_is_caught(what):
    message, old, new = BROKEN_JOIN[what]
    mutation = Mutation("rtl/common/axi_read_join.sv", old, new)
    parameters = {"Bursts": 4, "DataW": 64}
    with pytest.raises(SimulationFailed, match=message):
        simulate(
            "common", JOIN, name=f"join-{what}", toplevel="axi_read_join", parameters=parameters, mutation=mutation
        )


def test_read_join_refuses_too_few_bursts():
    with pytest.raises(ElaborationRefused, match="Depth is 1, allowed: >= 2"):
        simulate("common", JOIN, name="refused-join", toplevel="axi_read_join", parameters={"Bursts": 1})


def test_adder_tree_golden_refuses_wide_values():
    with pytest.raises(ValueError, match="allowed for 8 bits"):
        adder_tree(np.array([128, 0]), 8)


def test_stream_checker_sees_violations():
    """The assertions are alive: each broken rule ends the simulation with the rule's name."""
    for rule in ("a_valid_stays", "a_payload_stable"):
        with pytest.raises(SimulationFailed, match=rule):
            simulate(
                "common",
                "verif.common.tb_stream_checker",
                name=f"checker-{rule}",
                toplevel="stream_checker",
                env={"BREAK": rule},
                waves_on_failure=False,
            )
