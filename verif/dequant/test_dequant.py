"""dequant: RTL against golden, and broken RTL that must be caught."""

import pytest

from verif.dequant.tb_use import USES
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.runner import ElaborationRefused

TB = "verif.dequant.tb"
TOGETHER, SMALL = {"Lanes": 4, "Tokens": 3}, {"Lanes": 1}
START = TOGETHER | {"Start": 1}
SETS = [{}, TOGETHER, SMALL, {"Lanes": 64}, START, {"Start": 1}]


def name_of(parameters: dict) -> str:
    return f"Lanes{parameters.get('Lanes', 16)}" + "-Start" * parameters.get("Start", 0)


@pytest.mark.parametrize("parameters", SETS, ids=name_of)
def test_rtl(parameters):
    name = name_of(parameters)
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("dequant", TB, name=name, parameters=parameters, seed=seed).tests == 6


RTL = "rtl/dequant/dequant.sv"
BROKEN = {
    # +0 instead of -0 is added where there is no residual: a negative zero is lost
    "zero": (SMALL, Mutation(RTL, "MinusZero = 32'h8000_0000", "MinusZero = 32'h0000_0000")),
    # of vectors that come at once all get the first one's scale
    "token": (TOGETHER, Mutation(RTL, "act_q[token_q] <= act_in", "act_q <= {Tokens{act_in}}")),
    # the vector's scale only reaches its first beat
    "scale": (SMALL, Mutation(RTL, "first_q ? s_axis_act_tdata : act_q[token_q]", "first_q ? s_axis_act_tdata : One")),
    # start values are taken and not added
    "start": (START, Mutation(RTL, "(use_start_i ? s_axis_start_tdata[32*l+:32] : '0)", "32'd0")),
    # they are added where they are not used
    "unused": (
        START,
        Mutation(RTL, "(use_start_i ? s_axis_start_tdata[32*l+:32] : '0)", "s_axis_start_tdata[32*l+:32]"),
    ),
    # only the first of vectors that come at once gets them
    "first": (START, Mutation(RTL, "(use_start_i ? s_axis_start", "(use_start_i && token_q == '0 ? s_axis_start")),
    # every vector that comes with others wants its own
    "own": (
        START,
        Mutation(
            RTL, "s_axis_start_tready    = take && token_last && starts", "s_axis_start_tready    = take && starts"
        ),
    ),
    # a beat does not wait for them
    "early": (START, Mutation(RTL, "(!starts || s_axis_start_tvalid)", "1'b1")),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_core_is_caught(what):
    parameters, mutation = BROKEN[what]
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate("dequant", TB, name=f"broken-{what}", parameters=parameters, mutation=mutation)


@pytest.mark.parametrize(
    "rule,what,parameters",
    [
        *(("a_use_of_vector", f"{name} {beat}", START) for name in USES for beat in (1, 2)),
        ("a_tokens", "tokens_i 0", START),
        ("a_no_start", "use_start_i 0", TOGETHER),
    ],
)
def test_assertions_see_violations(rule, what, parameters):
    """The assertions are alive: each broken rule ends the simulation with the assertion's name."""
    with pytest.raises(SimulationFailed, match=rule):
        simulate(
            "dequant",
            "verif.dequant.tb_use",
            name=f"use-{what.replace(' ', '-')}",
            parameters=parameters,
            env={"BREAK": what},
            waves_on_failure=False,
        )


def test_illegal_parameters_are_refused():
    with pytest.raises(ElaborationRefused, match="Lanes is 3, allowed: powers of two"):
        simulate("dequant", TB, name="refused", parameters={"Lanes": 3})
    with pytest.raises(ElaborationRefused, match="Tokens is 0, allowed: >= 1"):
        simulate("dequant", TB, name="refused", parameters={"Tokens": 0})
