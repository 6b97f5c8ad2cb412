"""embed: several shapes, the real hbm_streamer, and a broken core that must be caught."""

import pytest

from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.corefiles import core_files
from verif.lib.paths import ROOT
from verif.lib.runner import ElaborationRefused

TB = "verif.embed.tb"
TESTS = 7
SETS = [{}, {"Lanes": 4, "Ahead": 7}, {"Lanes": 1, "BeatW": 64, "Tag": 9, "IdW": 17}, {"Lanes": 64}]


@pytest.mark.parametrize("parameters", SETS, ids=lambda p: "-".join(f"{k}{v}" for k, v in p.items()) or "default")
def test_rtl(parameters):
    name = "-".join(f"{k}{v}" for k, v in parameters.items()) or "default"
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("embed", TB, name=name, parameters=parameters, seed=seed).tests == TESTS


def test_with_hbm_streamer():
    """The reads fit the real streamer, and its latency is hidden."""
    streamer = [str(path.relative_to(ROOT)) for path in core_files("hbm_streamer").sources]
    common = [str(path.relative_to(ROOT)) for path in core_files("common").sources]
    bench = ("verif/lib/axi_read_mem.sv", "verif/embed/embed_bench.sv")
    extra = (*(path for path in streamer if path not in common), *bench)
    outcome = simulate("embed", f"{TB}_streamer", name="streamer", toplevel="embed_bench", extra_sources=extra)
    assert outcome.tests == 1


def test_lost_carry_is_caught():
    """The address loses the carry out of bit 31."""
    broken = Mutation("rtl/embed/embed_read.sv", "'(up_q), low_q[32]}", "'(up_q), 1'b0}")
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate("embed", TB, name="broken", parameters=SETS[1], mutation=broken)


@pytest.mark.parametrize(
    "parameters,message",
    [
        ({"Lanes": 128}, "Lanes is 128, allowed: powers of two up to 64"),
        ({"BeatW": 96}, "BeatW is 96, allowed: powers of two 32..512"),
        ({"IdW": 14}, "IdW is 14, allowed: ..31, with StrideW above 26"),
    ],
)
def test_illegal_parameters_are_refused(parameters, message):
    with pytest.raises(ElaborationRefused, match=message):
        simulate("embed", TB, name="refused", parameters=parameters)
