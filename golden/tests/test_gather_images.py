"""Images for hardware with `gather`: the same bits as the tables', where everything lies, what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lutloom import models
from lutloom.compiler import compile_model
from lutloom.covq import activation_scale
from lutloom.doctor import examine, sections_of
from lutloom.errors import UserError
from lutloom.hardware import Hardware, configuration
from lutloom.host import Accelerator, AcceleratorError
from lutloom.host.golden import GoldenTransport
from lutloom.host.registers import Cause, PortClass, Unit
from lutloom.image import Image
from lutloom.linear_gather import choose_subsets, gather_beats, pack_gather, pack_search
from lutloom.machine import Machine
from lutloom.program import LAST, LOGITS, RESIDUAL, UNIT, Embed, Gather, LinearSynth, LinearTable, Search, decode
from lutloom.qwen3_accel import CONFIGURATIONS
from lutloom.tests.test_program_check import changed, forge
from lutloom.tests.toy import GATHER_KINDS, KINDS, Toy, build
from lutloom.traffic import traffic

TINY, GATHERING = configuration("tiny"), configuration("tiny-gather")
TOKENS = np.random.default_rng(0).integers(8, 203, 23)
ALL = "covq-all"


@pytest.fixture(scope="module")
def toys(tmp_path_factory) -> dict[str, Toy]:
    return {kind: build(tmp_path_factory.mktemp(kind), kind) for kind in ("covq", *GATHER_KINDS)}


@pytest.fixture(scope="module")
def images(toys, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("images")
    paths = {kind: folder / f"{kind}.img" for kind in toys}
    for kind, path in paths.items():
        compile_model(toys[kind].folder, path, GATHERING)
    return paths


def traced(machine: Machine, tokens: np.ndarray) -> dict[str, np.ndarray]:
    """Every stage's values, groups of a linear side by side."""
    parts: dict[str, list[np.ndarray]] = {}
    machine.trace = lambda stage, values: parts.setdefault(stage, []).append(values.copy())
    machine.run(tokens)
    return {stage: np.concatenate(values, axis=1) for stage, values in parts.items()}


@pytest.mark.parametrize("kind", ["covq", *GATHER_KINDS])
@pytest.mark.parametrize("slices", [1, 2, 8, 64])
def test_every_stage_equals_the_tables(toys, images, tmp_path, kind, slices):
    compile_model(toys[kind].folder, tmp_path / "table.img", TINY)
    expected = traced(table := Machine.open(tmp_path / "table.img"), TOKENS)
    path = images[kind]
    if slices != 2:
        path = tmp_path / "gather.img"
        compile_model(toys[kind].folder, path, replace(GATHERING, slices=slices))
    found = traced(machine := Machine.open(path), TOKENS)
    assert found.keys() == expected.keys() and machine.stages == table.stages
    for stage, values in expected.items():
        np.testing.assert_array_equal(found[stage].view(np.uint32), values.view(np.uint32), err_msg=stage)


@pytest.mark.parametrize("kind", ["covq", ALL])
def test_same_text(toys, images, tmp_path, kind):
    """Token by token, every logit and the text; splits of the prompt do not matter."""
    compile_model(toys[kind].folder, tmp_path / "table.img", TINY)
    table, gather = Machine.open(tmp_path / "table.img"), Machine.open(images[kind])
    texts = [list(machine.generate(TOKENS[:9], 20, stop=False)) for machine in (table, gather)]
    assert texts[0] == texts[1] and len(texts[0]) == 20
    gather.reset()
    whole = gather.run(TOKENS, every=True)
    gather.reset()
    parts = [gather.run(part, every=True) for part in np.split(TOKENS, [1, 7, 8])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_program(images):
    """A Search, then its Gather; the head's are for the last token; wvq linears stay what they are."""
    for kind in ("covq", ALL):
        machine = Machine.open(images[kind])
        linears = [d for d in machine.program if isinstance(d, LinearSynth | LinearTable | Search | Gather)]
        assert not any(isinstance(d, LinearTable) for d in linears)
        assert [type(d) for d in linears[:16]] == [Search, Gather] * 8
        for search, gather in zip(linears[0:16:2], linears[1:16:2], strict=True):
            assert search.stage == gather.stage and search.positions == gather.positions and search.flags == 0
            added = machine.stages[gather.stage].endswith(("o_proj", "down_proj"))
            assert gather.flags == (RESIDUAL if added else 0)
        head = [(type(d), d.flags) for d in linears[16:]]
        assert head == ([(Search, LAST), (Gather, LAST | LOGITS)] if kind == ALL else [(LinearSynth, LAST | LOGITS)])


def test_linears_of_one_input_share_its_search(tmp_path):
    """Two linears that read the same input and follow each other: one Search."""
    toy = build(tmp_path / "toy", ALL)
    model, name = toy.model, "model.layers.0.mlp.gate_up_proj"
    whole, width = model.linears[name], KINDS["covq"].intermediate_size
    halves = {}
    for n, part in enumerate(model.parts[name]):
        columns = slice(n * width, (n + 1) * width)  # of the first group only: both fit one
        halves[part] = replace(
            whole, w_cent=whole.w_cent[:, :1], exp=whole.exp[:, :1], lsb=whole.lsb[:1], idx=whole.idx[:, columns],
            start=whole.start[columns], out_scale=whole.out_scale[columns],
        )  # fmt: skip
    linears = {n: linear for n, linear in model.linears.items() if n != name} | halves
    parts = {n: names for n, names in model.parts.items() if n != name} | {part: (part,) for part in halves}
    inputs = {n: i for n, i in model.inputs.items() if n != name} | dict.fromkeys(halves, model.inputs[name])
    replace(model, linears=linears, parts=parts, inputs=inputs).save(tmp_path / "split")
    found = {}
    for kind, hardware in (("tiny", TINY), ("gather", GATHERING)):
        compile_model(tmp_path / "split", tmp_path / f"{kind}.img", hardware, source=str(toy.source))
        found[kind] = Machine.open(tmp_path / f"{kind}.img")
    kinds = [type(d) for d in found["gather"].program if isinstance(d, Search | Gather)]
    assert kinds[4:7] == [Search, Gather, Gather] and kinds.count(Search) == kinds.count(Gather) - 1 == 9
    np.testing.assert_array_equal(found["tiny"].run(TOKENS, every=True), found["gather"].run(TOKENS, every=True))


def test_contents(toys, images):
    """Streams follow each other without gaps in every port; scales, pairs and act_scales are the linears'."""
    toy, image = toys[ALL], Image.open(images[ALL])
    at = 0
    for d in decode(image.section("program").tobytes()):
        if not isinstance(d, Search | Gather):
            continue
        linear = toy.model.linears[image.config["stages"][d.stage]]
        assert d.stream == at
        if isinstance(d, Search):
            streams = pack_search(linear.a_cent, GATHERING)
            assert streams.shape[1] == d.beats
            pairs = image.data[UNIT * d.pairs :][: 4 * d.positions].view("<u2").reshape(-1, 2)
            np.testing.assert_array_equal(pairs, linear.pairs)
            scales = image.data[UNIT * d.scales :][: 4 * d.inputs].view("<f4")
            for i in range(2):
                np.testing.assert_array_equal(scales[linear.pairs[:, i]], activation_scale(linear.a_exp))
        else:
            assert d.subsets == choose_subsets(linear, GATHERING)
            streams = pack_gather(linear, d.subsets, GATHERING)
            packets, rows = gather_beats(linear, d.subsets, GATHERING)
            assert d.beats == packets and streams.shape[1] == packets + rows
            for at_unit, values in ((d.starts, linear.start), (d.scales, linear.out_scale)):
                assert image.data[UNIT * at_unit :][: values.nbytes].tobytes() == values.tobytes()
        for s, stream in enumerate(streams):
            found = image.section(f"port{s}")[32 * at : 32 * (at + len(stream))]
            np.testing.assert_array_equal(found.reshape(-1, 32), stream)
        at += streams.shape[1]
    assert [image.table[f"port{s}"].bytes for s in range(2)] == [32 * at] * 2
    assert not {"act_exp", "codebooks", "packets", "tables", "gather"} & set(image.names)


def test_traffic(images):
    """Streams are what the ports hold without the rows; a row a position and group."""
    image = Image.open(images[ALL])
    program = decode(image.section("program").tobytes())
    found = traffic(program, image.config, 17)
    gathers = [d for d in program if isinstance(d, Gather)]
    assert found["rows"] == sum(32 * d.positions * -(-d.outputs // 512) for d in gathers)
    assert found["streams"] == sum(64 * d.beats for d in program if isinstance(d, Search | Gather))
    held = sum(image.table[f"port{s}"].bytes for s in range(2))
    assert found["streams"] + 64 * found["rows"] <= held
    assert found["packets"] == found["codebooks"] == 0


def test_aligned_model_fits_the_accelerator(images):
    CONFIGURATIONS["tiny-gather"].check(Image.open(images["aligned-covq-all"]))
    with pytest.raises(UserError, match="allowed multiples of 16"):
        CONFIGURATIONS["tiny-gather"].check(Image.open(images[ALL]))


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_input_in_two_positions(tmp_path):
    toy = build(tmp_path / "toy", ALL)
    name = "model.layers.0.self_attn.o_proj"
    linear = toy.model.linears[name]
    pairs = linear.pairs.copy()
    first = pairs[0, 0] = pairs[1, 1]
    shared = {n for n, i in toy.model.inputs.items() if i == toy.model.inputs[name]}
    assert shared == {name}
    missing = int(linear.pairs[0, 0])
    replace(toy.model, linears=toy.model.linears | {name: replace(linear, pairs=pairs)}).save(toy.folder)
    compile_model(toy.folder, tmp_path / "table.img", TINY)
    found, times = min((int(first), 2), (missing, 0))
    message = f"{name}: found input {found} in {times} positions, allowed every input in one by the hardware"
    with pytest.raises(UserError, match=message):
        compile_model(toy.folder, tmp_path / "gather.img", GATHERING)


TABLE = LinearTable(1, 0, *[0] * 11, 36, 18, 16, 32, 0)
CASES = {
    "inputs": (changed(Search, inputs=34), "Search.: inputs: found 34, allowed 36, two a position"),
    "search beats": (changed(Search, beats=4), "Search.: beats: found 4, allowed 42"),
    "search stream": (changed(Search, stream=1 << 20), "Search.: stream: found 42 beats from 1048576"),
    "search pairs": (changed(Search, pairs=1 << 30), "Search.: pairs: found"),
    "search scales": (changed(Search, scales=1 << 30), "Search.: scales: found"),
    "src": (changed(Search, src=60_000), "Search.: src: found"),
    "no search": (lambda p, c: ([d for d in p if not isinstance(d, Search)], c), "Gather.: flags: found 0, allowed"),
    "last": (changed(Search, flags=LAST), "Gather.: flags: found 0, allowed those of a Search before, LAST or not"),
    "positions": (changed(Gather, positions=16), "Gather.: positions: found 16, allowed 18 of the Search before"),
    "group": (changed(Gather, group=256), "Gather.: group: found 256, allowed 512"),
    "subsets": (changed(Gather, subsets=3), "Gather.: subsets: found 3, allowed a power of two up to 2"),
    "stream": (changed(Gather, stream=1 << 20), "Gather.: stream: found .* beats from 1048576, allowed within"),
    "gather scales": (changed(Gather, scales=1 << 30), "Gather.: scales: found"),
    "dst": (changed(Gather, dst=60_000), "Gather.: dst: found"),
    "frame": (changed(Embed, dst=60_000), "Embed.: dst: found"),
    "table": (lambda p, c: ([p[0], TABLE, *p[1:]], c), "LinearTable.: operation: found 5, allowed with hardware .* 0"),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_by_name(case, images, tmp_path):
    change, message = CASES[case]
    forge(images[ALL], tmp_path / "forged.img", change)
    with pytest.raises(UserError, match=message) as error:
        Machine.open(tmp_path / "forged.img")
    assert "section" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed(Search, stream=2), "descriptor 2: port0: job header: found"),
        (changed(Gather, stream=0), "descriptor 3: port0: job header: found"),
        (changed(Gather, beats=4), "descriptor 3: (port|index stream)"),
    ],
)
def test_streams_that_no_compiler_writes(change, message, images, tmp_path):
    forge(images[ALL], tmp_path / "forged.img", change)
    with pytest.raises(UserError, match=f"section program: {message}"):
        Machine.open(tmp_path / "forged.img").run(TOKENS)


def test_hardware_without_gather(images):
    with pytest.raises(UserError, match="hardware parameters gather = 1, allowed gather = 0"):
        Machine.open(images[ALL], TINY)
    assert Hardware(**Image.open(images[ALL]).config["hardware"]) == GATHERING


# --- what else looks at images ----------------------------------------------------------------------------------------


def test_card(images):
    """The golden card gives the same text; Search and Gather are work of linear_synth and of the stream ports."""
    image = Image.open(images[ALL])
    card = Accelerator(GoldenTransport(GATHERING))
    card.load(images[ALL])
    assert card.identity.hardware == "tiny-gather"
    found = list(card.generate(TOKENS[:1], 1, stop=False))
    assert found == list(Machine(image).generate(TOKENS[:1], 1, stop=False))
    moved = traffic(decode(image.section("program").tobytes()), image.config, 1)
    counters = card.counters()
    assert counters.bytes[PortClass.STREAMS] == moved["streams"] + moved["rows"]
    assert counters.busy[Unit.LINEAR_SYNTH] == 18 and counters.busy[Unit.LINEAR_COVQ] == 0


def test_card_names_the_gather(images, tmp_path):
    """Packets that contradict the descriptor are an error of linear_synth in this descriptor."""
    forge(images[ALL], tmp_path / "forged.img", changed(Gather, stream=0))
    card = Accelerator(GoldenTransport(GATHERING))
    card.load(tmp_path / "forged.img")
    with pytest.raises(AcceleratorError) as error:
        list(card.generate(TOKENS, 1))
    fault = error.value.fault
    assert (fault.cause, fault.unit, fault.descriptor) == (Cause.LINEAR_PACKET, Unit.LINEAR_SYNTH, 3)


def test_doctor(toys, images):
    """The doctor runs every stage on right inputs and finds the compiled linears exact."""
    toy, machine = toys[ALL], Machine.open(images[ALL])
    reports = examine(machine, models.resolve(toy.source), TOKENS, quantized=toy.model)
    assert not [report.stage for report in reports if report.off]
    sections = sections_of(machine, "model.layers.0.mlp.down_proj")
    assert sections == ["program", "pairs", "act_scales", "scales", "port0", "port1"]


def test_sections_are_documented(images):
    text = (Path(__file__).resolve().parents[2] / "docs" / "image.md").read_text().split("## Sections", 1)[1]
    for name in Image.open(images[ALL]).names:
        assert f"**`{name}`" in text or name in ("port0", "port1")
