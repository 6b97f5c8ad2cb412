"""linear_covq: random linears through search, rows and lookups, several parameter sets, and a broken core."""

import numpy as np
import pytest

from lutloom.centroid_search import centroid_search
from lutloom.linear_covq import build_image, group_accumulators, linear_covq
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.linear_covq.linears import random_linear

SETS = [{}, {"Tokens": 4, "SearchUnits": 16}, {"Tokens": 1, "MaxTokens": 16, "DrainW": 4}]


def run(name, parameters, **options):
    return simulate(
        "linear_covq",
        "verif.linear_covq.tb",
        name=name,
        target="sim",
        parameters={"MemBytes": 1 << 20, **parameters},
        **options,
    )


@pytest.mark.parametrize("index", range(len(SETS)))
def test_random_linears(index):
    run(f"set{index}", SETS[index], seed=base_seed() + index)


def test_broken_core_is_caught():
    """Indices of the wrong bank after a second search."""
    broken = Mutation("rtl/linear_covq/linear_covq_indices.sv", "rd_bank_q <= !rd_bank_q;", "rd_bank_q <= 1'b0;")
    with pytest.raises(SimulationFailed):
        run("broken", {}, mutation=broken)


def test_group_accumulators_are_the_linear():
    """Golden: groups put side by side, without the filling, are the accumulators of the whole linear."""
    rng = np.random.default_rng(base_seed())
    linear = random_linear(rng, 6, 600)
    x = rng.integers(-128, 128, (5, 6, 2)).astype(np.int8)
    found = centroid_search(x, linear.a_cent)
    parts = [group_accumulators(found, linear, g, units=32, tokens=4)[:5] for g in (0, 1)]
    assert (np.concatenate([parts[0], parts[1][:, :88]], axis=1) == linear_covq(x, linear)).all()


def test_image_is_deterministic():
    def image():
        linear = random_linear(np.random.default_rng(3), 4, 64)
        return build_image({"a": linear}, {"a": "a"})[0]

    assert image() == image()
