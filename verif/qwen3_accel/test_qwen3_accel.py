"""qwen3_accel: texts of toy models with everything that can go wrong; every value of toys and of the small model."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from lutloom.generate import cached_image
from lutloom.hardware import configuration
from lutloom.image import Image
from lutloom.machine import Machine
from lutloom.qwen3_accel import CONFIGURATIONS
from verif.lib import Mutation, SimulationFailed, simulate
from verif.lib.paths import ROOT
from verif.lib.runner import build
from verif.qwen3_accel.simulation import PORTS, Run, compare
from verif.qwen3_accel.toys import toy_images

TINY = CONFIGURATIONS["tiny"]
SMALL = {"wvq": ROOT / "models/shakespeare-wvq-4", "covq": ROOT / "models/shakespeare-qwen3-covq"}
PROMPT = "ROMEO: But, soft!"
# What the small model says, greedy: the whole chain from checkpoint to RTL is pinned by these.
EXPECTED = {"wvq": [199, 199, 59, 528], "covq": [199, 199, 59, 528]}


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> dict[str, Path]:
    """An image of every toy."""
    return toy_images(tmp_path_factory.mktemp("toys"))


def bench(images: dict[str, Path], name: str, **options):
    """The testbench on the toys."""
    env = {"LUTLOOM_IMAGES": json.dumps({kind: str(path) for kind, path in images.items()})} | options.pop("env", {})
    parameters = TINY.parameters() | options.pop("parameters", {})
    return simulate(
        "qwen3_accel", "verif.qwen3_accel.tb", name=name, target="sim", parameters=parameters, env=env,
        public=PORTS, waves_on_failure=False, **options,
    )  # fmt: skip


def checked(run: Run) -> list[int]:
    """Run, and require every value and every token to be golden's: the tokens."""
    found = list(run.tokens())
    result = compare(run)
    print(f"{result.values:,} values, {len(found)} tokens: {result.bits_different} bits different")
    assert found == result.tokens and result.values and not result.bits_different, result.first
    return found


def test_texts_and_faults(images):
    bench(images, "texts")


@pytest.mark.parametrize("kind", ["short", "covq", "gather", "mixed"])
def test_every_value_of_toys(images, kind):
    checked(Run(Image.open(images[kind]), [5, 9, 140], 3, stop=False, trace=True, name=f"values-{kind}"))


def test_memory_in_its_own_clock_and_eight_tokens_a_pass(images):
    """HbmClock: the memory at 400 MHz beside 250 MHz; Tokens = 8: a pass of eight and three. All values equal."""
    prompt = [5, 9, 140, 7, 7, 31, 2, 90, 11, 64, 3]
    checked(
        Run(Image.open(images["short"]), prompt, 2, stop=False, trace=True, hbm_ns=2.5, width=8, name="hbm-clock-8")
    )


@pytest.mark.parametrize("scheme", SMALL)
def test_every_value_of_the_small_model(scheme):
    image = Image.open(cached_image(SMALL[scheme], configuration("tiny")))
    prompt = Machine(image).tokenizer().encode(PROMPT).ids
    found = checked(Run(image, prompt, 4, trace=True, name=f"small-{scheme}"))
    assert found == EXPECTED[scheme]


def test_broken_core_is_caught(images):
    """RoPE at the wrong position: a prompt of one token does not see it, the others do."""
    broken = Mutation(
        "rtl/qwen3_accel/accel_prefetch.sv", "row_q <= 32'(pass_i.position +", "row_q <= 32'((pass_i.position >> 1) +"
    )
    with pytest.raises(SimulationFailed):
        bench(images, "broken", mutation=broken, env={"COCOTB_TEST_FILTER": "PromptsTest"})


def test_configurations_are_those_of_the_package():
    """rtl/qwen3_accel/qwen3_accel_pkg.sv and golden/qwen3_accel.py, number by number."""
    text = (ROOT / "rtl/qwen3_accel/qwen3_accel_pkg.sv").read_text()
    rows = re.findall(r"'\{(frame_lanes: .*?)\},?  // ([\w-]+)", text)
    found = {name: {k: int(v) for k, v in re.findall(r"(\w+): (\d+)", row)} for row, name in rows}
    wanted = {
        name: {
            **asdict(c), "slices": c.slices, "frame_lanes": c.frame_lanes, "kv_engines": c.hardware.kv_engines,
            "slots": c.hardware.slots, "centroids": c.hardware.centroids, "gather": c.hardware.gather,
        }
        for name, c in CONFIGURATIONS.items()
    }  # fmt: skip
    for fields in wanted.values():
        del fields["hardware"]
    assert found == wanted


@pytest.mark.parametrize(
    "parameters,message",
    [
        ({"Slices": 3}, "allowed: powers of two"),
        ({"Configuration": 5}, "allowed: 0..4"),
        ({"MaxHidden": 100}, "allowed: powers of two"),
        ({"QHeads": 16}, "allowed: 1 to 15"),
    ],
    ids=str,
)
def test_refused_parameters(parameters, message):
    with pytest.raises(SimulationFailed, match=message):
        build("qwen3_accel", parameters=TINY.parameters() | parameters)
