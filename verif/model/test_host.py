"""The driver on a modelled card: the machine's tokens through registers and rings, every error, every way out of it."""

import struct
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from lutloom.compiler import compile_model
from lutloom.errors import UserError
from lutloom.hardware import Hardware
from lutloom.host import Accelerator, AcceleratorError, TransportError
from lutloom.host import registers as regs
from lutloom.host.golden import GoldenTransport, Injected
from lutloom.host.registers import CAUSE_TEXT, Cause, Ended, PortClass, Unit
from lutloom.image import Image
from lutloom.kv_state import KvState
from lutloom.machine import Machine
from lutloom.program import BYTES, LinearSynth, RmsNorm
from lutloom.tests.toy import build

HARDWARE = Hardware(slices=2)
ADDRESS = 0x1_0000_3000
PROMPT = [9, 30, 101, 55, 12, 77, 150]
CONTEXT = 40


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("images")
    paths = {}
    for kind in ("fused", "covq"):
        toy = build(tmp_path_factory.mktemp(kind), kind)
        paths[kind] = folder / f"{kind}.img"
        compile_model(toy.folder, paths[kind], HARDWARE)
    return paths


@pytest.fixture
def card(images) -> Accelerator:
    card, told = Accelerator(GoldenTransport(HARDWARE)), []
    image = card.load(images["fused"], ADDRESS, lambda done, total: told.append((done, total)))
    assert told[-1] == (image.bytes, image.bytes)
    return card


def expected(image: Path, *arguments, **options) -> list[int]:
    return list(Machine.open(image).generate(np.array(PROMPT), *arguments, **options))


# --- what works -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["fused", "covq"])
@pytest.mark.parametrize("ring", [4096, 4])
def test_tokens_are_the_machine_s(images, kind, ring):
    """Also through rings that neither prompt nor text fits in."""
    card = Accelerator(GoldenTransport(HARDWARE, ring_depth=ring))
    card.load(images[kind])
    for options in ({}, {"temperature": 0.7, "seed": 5}, {"temperature": 1.3, "seed": 6, "stop": False}):
        assert list(card.generate(PROMPT, 12, **options)) == expected(images[kind], 12, **options)
        assert card.ended_by in (Ended.COUNT, Ended.END_TOKEN)


def test_identity_and_registers_after_load(card, images):
    assert card.identity.slices == 2 and card.identity.ports == 6 and card.identity.ring_depth == 4096
    assert card.identity.hardware == "tiny"
    image = Image.open(images["fused"])
    read = card.transport.read32
    assert read(regs.IMAGE_LO.at()) | read(regs.IMAGE_HI.at()) << 32 == ADDRESS
    assert read(regs.PROGRAM.at()) * 64 == image.table["program"].offset
    base = read(regs.PORT_BASE_LO.at()) | read(regs.PORT_BASE_HI.at()) << 32
    assert base == ADDRESS + image.table["port0"].offset
    stride = image.table["port0"].padded + cache_bytes(image)
    assert read(regs.PORT_STRIDE_LO.at()) == stride
    assert (read(regs.MAX_CONTEXT.at()), read(regs.VOCAB.at())) == (CONTEXT, 203)
    front = image.table["port0"].offset
    assert (card.transport.read_memory(ADDRESS, front) == image.data[:front]).all()
    for number in range(2):
        stream = image.section(f"port{number}")
        assert (card.transport.read_memory(base + number * stride, stream.size) == stream).all()


def test_text_ends_with_the_cache(card, images):
    tokens = list(card.generate(PROMPT, 100, stop=False))
    assert tokens == expected(images["fused"], 100, stop=False)
    assert card.ended_by == Ended.CACHE_FULL and card.position == CONTEXT
    assert len(tokens) == CONTEXT - len(PROMPT) + 1


def test_end_token_ends_and_is_not_given_out(card, images):
    """With the tokens that come as end tokens, in the registers or beyond what they hold."""
    tokens = expected(images["fused"], 12, stop=False)
    third = tokens.index(tokens[3])
    for ends in ([tokens[3]], [199, 200, 201, 202, tokens[3]]):
        card.image.config["end_tokens"] = ends
        assert list(card.generate(PROMPT, 12)) == tokens[:third]
        assert list(card.generate(PROMPT, 12, stop=False)) == tokens


def test_a_text_is_continued(card, images):
    whole = expected(images["fused"], 12, stop=False)
    first = list(card.generate(PROMPT, 5, stop=False))
    assert card.position == len(PROMPT) + 4  # the last token is not in the cache yet
    assert first + list(card.generate(first[-1:], 7, stop=False, fresh=False)) == whole
    assert list(card.generate(PROMPT, 0)) == [] and card.position == len(PROMPT)


def test_a_text_is_put_aside_and_taken_up_again(card, images, tmp_path):
    """On another card, from a file, at another address; and in the golden machine."""
    whole = expected(images["fused"], 12, stop=False)
    first = list(card.generate(PROMPT, 5, stop=False))
    card.save().write(tmp_path / "text.kv")
    list(card.generate(PROMPT[::-1], 8))
    other = Accelerator(GoldenTransport(HARDWARE))
    image = other.load(images["fused"], 2 * ADDRESS)
    state = KvState.read(tmp_path / "text.kv", image)
    for accelerator in (other, card):
        accelerator.restore(state)
        assert accelerator.position == len(PROMPT) + 4
        assert first + list(accelerator.generate(first[-1:], 7, stop=False, fresh=False)) == whole
    machine = Machine.open(images["fused"])
    machine.restore(state)
    assert machine.position == len(PROMPT) + 4 and int(machine.run(np.array(first[-1:]))[-1].argmax()) == whole[5]
    again = machine.save()
    assert again.positions == len(PROMPT) + 5
    assert all((again.data[key][:, : data.shape[1]] == data).all() for key, data in state.data.items())


def test_a_saved_text_of_another_image_is_refused(card, images, tmp_path):
    list(card.generate(PROMPT, 2))
    state = card.save()
    state.write(tmp_path / "text.kv")
    other = card.load(images["covq"], ADDRESS)
    with pytest.raises(UserError, match="another image"):
        card.restore(state)
    with pytest.raises(UserError, match="another image"):
        KvState.read(tmp_path / "text.kv", other)
    with pytest.raises(UserError, match="no readable file"):
        KvState.read(images["covq"], other)


def test_a_position_that_cannot_be(card):
    """The run is refused at its start."""
    for position in (CONTEXT, (1 << 32) - 1):
        card.transport.write32(regs.SEEK.at(), position)
        with pytest.raises(UserError, match="does not fit"):
            card._start(np.array([1]), 1)
            list(card._tokens())
        card.recover()


def test_leaving_the_loop_aborts(card, images):
    whole = expected(images["fused"], 12, stop=False)
    generated = card.generate(PROMPT, 12, stop=False)
    assert list(islice(generated, 3)) == whole[:3]
    generated.close()
    assert card.status()["idle"] and card.position == 0
    assert list(card.generate(PROMPT, 12, stop=False)) == whole


def test_counters(card, images):
    list(card.generate(PROMPT, 5, stop=False))
    counters = card.counters()
    machine = Machine.open(images["fused"])
    passes = len(PROMPT) + 4
    synth = [d for d in machine.program if isinstance(d, LinearSynth)]
    streamed = sum(d.beats for d in synth) * (passes - len(PROMPT) + 1) + sum(
        d.beats for d in synth if not d.flags & 1
    ) * (len(PROMPT) - 1)
    assert counters.bytes[PortClass.STREAMS] == streamed * HARDWARE.slices * HARDWARE.beat_bytes
    assert counters.cycles == sum(counters.busy.values()) > 0
    assert counters.busy[Unit.EMBED] == passes and counters.busy[Unit.SAMPLER] == 5
    assert counters.bytes[PortClass.PACKETS] == 0


# --- what is refused --------------------------------------------------------------------------------------------------


def test_not_our_card():
    class Empty(GoldenTransport):
        def read32(self, address):
            return 0xFFFF_FFFF

    with pytest.raises(AcceleratorError, match="ID: found 0xffffffff, allowed 0x4c55544c"):
        Accelerator(Empty(HARDWARE))

    class Newer(GoldenTransport):
        def read32(self, address):
            return 0x2_0003 if address == regs.VERSION.at() else super().read32(address)

    with pytest.raises(AcceleratorError, match=r"VERSION: found 2\.3, allowed 1\.x"):
        Accelerator(Newer(HARDWARE))


def test_images_are_refused_before_anything_is_copied(images, tmp_path):
    class Watched(GoldenTransport):
        def load_memory(self, address, data):
            raise AssertionError("copied")

    card = Accelerator(Watched(HARDWARE))
    damaged = bytearray(images["fused"].read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path = tmp_path / "damaged.img"
    path.write_bytes(damaged)
    with pytest.raises(UserError, match="checksum"):
        card.load(path)
    other = Accelerator(Watched(Hardware(slices=8)))
    with pytest.raises(UserError, match="found hardware tiny, allowed small, the card's"):
        other.load(images["fused"])
    with pytest.raises(UserError, match="multiples of 4096"):
        card.load(images["fused"], 64)
    with pytest.raises(UserError, match="no image"):
        card.generate(PROMPT, 1)
    with pytest.raises(UserError, match="No such file"):
        card.load(tmp_path / "nothing.img")


def cache_bytes(image: Image) -> int:
    """Of the KV cache behind a port: a side of every layer, whole pages."""
    model = image.config["model"]
    side = -(-2 * CONTEXT * model["num_key_value_heads"] * model["head_dim"] // 64) * 64
    return -(-model["num_hidden_layers"] * side // 4096) * 4096


def test_image_has_to_fit_into_the_memory(images):
    """With its KV cache, to the byte; nothing is copied before."""
    image = Image.open(images["fused"])
    needed = image.table["port0"].offset + 2 * (image.table["port0"].padded + cache_bytes(image))
    card = Accelerator(GoldenTransport(HARDWARE, memory_bytes=needed + 4096))
    copied, load = [], card.transport.load_memory
    card.transport.load_memory = lambda address, data: (copied.append(address), load(address, data))
    with pytest.raises(
        UserError, match=f"found {needed:,} bytes with the KV cache, allowed {needed - 4096:,} from 0x2000"
    ):
        card.load(images["fused"], 8192)
    with pytest.raises(UserError, match="allowed 0 from"):
        card.load(images["fused"], 1 << 30)
    card.transport.memory_base = 4096
    with pytest.raises(UserError, match="from 0x0 on in the card's memory"):
        card.load(images["fused"], 0)
    assert not copied
    card.load(images["fused"])
    assert copied[0] == 4096 and list(card.generate(PROMPT, 4)) == expected(images["fused"], 4)


def test_ports_lie_in_what_the_hardware_calculates(images):
    card, front = Accelerator(GoldenTransport(HARDWARE)), Image.open(images["fused"]).table["port0"].offset
    card.transport.memory_base = (1 << 44) - front - 4096
    with pytest.raises(UserError, match=r"stream ports: found 0xffffffff000\.\.0x1000000.*aligned window of 2\^44"):
        card.load(images["fused"])
    card.transport.memory_base = (1 << 44) - front
    with pytest.raises(UserError, match="with the KV cache, allowed"):  # the window is kept, the memory ends below
        card.transport.memory_bytes = 4096
        card.load(images["fused"])


def test_streams_lie_in_their_windows(images):
    image, card = Image.open(images["fused"]), Accelerator(GoldenTransport(HARDWARE))
    size = image.table["port0"].padded + cache_bytes(image)
    windows = [range(1 << 34, (1 << 34) + size), range(1 << 33, (1 << 33) + size)]
    card.transport.stream_window = windows.__getitem__
    card.load(images["fused"], ADDRESS)
    for name, section in image.table.items():
        place = windows[int(name[4:])].start if name.startswith("port") else ADDRESS + section.offset
        assert (card.transport.read_memory(place, section.bytes) == image.section(name)).all()
    assert not any(
        card.transport.read32(r.address) for r in (regs.PORT_BASE_LO, regs.PORT_BASE_HI, regs.PORT_STRIDE_LO)
    )
    windows[1] = windows[1][:-1]
    with pytest.raises(
        UserError, match=f"section port1: found {size:,} bytes with the KV cache, allowed {size - 1:,}, what its memory"
    ):
        card.load(images["fused"], ADDRESS)
    first = ADDRESS + image.table["rope"].offset
    windows[1] = range(first, first + size)
    with pytest.raises(UserError, match=f"section rope: found {first:#x}.*allowed what is not {first:#x}.*of port1"):
        card.load(images["fused"], ADDRESS)
    first = ADDRESS + image.table["port1"].offset  # behind what is not in windows
    windows[1] = range(first, first + size)
    card.load(images["fused"], ADDRESS)


@pytest.mark.parametrize(
    "arguments,words",
    [
        (dict(prompt=[]), "found float64 of shape"),
        (dict(prompt=[[1]]), "of shape"),
        (dict(prompt=[1.5]), "allowed integers"),
        (dict(prompt=[203]), "found ids 203..203, allowed 0..202"),
        (dict(prompt=[-1]), "found ids -1..-1"),
        (dict(prompt=[1] * 41), "found 41 tokens, allowed 40"),
        (dict(count=-1), "count: found -1"),
        (dict(seed=1 << 32), "seed: found"),
        (dict(temperature=-1.0), "temperature: found -1.0, allowed 0 or 0.001..1000"),
        (dict(temperature=2000), "temperature: found 2000"),
    ],
)
def test_arguments_are_refused(card, arguments, words):
    with pytest.raises(UserError, match=words):
        card.generate(**{"prompt": PROMPT, "count": 3} | arguments)


def test_registers_that_do_not_exist(card):
    with pytest.raises(TransportError, match="refused read"):
        card.transport.read32(0x1FC)
    with pytest.raises(TransportError, match="refused write"):
        card.transport.write32(regs.ID.at(), 1)
    with pytest.raises(TransportError, match="memory"):
        card.transport.read_memory(1 << 40, 1)


# --- errors of a run --------------------------------------------------------------------------------------------------


def poke(card: Accelerator, address: int, data: bytes) -> None:
    card.transport.load_memory(ADDRESS + address, np.frombuffer(data, np.uint8))


def run_raw(card: Accelerator, prompt: list[int]) -> None:
    """A run without the driver's own checks."""
    card._configure(0.0, 0, True)
    card._start(np.array(prompt), 3)
    list(card._tokens())


def descriptor(card: Accelerator, kind: type) -> int:
    return next(n for n, d in enumerate(card.program) if isinstance(d, kind))


def at_descriptor(card: Accelerator, number: int) -> int:
    return card.image.table["program"].offset + BYTES * number


def provoke(card: Accelerator, cause: Cause) -> tuple[int, int]:
    """Make a run fail with a cause; returns the descriptor and the unit that must be named."""
    norm, synth = descriptor(card, RmsNorm), descriptor(card, LinearSynth)
    if cause == Cause.IMAGE_VERSION:
        poke(card, 8, b"\2")
    elif cause == Cause.IMAGE_HASH:
        poke(card, 32, b"12345678")
    elif cause == Cause.UNKNOWN_OPERATION:
        poke(card, at_descriptor(card, norm), b"\x0e")
        return norm, Unit.CONTROL
    elif cause == Cause.BAD_DESCRIPTOR:
        poke(card, at_descriptor(card, norm) + 12, struct.pack("<I", 1 << 30))
        return norm, Unit.CONTROL
    elif cause == Cause.LINEAR_PACKET:
        poke(card, card.image.table["port0"].offset, b"\xff" * 32)
        return synth, Unit.LINEAR_SYNTH
    elif cause == Cause.WATCHDOG:
        card.transport.inject(Injected(None, norm, after=3))
        return norm, Unit.NORM
    elif cause in (Cause.SLAVE_ERROR, Cause.DECODE_ERROR, Cause.AXI_PROTOCOL):
        card.transport.inject(Injected(cause, synth, ADDRESS + 0x40, 8, Unit.PORT + 1))
        return synth, Unit.PORT
    return 0, Unit.CONTROL


PROMPTS = {Cause.PROMPT_EMPTY: [], Cause.PROMPT_TOKEN: [1, 2, 203], Cause.CONTEXT_FULL: [1] * 41}


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause], ids=lambda cause: cause.name)
def test_every_cause(card, images, cause):
    """Named with unit, descriptor and stage; refused while it stands; after recover (and load) all is well."""
    number, unit = provoke(card, cause)
    with pytest.raises(AcceleratorError) as caught:
        run_raw(card, PROMPTS.get(cause, PROMPT))
    fault = caught.value.fault
    assert (fault.cause, fault.unit, fault.descriptor) == (cause, unit, number)
    assert fault == card.error() and CAUSE_TEXT[cause] in str(caught.value) and "\n" not in str(caught.value)
    if number:
        assert f"descriptor {number} ({card.image.config['stages'][card.program[number].stage]})" in str(fault)
    if unit == Unit.PORT:
        assert fault.slice == 1 and f"in stream port 1, descriptor {number}" in str(fault)
        assert f"address {ADDRESS + 0x40:#x}" in str(fault)
    with pytest.raises(AcceleratorError, match="an error stands, recover first"):
        card.load(images["fused"], ADDRESS)
    with pytest.raises(AcceleratorError, match="a start was refused"):
        run_raw(card, [1])
    card.transport.inject(None)
    card.recover()
    assert card.error() is None
    card.load(images["fused"], ADDRESS)
    assert list(card.generate(PROMPT, 6)) == expected(images["fused"], 6)


def test_fault_in_a_text_that_flows(card, images):
    """What came before the error is given out."""
    whole = expected(images["fused"], 12, stop=False)
    card.transport.inject(Injected(Cause.SLAVE_ERROR, 3, 64, len(PROMPT) + 4))
    generated = card.generate(PROMPT, 12, stop=False)
    assert [next(generated) for _ in range(5)] == whole[:5]
    with pytest.raises(AcceleratorError, match="the memory answered SLVERR"):
        next(generated)
    card.transport.inject(None)
    assert list(card.generate(PROMPT, 12, stop=False)) == whole  # a new text recovers by itself


def test_no_sign_of_life(images):
    """Without a watchdog the host gives up; a memory that is dead for good is told apart from one that is not."""
    card = Accelerator(GoldenTransport(HARDWARE), timeout=1.0, watchdog=0)
    card.load(images["fused"])
    for drains in (True, False):
        card.transport.inject(Injected(None, 2, after=1, drains=drains))
        generated = card.generate(PROMPT, 4)
        with pytest.raises(AcceleratorError, match="no sign of life for 1 s"):
            next(generated)
        with pytest.raises(AcceleratorError, match="a run under way"):
            card.load(images["fused"])
        if drains:
            card.abort()
        else:
            with pytest.raises(AcceleratorError, match="its memory does not answer"):
                card.abort()
            card.transport.inject(None)
            card.recover()
        card.transport.inject(None)
        assert list(card.generate(PROMPT, 4)) == expected(images["fused"], 4)


@pytest.mark.parametrize("polls_a_pass", [15, 25])
def test_a_long_prompt_is_a_sign_of_life(images, polls_a_pass):
    """Three seconds without a token: positions that go on within a second are enough, slower ones are not."""

    class Prompting(Accelerator):
        polls = 0
        position = property(lambda self: self.polls // polls_a_pass)

    def wait(seconds: float) -> bool:
        card.polls += 1
        return card.polls > 60 and then(seconds)

    card = Prompting(GoldenTransport(HARDWARE), timeout=1.0)
    card.load(images["fused"])
    then, card.transport.wait = card.transport.wait, wait
    if polls_a_pass == 15:
        assert list(card.generate(PROMPT, 4)) == expected(images["fused"], 4)
    else:
        with pytest.raises(AcceleratorError, match="no sign of life for 1 s"):
            next(card.generate(PROMPT, 4))


def test_someone_clears_the_card(card):
    generated = card.generate(PROMPT, 12, stop=False)
    next(generated)
    card.recover()
    with pytest.raises(AcceleratorError, match="no run under way"):
        list(generated)


@pytest.mark.timeout(60)
def test_card_that_answers_ones(card, images):
    """In the midst of a text: no token is made up. All ones alone are a value like any other."""
    generated = card.generate(PROMPT, 12, stop=False)
    next(generated)
    read = card.transport.read32
    card.transport.read32 = lambda address: 0xFFFF_FFFF
    with pytest.raises(AcceleratorError, match="found 0xffffffff there and in ID: no card answers any more"):
        next(generated)
    card.transport.read32 = lambda address: 0xFFFF_FFFF if address == regs.CYCLES_LO.address else read(address)
    assert card.counters().cycles == 0xFFFF_FFFF
    card.transport.read32 = read
    with pytest.raises(UserError, match="no image"):
        card.generate(PROMPT, 12)
    card.recover()
    card.load(images["fused"], ADDRESS)
    assert list(card.generate(PROMPT, 12)) == expected(images["fused"], 12)


def test_transport_that_fails_is_left_alone(card):
    """What it says comes through, and nobody tries to abort over it."""
    generated, tried = card.generate(PROMPT, 12, stop=False), []
    next(generated)

    def fail(*access):
        tried.append(access)
        raise TransportError("the bus is off")

    card.transport.read32 = card.transport.write32 = fail
    with pytest.raises(TransportError, match="the bus is off"):
        next(generated)
    assert len(tried) == 1


def test_unknown_numbers_are_shown(card):
    card.transport.inject(Injected(Cause(6), 2))
    with pytest.raises(AcceleratorError) as caught:
        run_raw(card, PROMPT)
    assert "cause 200; in unit 33" in str(replace(caught.value.fault, cause=200, unit=33))
